"""Receipts on their way into and out of the cache: canonical JSON, named by what they depend on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

from cache.errors import CacheError
from cache.receipts import ReceiptRecord, delete_receipts, get_receipt, list_receipts, touch_receipt
from cache.store import Cache
from engine.errors import EngineError, RequestError
from engine.requests import Filters
from engine.results import Receipt, ResultRow, SearchResult, SearchWarning
from engine.states import Route, Synthetic
from engine.untrusted.documents import parse_object
from engine.untrusted.values import read_as

ROUGH, PARTIAL = "rough", "partial"
"""What a key says of a `match` that is a guess for want of a background; and of one that may be
another as soon as the model may start that embeds the prompts still unknown."""
NARROW = ", narrow"
"""What it adds to that where not every picture was scored exactly."""
FORMULA = 6
"""One more whenever scores or routes of the same request come out differently."""

_SEQUEL = ("override", "job", "result")
"""What came after the decision: kept beside it, so that its own bytes stay as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    """A decision as it comes back: byte for byte what was put in."""

    receipt: Receipt
    rows: tuple[ResultRow, ...]
    warnings: tuple[SearchWarning, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptKey:
    """Everything a decision depends on, the scores' part of it."""

    query: str
    """In its one spelling."""
    pictures: tuple[str, ...]
    """The content, by hash, of the pictures that the query names."""
    encoder: str
    match: str
    """'label-free', 'rough', 'partial', or the id of the matcher; with that of a calibration, and
    of a zero that stands for a better one."""
    filters: Filters
    revision: int
    absent: tuple[str, ...] = ()
    """Parts of the library that could not be asked."""


def receipt_id(key: ReceiptKey, *, scorer: str, threshold: float, top: int) -> str:
    """12 hex digits of the SHA-256 of all that the decision depends on."""
    whole = {
        **asdict(key),
        "filters": filters_as_json(key.filters),
        "formula": FORMULA,
        "scorer": scorer,
        "threshold": float(threshold),
        "top": top,
    }
    if not key.absent:
        del whole["absent"]
    return hashlib.sha256(canonical(whole).encode()).hexdigest()[:12]


def filters_as_json(filters: Filters) -> dict[str, object]:
    """The filters that are set."""
    found = {
        "folders": [str(folder) for folder in filters.folders],
        "since": filters.since,
        "until": filters.until,
        "min_side": filters.min_side,
        "synthetic": "" if filters.synthetic == Synthetic.SHOW else filters.synthetic,
    }
    return {name: value for name, value in found.items() if value}


def canonical(value: object) -> str:
    """JSON with one spelling for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def pack(stored: StoredDecision) -> ReceiptRecord:
    """The row that keeps a decision."""
    receipt = stored.receipt
    body = {
        "receipt": {k: v for k, v in asdict(receipt).items() if k not in _SEQUEL},
        "rows": [asdict(row) for row in stored.rows],
        "notes": [asdict(each) for each in stored.warnings],
    }
    return ReceiptRecord(
        id=receipt.id,
        query=receipt.query,
        encoder_id=receipt.encoder,
        route=receipt.route,
        created_at=receipt.created_at,
        used_at=receipt.created_at,
        uses=1,
        body=canonical(body),
    )


def unpack(record: ReceiptRecord) -> StoredDecision:
    """The decision that a row keeps. Raises EngineError where the body cannot be understood."""
    override = record.sequel.override
    try:
        body = parse_object(record.body, with_names=True)
        return StoredDecision(
            receipt=replace(
                _receipt(body["receipt"]),
                override=None if override is None else Route(override),
                job=record.sequel.job_id,
                result=record.sequel.result,
            ),
            rows=tuple(read_as(ResultRow, row) for row in _list(body["rows"])),
            warnings=tuple(read_as(SearchWarning, each) for each in _list(body["notes"])),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EngineError(
            f"the receipt {record.id} cannot be read: {type(error).__name__}: {error}",
            hint=f"Drop it with t2itui history {record.id} --forget, and ask again.",
        ) from error


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("expected a list")
    return value


def _receipt(found: object) -> Receipt:
    if not isinstance(found, dict):
        raise TypeError("expected the fields of a receipt")
    known = {field.name for field in fields(Receipt)}
    unknown = set(found) - known
    if unknown:
        raise ValueError(f"unknown fields {sorted(unknown)}")
    return read_as(Receipt, found)


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
            warnings=stored.warnings,
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
