"""Decisions made earlier: listed, replayed and forgotten, without a model or a matrix."""

from __future__ import annotations

import time
from collections.abc import Sequence

from cache.errors import CacheError
from cache.receipts import delete_receipts, get_receipt, list_receipts, touch_receipt
from cache.store import Cache
from engine.errors import EngineError, RequestError
from engine.results import Receipt, SearchResult
from engine.search.receipts import unpack


class History:
    """The receipts of the cache."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def entries(
        self, limit: int = 50, offset: int = 0, containing: str = ""
    ) -> list[Receipt]:
        """Receipts whose query contains a text, last used first; damaged ones are left out."""
        records = await self._cache.read(
            list_receipts, limit=limit, offset=offset, containing=containing
        )
        receipts = []
        for record in records:
            try:
                receipts.append(unpack(record).receipt)
            except EngineError:
                continue
        return receipts

    async def replay(self, receipt_id: str, *, note_use: bool = True) -> SearchResult:
        """A decision as it was stored, byte for byte; a mere look at it is no use of it.

        Raises RequestError where there is none of that id, EngineError where it is damaged.
        """
        started = time.perf_counter()
        record = await self._cache.read(get_receipt, receipt_id)
        if record is None:
            raise RequestError(
                f"there is no receipt {receipt_id}", hint="t2itui history lists the receipts."
            )
        stored = unpack(record)
        if note_use and not self._cache.read_only:
            await self._touch(receipt_id)
        return SearchResult(
            receipt=stored.receipt,
            rows=stored.rows,
            cached=True,
            seconds=time.perf_counter() - started,
            notes=stored.notes,
        )

    async def forget(self, receipt_ids: Sequence[str]) -> None:
        """Delete receipts; unknown ids do no harm."""
        await self._cache.write(delete_receipts, list(receipt_ids))

    async def _touch(self, receipt_id: str) -> None:
        try:
            await self._cache.write(touch_receipt, receipt_id, time.time())
        except CacheError:
            # That it was used again is worth less than the answer.
            return
