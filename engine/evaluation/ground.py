"""Builds the scorers that an evaluation asks for, over its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from cache.labels import CalibrationRecord, list_calibrations
from cache.matchers import newest_matcher
from cache.records import EncoderRecord
from cache.store import Cache
from cache.storybook import find_storybook
from engine.errors import ModelUnusableError, RequestError
from engine.evaluation.gather import Material
from engine.evaluation.request import COSINE, FUSION, LABEL_FREE, MATCH, SCORERS, EvaluateRequest
from engine.evaluation.scorers import CosineScorer, Ground, LabelFreeScorer, MatcherScorer, Scorer
from engine.results import FloatArray
from engine.scoring.matcher import Matcher, matcher_words, read_matcher
from engine.search.answer import calibrated_by, scorer_name
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
    calibrations = await cache.read(list_calibrations)
    fitted = {each.scorer: each for each in calibrations if each.encoder_id == material.encoder.id}
    if matcher is not None and MATCH in wanted:
        found = fitted.get(match)
        match = match if found is None else f"{match}, {calibrated_by(found.labels)}"
        scorers.append(MatcherScorer(columns=columns, matcher=_calibrated(matcher, found)))
    if LABEL_FREE in wanted or (matcher is None and MATCH in wanted):
        scorers.append(
            await label_free_scorer(
                texts,
                material,
                columns,
                LABEL_FREE if matcher is not None else MATCH,
                offline=request.offline,
                fitted=fitted if matcher is None else {},
            )
        )
    if matcher is None:
        match = _described(scorers)
    return scorers, match


async def matcher_of(cache: Cache, encoder: EncoderRecord) -> tuple[Matcher | None, str]:
    """The matcher in force for an encoder, and its name; the storybook's ships with it."""
    record = await cache.read(newest_matcher, encoder.id)
    if record is not None:
        book = await cache.read(find_storybook)
        name = matcher_words(record.id, None if book is None else book.matcher_id)
        return read_matcher(record.weights, encoder.id), name
    found = shipped_matcher(encoder.id)
    return found, LABEL_FREE if found is None else "storybook's matcher"


def shipped_matcher(encoder_id: str) -> Matcher | None:
    """The matcher that ships, if it is for this encoder."""
    try:
        return read_matcher(MATCHER.read_bytes(), encoder_id)
    except (ModelUnusableError, OSError):
        return None


async def label_free_scorer(
    texts: Texts,
    material: Material,
    columns: FloatArray,
    name: str,
    *,
    offline: bool,
    fitted: Mapping[str, CalibrationRecord] = MappingProxyType({}),
) -> LabelFreeScorer:
    """`match` without a matcher over the pictures of a material, as labels calibrate it."""
    encoder = material.encoder
    grounds = {}
    for language in dict.fromkeys(encoder.languages):
        bank = await texts.bank(encoder, language, offline=offline)
        ground = Ground.of(bank, columns, encoder.logit_scale)
        size = len(ground.background.vectors)
        found = fitted.get(scorer_name(language, size, are_rivals=ground.are_rivals))
        if found is not None:
            ground = replace(ground, calibration=found)
        grounds[language] = ground
    grounds[""] = grounds[encoder.languages[0]]
    return LabelFreeScorer(columns=columns, grounds=grounds, scale=encoder.logit_scale, name=name)


def _calibrated(matcher: Matcher, found: CalibrationRecord | None) -> Matcher:
    """A matcher whose log odds are those that labels make of them."""
    if found is None:
        return matcher
    scale, shift = np.float32(found.scale), np.float32(found.shift)
    return replace(matcher, w2=matcher.w2 * scale, b2=matcher.b2 * scale + shift)


def _described(scorers: Sequence[Scorer]) -> str:
    for scorer in scorers:
        if isinstance(scorer, LabelFreeScorer):
            ground = scorer.grounds[""]
            kind = "rivals" if ground.are_rivals else "background texts"
            name = f"label-free ({len(ground.background.vectors)} {kind})"
            labels = sum(
                each.calibration.labels
                for language, each in scorer.grounds.items()
                if language and each.calibration is not None
            )
            return f"{name}, {calibrated_by(labels)}" if labels else name
    return LABEL_FREE
