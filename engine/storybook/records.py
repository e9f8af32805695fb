"""Scenes and captions as JSON lines: one line for each picture of a gallery."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from engine.storybook.captions import LEVELS, Language, caption
from engine.storybook.scene import Animal, Scene

RECORDS = "scenes.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One picture: its file name, its scene, and captions by language and level."""

    file: str
    scene: Scene
    captions: Mapping[Language, tuple[str, ...]]


def make_record(file: str, scene: Scene) -> Record:
    """The record of a picture, with one caption for each level and language."""
    return Record(
        file=file,
        scene=scene,
        captions={
            language: tuple(
                caption(scene, level, language, Random(f"{file}:{language}:{level}")).text
                for level in LEVELS
            )
            for language in Language
        },
    )


def write_line(record: Record) -> str:
    """The record as one line of JSON."""
    fields = {"file": record.file} | asdict(record.scene)
    fields["captions"] = {str(language): list(some) for language, some in record.captions.items()}
    return json.dumps(fields, ensure_ascii=False)


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
    with (folder / RECORDS).open(encoding="utf-8") as file:
        for line in file:
            yield read_line(line)
