"""The Jobs screen, and the strip that shows jobs everywhere."""
