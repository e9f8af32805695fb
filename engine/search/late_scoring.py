"""Queries by late interaction: the local states of the best pictures, and where the scores stand.

What absent texts reach is measured as for `match` (engine/scoring/decision.py): the words of the
background texts are compared with a random part of the library by the very same scorer. That it is
dear is a matter of the first query: states and levels are kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from cache.embeddings import EncoderRecord
from cache.errors import CacheError
from cache.states import PictureStates, TextStates
from cache.store import Cache
from cache.zeros import get_zero, put_zero
from engine.errors import OfflineError, PictureError
from engine.local.phrases import content_tokens
from engine.local.states import FoundStates, LocalStates
from engine.results import FloatArray, IdArray, Scores, SearchWarning
from engine.scoring.calibration import probability
from engine.scoring.decision import SURE, Placement, Surroundings, Zero
from engine.scoring.evidence import Evidence, Tally, counted
from engine.scoring.label_free import Background
from engine.scoring.late_interaction import SAMPLE, maxsim, maxsim_of_terms, reranked
from engine.scoring.match import sampled
from engine.scoring.ranking import top_indices
from engine.search.resolve import ResolvedQuery
from engine.search.stored_zeros import digest_of
from engine.search.text_embedder import random_prompts

_VERSION = "maxsim 2"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LateScores:
    """What late interaction says of the pictures in scope, aligned with their other scores."""

    scores: FloatArray
    """Mean cosines, [N]; -inf for pictures that were not compared."""
    placed: FloatArray | None
    """The same as probabilities that the picture answers, placed as `match` is; 0 for those that
    were not compared. None where it is not known what absent texts reach."""
    used_model: bool
    warnings: tuple[SearchWarning, ...]


class LateScoring:
    """Scores queries by late interaction."""

    def __init__(self, cache: Cache, states: LocalStates, best: int) -> None:
        """`best` are compared of a large library."""
        self._cache = cache
        self._states = states
        self._best = best
        self._zero: tuple[str, Zero] | None = None
        """What it rests on, and the level measured last."""

    async def score(
        self, query: ResolvedQuery, scores: Scores, background: Background, among: Surroundings
    ) -> LateScores:
        """Compare the best pictures of a query by cosine with its words.

        `among` is how the query lies among the `background`. Raises OfflineError where states are
        not in the cache and no model may start, PictureError where no picture can be looked at,
        and what a model raises.
        """
        offline, encoder = query.request.offline, query.encoder
        ids = scores.picture_ids
        best = np.sort(top_indices(scores.cosine, reranked(len(ids), self._best)))
        sample, _ = sampled(ids, SAMPLE)
        rows = np.union1d(best, sample)
        terms, words_ran = await self._terms(query)
        found = await self._states.of_pictures(encoder, ids[rows].tolist(), offline=offline)
        there = np.array([int(ids[row]) in found.states for row in rows], np.bool_)
        if not there.any():
            raise PictureError(
                "none of the best pictures can be looked at: "
                + next(iter(found.failed.values()), "the library is empty"),
                hint="Index their folder again, or rank by another scorer.",
            )
        rows = rows[there]
        values = np.full(len(ids), -np.inf, np.float32)
        patches = stacked([found.states[int(ids[row])] for row in rows])
        values[rows] = await asyncio.to_thread(maxsim_of_terms, terms, patches)
        inside = np.isin(rows, sample)
        zero = None
        if background.has_surroundings and len(query.texts) == 1 and inside.any():
            zero = await self._level(
                query, background, ids[rows[inside]], patches[inside], len(ids)
            )
        placed = None
        if zero is not None:
            compared = values[np.isfinite(values)]
            placed = probability(
                _placement(zero, among, compared, values[rows[inside]], len(ids))(values)
            )
        is_best = np.zeros(len(ids), np.bool_)
        is_best[best] = True
        values[~is_best] = -np.inf
        if placed is not None:
            placed[~np.isfinite(values)] = 0.0
        return LateScores(
            scores=values,
            placed=placed,
            used_model=words_ran or found.used_model,
            warnings=_warnings(found),
        )

    async def _terms(self, query: ResolvedQuery) -> tuple[list[tuple[float, FloatArray]], bool]:
        """Weight and tokens of each term: the words of a text, the patches of a picture."""
        offline, encoder = query.request.offline, query.encoder
        texts: Mapping[str, TextStates] = {}
        used_model = False
        if query.texts:
            texts, used_model = await self._states.of_texts(encoder, query.texts, offline=offline)
        terms: list[tuple[float, FloatArray]] = []
        for term, reference in zip(query.query.terms, query.references, strict=True):
            if reference is None:
                tokens = words_of(texts[term.text])
            elif reference.picture_id is not None:
                at = reference.picture_id
                found = await self._states.of_pictures(encoder, [at], offline=offline)
                if at not in found.states:
                    raise PictureError(f"{reference.name} cannot be looked at: {found.failed[at]}")
                tokens, used_model = stacked([found.states[at]])[0], used_model or found.used_model
            else:
                file = await self._states.of_file(encoder, reference.path, offline=offline)
                tokens, used_model = stacked([file.states])[0], True
            if len(tokens):
                terms.append((term.weight, tokens))
        return terms, used_model

    async def _level(
        self,
        query: ResolvedQuery,
        background: Background,
        ids: IdArray,
        patches: FloatArray,
        pictures: int,
    ) -> Zero | None:
        """What background texts reach among so many pictures, of which `patches` are a sample."""
        encoder, language = query.encoder, query.language
        prompts = sorted(random_prompts().get(language) or random_prompts()["en"])
        if len(background.random) != len(prompts):
            return None
        texts = await self._prompt_states(encoder, prompts, offline=query.request.offline)
        if texts is None:
            return None
        digest = digest_of(ids, patches[:, 0], *(states.vectors for states in texts[:1]))
        key = f"{_VERSION} {encoder.id} {language} {pictures} {digest}"
        if self._zero is None or self._zero[0] != key:
            zero = await self._stored_zero(key)
            if zero is None:
                zero = await asyncio.to_thread(_measure, texts, background, patches, pictures)
            if zero is None:
                return None
            with suppress(CacheError):
                await self._cache.write(put_zero, key, zero.as_json())
            self._zero = key, zero
        return self._zero[1]

    async def _stored_zero(self, key: str) -> Zero | None:
        kept = await self._cache.read(get_zero, key)
        with suppress(ValueError, TypeError, KeyError):
            return None if kept is None else Zero.from_json(kept)
        return None

    async def _prompt_states(
        self, encoder: EncoderRecord, prompts: Sequence[str], *, offline: bool
    ) -> list[TextStates] | None:
        try:
            found, _ = await self._states.of_texts(encoder, prompts, offline=offline)
        except OfflineError:
            return None
        return [found[text] for text in prompts]


def words_of(states: TextStates) -> FloatArray:
    """The states of the tokens that belong to no stop word, [T, dim]."""
    words: FloatArray = states.vectors[content_tokens(states.text, states.spans)].astype(np.float32)
    return words


def stacked(states: Sequence[PictureStates]) -> FloatArray:
    """The patches of pictures, [N, P, dim]."""
    patches: FloatArray = np.stack([each.vectors for each in states]).astype(np.float32)
    return patches


def _measure(
    texts: Sequence[TextStates], background: Background, patches: FloatArray, pictures: int
) -> Zero | None:
    logits = np.stack([maxsim(words_of(states), patches) for states in texts])
    tally = Tally.empty(len(texts)).joined(logits)
    return Zero.measure(
        background.surroundings(background.random),
        tally.evidence(pictures),
        pictures=pictures,
        sampled=tally.seen,
    )


def _placement(
    zero: Zero, among: Surroundings, compared: FloatArray, sample: FloatArray, pictures: int
) -> Placement:
    """Where a query stands by the pictures that were compared, its level by the sample of them."""
    count = min(counted(pictures), len(compared))
    best = float(np.sort(compared)[-count:].mean(dtype=np.float64))
    evidence = Evidence(best=np.array([best]), chance=np.array([float(sample.mean())]))
    odds = min(float(zero.library_odds(among, evidence)[0]), SURE)
    return Placement(odds=odds, slope=zero.slope(), top=float(compared.max()))


def _warnings(found: FoundStates) -> tuple[SearchWarning, ...]:
    if not found.failed:
        return ()
    reason = next(iter(found.failed.values()))
    message = f"{len(found.failed)} of the best pictures cannot be looked at: {reason}"
    return (SearchWarning(message=message, hint="They are ranked by cosine, below the others."),)
