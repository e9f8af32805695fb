"""Pictures painted for what the library lacks: requests, the model process, queue and keeping."""
