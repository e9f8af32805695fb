"""Trains what the storybook ships; the only part of it that imports torch and transformers."""
