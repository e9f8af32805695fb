"""Receipts: decisions made, kept so that they repeat byte for byte."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from cache.sql import listed


@dataclass(frozen=True, slots=True, kw_only=True)
class SequelRecord:
    """What came of a decision after it was made."""

    override: str | None = None
    """What a person did against the route."""
    job_id: int | None = None
    """The job that generated for it."""
    result: str | None = None
    """SHA-256 of the picture that was generated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRecord:
    """The stored record of one decision."""

    id: str
    """The first 12 hex digits of the SHA-256 of everything the decision depended on."""
    query: str
    encoder_id: str
    route: str
    created_at: float
    used_at: float
    uses: int
    body: str
    """Canonical JSON of the decision and its results; the engine writes and reads it."""
    sequel: SequelRecord = SequelRecord()
    """Not part of the decision, and may change after it."""


_SELECT = """
select id, query, encoder_id, route, created_at, used_at, uses, body, override, job_id, result
from receipts left join sequels on receipt_id = id
"""


def get_receipt(db: Database, receipt_id: str) -> ReceiptRecord | None:
    """The receipt of that id, if there is one."""
    row = db.execute(f"{_SELECT} where id = ?", [receipt_id]).fetchone()
    return None if row is None else _record(*row)


def put_receipt(db: Database, record: ReceiptRecord) -> None:
    """Keep a receipt; where its id is known the first body stays and a use is counted."""
    db.execute(
        "insert into receipts"
        " (id, query, encoder_id, route, created_at, used_at, uses, body)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)"
        " on conflict (id) do update set used_at = max(used_at, excluded.used_at), uses = uses + 1",
        [
            record.id,
            record.query,
            record.encoder_id,
            record.route,
            record.created_at,
            record.used_at,
            record.uses,
            record.body,
        ],
    )


def touch_receipt(db: Database, receipt_id: str, when: float) -> None:
    """Count a use of a receipt at a Unix time."""
    db.execute(
        "update receipts set used_at = max(used_at, ?), uses = uses + 1 where id = ?",
        [when, receipt_id],
    )


def put_sequel(db: Database, receipt_id: str, sequel: SequelRecord) -> None:
    """Note what came of a decision; what is None leaves what was noted before.

    A receipt that is gone takes no note.
    """
    db.execute(
        "insert into sequels (receipt_id, override, job_id, result)"
        " select id, ?, ?, ? from receipts where id = ?"
        " on conflict (receipt_id) do update set override = coalesce(excluded.override, override),"
        " job_id = coalesce(excluded.job_id, job_id), result = coalesce(excluded.result, result)",
        [sequel.override, sequel.job_id, sequel.result, receipt_id],
    )


def list_receipts(
    db: Database, *, limit: int, offset: int = 0, containing: str = ""
) -> list[ReceiptRecord]:
    """Receipts whose query contains a text, case of ASCII letters aside; last used first."""
    rows = db.execute(
        f"{_SELECT} where instr(lower(query), lower(?))"
        " order by used_at desc, created_at desc, id limit ? offset ?",
        [containing, limit, offset],
    )
    return [_record(*row) for row in rows]


def delete_receipts(db: Database, receipt_ids: Sequence[str]) -> None:
    """Forget decisions."""
    db.execute(
        "delete from receipts where id in (select value from json_each(?))", [listed(receipt_ids)]
    )


def _record(
    receipt_id: str,
    query: str,
    encoder_id: str,
    route: str,
    created_at: float,
    used_at: float,
    uses: int,
    body: str,
    override: str | None,
    job_id: int | None,
    result: str | None,
) -> ReceiptRecord:
    return ReceiptRecord(
        id=receipt_id,
        query=query,
        encoder_id=encoder_id,
        route=route,
        created_at=created_at,
        used_at=used_at,
        uses=uses,
        body=body,
        sequel=SequelRecord(override=override, job_id=job_id, result=result),
    )
