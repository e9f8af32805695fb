"""Background jobs, their queue, and what is kept of them."""
