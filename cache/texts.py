"""Text embeddings: queries asked before, and texts imported with their vectors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from sqlite_utils import Database

from cache.embeddings import Vectors, check_vectors, dimension
from cache.sql import bump, listed, many


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRecord:
    """The embedding of a text under one encoder."""

    text: str
    vector: Vectors
    """Unit length, shape (dim,)."""
    tokens: int
    """Tokens of the whole text; 0 where it was imported."""
    lost: str
    """The words that the tower cut off; empty when it read them all."""
    imported: bool


_COLUMNS = "text, vector, tokens, lost, imported"


def get_texts(db: Database, encoder_id: str, texts: Iterable[str]) -> dict[str, TextRecord]:
    """The embeddings of those texts that have one under an encoder, by text."""
    rows = db.execute(
        f"select {_COLUMNS} from texts"
        " where encoder_id = ? and text in (select value from json_each(?))",
        [encoder_id, listed(texts)],
    )
    size = 4 * dimension(db, encoder_id)
    # What is damaged is embedded anew, as if it had never been.
    return {row[0]: _record(*row) for row in rows if len(row[1]) == size}


def put_texts(db: Database, encoder_id: str, records: Sequence[TextRecord]) -> None:
    """Keep text embeddings; a text embedded anew stays imported if it was.

    Raises CacheMismatchError for a wrong dimension or a value that is not finite.
    """
    if not records:
        return
    vectors = np.stack([record.vector for record in records])
    checked = check_vectors(vectors, len(records), dimension(db, encoder_id))
    with db.atomic():
        many(
            db,
            f"insert into texts (encoder_id, {_COLUMNS}) values (?, ?, ?, ?, ?, ?)"
            " on conflict (encoder_id, text) do update set vector = excluded.vector,"
            " tokens = excluded.tokens, lost = excluded.lost,"
            " imported = max(imported, excluded.imported)",
            (
                (encoder_id, item.text, vector.tobytes(), item.tokens, item.lost, item.imported)
                for item, vector in zip(records, checked, strict=True)
            ),
        )
        if any(record.imported for record in records):
            bump(db)


def imported_texts(db: Database, encoder_id: str) -> list[TextRecord]:
    """Every imported text of an encoder, sorted by text."""
    rows = db.execute(
        f"select {_COLUMNS} from texts where encoder_id = ? and imported = 1 order by text",
        [encoder_id],
    )
    return [_record(*row) for row in rows]


def _record(text: str, vector: bytes, tokens: int, lost: str, imported: int) -> TextRecord:
    return TextRecord(
        text=text,
        vector=np.frombuffer(vector, dtype="<f4"),
        tokens=tokens,
        lost=lost,
        imported=bool(imported),
    )
