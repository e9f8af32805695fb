"""Keeps the garbage collector out of the way while a large library is imported."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect nothing in the block, and never again look at what was made in it.

    Importing torch and transformers makes millions of objects that all stay; looking through them
    again and again takes a seventh of the time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
