"""Scores the lines of a sheet against its pictures and ranks these in the whole library."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cache.store import Cache
from cache.texts import get_texts
from engine.comparing.phrases import added
from engine.comparing.sheet import Cell, Comparison, Line, Row, Sheet, SwapResult
from engine.errors import EmptyLibraryError, RequestError
from engine.evaluation.embed import read_pictures
from engine.language import language_of
from engine.requests import SearchRequest
from engine.results import Scores
from engine.scoring.ranking import rank_of
from engine.search.query import normalise, quote
from engine.search.searcher import Searcher
from engine.variants import Variant, variants

MOST_SWAPS = 6
"""Variants tried of each line, each attribute once before any twice."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scored:
    """A text with the scores of the library."""

    text: str
    scores: Scores
    encoder: str
    match: str


class Comparer:
    """Compares; keeps no receipt."""

    def __init__(self, cache: Cache, searcher: Searcher) -> None:
        self._cache = cache
        self._searcher = searcher

    async def compare(
        self, sheet: Sheet, *, swaps: bool = False, offline: bool = False
    ) -> Comparison:
        """Score every line. Raises RequestError for a picture that is not in the library, and
        what a search raises."""
        check(sheet)
        lines = tuple(replace(line, text=normalise(line.text)) for line in sheet.lines)
        sheet = replace(sheet, lines=lines)
        scored = [await self._scored(line.text, sheet.encoder, offline) for line in sheet.lines]
        first = scored[0]
        # Every line is scored in the space of the first one's encoder, or none could be compared.
        sheet = replace(sheet, encoder=first.encoder)
        for number, each in enumerate(scored):
            if each.encoder != first.encoder:
                scored[number] = await self._scored(each.text, first.encoder, offline)
        places = await self._places(sheet, first)
        rows = await self._rows(sheet, scored, places)
        found = Comparison(
            pictures=sheet.pictures,
            encoder=first.encoder,
            match=first.match,
            library=len(first.scores.picture_ids),
            rows=rows,
        )
        if not swaps:
            return found
        return replace(found, swaps=await self._swaps(sheet, scored, places, offline))

    async def _scored(self, text: str, encoder: str | None, offline: bool) -> _Scored:
        request = SearchRequest(query=quote(text), encoder_id=encoder, offline=offline)
        result = await self._searcher.preview(request)
        if result.scores is None:
            raise RequestError(f"{text!r} was answered without scores")
        receipt = result.receipt
        return _Scored(
            text=text, scores=result.scores, encoder=receipt.encoder, match=receipt.matcher
        )

    async def _places(self, sheet: Sheet, first: _Scored) -> list[int]:
        """The index of each picture among the scores."""
        here = (await asyncio.to_thread(Path.cwd),)
        names = [await asyncio.to_thread(_resolved, name) for name in sheet.pictures]
        ids, _ = await self._cache.read(read_pictures, None, names, here)
        places = []
        for number, name in enumerate(sheet.pictures):
            if number not in ids:
                raise RequestError(
                    f"{name} is not in the library",
                    hint="Index its folder first: t2itui index DIR",
                )
            place = int(np.searchsorted(first.scores.picture_ids, ids[number]))
            if not np.isin(ids[number], first.scores.picture_ids):
                raise EmptyLibraryError(
                    f"{name} has no embedding by {first.encoder}",
                    hint=f"Index it with that encoder: t2itui index DIR --encoder {first.encoder}",
                )
            places.append(place)
        return places

    async def _rows(
        self, sheet: Sheet, scored: Sequence[_Scored], places: Sequence[int]
    ) -> tuple[Row, ...]:
        texts = [line.text for line in sheet.lines]
        known = await self._cache.read(get_texts, scored[0].encoder, texts)
        latest: dict[str, Row] = {}
        rows = []
        for line, each in zip(sheet.lines, scored, strict=True):
            language = language_of(line.text)
            before = latest.get(language)
            record = known.get(line.text)
            row = Row(
                text=line.text,
                pair=line.pair,
                language=language,
                added=added(before.text if before else "", line.text),
                tokens=record.tokens if record else 0,
                lost=record.lost if record else "",
                cells=tuple(
                    _cell(each.scores, place, before.cells[number] if before else None)
                    for number, place in enumerate(places)
                ),
            )
            latest[language] = row
            rows.append(row)
        return tuple(rows)

    async def _swaps(
        self, sheet: Sheet, scored: Sequence[_Scored], places: Sequence[int], offline: bool
    ) -> tuple[SwapResult, ...]:
        results = []
        for line, each in zip(sheet.lines, scored, strict=True):
            for variant in chosen(line, sheet.lines):
                false = await self._scored(variant.text, each.encoder, offline)
                results += [
                    SwapResult(
                        text=line.text,
                        false=variant.text,
                        attribute=variant.attribute,
                        picture=number,
                        cosine=float(each.scores.cosine[p] - false.scores.cosine[p]),
                        match=float(each.scores.match_logit[p] - false.scores.match_logit[p]),
                    )
                    for number, p in enumerate(places)
                ]
        return tuple(results)


def check(sheet: Sheet) -> None:
    """Raise RequestError for a sheet that has nothing to compare."""
    if not sheet.pictures:
        raise RequestError("a comparison needs a picture")
    if not sheet.lines or not all(line.text.strip() for line in sheet.lines):
        raise RequestError("a comparison needs descriptions, and none of them empty")


def chosen(line: Line, lines: Sequence[Line]) -> list[Variant]:
    """At most MOST_SWAPS variants that no other line tells, each attribute before any twice."""
    every = variants(line.text, [other.text for other in lines])
    seen: dict[str, int] = {}
    ordered = []
    for variant in every:
        number = seen[variant.attribute] = seen.get(variant.attribute, 0) + 1
        ordered.append((number, variant))
    return [variant for _, variant in sorted(ordered, key=lambda pair: pair[0])][:MOST_SWAPS]


def _cell(scores: Scores, place: int, before: Cell | None) -> Cell:
    cosine, match = float(scores.cosine[place]), float(scores.match[place])
    return Cell(
        cosine=cosine,
        match=match,
        cosine_rank=rank_of(scores, "cosine", place),
        match_rank=rank_of(scores, "match", place),
        cosine_change=None if before is None else cosine - before.cosine,
        match_change=None if before is None else match - before.match,
    )


def _resolved(name: str) -> str:
    """An existing file by its whole path; anything else as it stands."""
    path = Path(name).expanduser()
    return str(path.absolute()) if path.exists() else name
