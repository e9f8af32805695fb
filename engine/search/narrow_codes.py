"""The codes of a library in the home, and how pictures that are added join them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from engine.results import FloatArray, IdArray
from engine.scoring import label_free
from engine.scoring.columns import BLOCK, Block
from engine.scoring.cores import on_all_cores
from engine.scoring.match import MatchContext
from engine.scoring.narrow import Codes, NarrowSpace
from engine.untrusted.arrays import read_npz

_CHECKED = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredCodes:
    """Codes as a file keeps them."""

    ids: IdArray
    space: NarrowSpace
    codes: Codes
    """[D, N]."""
    offsets: FloatArray
    """[N]."""


def pack(ids: IdArray, space: NarrowSpace, codes: tuple[Codes, ...], offsets: FloatArray) -> bytes:
    """A `.npz` with all that belongs to pictures [N] by id."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        ids=ids,
        codes=np.concatenate(codes, axis=1),
        offsets=offsets,
        for_queries=space.for_queries,
        for_pictures=space.for_pictures,
        mean=space.mean,
    )
    return buffer.getvalue()


def unpack(file: Path) -> StoredCodes:
    """Raises FileNotFoundError, UntrustedError."""
    found = read_npz(file, ("ids", "codes", "offsets", "for_queries", "for_pictures", "mean"))
    parts = (found[name].astype(np.float32) for name in ("for_queries", "for_pictures", "mean"))
    return StoredCodes(
        ids=found["ids"].astype(np.int64),
        space=NarrowSpace(*parts),
        codes=found["codes"].astype(np.int8, copy=False),
        offsets=found["offsets"].astype(np.float32),
    )


def joined(
    context: MatchContext, stored: StoredCodes
) -> tuple[NarrowSpace, tuple[Codes, ...], FloatArray] | None:
    """What belongs to a library out of what did to an earlier one; None where that was another.

    Pictures that have joined get theirs by the directions as they are, unless they are so many
    that others would be better.
    """
    matrix, space = context.matrix, stored.space
    ids, columns = matrix.picture_ids, matrix.columns
    count = len(stored.ids)
    if space.mean.shape != (columns.dim, 1) or stored.codes.shape[1:] != (count,):
        return None
    _, ours, theirs = np.intersect1d(ids, stored.ids, assume_unique=True, return_indices=True)
    if len(ours) < len(ids) / 2 or stored.offsets.shape != (count,):
        return None
    some = np.linspace(0, len(ours) - 1, min(_CHECKED, len(ours))).astype(np.int64)
    checked = space.codes(columns.take(ours[some])).astype(np.int16) - stored.codes[:, theirs[some]]
    # A product of other columns may round the other way.
    if np.abs(checked).max(initial=0) > 1:
        return None
    codes = np.empty((len(stored.codes), len(ids)), np.int8)
    offsets = np.empty(len(ids), np.float32)
    codes[:, ours], offsets[ours] = stored.codes[:, theirs], stored.offsets[theirs]
    new = np.setdiff1d(np.arange(len(ids)), ours, assume_unique=True)
    for start in range(0, len(new), BLOCK):
        part = new[start : start + BLOCK]
        block = Block(values=columns.take(part))
        codes[:, part] = space.codes(block.columns())
        vectors = context.background().vectors
        offsets[part] = offsets_of(vectors, context.logit_scale, [block])
    parts = [
        np.ascontiguousarray(codes[:, start:end])
        for start, end in pairwise(columns.starts.tolist())
    ]
    return space, tuple(parts), offsets


def offsets_of(vectors: FloatArray, scale: float, blocks: Sequence[Block]) -> FloatArray:
    """What a background [B, dim] takes from the match of every picture, [N]."""

    def offsets(block: Block) -> FloatArray:
        return label_free.prepare(vectors, block.columns(), scale).log_total

    return np.concatenate(on_all_cores(offsets, blocks))
