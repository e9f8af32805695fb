"""Routing by a new matcher and without labels, on pictures and texts that it did not learn.

The libraries are samples of the held-out pictures: a quarter, a half and all of them. Beside all
texts stand those alone that nothing was learned from (see training.split), since of the others the
matcher has heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.evaluation.by_size import SizedQueries, SizedRouting, quarters_of
from engine.evaluation.measure import Step
from engine.evaluation.results import PairedDifference, SizeCurve
from engine.requests import EvaluateRequest
from engine.scoring.match import MatchContext
from engine.states import ScorerKind
from engine.training.split import DataSplit

SCORERS = (ScorerKind.LABEL_FREE, ScorerKind.MATCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedTexts:
    """What was measured."""

    curves: tuple[SizeCurve, ...]
    """Of both scorers, of all texts and, where it makes a difference, of the unseen ones."""
    against_label_free: tuple[PairedDifference, ...]
    """`match` against the match without labels, paired by texts, for the same."""


def route_texts(
    parts: DataSplit, context: MatchContext, asked: EvaluateRequest, step: Step
) -> RoutedTexts:
    """Route the texts of the held-out pictures, and those that none of these answers."""
    queries = SizedQueries.of(parts.routed, asked.seed)
    sized = SizedRouting(
        queries=queries,
        context=context,
        sizes=quarters_of(len(parts.routed.data.pictures)),
        threshold=asked.threshold,
        resamples=asked.resamples,
        seed=asked.seed,
        step=step,
    )
    for scorer in SCORERS:
        sized.measure(scorer)
    learned = parts.learned
    is_unseen = np.array([text not in learned for text in queries.texts], np.bool_)
    chosen = [None] if is_unseen.all() or not is_unseen.any() else [None, is_unseen]
    differences = [sized.against(ScorerKind.MATCH, ScorerKind.LABEL_FREE, some) for some in chosen]
    return RoutedTexts(
        curves=tuple(sized.curve(scorer, some) for some in chosen for scorer in SCORERS),
        against_label_free=tuple(each for each in differences if each is not None),
    )
