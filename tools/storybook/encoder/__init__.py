"""Trains the storybook's encoder from nothing."""
