"""One comparison under several encoders: what sets them apart, paired by description and picture.

Cosines of two encoders are on scales of their own, so what is compared of them is the place that
they give a picture in the library: 1 / rank, whose mean is the mean reciprocal rank. `match` is a
probability under any encoder. Descriptions are drawn, with all their pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.comparing.comparison import COMPARED, Comparison
from engine.scoring.resampling import Floats, Interval, draw, paired_difference
from engine.states import ScorerKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonDifference:
    """Two encoders on the same descriptions and pictures."""

    measure: str
    one: str
    """Id of an encoder."""
    other: str
    one_value: float
    other_value: float
    difference: Interval
    """That of `one` minus that of `other`."""
    p: float


def beside(found: Sequence[Comparison]) -> tuple[ComparisonDifference, ...]:
    """Every other encoder against the first, of comparisons of the same."""
    first, *others = found
    pictures = len(first.pictures)
    draws = draw(np.repeat(np.arange(len(first.rows)), pictures))
    results = []
    for other in others:
        theirs = _values(first)
        for measure, mine in _values(other).items():
            difference, p = paired_difference(mine, theirs[measure], draws)
            results.append(
                ComparisonDifference(
                    measure=measure,
                    one=other.encoder,
                    other=first.encoder,
                    one_value=float(mine.mean()),
                    other_value=float(theirs[measure].mean()),
                    difference=difference,
                    p=p,
                )
            )
    return tuple(results)


def _values(found: Comparison) -> dict[str, Floats]:
    """Each measure of every description and picture, row by row."""
    cells = [cell for row in found.rows for cell in row.cells]
    ranks = {
        f"1 / rank by {scorer}": np.array([1 / cell.rank(scorer) for cell in cells])
        for scorer in COMPARED
    }
    match = np.array([cell.score(ScorerKind.MATCH) for cell in cells])
    return {str(ScorerKind.MATCH): match, **ranks}
