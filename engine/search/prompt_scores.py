"""How a picture of the library fits a text, scored exactly as a search scores it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cache.embeddings import EncoderRecord
from cache.pictures import shown_pictures
from cache.store import Cache
from engine.events import PromptScore, RetrievedPicture
from engine.requests import Filters, SearchRequest
from engine.results import Scores
from engine.scoring import ranking
from engine.search.pictures import QueryPictures
from engine.search.resolve import QueryResolver
from engine.search.scored_query import QueryScoring
from engine.search.text_embedder import TextEmbedder
from engine.states import ScorerKind

_LOOKED_AT = 50
"""Of the best pictures: the first of them that was not generated stands beside a generated one."""


class PromptScorer:
    """Scores pictures against texts that are no queries: no receipt is kept."""

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

    async def spaces(self, text: str, folders: tuple[Path, ...]) -> list[EncoderRecord]:
        """The encoders of a library, the one first that answers a query of this text.

        `folders` names the library as a search does. Raises EmptyLibraryError where it has none.
        """
        query = await self._resolver.resolve(_request(text, folders), as_text=True)
        found = query.snapshot.encoders.items()
        return [query.encoder, *(record for name, record in found if name != query.encoder.id)]

    async def source_of(self, encoder: EncoderRecord) -> str:
        """What to load for an encoder, made sure that it is the one that the library knows."""
        return await self._embedder.check(encoder)

    async def scores(
        self, text: str, picture_ids: Sequence[int], *, encoder_id: str, folders: tuple[Path, ...]
    ) -> dict[int, PromptScore]:
        """Score pictures, as far as they have an embedding. Raises what a search raises."""
        request = _request(text, folders, encoder_id)
        query = await self._resolver.resolve(request, as_text=True)
        found = await self._scoring.score(query)
        scores, best = found.scores, await self._best(found.scores)
        wanted = np.array(picture_ids, np.int64)
        places = np.searchsorted(scores.picture_ids, wanted)
        return {
            picture_id: PromptScore(
                encoder_id=encoder_id,
                matcher=found.matcher,
                cosine=float(scores.cosine[place]),
                match=float(scores.match[place]),
                best=best,
            )
            for picture_id, place in zip(picture_ids, places.tolist(), strict=True)
            if place < len(scores.picture_ids) and scores.picture_ids[place] == picture_id
        }

    async def score_file(
        self, text: str, path: Path, *, folders: tuple[Path, ...]
    ) -> PromptScore | None:
        """Score any picture file as if the library had it. Raises what a search raises."""
        query = await self._resolver.resolve(_request(text, folders), as_text=True)
        reference = await self._pictures.find_named(str(path))
        if reference is None:
            return None
        outside, _ = await self._pictures.embed(query.encoder, reference, offline=False)
        answer = await self._scoring.score(query, outside=outside)
        scores = answer.scores
        # The library's own where it has the picture, or else the one that was put behind.
        found = np.flatnonzero(scores.picture_ids == reference.picture_id)
        place = int(found[0]) if len(found) else -1
        return PromptScore(
            encoder_id=query.encoder.id,
            matcher=answer.matcher,
            cosine=float(scores.cosine[place]),
            match=float(scores.match[place]),
        )

    async def _best(self, scores: Scores) -> RetrievedPicture | None:
        indices = ranking.top(scores, ScorerKind.MATCH, _LOOKED_AT).tolist()
        by_id = {int(scores.picture_ids[index]): index for index in indices}
        for found in await self._cache.read(shown_pictures, list(by_id)):
            if not found.picture.synthetic:
                index = by_id[found.picture.id]
                return RetrievedPicture(
                    picture_id=found.picture.id,
                    path=found.file.path if found.file else "",
                    cosine=float(scores.cosine[index]),
                    match=float(scores.match[index]),
                )
        return None


def _request(text: str, folders: tuple[Path, ...], encoder_id: str | None = None) -> SearchRequest:
    return SearchRequest(query=text, filters=Filters(folders=folders), encoder_id=encoder_id)
