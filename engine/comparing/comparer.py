"""What one description says that another does not."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import numpy as np

from cache.collections import collection_ids
from cache.pictures import find_by_sha, shown_pictures
from cache.sql import revision
from cache.store import Cache
from cache.texts import get_texts
from engine import disk
from engine.collections import BUILT_IN
from engine.comparing.comparison import (
    Comparison,
    ComparisonRequest,
    Description,
    DescriptionScores,
    PictureScores,
    SwapResult,
    long_name,
)
from engine.comparing.known_scenes import Scene, exchanges, scenes_of
from engine.errors import EmptyLibraryError, RequestError
from engine.evaluation.sources import read_pictures
from engine.evaluation.swaps import Variant, variants
from engine.language import language_of
from engine.library.collections import BuiltInCollection
from engine.library.folders import readable
from engine.requests import Filters, SearchRequest
from engine.results import Scores
from engine.scoring.ranking import rank_of
from engine.search.query import BY_CONTENT, normalise, quote
from engine.search.searcher import Searcher
from engine.states import ScorerKind

_PIECES = re.compile(r"[\u3400-\u9fff]|[\w'-]+|[^\w\s]")


def added(before: str, now: str) -> str:
    """The words of `now` that are new against `before`, in order; ' ... ' stands between gaps.

    Chinese is compared character by character.
    """
    old, new = _PIECES.findall(before), _PIECES.findall(now)
    matcher = SequenceMatcher(None, _keys(old), _keys(new), autojunk=False)
    runs = [
        _joined(new[start:stop])
        for kind, _, _, start, stop in matcher.get_opcodes()
        if kind in ("insert", "replace")
    ]
    return " ... ".join(run for run in runs if run)


_ARTICLES = {"an": "a"}


def _keys(pieces: list[str]) -> list[str]:
    """What makes pieces the same: not their case, and not which article the next word takes."""
    return [_ARTICLES.get(piece.lower(), piece.lower()) for piece in pieces]


def _joined(pieces: list[str]) -> str:
    text = ""
    for piece in pieces:
        gap = text and not (_is_chinese(text[-1]) or _is_chinese(piece))
        text += f" {piece}" if gap and (piece[0].isalnum()) else piece
    return text.strip(" ,.，。、")


def _is_chinese(piece: str) -> bool:
    return "\u3400" <= piece[0] <= "\u9fff"


MOST_SWAPS = 6
"""Variants tried of each line, each attribute once before any twice."""
KEPT_SCORES = 2_000_000
"""Scores remembered of earlier texts, so that changing one line scores one line."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _ScoredText:
    """A text with the scores of the library."""

    text: str
    scores: Scores
    encoder: str
    match: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _ScoreKey:
    """What the scores of a text depend on."""

    encoder: str | None
    filters: Filters
    offline: bool
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _ScoredRequest:
    """A comparison with all its lines scored in the space of one encoder."""

    request: ComparisonRequest
    asked: _ScoreKey
    texts: tuple[_ScoredText, ...]
    ids: tuple[int, ...]
    """Of the pictures."""
    indices: tuple[int, ...]
    """The index of each picture among the scores."""


class Comparer:
    """Compares; keeps no receipt."""

    def __init__(
        self, cache: Cache, searcher: Searcher, collection: BuiltInCollection | None = None
    ) -> None:
        self._cache = cache
        self._searcher = searcher
        self._collection = collection
        self._known: OrderedDict[tuple[str, _ScoreKey], _ScoredText] = OrderedDict()

    async def find(self, names: Sequence[str]) -> tuple[int, ...]:
        """The ids of pictures by path, name, or `sha256:` and the digits of their content.

        Raises RequestError for one that is not there.
        """
        here = (await asyncio.to_thread(disk.from_root, "."),)
        paths = [readable(await asyncio.to_thread(long_name, name)) for name in names]
        await self._prepare_collection(paths)
        ids, _ = await self._cache.read(read_pictures, None, paths, here)
        hashes = [name.removeprefix(BY_CONTENT) for name in names if name.startswith(BY_CONTENT)]
        by_content = await self._cache.read(find_by_sha, hashes)
        for number, name in enumerate(names):
            if found := by_content.get(name.removeprefix(BY_CONTENT)):
                ids[number] = found
        for number, name in enumerate(names):
            if number not in ids:
                raise RequestError(
                    disk.absence(paths[number], f"{name} is not in the library"),
                    hint="Index its folder first: t2itui index DIR",
                    field="pictures",
                )
        return tuple(ids[number] for number in range(len(names)))

    async def _prepare_collection(self, paths: Sequence[str]) -> None:
        """See to it that the built-in collection is there where one of its pictures is named."""
        if self._collection is not None:
            asked = any(self._collection.about.holds(path) for path in paths)
            await self._collection.prepare(asked=asked)

    async def compare(
        self, request: ComparisonRequest, *, swaps: bool = False, offline: bool = False
    ) -> tuple[Comparison, ...]:
        """Score every line under each encoder. Raises RequestError for a picture that is not in
        the library, and what a search raises."""
        return tuple(
            [
                await self._compared(request, encoder, swaps=swaps, offline=offline)
                for encoder in dict.fromkeys(request.encoders or (None,))
            ]
        )

    async def _compared(
        self, request: ComparisonRequest, encoder: str | None, *, swaps: bool, offline: bool
    ) -> Comparison:
        scored = await self._scored_request(request, encoder, offline)
        first = scored.texts[0]
        found = Comparison(
            pictures=request.pictures,
            encoder=first.encoder,
            match=first.match,
            library=len(first.scores.picture_ids),
            rows=await self._rows(scored),
        )
        if not swaps:
            return found
        return replace(found, swaps=await self._swapped(scored, range(len(request.lines))))

    async def swap(
        self, request: ComparisonRequest, numbers: Sequence[int], *, offline: bool = False
    ) -> tuple[SwapResult, ...]:
        """Score the variants of some lines, by their positions, under the first encoder.

        Raises as `compare` does.
        """
        encoder = next(iter(request.encoders), None)
        return await self._swapped(await self._scored_request(request, encoder, offline), numbers)

    async def _scored_request(
        self, request: ComparisonRequest, encoder: str | None, offline: bool
    ) -> _ScoredRequest:
        check(request)
        lines = tuple(replace(line, text=normalise(line.text)) for line in request.lines)
        request = replace(request, lines=lines)
        ids = await self.find(request.pictures)
        asked = _ScoreKey(
            encoder=encoder,
            filters=await self._scope(ids),
            offline=offline,
            revision=await self._cache.read(revision),
        )
        first = await self._score(lines[0].text, asked)
        # Every line is scored in the space of the first one's encoder, or none could be compared.
        asked = replace(asked, encoder=first.encoder)
        others = [await self._score(line.text, asked) for line in lines[1:]]
        return _ScoredRequest(
            request=request,
            asked=asked,
            texts=(first, *others),
            ids=ids,
            indices=tuple(
                _index_of(first, *pair) for pair in zip(request.pictures, ids, strict=True)
            ),
        )

    async def _scope(self, ids: Sequence[int]) -> Filters:
        """What the pictures are ranked among: a collection for its own, else what is searched."""
        built_in = await self._cache.read(collection_ids)
        are_built_in = {picture_id in built_in for picture_id in ids}
        if len(are_built_in) > 1:
            raise RequestError(
                f"pictures of the {BUILT_IN.name} are ranked among themselves, not among your own",
                hint="Compare them apart.",
                field="pictures",
            )
        if self._collection is None or are_built_in == {False}:
            return Filters()
        return Filters(folders=(self._collection.folder,))

    async def _score(self, text: str, asked: _ScoreKey) -> _ScoredText:
        """Score a text, or remember the scores that it had."""
        key = text, asked
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        request = SearchRequest(
            query=quote(text),
            encoder_id=asked.encoder,
            filters=asked.filters,
            offline=asked.offline,
        )
        result = await self._searcher.compare(request)
        if result.scores is None:
            raise RequestError(f"{text!r} was answered without scores")
        receipt = result.receipt
        found = _ScoredText(
            text=text, scores=result.scores, encoder=receipt.encoder, match=receipt.matcher
        )
        self._known[key] = self._known[text, replace(asked, encoder=found.encoder)] = found
        size = len(found.scores.picture_ids)
        while len(self._known) > 2 and size * len(self._known) > KEPT_SCORES:
            self._known.popitem(last=False)
        return found

    async def _rows(self, scored: _ScoredRequest) -> tuple[DescriptionScores, ...]:
        request = scored.request
        texts = [line.text for line in request.lines]
        known = await self._cache.read(get_texts, scored.texts[0].encoder, texts)
        latest: dict[str, DescriptionScores] = {}
        rows = []
        for line, each in zip(request.lines, scored.texts, strict=True):
            language = language_of(line.text)
            before = latest.get(language)
            record = known.get(line.text)
            row = DescriptionScores(
                text=line.text,
                pair=line.pair,
                language=language,
                added=added(before.text if before else "", line.text),
                tokens=record.tokens if record else 0,
                lost=record.lost if record else "",
                cells=tuple(
                    _cell(each.scores, index, before.cells[number] if before else None)
                    for number, index in enumerate(scored.indices)
                ),
            )
            latest[language] = row
            rows.append(row)
        return tuple(rows)

    async def _swapped(
        self, scored: _ScoredRequest, numbers: Sequence[int]
    ) -> tuple[SwapResult, ...]:
        results = []
        lines = scored.request.lines
        shown = await self._cache.read(shown_pictures, scored.ids)
        files = [each.file.path for each in shown if each.file is not None]
        scenes = await asyncio.to_thread(scenes_of, files)
        for number in numbers:
            true = scored.texts[number].scores
            for variant in chosen(lines[number], lines, scenes):
                false = (await self._score(variant.text, scored.asked)).scores
                results += [
                    SwapResult(
                        text=lines[number].text,
                        false=variant.text,
                        attribute=variant.attribute,
                        picture=picture,
                        cosine=float(true.cosine[index] - false.cosine[index]),
                        match=float(true.match_logit[index] - false.match_logit[index]),
                    )
                    for picture, index in enumerate(scored.indices)
                ]
        return tuple(results)


def check(request: ComparisonRequest) -> None:
    """Raise RequestError for a comparison that has nothing to compare."""
    if not request.pictures:
        raise RequestError("a comparison needs a picture", field="pictures")
    if not request.lines or not all(line.text.strip() for line in request.lines):
        raise RequestError("a comparison needs descriptions, and none of them empty", field="lines")


def chosen(
    line: Description, lines: Sequence[Description], scenes: Sequence[Scene] = ()
) -> list[Variant]:
    """At most MOST_SWAPS variants that no other line tells, each attribute before any twice.

    By the grammar of a collection where the scenes of the pictures are known and the text is
    in its words; else by word lists.
    """
    every = exchanges(line.text, scenes) if scenes else []
    every = every or variants(line.text, [other.text for other in lines])
    seen: dict[str, int] = {}
    ordered = []
    for variant in every:
        number = seen[variant.attribute] = seen.get(variant.attribute, 0) + 1
        ordered.append((number, variant))
    return [variant for _, variant in sorted(ordered, key=lambda pair: pair[0])][:MOST_SWAPS]


def _cell(scores: Scores, index: int, before: PictureScores | None) -> PictureScores:
    cosine, match = float(scores.cosine[index]), float(scores.match[index])
    return PictureScores(
        cosine=cosine,
        match=match,
        cosine_rank=rank_of(scores, ScorerKind.COSINE, index),
        match_rank=rank_of(scores, ScorerKind.MATCH, index),
        cosine_change=None if before is None else cosine - before.cosine,
        match_change=None if before is None else match - before.match,
    )


def _index_of(first: _ScoredText, name: str, picture_id: int) -> int:
    """The index of a picture among scores."""
    ids = first.scores.picture_ids
    if not np.isin(picture_id, ids):
        raise EmptyLibraryError(
            f"{name} has no embedding by {first.encoder}",
            hint=f"Index it with that encoder: t2itui index DIR --encoder {first.encoder}",
        )
    return int(np.searchsorted(ids, picture_id))
