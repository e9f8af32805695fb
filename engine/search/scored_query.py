"""What a query comes to in the space of one encoder: a vector, and a background of its kind."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cache.labels import CalibrationRecord
from cache.matchers import newest_matcher
from cache.store import Cache
from engine.errors import (
    EngineError,
    ModelMissingError,
    ModelUnusableError,
    OfflineError,
    RequestError,
)
from engine.results import FloatArray, IdArray, Scores, SearchWarning
from engine.scoring import label_free
from engine.scoring.calibration import calibrated
from engine.scoring.embedding_matrix import EmbeddingMatrices, EmbeddingMatrix
from engine.scoring.label_free import BackgroundPrompts
from engine.scoring.matcher import Matcher, matcher_words, read_matcher
from engine.scoring.ranking import make_scores
from engine.search import warnings as notes
from engine.search.pictures import Pictures
from engine.search.resolve import ROUGH, QueryResolver, ResolvedQuery
from engine.search.text_embedder import TextEmbedder

BANK_PICTURES = 200
"""Pictures of the library, spread evenly over it, that stand against a picture as a query."""
_STEP = 37
"""Terms of a mix take their background from so many places further on, never the same twice."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedTerm:
    """One term, embedded."""

    weight: float
    vector: FloatArray
    """Unit length, [dim]."""
    is_picture: bool


def combine(parts: Sequence[WeightedTerm]) -> FloatArray:
    """The weighted sum of the parts at unit length, [dim]; RequestError where it vanishes."""
    total = sum((part.weight * part.vector for part in parts), np.zeros_like(parts[0].vector))
    length = float(np.linalg.norm(total))
    if length < 1e-4 * sum(abs(part.weight) for part in parts):
        raise RequestError("the terms of the query cancel each other out")
    return np.asarray(total / length, np.float32)


def spread_pictures(resident: EmbeddingMatrix) -> FloatArray:
    """Background pictures [B, dim]: the same ones as long as the library stays as it is."""
    count = min(BANK_PICTURES, resident.count)
    indices = np.linspace(0, resident.count - 1, count).astype(np.int64)
    return resident.vectors(np.unique(indices))


def background_of(
    parts: Sequence[WeightedTerm], texts: FloatArray, pictures: FloatArray
) -> tuple[Hashable | None, FloatArray]:
    """Background vectors [B, dim] for a query, and a key where other queries have the same.

    The background of a mix is the same mix of random texts and pictures, so that it differs from
    the query in what it says and not in how it is made.
    """
    kinds = [pictures if part.is_picture else texts for part in parts]
    if len(parts) == 1 and parts[0].weight > 0:
        return ("pictures" if parts[0].is_picture else "texts"), kinds[0]
    size = min(len(kind) for kind in kinds)
    total = np.zeros((size, len(parts[0].vector)), np.float32)
    for place, (part, kind) in enumerate(zip(parts, kinds, strict=True)):
        total += np.float32(part.weight) * np.roll(kind, -_STEP * place, axis=0)[:size]
    lengths = np.linalg.norm(total, axis=1, keepdims=True)
    kept = lengths[:, 0] > 1e-6
    return None, total[kept] / lengths[kept]


PARTIAL = "partial"
"""Label-free, as long as the model may not start that would embed the texts still unknown."""
IN_LOOP = 2_000
"""So few pictures are scored at once; more, in a thread, while the event loop goes on."""


def _nothing(dim: int = 0) -> FloatArray:
    return np.zeros((0, dim), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredQuery:
    """The scores of a case, and what they rest on."""

    scores: Scores
    match: str
    """For the basis: 'label-free', 'partial', 'rough' or 'matcher N'."""
    matcher: str
    """For people: what `match` means here."""
    revision: int
    used_model: bool
    notes: tuple[SearchWarning, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ground:
    """What `match` is computed from."""

    query: FloatArray
    scale: float
    matcher: Matcher | None = None
    background: FloatArray = field(default_factory=_nothing)
    """What the query is weighed against, [B, dim]."""
    are_rivals: bool = False
    random: FloatArray = field(default_factory=_nothing)
    """What the prior is measured against, [n, dim]; nothing where there is no prior."""
    shift: float = 0.0
    key: object | None = None
    is_lasting: bool = True
    scorer: str = ""
    """What a calibration is bound to; empty where none could be."""
    calibration: CalibrationRecord | None = None


class QueryScoring:
    """Computes answers."""

    def __init__(
        self, cache: Cache, texts: TextEmbedder, pictures: Pictures, cases: QueryResolver
    ) -> None:
        self._cache = cache
        self._texts = texts
        self._pictures = pictures
        self._cases = cases
        self._matrices = EmbeddingMatrices(cache)
        self._matchers: dict[tuple[str, int, int], Matcher] = {}

    async def compute(self, case: ResolvedQuery) -> ScoredQuery:
        """Score every picture in scope. Raises what texts, pictures and models raise."""
        parts, used_model, cut = await self._parts(case)
        resident = await self._matrices.get(case.encoder.id, case.basis.revision)
        ground, also_used = await self._ground(case, parts, resident)
        calibration = case.offer.calibration(case.encoder.id, ground.scorer)
        ground = replace(ground, calibration=calibration)
        rows = await self._cases.in_scope(case.request.filters, resident.picture_ids, case.offer)
        if resident.count > IN_LOOP:
            scores = await asyncio.to_thread(_score, ground, resident, rows)
        else:
            scores = _score(ground, resident, rows)
        rough = ground.matcher is None and len(ground.background) < label_free.ENOUGH
        return ScoredQuery(
            scores=scores,
            match=_basis(case, ground, rough=rough),
            matcher=_label(case, ground, rough=rough),
            revision=resident.revision,
            used_model=used_model or also_used,
            notes=(
                *notes.language_notes(case.texts, case.encoder),
                *cut,
                *notes.coverage_note(
                    case.encoder, case.offer.embedded[case.encoder.id], case.offer.pictures
                ),
                *(notes.rough_note(len(ground.background), label_free.ENOUGH) if rough else ()),
            ),
        )

    async def uncalibrated(
        self, case: ResolvedQuery, picture_ids: IdArray, vectors: FloatArray
    ) -> tuple[str, FloatArray]:
        """Log odds of some pictures [n], as they are without labels, and the exact scorer.

        The scorer is empty where none can be calibrated for this query. The pictures come with
        their unit vectors [n, dim]. Raises what `compute` raises.
        """
        parts, _, _ = await self._parts(case)
        columns = np.ascontiguousarray(vectors.T)
        some = EmbeddingMatrix(
            revision=case.basis.revision, picture_ids=picture_ids, columns=columns
        )
        ground, _ = await self._ground(case, parts, some)
        return ground.scorer, _score(ground, some, None).match_logit

    async def _parts(
        self, case: ResolvedQuery
    ) -> tuple[list[WeightedTerm], bool, tuple[SearchWarning, ...]]:
        offline = case.request.offline
        try:
            texts, used_model = await self._texts.embed(case.encoder, case.texts, offline=offline)
        except (OfflineError, ModelMissingError) as error:
            raise _with_language(error, case) from error
        parts = []
        for term, reference in zip(case.query.terms, case.references, strict=True):
            if reference is None:
                vector = texts[term.text].vector
            else:
                vector, ran = await self._pictures.embed(case.encoder, reference, offline=offline)
                used_model = used_model or ran
            parts.append(
                WeightedTerm(weight=term.weight, vector=vector, is_picture=reference is not None)
            )
        return parts, used_model, notes.cut_notes(texts)

    async def _ground(
        self, case: ResolvedQuery, parts: list[WeightedTerm], resident: EmbeddingMatrix
    ) -> tuple[_Ground, bool]:
        if case.matcher_id is not None:
            ground = _Ground(
                query=combine(parts),
                scale=case.encoder.logit_scale,
                matcher=await self._matcher(case, case.matcher_id),
                scorer=f"matcher {case.matcher_id}",
            )
            return ground, False
        bank = None
        if case.texts:
            bank = await self._texts.bank(case.encoder, case.language, offline=case.request.offline)
        return _label_free_ground(case, parts, bank, resident), bool(bank and bank.used_model)

    async def _matcher(self, case: ResolvedQuery, matcher_id: int) -> Matcher:
        # An id may be given again, but not at the same revision.
        key = case.encoder.id, matcher_id, case.offer.revision
        if key not in self._matchers:
            record = await self._cache.read(newest_matcher, case.encoder.id)
            if record is None:
                raise ModelUnusableError(f"the matcher of {case.encoder.id} is gone")
            self._matchers = {key: read_matcher(record.weights, case.encoder.id)}
            if self._matchers[key].dim != case.encoder.dim:
                raise ModelUnusableError(
                    f"the matcher takes vectors of {self._matchers[key].dim} numbers, and"
                    f" {case.encoder.id} makes {case.encoder.dim}"
                )
        return self._matchers[key]


def _label_free_ground(
    case: ResolvedQuery,
    parts: list[WeightedTerm],
    bank: BackgroundPrompts | None,
    resident: EmbeddingMatrix,
) -> _Ground:
    texts = bank.vectors if bank else _nothing(case.encoder.dim)
    has_pictures = any(part.is_picture for part in parts)
    pictures = spread_pictures(resident) if has_pictures else texts[:0]
    key, background = background_of(parts, texts, pictures)
    random = texts[:0] if has_pictures else background
    are_rivals, shift = False, 0.0
    if bank and key == "texts":
        are_rivals = min(len(bank.rivals), len(texts)) >= label_free.ENOUGH
        if are_rivals:
            background = bank.rivals
            shift = label_free.rival_shift(len(background), bank.listed)
        key = (key, case.language, are_rivals, len(background))
    is_lasting = bank is None or bank.is_lasting
    is_certain = is_lasting and len(background) >= label_free.ENOUGH
    return _Ground(
        query=combine(parts),
        scale=case.encoder.logit_scale,
        background=background,
        are_rivals=are_rivals,
        random=random,
        shift=shift,
        key=key,
        is_lasting=is_lasting,
        scorer=scorer_name(case.language, len(background), are_rivals=are_rivals)
        if is_certain and isinstance(key, tuple)
        else "",
    )


def scorer_name(language: str, background: int, *, are_rivals: bool) -> str:
    """The name of a label-free match for single texts, by what it weighs them against."""
    return f"label-free, {background} {language} {'rivals' if are_rivals else 'texts'}"


def _score(ground: _Ground, resident: EmbeddingMatrix, rows: IdArray | None) -> Scores:
    cosine = ground.query @ resident.columns
    if ground.matcher is not None:
        odds = ground.matcher.log_odds(ground.query, resident.columns)
    elif len(ground.background) < label_free.ENOUGH:
        odds = label_free.rough_log_odds(cosine, ground.scale)
    else:
        if ground.key is None:
            background = label_free.prepare(ground.background, resident.columns, ground.scale)
        else:
            background = resident.background(ground.key, ground.background, ground.scale)
        prior = label_free.prior_of(ground.random, ground.query) if len(ground.random) else 0.0
        odds = label_free.log_odds(
            background,
            ground.query,
            cosine,
            resident.columns,
            shift=prior + ground.shift,
            are_rivals=ground.are_rivals,
        )
    if ground.calibration is not None:
        odds = calibrated(odds, ground.calibration.scale, ground.calibration.shift)
    if rows is None:
        return make_scores(resident.picture_ids, cosine, odds)
    return make_scores(resident.picture_ids[rows], cosine[rows], odds[rows])


def _with_language(error: EngineError, case: ResolvedQuery) -> EngineError:
    """The error, with what else stands between the query and an answer."""
    told = notes.language_notes(case.texts, case.encoder)
    hints = [error.hint, *(f"{note.message} {note.hint}" for note in told)]
    return type(error)(error.message, hint="\n".join(hints))


def _basis(case: ResolvedQuery, ground: _Ground, *, rough: bool) -> str:
    if rough:
        return ROUGH
    return case.basis.match if ground.is_lasting else PARTIAL


def _label(case: ResolvedQuery, ground: _Ground, *, rough: bool) -> str:
    name = _uncalibrated_label(case, ground, rough=rough)
    if ground.calibration is None:
        return name
    return f"{name}, {calibrated_by(ground.calibration.labels)}"


def calibrated_by(labels: int) -> str:
    """How people are told that labels take part."""
    return f"calibrated by {labels:,} label{'' if labels == 1 else 's'}"


def _uncalibrated_label(case: ResolvedQuery, ground: _Ground, *, rough: bool) -> str:
    if ground.matcher is not None and case.matcher_id is not None:
        return matcher_words(case.matcher_id, case.offer.shipped_matcher)
    if rough:
        return "label-free (rough)"
    if ground.are_rivals:
        return f"label-free ({len(ground.background)} rival texts)"
    kind = "pictures" if case.references[0] else "texts"
    if len(case.references) > 1:
        kind = "mixes"
    return f"label-free ({len(ground.background)} background {kind})"
