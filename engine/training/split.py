"""Splits data by picture, never by caption, into what is learned from, watched, and reported on.

A text that is right for pictures of several parts, as a word is, would be reported on by what was
learned of it. So of many such texts a tenth is withheld from learning and watching.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import RequestError
from engine.evaluation.data import Data
from engine.evaluation.embeddings import EmbeddedData
from engine.results import FloatArray, IdArray

FEWEST = 4
"""Pictures that each part needs."""
WITHHELD = 0.1
"""Part of the texts that is not learned from."""
FEWEST_TEXTS = 50
"""Of fewer, each is dear, and a tenth of them would say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSplit:
    """The three parts of gathered data."""

    train: EmbeddedData
    validation: EmbeddedData
    held_out: EmbeddedData
    routed: EmbeddedData
    """The held-out pictures with all texts that may be asked of them, also those that are right for
    none: to measure routing."""

    @property
    def learned(self) -> frozenset[str]:
        """Every text that was learned from or watched, also as a false one."""
        found: set[str] = set()
        for part in (self.train, self.validation):
            found |= {*part.data.texts, *(pair.false for pair in part.data.swapped)}
        return frozenset(found)


def split(material: EmbeddedData, validation: float, held_out: float, seed: int) -> DataSplit:
    """Deal the pictures out at random; texts follow the pictures that they are right for.

    Raises RequestError where a part comes out too small.
    """
    count = len(material.data.pictures)
    order = np.random.default_rng(seed).permutation(count)
    first = round(held_out * count)
    second = first + round(validation * count)
    kept = [np.sort(part) for part in (order[second:], order[first:second], order[:first])]
    if min(map(len, kept)) < FEWEST:
        raise RequestError(
            f"{count:,} pictures are too few to learn from: each part needs {FEWEST}",
            hint="Give more pictures.",
            field="data",
        )
    withheld = _withheld(material.data, seed)
    reported = part_of(material, kept[2])
    every = np.arange(len(material.data.texts))
    return DataSplit(
        train=part_of(material, kept[0], withheld),
        validation=part_of(material, kept[1], withheld),
        held_out=reported,
        routed=reported
        if material.data.single_right
        else material.narrowed(pictures=kept[2], texts=every),
    )


def _withheld(data: Data, seed: int) -> IdArray:
    """The texts that are not learned from; none where each is right for one picture."""
    count = len(data.texts)
    if data.single_right or count < FEWEST_TEXTS:
        return np.zeros(0, np.int64)
    return np.random.default_rng([seed, 1]).permutation(count)[: round(WITHHELD * count)]


def part_of(
    material: EmbeddedData, pictures: IdArray, without: IdArray | None = None
) -> EmbeddedData:
    """The part of the material with these pictures, and the texts that are right for one.

    Texts `without` stay out.
    """
    right = material.data.right
    texts = np.unique(right.text[np.isin(right.picture, pictures)])
    if without is not None:
        texts = np.setdiff1d(texts, without)
    return material.narrowed(pictures=pictures, texts=texts)


def as_arrays(part: EmbeddedData) -> list[NDArray[np.generic]]:
    """What crosses to the process that trains, in its order."""
    data = part.data
    pairs = [pair for pair in data.swapped if pair.false in part.spoken]
    false = [part.spoken[pair.false] for pair in pairs]
    return [
        part.texts,
        part.pictures,
        data.right.text,
        data.right.picture,
        _stacked(false, part.texts.shape[1]),
        np.array([pair.picture for pair in pairs], np.int64),
        part.pictures.astype(np.float16)[:, None][:, :0] if part.states is None else part.states,
    ]


def _stacked(vectors: Sequence[FloatArray], dim: int) -> FloatArray:
    return np.stack(vectors) if vectors else np.zeros((0, dim), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSizes:
    """How much there was to learn from, to watch, and held out."""

    pictures: tuple[int, int, int]
    texts: tuple[int, int, int]

    @classmethod
    def of(cls, parts: DataSplit) -> SplitSizes:
        """Of gathered data."""
        three = (parts.train.data, parts.validation.data, parts.held_out.data)
        pictures, texts = (
            [len(each) for each in some]
            for some in ([data.pictures for data in three], [data.texts for data in three])
        )
        return cls(
            pictures=(pictures[0], pictures[1], pictures[2]), texts=(texts[0], texts[1], texts[2])
        )
