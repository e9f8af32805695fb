"""Trains the storybook's matcher on its frozen encoder."""
