"""Receipts on their way into and out of the cache: canonical JSON, named by what they depend on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from cache.records import ReceiptRecord
from engine.errors import EngineError
from engine.requests import SHOW, Filters
from engine.results import Note, Receipt, ResultRow

FORMULA = 2
"""One more whenever scores or routes of the same request come out differently."""

_SEQUEL = ("override", "job", "result")
"""What came after the decision: kept beside it, so that its own bytes stay as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A decision as it comes back: byte for byte what was put in."""

    receipt: Receipt
    rows: tuple[ResultRow, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Everything a decision depends on, the scores' part of it."""

    query: str
    """In its one spelling."""
    pictures: tuple[str, ...]
    """The content, by hash, of the pictures that the query names."""
    encoder: str
    match: str
    """'label-free', 'rough', 'partial', or the id of the matcher; with that of a calibration."""
    filters: Filters
    revision: int


def receipt_id(basis: Basis, *, scorer: str, threshold: float, top: int) -> str:
    """12 hex digits of the SHA-256 of all that the decision depends on."""
    whole = {
        **asdict(basis),
        "filters": filters_as_json(basis.filters),
        "formula": FORMULA,
        "scorer": scorer,
        "threshold": float(threshold),
        "top": top,
    }
    return hashlib.sha256(canonical(whole).encode()).hexdigest()[:12]


def filters_as_json(filters: Filters) -> dict[str, object]:
    """The filters that are set."""
    found = {
        "folders": [str(folder) for folder in filters.folders],
        "since": filters.since,
        "until": filters.until,
        "min_side": filters.min_side,
        "synthetic": "" if filters.synthetic == SHOW else filters.synthetic,
    }
    return {name: value for name, value in found.items() if value}


def canonical(value: object) -> str:
    """JSON with one spelling for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def pack(stored: Stored) -> ReceiptRecord:
    """The row that keeps a decision."""
    receipt = stored.receipt
    body = {
        "receipt": {k: v for k, v in asdict(receipt).items() if k not in _SEQUEL},
        "rows": [asdict(row) for row in stored.rows],
        "notes": [asdict(note) for note in stored.notes],
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


def unpack(record: ReceiptRecord) -> Stored:
    """The decision that a row keeps. Raises EngineError where the body cannot be understood."""
    try:
        body = json.loads(record.body)
        return Stored(
            receipt=replace(
                _receipt(body["receipt"]),
                override=record.sequel.override,
                job=record.sequel.job_id,
                result=record.sequel.result,
            ),
            rows=tuple(ResultRow(**row) for row in body["rows"]),
            notes=tuple(Note(**note) for note in body["notes"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EngineError(
            f"the receipt {record.id} cannot be read: {type(error).__name__}: {error}",
            hint=f"Drop it with t2itui history {record.id} --forget, and ask again.",
        ) from error


def _receipt(found: Mapping[str, object]) -> Receipt:
    known = {field.name for field in fields(Receipt)}
    unknown = set(found) - known
    if unknown:
        raise ValueError(f"unknown fields {sorted(unknown)}")
    values = {**found, "histogram": tuple(int(n) for n in found["histogram"])}  # type: ignore[attr-defined]
    return Receipt(**values)  # type: ignore[arg-type]
