"""The records of the gallery that ships: its pictures, their scenes and captions."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.collections import BUILT_IN
from engine.storybook.scenes import Animal, Scene
from engine.storybook.wording import Language

FIGURES = BUILT_IN.folder.parent / "figures.json"
"""What was measured of encoder and matcher."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One picture: its file name, its scene, and captions by language and level."""

    file: str
    scene: Scene
    captions: Mapping[Language, tuple[str, ...]]


def read_line(line: str) -> Record:
    """The record of a line; ValueError or KeyError where it is not one."""
    fields = json.loads(line)
    scene = Scene(
        animals=tuple(Animal(**animal) for animal in fields["animals"]),
        place=fields["place"],
        time=fields["time"],
        prop=fields["prop"],
        seed=fields["seed"],
    )
    captions = {Language(language): tuple(some) for language, some in fields["captions"].items()}
    return Record(file=fields["file"], scene=scene, captions=captions)


def read_records(folder: Path) -> Iterator[Record]:
    """The records of a gallery, in order. Raises OSError where the folder holds none."""
    with (folder / BUILT_IN.records).open(encoding="utf-8") as file:
        for line in file:
            yield read_line(line)
