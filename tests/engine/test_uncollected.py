"""Importing model libraries without the garbage collector's help."""

import gc

import pytest

from engine.uncollected import uncollected


def test_nothing_is_collected_in_the_block_and_what_it_made_is_not_looked_at_again() -> None:
    before = gc.get_freeze_count()
    try:
        with uncollected():
            assert not gc.isenabled()
            made = [[number] for number in range(1000)]
        assert gc.isenabled()
        assert gc.get_freeze_count() - before >= len(made)
    finally:
        gc.unfreeze()


def test_the_collector_is_back_after_an_error() -> None:
    try:
        with pytest.raises(ImportError), uncollected():
            raise ImportError
        assert gc.isenabled()
    finally:
        gc.unfreeze()
