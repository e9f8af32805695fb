"""Local states of pictures and texts: of what was looked at or trained on, within a limit of bytes.

They are made anew from pictures and texts whenever they are wanted: what is damaged, or was made in
another way, counts as not there. So they change no revision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from cache.embeddings import dimension
from cache.errors import CacheMismatchError
from cache.sql import listed, many

States: TypeAlias = NDArray[np.float16]
"""Local states, one a row."""

_SPAN = 8
"""Bytes of the two ends of a token."""
KEPT_TEXTS = 4096
"""Texts with states, those used last; ten tokens take a fifth of what a picture's patches take."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureStates:
    """The states of a picture's patches under one encoder."""

    vectors: States
    """Unit length, [rows * columns, dim], row by row."""
    rows: int
    columns: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextStates:
    """The states of a text's tokens under one encoder."""

    text: str
    vectors: States
    """Unit length, [tokens, dim]."""
    spans: tuple[tuple[int, int], ...]
    """Start and end of each token in the text."""

    @property
    def pieces(self) -> tuple[str, ...]:
        """The tokens as they stand in the text."""
        return tuple(self.text[start:end] for start, end in self.spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatesUsage:
    """How much is kept of one encoder."""

    encoder_id: str
    pictures: int
    texts: int
    bytes: int


def picture_states(
    db: Database, encoder_id: str, way: str, picture_ids: Sequence[int]
) -> dict[int, PictureStates]:
    """The states of some pictures by id, made in that way; those without are left out."""
    dim = dimension(db, encoder_id)
    rows = db.execute(
        "select picture_id, rows, columns, vectors from picture_states"
        " where encoder_id = ? and way = ? and picture_id in (select value from json_each(?))",
        [encoder_id, way, listed(picture_ids)],
    )
    found = {}
    for picture_id, down, across, data in rows:
        vectors = _sound(data, down * across, dim)
        if vectors is not None:
            found[int(picture_id)] = PictureStates(vectors=vectors, rows=down, columns=across)
    return found


def put_picture_states(
    db: Database,
    encoder_id: str,
    way: str,
    states: Mapping[int, PictureStates],
    *,
    when: float,
    limit: int,
) -> None:
    """Keep states by picture id; beyond `limit` bytes those that were used longest ago go.

    Pictures that are gone are left out. Raises CacheMismatchError for a wrong shape, or values
    that are not finite.
    """
    dim = dimension(db, encoder_id)
    data = {at: _bytes(each.vectors, each.rows * each.columns, dim) for at, each in states.items()}
    with db.atomic():
        many(
            db,
            "insert or replace into picture_states"
            " (encoder_id, picture_id, way, rows, columns, bytes, used_at, vectors)"
            " select ?, id, ?, ?, ?, ?, ?, ? from pictures where id = ?",
            (
                (encoder_id, way, each.rows, each.columns, len(data[at]), when, data[at], at)
                for at, each in states.items()
            ),
        )
        _evict(db, limit)


def touch_picture_states(
    db: Database, encoder_id: str, picture_ids: Sequence[int], when: float
) -> None:
    """Take note that the states of some pictures were used."""
    db.execute(
        "update picture_states set used_at = max(used_at, ?)"
        " where encoder_id = ? and picture_id in (select value from json_each(?))",
        [when, encoder_id, listed(picture_ids)],
    )


def text_states(
    db: Database, encoder_id: str, way: str, texts: Iterable[str]
) -> dict[str, TextStates]:
    """The states of some texts by text, made in that way; those without are left out."""
    dim = dimension(db, encoder_id)
    rows = db.execute(
        "select text, spans, vectors from text_states"
        " where encoder_id = ? and way = ? and text in (select value from json_each(?))",
        [encoder_id, way, listed(texts)],
    )
    found = {}
    for text, spans, data in rows:
        if len(spans) % _SPAN:
            continue
        pairs = np.frombuffer(spans, dtype="<i4").reshape(-1, 2)
        vectors = _sound(data, len(pairs), dim)
        if vectors is not None and _lie_within(pairs, len(text)):
            places = tuple((int(start), int(end)) for start, end in pairs)
            found[str(text)] = TextStates(text=text, vectors=vectors, spans=places)
    return found


def put_text_states(
    db: Database, encoder_id: str, way: str, states: Sequence[TextStates], *, when: float
) -> None:
    """Keep the states of texts; of more than KEPT_TEXTS those used longest ago go."""
    dim = dimension(db, encoder_id)
    with db.atomic():
        many(
            db,
            "insert or replace into text_states (encoder_id, text, way, spans, used_at, vectors)"
            " values (?, ?, ?, ?, ?, ?)",
            (
                (
                    encoder_id,
                    each.text,
                    way,
                    np.array(each.spans, dtype="<i4").tobytes(),
                    when,
                    _bytes(each.vectors, len(each.spans), dim),
                )
                for each in states
            ),
        )
        db.execute(
            "delete from text_states where rowid in"
            " (select rowid from text_states order by used_at desc, rowid desc limit -1 offset ?)",
            [KEPT_TEXTS],
        )


def touch_text_states(db: Database, encoder_id: str, texts: Iterable[str], when: float) -> None:
    """Take note that the states of some texts were used."""
    db.execute(
        "update text_states set used_at = max(used_at, ?)"
        " where encoder_id = ? and text in (select value from json_each(?))",
        [when, encoder_id, listed(texts)],
    )


def latest_way(db: Database, encoder_id: str) -> str:
    """The way in which the states were made that were used last; empty where there are none."""
    row = db.execute(
        "select way from picture_states where encoder_id = ? order by used_at desc limit 1",
        [encoder_id],
    ).fetchone()
    return str(row[0]) if row else ""


def states_usage(db: Database) -> list[StatesUsage]:
    """How much is kept, by encoder, in the order of their ids."""
    rows = db.execute(
        "select encoder_id, sum(pictures), sum(texts), sum(size) from ("
        " select encoder_id, 1 as pictures, 0 as texts, bytes as size from picture_states"
        " union all select encoder_id, 0, 1, length(vectors) from text_states)"
        " group by encoder_id order by encoder_id"
    )
    return [
        StatesUsage(encoder_id=row[0], pictures=row[1], texts=row[2], bytes=row[3]) for row in rows
    ]


def clear_states(db: Database, encoder_id: str | None = None) -> StatesUsage:
    """Drop the states of an encoder, or of all; returns how many there were."""
    gone = [each for each in states_usage(db) if encoder_id in (None, each.encoder_id)]
    for table in ("picture_states", "text_states"):
        db.execute(
            f"delete from {table} where encoder_id in (select value from json_each(?))",
            [listed([each.encoder_id for each in gone])],
        )
    return StatesUsage(
        encoder_id=encoder_id or "",
        pictures=sum(each.pictures for each in gone),
        texts=sum(each.texts for each in gone),
        bytes=sum(each.bytes for each in gone),
    )


def _evict(db: Database, limit: int) -> None:
    """Drop states of pictures until they take no more than `limit` bytes."""
    db.execute(
        "delete from picture_states where rowid in (select rowid from (select rowid,"
        " sum(bytes) over (order by used_at desc, rowid desc) as total from picture_states)"
        " where total > ?)",
        [limit],
    )


def _lie_within(spans: NDArray[np.int32], length: int) -> bool:
    """Whether all spans [n, 2] are stretches of a text of that length."""
    starts, ends = spans[:, 0], spans[:, 1]
    return bool((starts >= 0).all() and (starts < ends).all() and (ends <= length).all())


def _bytes(vectors: States, count: int, dim: int) -> bytes:
    if vectors.shape != (count, dim) or not np.isfinite(vectors).all():
        raise CacheMismatchError(
            f"Expected {count} states of {dim} numbers, got an array of shape {vectors.shape}"
        )
    return np.ascontiguousarray(vectors, dtype="<f2").tobytes()


def _sound(data: bytes, count: int, dim: int) -> States | None:
    """States [count, dim] from their bytes; None for what can be none."""
    if len(data) != 2 * count * dim:
        return None
    vectors = np.frombuffer(data, dtype="<f2").reshape(count, dim)
    return vectors if np.isfinite(vectors).all() else None
