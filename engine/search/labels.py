"""What a person says of pictures, y or n, and how that calibrates `match` from then on."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from cache.embeddings import encoders_of, vectors_of
from cache.labels import (
    CalibrationRecord,
    LabelRecord,
    NewCalibration,
    drop_label,
    drop_labels,
    list_calibrations,
    list_labels,
    put_calibrations,
    put_label,
)
from cache.pictures import ShownPicture, shown_pictures
from cache.store import Cache
from engine.errors import EngineError, RequestError
from engine.requests import SearchRequest
from engine.results import FloatArray
from engine.scoring.calibration import fit_calibration
from engine.search.pictures import QueryPictures
from engine.search.query import parse
from engine.search.resolve import QueryResolver, ResolvedQuery
from engine.search.scored_query import QueryScoring
from engine.search.text_embedder import TextEmbedder


@dataclass(frozen=True, slots=True, kw_only=True)
class RelevanceLabel:
    """A judgement, with the path of its picture."""

    encoder_id: str
    text: str
    picture_id: int
    path: str
    """Empty where no file holds the picture."""
    fits: bool
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSummary:
    """What the labels of an encoder come to."""

    encoder_id: str
    fitting: int
    """Labels that say yes."""
    not_fitting: int
    calibrations: tuple[CalibrationRecord, ...]
    """What they did to scorers."""

    @property
    def count(self) -> int:
        """All labels."""
        return self.fitting + self.not_fitting


class RelevanceLabels:
    """Keeps labels and fits calibrations to them; no model takes part."""

    def __init__(
        self,
        cache: Cache,
        embedder: TextEmbedder,
        pictures: QueryPictures,
        resolver: QueryResolver,
        scoring: QueryScoring,
    ) -> None:
        self._cache = cache
        self._embedder = embedder
        self._pictures = pictures
        self._resolver = resolver
        self._scoring = scoring
        self._fitting = asyncio.Lock()

    async def resolve(
        self, query: str, picture_id: int, *, encoder_id: str | None = None, offline: bool = False
    ) -> ResolvedQuery:
        """Understand a query that a picture is to be labelled for, and embed its text.

        Without an encoder it is the one that answers the query, if it has seen the picture, else
        one that has. Raises RequestError for a query that is no plain description or a picture
        that nothing has seen, and what a search raises.
        """
        request = SearchRequest(query=query, encoder_id=encoder_id, offline=offline)
        found = await self._resolver.resolve(request, everywhere=encoder_id is not None)
        if len(found.query.terms) != 1 or not found.texts or found.query.terms[0].weight < 0:
            raise RequestError(
                "only a plain description can be judged by, no picture and no mix",
                hint="Search for one description, and judge its pictures.",
                field="query",
            )
        embedded = await self._cache.read(encoders_of, picture_id)
        if found.encoder.id not in embedded:
            if encoder_id is not None or not embedded:
                raise RequestError(f"the picture has no embedding by {found.encoder.id}")
            request = replace(request, encoder_id=embedded[0])
            found = await self._resolver.resolve(request, everywhere=True)
        await self._embedder.embed(found.encoder, found.texts, offline=offline)
        return found

    async def put(self, text: str, picture_id: int, *, fits: bool, encoder_id: str) -> LabelSummary:
        """Note whether a text fits a picture, and calibrate anew."""
        await self._cache.write(put_label, encoder_id, text, picture_id, fits=fits)
        await self.refit(encoder_id)
        return await self.state(encoder_id)

    async def drop(self, text: str, picture_id: int, *, encoder_id: str) -> LabelSummary:
        """Take a judgement back, and calibrate anew."""
        await self._cache.write(drop_label, encoder_id, text, picture_id)
        await self.refit(encoder_id)
        return await self.state(encoder_id)

    async def forget(self, encoder_id: str) -> int:
        """Take all judgements about an encoder's scores back; returns how many there were."""
        dropped = await self._cache.write(drop_labels, encoder_id)
        await self.refit(encoder_id)
        return dropped

    async def entries(self, encoder_id: str | None = None) -> list[RelevanceLabel]:
        """The labels of an encoder, or all, oldest first."""
        return await self._cache.read(_read_labels, encoder_id)

    async def said(self, text: str, *, encoder_id: str) -> dict[int, bool]:
        """Whether a text fits, by picture id, as far as a person said so."""
        found = await self._cache.read(list_labels, encoder_id)
        return {each.picture_id: each.fits for each in found if each.text == text}

    async def said_for(self, query: str, *, encoder_id: str) -> dict[int, bool]:
        """What `said` tells of a query as it was asked; nothing for one that is no description."""
        terms = parse(query).terms
        if len(terms) != 1 or terms[0].weight < 0:
            return {}
        return await self.said(terms[0].text, encoder_id=encoder_id)

    async def state(self, encoder_id: str) -> LabelSummary:
        """What the labels of an encoder come to."""
        return await self._cache.read(_read_state, encoder_id)

    async def picture(self, name: str) -> int:
        """The id of a picture, by path or hash. Raises RequestError, PictureError."""
        found = await self._pictures.find_named(name)
        if found is None or found.picture_id is None:
            raise RequestError(
                f"{name} is no picture of the library",
                hint="Index its folder: t2itui index DIR",
                field="picture",
            )
        return found.picture_id

    async def refit(self, encoder_id: str) -> None:
        """Fit the calibrations of an encoder to its labels, for the scorers in force."""
        async with self._fitting:
            labels = await self._cache.read(list_labels, encoder_id)
            by_text: dict[str, list[LabelRecord]] = defaultdict(list)
            for label in labels:
                by_text[label.text].append(label)
            scored: dict[str, list[tuple[FloatArray, NDArray[np.bool_]]]] = defaultdict(list)
            for text, some in by_text.items():
                scorer, logits, fits = await self._scored(text, some)
                if scorer and len(logits):
                    scored[scorer].append((logits, fits))
            found = [_calibration(scorer, parts) for scorer, parts in scored.items()]
            await self._cache.write(put_calibrations, encoder_id, found)

    async def _scored(
        self, text: str, labels: Sequence[LabelRecord]
    ) -> tuple[str, FloatArray, NDArray[np.bool_]]:
        """The scorer of a text, its logits for the labelled pictures, and what was said."""
        encoder_id = labels[0].encoder_id
        nothing = "", np.zeros(0, np.float32), np.zeros(0, np.bool_)
        ids = [label.picture_id for label in labels]
        vectors = await self._cache.read(vectors_of, encoder_id, ids)
        kept = [label for label in labels if label.picture_id in vectors]
        if not kept:
            return nothing
        request = SearchRequest(query=text, encoder_id=encoder_id, offline=True)
        try:
            query = await self._resolver.resolve(request, as_text=True, everywhere=True)
            scorer, logits = await self._scoring.uncalibrated(
                query, np.array([label.picture_id for label in kept], np.int64)
            )
        except EngineError:
            return nothing  # Its text or its encoder is not known any more.
        return scorer, logits, np.array([label.fits for label in kept], np.bool_)


def _path(shown: Mapping[int, ShownPicture], picture_id: int) -> str:
    found = shown.get(picture_id)
    return found.file.path if found is not None and found.file is not None else ""


def _calibration(
    scorer: str, parts: Sequence[tuple[FloatArray, NDArray[np.bool_]]]
) -> NewCalibration:
    logits = np.concatenate([each for each, _ in parts])
    scale, bias = fit_calibration(logits, np.concatenate([fits for _, fits in parts]))
    return NewCalibration(scorer=scorer, scale=scale, shift=bias, labels=len(logits))


def _read_state(db: Database, encoder_id: str) -> LabelSummary:
    labels = list_labels(db, encoder_id)
    fitting = sum(label.fits for label in labels)
    return LabelSummary(
        encoder_id=encoder_id,
        fitting=fitting,
        not_fitting=len(labels) - fitting,
        calibrations=tuple(c for c in list_calibrations(db) if c.encoder_id == encoder_id),
    )


def _read_labels(db: Database, encoder_id: str | None) -> list[RelevanceLabel]:
    labels = list_labels(db, encoder_id)
    shown = {
        each.picture.id: each for each in shown_pictures(db, [label.picture_id for label in labels])
    }
    return [
        RelevanceLabel(
            encoder_id=label.encoder_id,
            text=label.text,
            picture_id=label.picture_id,
            path=_path(shown, label.picture_id),
            fits=label.fits,
            created_at=label.created_at,
        )
        for label in labels
    ]
