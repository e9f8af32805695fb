"""The files of the storybook in an installed program, and the records of its gallery."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.storybook.scenes import Animal, Scene
from engine.storybook.wording import Language

_FILES = Path(__file__).parent / "files"
STORYBOOK = "storybook"
"""Names what ships wherever a model is named, on every machine."""
GALLERY = _FILES / "gallery"
"""Six hundred pictures and their scenes."""
ENCODER = _FILES / "clip-storybook"
"""A transformers `CLIPModel` folder."""
MATCHER = _FILES / "matcher.safetensors"
"""The matcher of that encoder."""
VECTORS = _FILES / "gallery.safetensors"
"""Unit vectors of the gallery, in the order of its records, and of first queries."""
THUMBNAILS = _FILES / "thumbnails.safetensors"
"""Thumbnails of the gallery, with hashes and sizes of its pictures."""
PAINTER = _FILES / "painter-storybook"
"""A diffusers `StableDiffusionPipeline` folder."""
FIGURES = _FILES / "figures.json"
"""What was measured of encoder and matcher."""
RECORDS = "scenes.jsonl"


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
    with (folder / RECORDS).open(encoding="utf-8") as file:
        for line in file:
            yield read_line(line)
