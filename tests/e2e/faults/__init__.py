"""Faults from outside, tried on the real program: lost terminals, kills, many at once."""
