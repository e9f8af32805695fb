"""What a zero rests on, and what the cache keeps of zeros, so that others can go on from there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from cache.zeros import get_zero, zero_keys
from engine.results import IdArray
from engine.scoring.decision import Zero
from engine.scoring.evidence import Tally
from engine.scoring.match import DEAR_SAMPLE, MatchContext, is_dear, picture_seconds, sampled
from engine.states import ScorerKind
from engine.untrusted.documents import parse_object

VERSION = 3
"""One more whenever the same library and scorer come to another zero."""
MOST_CHANGE = 2
"""An older zero stands for a library that is at most so many times as large, or as small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroKey:
    """What a zero rests on; as text, the key under which it is kept."""

    base: str
    """Encoder, scorer and background texts."""
    scope: str
    """What of the library was asked about."""
    count: int
    """Pictures in it."""
    last_id: int
    """The largest picture id in it."""
    digest: str
    """Of the pictures."""

    def __str__(self) -> str:
        return f"{self.base}/{self.scope}/{self.count}/{self.last_id}/{self.digest}"

    @classmethod
    def parse(cls, text: str) -> ZeroKey:
        """The key that a text is."""
        base, scope, count, last_id, digest = text.split("/")
        return cls(base=base, scope=scope, count=int(count), last_id=int(last_id), digest=digest)


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """A zero that is wanted."""

    context: MatchContext
    rows: IdArray
    """The pictures in scope; ascending, as picture ids are."""
    base: str
    scope: str

    @cached_property
    def key(self) -> ZeroKey:
        """What it rests on."""
        count = len(self.rows)
        last_id = int(self.context.matrix.picture_ids[self.rows[-1]])
        return ZeroKey(
            base=self.base,
            scope=self.scope,
            count=count,
            last_id=last_id,
            digest=self.digest(count),
        )

    def digest(self, count: int) -> str:
        """Of the first of the pictures."""
        matrix, rows = self.context.matrix, self.rows[:count]
        # Two of its numbers tell a picture's embedding from that of another with its id.
        return digest_of(
            matrix.picture_ids[rows], matrix.columns.row(0)[rows], matrix.columns.row(-1)[rows]
        )

    def begins_with(self, key: ZeroKey) -> bool:
        """What was scored for a key are the first of the pictures, and no others."""
        if key.base != self.base or key.count > len(self.rows):
            return False
        ids = self.context.matrix.picture_ids
        same_last = int(ids[self.rows[key.count - 1]]) == key.last_id
        return same_last and self.digest(key.count) == key.digest

    @cached_property
    def sample(self) -> tuple[IdArray, int]:
        """Positions of those that are scored, and how often their share was halved."""
        ids = self.context.matrix.picture_ids[self.rows]
        return sampled(ids, DEAR_SAMPLE if is_dear(self.context, ScorerKind.MATCH) else len(ids))

    def is_answered_by(self, kept: StoredZero, left: IdArray) -> bool:
        """What is kept is of these pictures, and none is left to score."""
        return not len(left) and kept.zero.pictures == len(self.rows)

    def seconds(self, pictures: int) -> float:
        """About how long it takes to score so many."""
        return pictures * picture_seconds(self.context, ScorerKind.MATCH)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredZero:
    """A zero as the cache keeps it, with what others can go on from."""

    zero: Zero
    tally: Tally
    halvings: int

    def as_json(self) -> str:
        """What the cache keeps."""
        tally = self.tally.as_values()
        return json.dumps({"zero": self.zero.as_json(), "tally": tally, "halvings": self.halvings})

    @classmethod
    def from_json(cls, body: str | None) -> StoredZero | None:
        """What `as_json` wrote; None for anything else: it is measured again."""
        try:
            values = parse_object(body or "")
            return cls(
                zero=Zero.from_json(str(values["zero"])),
                tally=Tally.from_values(values["tally"]),
                halvings=int(str(values["halvings"])),
            )
        except (ValueError, TypeError, KeyError):
            return None


def find_start(db: Database, asked: Asked) -> tuple[StoredZero | None, IdArray]:
    """What is kept of most of the pictures, and the rows that are to be scored besides."""
    positions, halvings = asked.sample
    texts = len(asked.context.background().random)
    keys = [ZeroKey.parse(key) for key in zero_keys(db, f"{asked.base}/")]
    for key in sorted(keys, key=lambda each: -each.count):
        if not asked.begins_with(key):
            continue
        kept = StoredZero.from_json(get_zero(db, str(key)))
        if kept is not None and kept.halvings == halvings and kept.tally.texts == texts:
            return kept, asked.rows[positions[positions >= key.count]]
    return None, asked.rows[positions]


def find_older(db: Database, asked: Asked) -> Zero | None:
    """The last zero of the scope, if the library was about as large."""
    count = len(asked.rows)
    for key in zero_keys(db, f"{asked.base}/{asked.scope}/"):
        before = ZeroKey.parse(key).count
        if before <= MOST_CHANGE * count and count <= MOST_CHANGE * before:
            kept = StoredZero.from_json(get_zero(db, key))
            if kept is not None:
                return kept.zero
    return None


def digest_of(*arrays: NDArray[np.generic]) -> str:
    """Tells these arrays from others."""
    digest = hashlib.blake2b(digest_size=12)
    for array in arrays:
        digest.update(f"{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def digest_of_text(text: str) -> str:
    """Tells a text from others."""
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
