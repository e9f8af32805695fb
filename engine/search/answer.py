"""Both scores of every picture for a case."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np

from cache.matchers import newest_matcher
from cache.store import Cache
from engine.errors import EngineError, ModelMissingError, ModelUnusableError, OfflineError
from engine.results import FloatArray, IdArray, Note, Scores
from engine.scoring import label_free
from engine.scoring.matcher import Matcher, matcher_words, read_matcher
from engine.scoring.ranking import make_scores
from engine.search import notes
from engine.search.case import ROUGH, Case, Cases
from engine.search.matrix import Matrices, Resident
from engine.search.meaning import Part, background_of, mix, spread_pictures
from engine.search.pictures import Pictures
from engine.search.texts import Bank, Texts

PARTIAL = "partial"
"""Label-free, as long as the model may not start that would embed the texts still unknown."""
IN_LOOP = 2_000
"""So few pictures are scored at once; more, in a thread, while the event loop goes on."""


def _nothing(dim: int = 0) -> FloatArray:
    return np.zeros((0, dim), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """The scores of a case, and what they rest on."""

    scores: Scores
    match: str
    """For the basis: 'label-free', 'partial', 'rough' or 'matcher N'."""
    matcher: str
    """For people: what `match` means here."""
    revision: int
    used_model: bool
    notes: tuple[Note, ...]


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


class Answers:
    """Computes answers."""

    def __init__(self, cache: Cache, texts: Texts, pictures: Pictures, cases: Cases) -> None:
        self._cache = cache
        self._texts = texts
        self._pictures = pictures
        self._cases = cases
        self._matrices = Matrices(cache)
        self._matchers: dict[tuple[str, str], Matcher] = {}

    async def compute(self, case: Case) -> Answer:
        """Score every picture in scope. Raises what texts, pictures and models raise."""
        parts, used_model, cut = await self._parts(case)
        resident = await self._matrices.get(case.encoder.id, case.basis.revision)
        ground, also_used = await self._ground(case, parts, resident)
        rows = await self._cases.in_scope(case.request.filters, resident.picture_ids, case.offer)
        if resident.count > IN_LOOP:
            scores = await asyncio.to_thread(_score, ground, resident, rows)
        else:
            scores = _score(ground, resident, rows)
        rough = ground.matcher is None and len(ground.background) < label_free.ENOUGH
        return Answer(
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

    async def _parts(self, case: Case) -> tuple[list[Part], bool, tuple[Note, ...]]:
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
            parts.append(Part(weight=term.weight, vector=vector, is_picture=reference is not None))
        return parts, used_model, notes.cut_notes(texts)

    async def _ground(
        self, case: Case, parts: list[Part], resident: Resident
    ) -> tuple[_Ground, bool]:
        if case.by_matcher:
            matcher = await self._matcher(case)
            return _Ground(query=mix(parts), scale=case.encoder.logit_scale, matcher=matcher), False
        bank = None
        if case.texts:
            bank = await self._texts.bank(case.encoder, case.language, offline=case.request.offline)
        return _label_free_ground(case, parts, bank, resident), bool(bank and bank.used_model)

    async def _matcher(self, case: Case) -> Matcher:
        key = case.encoder.id, case.basis.match
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
    case: Case, parts: list[Part], bank: Bank | None, resident: Resident
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
    return _Ground(
        query=mix(parts),
        scale=case.encoder.logit_scale,
        background=background,
        are_rivals=are_rivals,
        random=random,
        shift=shift,
        key=key,
        is_lasting=bank is None or bank.is_lasting,
    )


def _score(ground: _Ground, resident: Resident, rows: IdArray | None) -> Scores:
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
    if rows is None:
        return make_scores(resident.picture_ids, cosine, odds)
    return make_scores(resident.picture_ids[rows], cosine[rows], odds[rows])


def _with_language(error: EngineError, case: Case) -> EngineError:
    """The error, with what else stands between the query and an answer."""
    told = notes.language_notes(case.texts, case.encoder)
    hints = [error.hint, *(f"{note.message} {note.hint}" for note in told)]
    return type(error)(error.message, hint="\n".join(hints))


def _basis(case: Case, ground: _Ground, *, rough: bool) -> str:
    if rough:
        return ROUGH
    return case.basis.match if ground.is_lasting else PARTIAL


def _label(case: Case, ground: _Ground, *, rough: bool) -> str:
    if ground.matcher is not None:
        offer = case.offer
        return matcher_words(offer.matchers[case.encoder.id], offer.shipped_matcher)
    if rough:
        return "label-free (rough)"
    if ground.are_rivals:
        return f"label-free ({len(ground.background)} rival texts)"
    kind = "pictures" if case.references[0] else "texts"
    if len(case.references) > 1:
        kind = "mixes"
    return f"label-free ({len(ground.background)} background {kind})"
