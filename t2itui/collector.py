"""Keeps Python's garbage collector from holding up the keys."""

import gc

THRESHOLDS = (5_000, 10, 100)
"""Objects, then collections of each generation; Python's own 700, 10, 10 walk all too often.

With more objects the youngest generation alone takes longer than a key may.
"""


def calm_collector() -> None:
    """Leave what exists now out of all later collections, and collect more rarely.

    A full collection walks every widget and style there is: 150 ms on 120 x 36 cells, on every
    tenth key. What is left out is the app itself, which lives as long as the process.
    """
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
