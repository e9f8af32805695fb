"""Rows and totals of a swap test: for each false description, which scorer tells it apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from t2itui.widgets.sheet import Row
from t2itui.widgets.sheet_layout import Column

if TYPE_CHECKING:
    from engine.comparing.sheet import SwapResult

SWAP_COLUMNS = (
    Column(title="picture", width=12, keep_end=True, priority=3),
    Column(title="attribute", width=9, priority=1),
    Column(title="cosine", width=11, right=True),
    Column(title="match", width=11, right=True),
    Column(title="a false description", width=20, share=3),
    Column(title="instead of", width=16, share=2, priority=2),
)
APART = {True: "yes", False: "NO "}


def swap_row(number: int, swap: SwapResult, pictures: Sequence[str]) -> Row:
    """The row of a result: differences of cosine and of the log odds of match, and the verdict."""
    by_cosine, by_match = swap.told_apart
    return Row(
        key=str(number),
        cells=(
            PurePath(pictures[swap.picture]).name,
            swap.attribute,
            f"{swap.cosine:+.3f} {APART[by_cosine]}",
            f"{swap.match:+.2f} {APART[by_match]}",
            swap.false,
            swap.text,
        ),
        tone="" if by_match else "warning",
    )


def totals(swaps: Sequence[SwapResult]) -> str:
    """How many each scorer told apart."""
    if not swaps:
        return "No word of these descriptions can be exchanged."
    count = len(swaps)
    by_cosine, by_match = (sum(each.told_apart[place] for each in swaps) for place in (0, 1))
    return (
        f"Told apart: match {by_match} of {count} ({by_match / count:.0%}),"
        f" cosine {by_cosine} of {count} ({by_cosine / count:.0%})"
    )
