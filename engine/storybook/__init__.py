"""The storybook: a small drawn world with captions that are true by construction."""
