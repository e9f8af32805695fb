"""Renders the storybook and trains what ships of it."""
