"""Brings folders of pictures into the library."""
