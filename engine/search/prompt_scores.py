"""How a picture of the library fits a text, scored exactly as a search scores it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cache.embeddings import EncoderRecord
from cache.pictures import show
from cache.store import Cache
from engine.events import PromptScore, RetrievedPicture
from engine.requests import Filters, SearchRequest
from engine.results import Scores
from engine.scoring import ranking
from engine.search.answers import Answers
from engine.search.resolve import Cases
from engine.search.text_embedder import Texts

_LOOKED_AT = 50
"""Of the best pictures: the first of them that was not generated stands beside a generated one."""


class PromptScorer:
    """Scores pictures against texts that are no queries: no receipt is kept."""

    def __init__(self, cache: Cache, texts: Texts, cases: Cases, answers: Answers) -> None:
        self._cache = cache
        self._texts = texts
        self._cases = cases
        self._answers = answers

    async def spaces(self, text: str, folders: tuple[Path, ...]) -> list[EncoderRecord]:
        """The encoders of a library, the one first that answers a query of this text.

        `folders` names the library as a search does. Raises EmptyLibraryError where it has none.
        """
        case = await self._cases.open(_request(text, folders), as_text=True)
        others = [record for name, record in case.offer.encoders.items() if name != case.encoder.id]
        return [case.encoder, *others]

    async def source_of(self, encoder: EncoderRecord) -> str:
        """What to load for an encoder, made sure that it is the one that the library knows."""
        return await self._texts.check(encoder)

    async def score(
        self, text: str, picture_id: int, *, encoder_id: str, folders: tuple[Path, ...]
    ) -> PromptScore | None:
        """Score a picture; None where it has no embedding. Raises what a search raises."""
        request = _request(text, folders, encoder_id)
        answer = await self._answers.compute(await self._cases.open(request, as_text=True))
        scores = answer.scores
        index = int(np.searchsorted(scores.picture_ids, picture_id))
        if index >= len(scores.picture_ids) or scores.picture_ids[index] != picture_id:
            return None
        return PromptScore(
            encoder_id=encoder_id,
            matcher=answer.matcher,
            cosine=float(scores.cosine[index]),
            match=float(scores.match[index]),
            best=await self._best(scores),
        )

    async def _best(self, scores: Scores) -> RetrievedPicture | None:
        indices = ranking.top(scores, ranking.MATCH, _LOOKED_AT).tolist()
        places = {int(scores.picture_ids[index]): index for index in indices}
        for found in await self._cache.read(show, list(places)):
            if not found.picture.synthetic:
                index = places[found.picture.id]
                return RetrievedPicture(
                    picture_id=found.picture.id,
                    path=found.file.path if found.file else "",
                    cosine=float(scores.cosine[index]),
                    match=float(scores.match[index]),
                )
        return None


def _request(text: str, folders: tuple[Path, ...], encoder_id: str | None = None) -> SearchRequest:
    return SearchRequest(query=text, filters=Filters(folders=folders), encoder_id=encoder_id)
