"""Fits the storybook's matcher twice: the second time also on what the first believed wrongly."""

from collections.abc import Callable
from dataclasses import replace

from engine.storybook.training.matcher_material import Material, mine
from engine.workers.fitting import Fit
from engine.workers.labelled import MatcherWeights, fit_matcher

FIT = Fit(hidden=256, epochs=14, batch=1024, rate=2e-3, decay=0.05, dropout=0.3)
MINED = 1
"""Hard false pairs for each caption that is mined with."""

Heard = Callable[[int, int, int, float, MatcherWeights | None], None]
"""Gets the round, from 1, and then what a fit tells."""


def _silent(*_: object) -> None:
    """Nobody watches."""


def fit_in_rounds(
    train: Material, fit: Fit = FIT, rounds: int = 2, heard: Heard = _silent
) -> MatcherWeights:
    """Fit, add the false pairs that this matcher believes most, and fit again."""
    early = replace(fit, epochs=max(1, fit.epochs // 2))
    for number in range(1, rounds):
        pairs = train.pairs(taught=True)
        believed = fit_matcher(pairs, early, lambda *told: heard(number, *told))  # noqa: B023
        mine(train, believed, keep=MINED, seed=number - 1)
    return fit_matcher(train.pairs(taught=True), fit, lambda *told: heard(rounds, *told))
