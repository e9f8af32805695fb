"""Vectors from and for elsewhere: file layouts, checks, and the work of importing and exporting."""
