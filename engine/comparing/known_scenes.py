"""Pictures whose scenes are known: what is false of them by their grammar, and examples of it."""

from collections.abc import Sequence
from functools import cache
from pathlib import PurePath
from random import Random

from engine.collections import BUILT_IN
from engine.comparing.comparison import ComparisonRequest, Description
from engine.storybook.captions import exchanges as exchanges
from engine.storybook.captions import graded_captions
from engine.storybook.gallery import Record, read_records
from engine.storybook.scenes import Scene as Scene
from engine.storybook.wording import Language


def scenes_of(paths: Sequence[str]) -> tuple[Scene, ...]:
    """The scenes of pictures by path; none where one of them is not known.

    It may read the disk.
    """
    if not all(BUILT_IN.holds(path) for path in paths):
        return ()
    return tuple(_scenes()[PurePath(path).name] for path in paths)


@cache
def _scenes() -> dict[str, Scene]:
    return {record.file: record.scene for record in read_records(BUILT_IN.folder)}


def example(number: int) -> ComparisonRequest:
    """The example of a number from 0 on; each is about another picture, and they begin again.

    Five descriptions of growing detail, each in English and Chinese. It reads the disk.
    """
    records = list(examples())
    record = records[number % len(records)]
    pairs = zip(*(graded_captions(record.scene, language) for language in Language), strict=True)
    return ComparisonRequest(
        pictures=(BUILT_IN.short_name(str(BUILT_IN.folder / record.file)),),
        lines=tuple(
            Description(text=caption.text, pair=pair)
            for pair, two in enumerate(pairs, 1)
            for caption in two
        ),
    )


def examples() -> list[Record]:
    """The pictures with one animal, in an order that mixes the animals."""
    alone = [record for record in read_records(BUILT_IN.folder) if len(record.scene.animals) == 1]
    Random("examples").shuffle(alone)
    return alone
