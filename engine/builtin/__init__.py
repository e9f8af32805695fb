"""The storybook as a library: its files read, entered into the cache, and taken out again."""
