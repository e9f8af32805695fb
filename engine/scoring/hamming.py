"""Hamming ranking: pictures and texts by the signs of their numbers, nearest first.

The plainest of the hashing methods (random hyperplanes, Charikar 2002, with the axes of the space
in their place), for comparison in `eval`: a picture's bits say on which side of the pictures' mean
it lies, a text's on which side of the background texts', because texts lie apart from pictures. A
learned rotation (iterative quantization, Gong and Lazebnik 2011) finds less of what texts are near
to in the space of CLIP ViT-B/32, and is left out.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray
from engine.scoring.columns import Block, Columns
from engine.scoring.cores import on_all_cores
from engine.scoring.match import MatchContext

_KEY: Hashable = "signs"


def hamming_scores(context: MatchContext, text: FloatArray, language: str) -> FloatArray:
    """How many bits of a unit text [dim] each picture shares, [N]."""
    columns = context.matrix.columns
    signs: tuple[NDArray[np.uint8], ...] = context.matrix.derived(_KEY, _signs)
    texts = context.background(language).random
    asked = np.packbits(text > (texts.mean(axis=0) if len(texts) else 0.0))
    parts = on_all_cores(partial(_distances, asked), signs)
    distances = np.concatenate(parts) if parts else np.zeros(0, np.int64)
    return (columns.dim - distances).astype(np.float32)


def _signs(columns: Columns) -> tuple[NDArray[np.uint8], ...]:
    """A bit for each number of each picture, [n, dim / 8] in blocks."""
    mean = (columns.total() / max(columns.count, 1)).astype(np.float32)

    def signs(block: Block) -> NDArray[np.uint8]:
        return np.packbits(mean < block.columns().T, axis=1)

    return tuple(on_all_cores(signs, columns.blocks))


def _distances(asked: NDArray[np.uint8], signs: NDArray[np.uint8]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.bitwise_count(signs ^ asked).sum(axis=1, dtype=np.int64)
    return found
