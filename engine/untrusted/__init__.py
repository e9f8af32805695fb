"""The one place where files and texts from elsewhere are read, within limits."""
