"""Tags: which words of a list are true of a picture, under the decision.

A word is a tag of a picture of the library exactly if the picture answers a search for the word: by
the same `match`, with the library's zero and what labels did to it. A picture that stands alone,
which no library holds, is a library of one (engine/scoring/placed_texts.py).

A list is placed in a library once, and kept until the library changes; a picture then costs a
product of the list with its embedding.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cache.embeddings import EncoderRecord
from cache.pictures import scope, shown_pictures
from cache.store import Cache
from cache.texts import TextRecord, get_texts
from engine import disk
from engine.collections import BUILT_IN
from engine.errors import EmptyLibraryError, ModelMissingError, OfflineError, RequestError
from engine.jobs.progress import ThreadProgress, on_thread
from engine.requests import Filters, SearchRequest, TagRequest
from engine.results import FloatArray, IdArray, PictureTags, SearchWarning, Tag, TagResult
from engine.scoring.placed_texts import PlacedTexts, place_on_picture, place_texts
from engine.search.pictures import QueryPictures, Reference
from engine.search.resolve import QueryResolver, ResolvedQuery, check
from engine.search.scored_query import QueryScope, QueryScoring
from engine.search.text_embedder import TextEmbedder
from engine.search.word_lists import LANGUAGES, Word, own_words, read_words, words_of
from engine.states import Synthetic

FEWEST_AT_HAND = 16
"""So many words of a list are worth showing where no model can embed the others."""
_KEPT = 2
"""Lists that stay placed: of a person's own pictures and of the built-in collection."""
_AT_ONCE = 256
"""Pictures that are tagged between two steps."""
_WORDS_AT_ONCE = 16
"""Words that are embedded before a query gets its turn."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _PlacedWords:
    """A list of words in a library."""

    query: ResolvedQuery
    words: tuple[Word, ...]
    """Those that have an embedding."""
    missing: int
    scope: QueryScope
    placed: PlacedTexts

    def tags(self, rows: IdArray, request: TagRequest) -> list[tuple[Tag, ...]]:
        """The tags of pictures of the library, by their rows in the matrix."""
        return [self.passing(match, request) for match in self.placed.match(rows).T]

    def passing(self, match: FloatArray, request: TagRequest) -> tuple[Tag, ...]:
        """The words whose `match` [T] reaches the threshold, the surest first."""
        order = np.argsort(-match, kind="stable")
        passing = [row for row in order.tolist() if match[row] >= np.float64(request.threshold)]
        return tuple(
            Tag(word=self.words[row].word, text=self.words[row].text, match=float(match[row]))
            for row in passing[: request.top or None]
        )

    def index(self, picture_id: int) -> int | None:
        """The index of a picture in the matrix; None for one without an embedding."""
        ids = self.scope.context.matrix.picture_ids
        found = int(np.searchsorted(ids, picture_id))
        return found if found < len(ids) and ids[found] == picture_id else None


class Tagger:
    """Tags pictures; keeps no receipt."""

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
        self._known: OrderedDict[tuple[object, ...], _PlacedWords] = OrderedDict()

    async def tag(self, request: TagRequest) -> TagResult:
        """Tag pictures, those of the folder after those that are named.

        Raises RequestError for what makes no sense or is not there, and what a search raises.
        """
        check(SearchRequest(query="", threshold=request.threshold, top=request.top))
        if request.language not in ("", *LANGUAGES):
            raise RequestError(
                f"no list of words is written in {request.language!r}: {' or '.join(LANGUAGES)}",
                field="language",
            )
        own = None if request.words is None else await asyncio.to_thread(read_words, request.words)
        names = [BUILT_IN.long_name(name) for name in request.pictures]
        await self._prepare_collection(names, request.folder)
        references = [await self._reference(name) for name in names]
        ids = [each.picture_id for each in references if each.picture_id is not None]
        below = await self._below(request.folder)
        ids += below
        found: dict[int, PictureTags] = {}
        placed: list[_PlacedWords] = []
        for folders, part in (await self._by_library(ids)).items():
            words = await self._placed(request, folders, own)
            placed.append(words)
            async for some in self._tagged(words, part, request):
                found |= some
        first = placed[0] if placed else await self._placed(request, (), own)
        pictures = []
        for reference in references:
            known = None if reference.picture_id is None else found.get(reference.picture_id)
            pictures.append(known or await self._alone(first, reference, request))
        pictures += [found[each] for each in below if each in found]
        return TagResult(
            encoder=first.query.encoder.id,
            matcher=first.scope.matcher,
            words=len(first.words),
            threshold=request.threshold,
            pictures=tuple(pictures),
            warnings=_warnings(first, sum(each not in found for each in below)),
        )

    async def at_hand(
        self, picture_id: int, *, encoder_id: str, threshold: float, top: int = 0
    ) -> PictureTags | None:
        """The tags of a picture of the library without a model; None where they take one.

        Raises what a search raises.
        """
        request = TagRequest(threshold=threshold, top=top, encoder_id=encoder_id, offline=True)
        ((folders, _),) = (await self._by_library([picture_id])).items()
        query = await self._resolve(request, folders)
        words = words_of(query.encoder)
        known = await self._cache.read(get_texts, encoder_id, [word.text for word in words])
        is_here = await asyncio.to_thread(self._embedder.is_here, query.encoder)
        if len(known) < (len(words) if is_here else min(FEWEST_AT_HAND, len(words))):
            return None
        placed = await self._placed(request, folders, None)
        async for some in self._tagged(placed, [picture_id], request):
            return some[picture_id]
        return None

    async def embed_words(self, encoder_id: str, *, if_idle: bool = False) -> None:
        """Embed the list that ships for an encoder, for good, a few words at a time.

        With `if_idle` only while its model is in memory and has nothing else to do. Raises what a
        model raises.
        """
        encoder = (await self._resolver.snapshot()).encoders.get(encoder_id)
        if encoder is None:
            return
        texts = [word.text for word in words_of(encoder)]
        known = await self._cache.read(get_texts, encoder_id, texts)
        missing = [text for text in texts if text not in known]
        for start in range(0, len(missing), _WORDS_AT_ONCE):
            if if_idle and not self._embedder.is_idle(encoder):
                return
            batch = missing[start : start + _WORDS_AT_ONCE]
            await self._embedder.embed(encoder, batch, offline=False)

    async def _prepare_collection(self, names: Sequence[str], folder: Path | None) -> None:
        """See to it that the built-in collection is there where it is named, or alone."""
        named = [BUILT_IN.folder for name in names if BUILT_IN.holds(name)]
        folders = (*named[:1], *(() if folder is None else (folder,)))
        await self._resolver.prepare_collection(Filters(folders=folders))

    async def _reference(self, name: str) -> Reference:
        found = await self._pictures.find_named(name)
        if found is None:
            raise RequestError(disk.absence(name, f"there is no picture {name}"), field="pictures")
        return found

    async def _below(self, folder: Path | None) -> list[int]:
        if folder is None:
            return []
        ids = await self._cache.read(scope, folders=(str(folder),))
        if not len(ids):
            raise EmptyLibraryError(
                f"the library has no picture in {folder}", hint=f"Index it: t2itui index {folder}"
            )
        found: list[int] = ids.tolist()
        return found

    async def _by_library(self, ids: Sequence[int]) -> dict[tuple[Path, ...], list[int]]:
        """Pictures by the library that they are searched in, as folders of a search name it."""
        collection = (await self._resolver.snapshot()).collection
        if collection is None:
            return {(): list(ids)} if ids else {}
        parts: dict[tuple[Path, ...], list[int]] = {}
        is_built_in = np.isin(np.array(ids, np.int64), collection.picture_ids)
        for picture_id, inside in zip(ids, is_built_in.tolist(), strict=True):
            parts.setdefault((collection.folder,) if inside else (), []).append(picture_id)
        return parts

    async def _resolve(self, request: TagRequest, folders: tuple[Path, ...]) -> ResolvedQuery:
        """A query in the language of the words, for the encoder that is to answer it."""
        some = "狗" if request.language == LANGUAGES[1] else "a dog"
        asked = SearchRequest(
            query=some,
            filters=Filters(folders=folders, synthetic=Synthetic.SHOW),
            encoder_id=request.encoder_id,
            offline=request.offline,
        )
        return await self._resolver.resolve(asked, as_text=True)

    async def _placed(
        self, request: TagRequest, folders: tuple[Path, ...], own: Sequence[str] | None
    ) -> _PlacedWords:
        query = await self._resolve(request, folders)
        encoder = query.encoder
        words = words_of(encoder, request.language) if own is None else own_words(own)
        # The background is that of the language in which the words are.
        query = await self._resolver.resolve(
            replace(query.request, query=words[0].text, encoder_id=encoder.id), as_text=True
        )
        records = await self._embedded(encoder, words, offline=request.offline)
        known = tuple(word for word in words if word.text in records)
        found = await self._scoring.scope_of(query)
        zero = found.context.zero(found.scorer)
        key = (encoder.id, folders, known, query.key.revision, query.key.match, zero)
        if key not in self._known:
            placed = await self._place(found, known, records)
            self._known[key] = _PlacedWords(
                query=query,
                words=known,
                missing=len(words) - len(known),
                scope=found,
                placed=placed,
            )
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]

    async def _embedded(
        self, encoder: EncoderRecord, words: Sequence[Word], *, offline: bool
    ) -> Mapping[str, TextRecord]:
        """The embeddings of words by text; without a model, of those that the cache knows."""
        texts = [word.text for word in words]
        try:
            found, _ = await self._embedder.embed(encoder, texts, offline=offline)
        except (OfflineError, ModelMissingError):
            found = await self._cache.read(get_texts, encoder.id, texts)
            if not found:
                raise
        return found

    async def _place(
        self, found: QueryScope, words: Sequence[Word], records: Mapping[str, TextRecord]
    ) -> PlacedTexts:
        """Place words in a library; a cancelled caller stops the thread."""
        texts = np.stack([records[word.text].vector for word in words])
        pulse = ThreadProgress(lambda done: None)

        def work() -> PlacedTexts:
            def step() -> None:
                pulse.advance(1)

            return place_texts(found.context, found.scorer, texts, found.rows, step=step)

        return await on_thread(work, pulse)

    async def _tagged(
        self, words: _PlacedWords, ids: Sequence[int], request: TagRequest
    ) -> AsyncIterator[dict[int, PictureTags]]:
        """The tags of pictures of a library by id, some at a time; not of those that the encoder
        has not seen."""
        for start in range(0, len(ids), _AT_ONCE):
            part = ids[start : start + _AT_ONCE]
            rows = {each: index for each in part if (index := words.index(each)) is not None}
            if not rows:
                continue
            indices = np.array(list(rows.values()), np.int64)
            tags = await asyncio.to_thread(words.tags, indices, request)
            shown = await self._cache.read(shown_pictures, list(rows))
            paths = {each.picture.id: each.file.path for each in shown if each.file is not None}
            yield {
                picture_id: PictureTags(
                    path=paths.get(picture_id, ""),
                    picture_id=picture_id,
                    is_alone=False,
                    tags=found,
                )
                for picture_id, found in zip(rows, tags, strict=True)
            }

    async def _alone(
        self, words: _PlacedWords, reference: Reference, request: TagRequest
    ) -> PictureTags:
        vector, _ = await self._pictures.embed(
            words.query.encoder, reference, offline=request.offline
        )

        def work() -> tuple[Tag, ...]:
            context, texts = words.scope.context, words.placed.texts
            placed = place_on_picture(context, words.scope.scorer, texts, vector)
            return words.passing(placed.match(np.zeros(1, np.int64))[:, 0], request)

        return PictureTags(
            path=reference.path,
            picture_id=reference.picture_id,
            is_alone=True,
            tags=await asyncio.to_thread(work),
        )


def _warnings(words: _PlacedWords, unseen: int) -> tuple[SearchWarning, ...]:
    found = []
    if words.missing:
        found.append(
            SearchWarning(
                message=f"{words.missing:,} of {words.missing + len(words.words):,} words are left"
                " out: the cache does not know them and no model could start.",
                hint="With the encoder's model on this machine, without --offline, they are kept.",
            )
        )
    if unseen:
        encoder = words.query.encoder
        found.append(
            SearchWarning(
                message=f"{unseen:,} pictures are left out: {encoder.id} has not seen them.",
                hint=f"t2itui index DIR --encoder {encoder.source or encoder.id}",
            )
        )
    return tuple(found)
