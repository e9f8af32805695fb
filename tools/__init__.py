"""Scripts that are run from a clone and never installed."""
