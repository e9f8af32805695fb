"""A small library of painted pictures with vectors from elsewhere, as a person may have one.

The pictures are the storybook's. Their vectors are made up, in a space where each animal has an
axis of its own and cosines lie where CLIP's do, so that no model and no download is needed.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.requests import ImportRequest
from engine.storybook.scenes import Scene
from engine.storybook.vocabulary import ANIMALS
from tools.storybook.renderer.render import render
from tools.storybook.sampling import sample_scene

ENCODER_ID = "storybook-demo"
PICTURES = 90
SIDE = 256
PAINTED_AT = 1_750_000_000
"""The files' time, so that what the app shows of it is always the same."""

ABSENT = (
    "a piano", "a pizza", "a bicycle", "a train", "a guitar", "a violin", "a banana", "a chair",
    "a lamp", "a clock", "an umbrella", "a boat", "a kite", "a laptop", "a teapot", "a car",
)  # fmt: skip
"""Things that no picture shows; the label-free match weighs a query against all texts."""

TEXT_SHARE = 0.3
"""How far a text points along its own axis; the rest is common to all texts."""
COMMON_SHARE = 0.2
"""How far every picture points along what all texts have in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoLibrary:
    """Where the files of the library lie."""

    folder: Path
    pictures: Path
    texts: Path

    @property
    def request(self) -> ImportRequest:
        """What brings it into a cache."""
        return ImportRequest(
            encoder_id=ENCODER_ID,
            pictures=self.pictures,
            texts=self.texts,
            root=self.folder / "pictures",
        )


def paint(folder: Path, count: int = PICTURES) -> DemoLibrary:
    """Paint the pictures below `folder` and write their vectors beside them."""
    places = folder / "pictures"
    places.mkdir(parents=True, exist_ok=True)
    scenes = [sample_scene(seed, two_share=0.2) for seed in range(count)]
    names = []
    for number, scene in enumerate(scenes):
        name = f"{'-and-'.join(animal.animal for animal in scene.animals)}-{number:02}.webp"
        render(scene, SIDE).save(places / name, "WEBP", quality=80)
        os.utime(places / name, (PAINTED_AT, PAINTED_AT))
        names.append(name)
    pictures, texts = folder / "pictures.npz", folder / "texts.npz"
    np.savez(pictures, image=np.array(names), vector=picture_vectors(scenes))
    words, vectors = text_vectors()
    np.savez(texts, text=np.array(words), vector=vectors)
    return DemoLibrary(folder=folder, pictures=pictures, texts=texts)


def text_vectors() -> tuple[list[str], NDArray[np.float32]]:
    """Return the queries that can be asked and their unit vectors, shape (texts, axes + 1)."""
    words = [f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in ANIMALS] + [*ABSENT]
    vectors = np.zeros((len(words), _width()), np.float32)
    vectors[:, 0] = np.sqrt(1 - TEXT_SHARE**2)
    vectors[np.arange(len(words)), 1 + np.arange(len(words))] = TEXT_SHARE
    return words, vectors


def picture_vectors(scenes: Sequence[Scene]) -> NDArray[np.float32]:
    """Return a unit vector for each scene: what it shows, some more clearly than others."""
    random = np.random.default_rng(7)
    vectors = random.normal(0, 0.03, (len(scenes), _width()))
    vectors[:, 0] = COMMON_SHARE
    for row, scene in zip(vectors, scenes, strict=True):
        for animal in scene.animals:
            row[1 + ANIMALS.index(animal.animal)] += random.uniform(0.16, 0.4)
        row[-1] = np.sqrt(max(0.0, 1 - float(row[:-1] @ row[:-1])))
    return vectors.astype(np.float32)


def _width() -> int:
    """One axis for what texts share, one for each text, one for what only pictures have."""
    return 1 + len(ANIMALS) + len(ABSENT) + 1
