"""Comparisons to begin with: a picture of the storybook and what can be said of it."""

from __future__ import annotations

from random import Random

from engine.comparing.names import short_name
from engine.comparing.sheet import Line, Sheet
from engine.storybook.captions import ladder
from engine.storybook.shipped import GALLERY, Record, read_records
from engine.storybook.wording import Language


def example(number: int) -> Sheet:
    """The example of a number from 0 on; each is about another picture, and they begin again.

    Five descriptions of growing detail, each in English and Chinese. It reads the disk.
    """
    records = list(examples())
    record = records[number % len(records)]
    pairs = zip(*(ladder(record.scene, language) for language in Language), strict=True)
    return Sheet(
        pictures=(short_name(str(GALLERY / record.file)),),
        lines=tuple(
            Line(text=caption.text, pair=pair)
            for pair, two in enumerate(pairs, 1)
            for caption in two
        ),
    )


def examples() -> list[Record]:
    """The pictures with one animal, in an order that mixes the animals."""
    alone = [record for record in read_records(GALLERY) if len(record.scene.animals) == 1]
    Random("examples").shuffle(alone)
    return alone
