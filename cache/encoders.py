"""The spaces of embeddings that the cache knows."""

import json

from sqlite_utils import Database

from cache.counters import bump
from cache.errors import CacheError, CacheMismatchError
from cache.records import EncoderRecord


def put_encoder(db: Database, record: EncoderRecord) -> None:
    """Enter an encoder, or bring what is known of it up to date; a known source is kept.

    Raises CacheMismatchError where vectors of another dimension are kept under its id.
    """
    known = find_encoder(db, record.id)
    if known is not None and known.dim != record.dim and _is_used(db, record.id):
        raise CacheMismatchError(
            f"{record.id} has vectors of {known.dim} numbers in the cache, not {record.dim}",
            hint="Give the other vectors an encoder id of their own.",
        )
    db.execute(
        "insert into encoders (id, dim, logit_scale, source, languages) values (?, ?, ?, ?, ?)"
        " on conflict (id) do update set dim = excluded.dim, logit_scale = excluded.logit_scale,"
        " source = iif(excluded.source = '', source, excluded.source),"
        " languages = excluded.languages",
        [
            record.id,
            record.dim,
            record.logit_scale,
            record.source,
            json.dumps(record.languages),
        ],
    )
    if find_encoder(db, record.id) != known:
        bump(db)


def encoders(db: Database) -> list[EncoderRecord]:
    """Every encoder the cache knows, in id order."""
    rows = db.execute("select id, dim, logit_scale, source, languages from encoders order by id")
    return [
        EncoderRecord(
            id=row[0],
            dim=row[1],
            logit_scale=row[2],
            source=row[3],
            languages=tuple(json.loads(row[4])),
        )
        for row in rows
    ]


def find_encoder(db: Database, encoder_id: str) -> EncoderRecord | None:
    """The encoder of that id, if the cache knows it."""
    return next((record for record in encoders(db) if record.id == encoder_id), None)


def dimension(db: Database, encoder_id: str) -> int:
    """Numbers in a vector of that encoder; raises CacheError for an unknown one."""
    row = db.execute("select dim from encoders where id = ?", [encoder_id]).fetchone()
    if row is None:
        raise CacheError(f"The cache knows no encoder {encoder_id}")
    return int(row[0])


def _is_used(db: Database, encoder_id: str) -> bool:
    row = db.execute(
        "select exists (select 1 from blocks where encoder_id = ?)"
        " or exists (select 1 from texts where encoder_id = ?)",
        [encoder_id, encoder_id],
    ).fetchone()
    return bool(row[0])
