"""Answers queries: ranks every picture, decides the route, keeps the receipt."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache as once
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sqlite_utils import Database

from cache.errors import CacheError
from cache.pictures import ShownPicture, shown_pictures
from cache.receipts import get_receipt, put_receipt, touch_receipt
from cache.store import Cache
from engine.errors import RequestError, T2IError
from engine.library.collections import BuiltInCollection
from engine.requests import SearchRequest
from engine.results import (
    FloatArray,
    IdArray,
    Receipt,
    ResultRow,
    Scores,
    SearchResult,
    SearchWarning,
)
from engine.scoring.registry import check_scorer, search_scorers
from engine.search.pictures import QueryPictures, absolute, name_of_file
from engine.search.query import BY_CONTENT, quote
from engine.search.receipts import (
    NARROW,
    ReceiptKey,
    StoredDecision,
    filters_as_json,
    pack,
    receipt_id,
    unpack,
)
from engine.search.resolve import QueryResolver, ResolvedQuery, check
from engine.search.text_embedder import TextEmbedder, random_prompts
from engine.settings import EngineSettings
from engine.states import ScorerKind

if TYPE_CHECKING:
    from engine.events import Report
    from engine.local.states import LocalStates
    from engine.models.encoders import Encoders
    from engine.search.acceleration import Accelerator
    from engine.search.labels import RelevanceLabels
    from engine.search.late_scoring import LateScoring
    from engine.search.narrow import NarrowPass
    from engine.search.parts import PictureParts
    from engine.search.prompt_scores import PromptScorer
    from engine.search.scored_query import QueryScoring
    from engine.search.tags import Tagger
    from engine.search.zeros import StartJob, Zeros

_NONE: IdArray = np.empty(0, np.int64)
MATCHED_AT_ONCE = 20_000
"""So many pictures a matcher scores in about a tenth of a second."""
_REMEMBERED = 16
"""Results whose key is remembered, so that they can be routed anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """What turns scores into a receipt."""

    scorer: str
    threshold: float
    top: int


class Searcher:
    """Turns requests into results; every answer is a stored receipt, and repeats from it.

    What scores is imported with the first query that no receipt answers.
    """

    def __init__(
        self,
        cache: Cache,
        encoders: Encoders,
        settings: EngineSettings,
        collection: BuiltInCollection | None = None,
        start: StartJob | None = None,
        states: Callable[[], LocalStates] | None = None,
        parts: Callable[[], PictureParts] | None = None,
        accelerator: Callable[[], Accelerator] | None = None,
        narrow: Callable[[], NarrowPass] | None = None,
    ) -> None:
        """With `start` what is not known of the library is measured beside the queries; without
        `states` nothing can be ranked by them; `parts` answer in the place of a matrix here;
        an `accelerator` may score in the place of numpy, and with `narrow` a large library is
        looked through in two passes."""
        self._settings = settings
        self._narrow = narrow
        self._cache = cache
        self._encoders = encoders
        self._embedder = TextEmbedder(cache, encoders)
        self._pictures = QueryPictures(cache, encoders, self._embedder, settings)
        self._resolver = QueryResolver(cache, self._pictures, settings, collection)
        self._start = start
        self._late = (
            None if states is None else once(partial(_late_scoring, cache, states, settings))
        )
        self._parts = parts
        self._accelerator = accelerator
        self._keys: OrderedDict[str, ReceiptKey] = OrderedDict()
        self._order: tuple[Scores, str, IdArray] | None = None

    @cached_property
    def _scoring(self) -> QueryScoring:
        from engine.search.scored_query import QueryScoring

        return QueryScoring(
            self._cache,
            self._embedder,
            self._pictures,
            self._resolver,
            self._start,
            late=self._late,
            parts=self._parts,
            accelerator=self._accelerator,
            narrow=self._narrow,
        )

    @cached_property
    def prompt_scorer(self) -> PromptScorer:
        """Scores pictures against texts, without a receipt."""
        from engine.search.prompt_scores import PromptScorer

        return PromptScorer(
            self._cache, self._embedder, self._pictures, self._resolver, self._scoring
        )

    @cached_property
    def labels(self) -> RelevanceLabels:
        """What a person says of pictures."""
        from engine.search.labels import RelevanceLabels

        return RelevanceLabels(
            self._cache, self._embedder, self._pictures, self._resolver, self._scoring
        )

    @cached_property
    def tagger(self) -> Tagger:
        """Which words of a list are true of pictures."""
        from engine.search.tags import Tagger

        return Tagger(self._cache, self._embedder, self._pictures, self._resolver, self._scoring)

    @property
    def zeros(self) -> Zeros:
        """What queries are placed by, and how far that is measured."""
        return self._scoring.zeros

    async def aclose(self) -> None:
        """Stop what is measured beside the queries."""
        if "_scoring" in vars(self):
            await self.zeros.aclose()

    async def measure(self, encoder_id: str, job_id: int, report: Report) -> None:
        """Score what the next queries are placed by, so that none has to wait or do without.

        What cannot be measured is left to them.
        """
        from engine.jobs.progress import ProgressReporter
        from engine.search.zeros import STAGE, report_to

        progress = ProgressReporter(job_id, report)
        progress.report(STAGE, 0)
        for language, prompts in random_prompts().items():
            request = SearchRequest(query=prompts[0], encoder_id=encoder_id)
            with suppress(T2IError):
                query = await self._resolver.resolve(request, as_text=True)
                if language in query.encoder.languages:
                    await self._scoring.measure(query, partial(report_to, progress))

    async def search(self, request: SearchRequest) -> SearchResult:
        """Answer a query, from its receipt where there is one; then without scores.

        Raises EngineError kinds: RequestError, EmptyLibraryError, OfflineError, PictureError, and
        what models raise.
        """
        started = time.perf_counter()
        query = await self._resolver.resolve(request)
        stored = await self._replayed(query)
        if stored is not None:
            return _result(stored, cached=True, scores=None, started=started)
        return await self._answer(query, started)

    async def scored(self, request: SearchRequest) -> SearchResult:
        """Answer a query with the scores of every picture in scope; raises as `search` does."""
        started = time.perf_counter()
        return await self._answer(await self._resolver.resolve(request), started)

    async def preview(self, request: SearchRequest) -> SearchResult:
        """Answer a query that nobody asked: as `scored` does, but without keeping the receipt."""
        started = time.perf_counter()
        return await self._answer(await self._resolver.resolve(request), started, keep=False)

    async def first_look(self, request: SearchRequest) -> SearchResult:
        """What there is to see at once of a query whose scorer takes long; nothing is kept.

        Ranked by cosine; over a large library with the match that needs no training. Raises as
        `scored` does.
        """
        started = time.perf_counter()
        # What is learned of a large library beside an answer is about the answer that was asked.
        first = replace(request, scorer=ScorerKind.COSINE, exact=True)
        query = await self._resolver.resolve(first)
        if query.snapshot.embedded[query.encoder.id] > MATCHED_AT_ONCE:
            # Another decision than the matcher's, under a name of its own.
            key = replace(query.key, match=f"first look, {query.key.match}")
            query = replace(query, matcher_id=None, key=key)
        return await self._answer(query, started, keep=False)

    async def compare(self, request: SearchRequest) -> SearchResult:
        """As `preview`, but `match` is that of each pair for itself, whatever the library holds.

        For texts compared on one picture: what a library makes of a text would stand between them.
        """
        started = time.perf_counter()
        query = await self._resolver.resolve(request)
        return await self._answer(query, started, keep=False, as_pairs=True)

    async def warm_up(self, request: SearchRequest) -> None:
        """Load the model that a text would be asked of, if it is on this machine.

        For the time in which a person still types. Does nothing for a request that is offline.
        Raises what `scored` raises of a library without pictures and of a broken model.
        """
        if request.offline:
            return
        source = (await self._resolver.resolve(request, as_text=True)).encoder.source
        if source and await asyncio.to_thread(self._encoders.locate, source) is not None:
            await self._encoders.load(source)

    async def like(self, picture: int | Path, request: SearchRequest) -> SearchResult:
        """Rank by likeness to a picture, of the library by id or on the disk by path, with scores.

        A path `sha256:...` names a picture of the library by its content.

        The query of the request is not used. `match` compares with pictures of the library in
        the place of background texts. Raises as `search` does.
        """
        if isinstance(picture, Path):
            content = str(picture)
            is_hash = content.startswith(BY_CONTENT)
            name = content if is_hash else name_of_file(absolute(picture))
        else:
            name = await self._pictures.name_of(picture)
        return await self.scored(replace(request, query=quote(name)))

    async def record(
        self, result: SearchResult, *, threshold: float, scorer: str, top: int = 20
    ) -> SearchResult:
        """Keep a new receipt for scores at hand under another threshold or ranking scorer.

        Raises RequestError for a result without scores, or one too old to be remembered.
        """
        started = time.perf_counter()
        old, scores = result.receipt, result.scores
        key = self._keys.get(old.id)
        check(SearchRequest(query=old.query, threshold=threshold, scorer=scorer, top=top))
        if scores is None or key is None:
            raise RequestError("this result can no longer be routed anew", hint="Search again.")
        decision = _Decision(scorer=scorer, threshold=threshold, top=top)
        stored = await self._decide(key, old.matcher, scores, decision, result.warnings)
        return _result(stored, cached=True, scores=scores, started=started)

    async def rows(
        self, result: SearchResult, scorer: str, start: int, stop: int
    ) -> tuple[ResultRow, ...]:
        """The rows of ranks start + 1 to stop under a scorer.

        Of a result without scores, those that its receipt keeps.
        """
        check_scorer(scorer, search_scorers())
        if result.scores is None:
            return result.rows[max(start, 0) : stop]
        return await self._rows(result.scores, scorer, max(start, 0), stop)

    async def _answer(
        self,
        query: ResolvedQuery,
        started: float,
        *,
        keep: bool = True,
        as_pairs: bool = False,
    ) -> SearchResult:
        request = query.request
        decision = _Decision(scorer=request.scorer, threshold=request.threshold, top=request.top)
        with self.zeros.first():
            found = await self._scoring.score(query, as_pairs=as_pairs, for_best=True)
            stored = await self._decide(
                found.key, found.matcher, found.scores, decision, found.warnings, keep=keep
            )
        return _result(stored, cached=not found.used_model, scores=found.scores, started=started)

    async def _replayed(self, query: ResolvedQuery) -> StoredDecision | None:
        """The stored decision of a query, with the use counted; an exact one if there is one."""
        request, keys = query.request, [query.key]
        if not (request.exact or self._settings.exact):
            keys.append(replace(query.key, match=query.key.match + NARROW))
        for key in keys:
            name = receipt_id(
                key, scorer=request.scorer, threshold=request.threshold, top=request.top
            )
            stored = await self._cache.read(_get, name)
            if stored is None:
                continue
            self._remember(name, key)
            if not self._cache.read_only:
                await self._touch(name)
            return stored
        return None

    async def _touch(self, name: str) -> None:
        try:
            await self._cache.write(touch_receipt, name, time.time())
        except CacheError:
            # That it was used again is worth less than the answer.
            return

    async def _decide(
        self,
        key: ReceiptKey,
        matcher: str,
        scores: Scores,
        decision: _Decision,
        found_warnings: tuple[SearchWarning, ...],
        *,
        keep: bool = True,
    ) -> StoredDecision:
        name = receipt_id(
            key, scorer=decision.scorer, threshold=decision.threshold, top=decision.top
        )
        self._remember(name, key)
        known = await self._cache.read(_get, name)
        if known is not None:
            return known
        from engine.scoring import ranking

        routing = ranking.route(scores, decision.threshold)
        stored = StoredDecision(
            receipt=Receipt(
                id=name,
                query=key.query,
                encoder=key.encoder,
                matcher=matcher,
                ranked_by=decision.scorer,
                threshold=decision.threshold,
                route=routing.route,
                reason=routing.reason,
                best_cosine=routing.best_cosine,
                best_match=routing.best_match,
                passed=routing.passed,
                considered=len(scores.picture_ids),
                histogram=ranking.histogram(scores),
                chance=None if scores.chance is None else scores.chance.half,
                chance_high=None if scores.chance is None else scores.chance.high,
                uncertain=routing.is_uncertain,
                zero=scores.zero,
                zero_pictures=scores.zero_pictures,
                candidates=scores.candidates,
                recall=scores.recall,
                filters=filters_as_json(key.filters),
                override=None,
                created_at=time.time(),
            ),
            rows=await self._rows(scores, decision.scorer, 0, decision.top or None),
            warnings=found_warnings,
        )
        return await self._store(stored) if keep else stored

    async def _store(self, stored: StoredDecision) -> StoredDecision:
        """Store a decision; what was stored first under its name is the decision."""
        try:
            return await self._cache.write(_put, stored)
        except CacheError as error:
            from engine.search import warnings

            return replace(
                stored, warnings=(*stored.warnings, *warnings.of_unkept_receipt(error.message))
            )

    async def _rows(
        self, scores: Scores, scorer: str, start: int, stop: int | None
    ) -> tuple[ResultRow, ...]:
        from engine.scoring import ranking

        if start == 0 and stop is not None:
            indices = ranking.top(scores, scorer, stop) if stop > 0 else _NONE
        else:
            indices = self._ordered(scores, scorer)[start:stop]
        return await self._cache.read(_read_rows, scores, indices, start)

    def _ordered(self, scores: Scores, scorer: str) -> IdArray:
        from engine.scoring import ranking

        if self._order is None or self._order[0] is not scores or self._order[1] != scorer:
            self._order = scores, scorer, ranking.order(scores, scorer)
        return self._order[2]

    def _remember(self, name: str, key: ReceiptKey) -> None:
        self._keys[name] = key
        self._keys.move_to_end(name)
        while len(self._keys) > _REMEMBERED:
            self._keys.popitem(last=False)


def _get(db: Database, name: str) -> StoredDecision | None:
    record = get_receipt(db, name)
    return None if record is None else unpack(record)


def _put(db: Database, stored: StoredDecision) -> StoredDecision:
    put_receipt(db, pack(stored))
    return _get(db, stored.receipt.id) or stored


def _read_rows(db: Database, scores: Scores, indices: IdArray, start: int) -> tuple[ResultRow, ...]:
    ids = scores.picture_ids[indices].tolist()
    by_id = {found.picture.id: found for found in shown_pictures(db, ids)}
    return tuple(
        _row(rank, scores, int(index), by_id.get(picture_id))
        for rank, (index, picture_id) in enumerate(zip(indices, ids, strict=True), start + 1)
    )


def _row(rank: int, scores: Scores, index: int, shown: ShownPicture | None) -> ResultRow:
    picture = shown.picture if shown else None
    return ResultRow(
        rank=rank,
        picture_id=int(scores.picture_ids[index]),
        path=shown.file.path if shown and shown.file else "",
        sha256=picture.sha256 if picture else None,
        cosine=float(scores.cosine[index]),
        match=float(scores.match[index]),
        synthetic=bool(picture and picture.synthetic),
        missing=bool(shown and shown.file and shown.file.is_gone),
        others=_finite(scores.others, index),
        placed=_finite(scores.placed, index),
    )


def _late_scoring(
    cache: Cache, states: Callable[[], LocalStates], settings: EngineSettings
) -> LateScoring:
    """Imported when a query is ranked by it: most are not."""
    from engine.search.late_scoring import LateScoring

    return LateScoring(cache, states(), settings.rerank)


def _finite(values: Mapping[str, FloatArray], index: int) -> dict[str, float]:
    """What scorers gave a picture, of those that looked at it."""
    found = {name: float(each[index]) for name, each in values.items()}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _result(
    stored: StoredDecision, *, cached: bool, scores: Scores | None, started: float
) -> SearchResult:
    return SearchResult(
        receipt=stored.receipt,
        rows=stored.rows,
        cached=cached,
        seconds=time.perf_counter() - started,
        warnings=stored.warnings,
        scores=scores,
    )
