"""Builds the scorers that an evaluation asks for, over its pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cache.matchers import newest_matcher
from cache.records import EncoderRecord
from cache.store import Cache
from engine.errors import ModelUnusableError, RequestError
from engine.evaluation.gather import Material
from engine.evaluation.request import COSINE, FUSION, LABEL_FREE, MATCH, SCORERS, EvaluateRequest
from engine.evaluation.scorers import CosineScorer, Ground, LabelFreeScorer, MatcherScorer, Scorer
from engine.results import FloatArray
from engine.scoring.matcher import Matcher, read_matcher
from engine.search.texts import Texts
from engine.storybook.shipped import MATCHER


def check_scorers(names: Sequence[str]) -> None:
    """Raise RequestError for a scorer that does not exist."""
    for name in names:
        if name not in SCORERS:
            known = ", ".join(SCORERS)
            raise RequestError(f"no scorer is called {name!r}", hint=f"There are: {known}")


async def make_scorers(
    cache: Cache, texts: Texts, material: Material, request: EvaluateRequest
) -> tuple[list[Scorer], str]:
    """The scorers in the order asked for, and what `match` is.

    Fusion is made from the scores of others, and is no scorer of its own.
    """
    columns = np.ascontiguousarray(material.pictures.T)
    matcher, match = await matcher_of(cache, material.encoder)
    wanted = set(request.scorers) | ({COSINE, MATCH} if FUSION in request.scorers else set())
    scorers: list[Scorer] = [CosineScorer(columns=columns)] if COSINE in wanted else []
    if matcher is not None and MATCH in wanted:
        scorers.append(MatcherScorer(columns=columns, matcher=matcher))
    if LABEL_FREE in wanted or (matcher is None and MATCH in wanted):
        name = LABEL_FREE if matcher is not None else MATCH
        scorers.append(
            await label_free_scorer(texts, material, columns, name, offline=request.offline)
        )
    if matcher is None:
        match = _described(scorers)
    return scorers, match


async def matcher_of(cache: Cache, encoder: EncoderRecord) -> tuple[Matcher | None, str]:
    """The matcher in force for an encoder, and its name; the storybook's ships with it."""
    record = await cache.read(newest_matcher, encoder.id)
    if record is not None:
        return read_matcher(record.weights, encoder.id), f"matcher {record.id}"
    try:
        return read_matcher(MATCHER.read_bytes(), encoder.id), "the shipped matcher"
    except (ModelUnusableError, OSError):
        return None, LABEL_FREE


async def label_free_scorer(
    texts: Texts, material: Material, columns: FloatArray, name: str, *, offline: bool
) -> LabelFreeScorer:
    """`match` without labels over the pictures of a material."""
    encoder = material.encoder
    grounds = {}
    for language in dict.fromkeys(encoder.languages):
        bank = await texts.bank(encoder, language, offline=offline)
        grounds[language] = Ground.of(bank, columns, encoder.logit_scale)
    grounds[""] = grounds[encoder.languages[0]]
    return LabelFreeScorer(columns=columns, grounds=grounds, scale=encoder.logit_scale, name=name)


def _described(scorers: Sequence[Scorer]) -> str:
    for scorer in scorers:
        if isinstance(scorer, LabelFreeScorer):
            ground = scorer.grounds[""]
            kind = "rivals" if ground.are_rivals else "background texts"
            return f"label-free ({len(ground.background.vectors)} {kind})"
    return LABEL_FREE
