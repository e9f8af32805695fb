"""The screens of generation: what is asked, and what comes of it."""
