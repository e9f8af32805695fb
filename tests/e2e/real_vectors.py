"""Reads the published CLIP vectors and captions that real-vector tests and benches share."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from engine.results import FloatArray
from tests.e2e.class_words import occurrences
from tests.shared_data import DATA

FOLDER = DATA / "clip_vitb32"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RealVectors:
    """Flickr8k pictures and LVIS class words in the space of CLIP ViT-B/32, unit length."""

    names: tuple[str, ...]
    pictures: FloatArray
    texts: tuple[str, ...]
    vectors: FloatArray
    folder: Path
    """Where they were read from."""
    captions: dict[str, str]
    """All captions of a picture, in lower case, by file name."""

    def classes(self) -> tuple[str, ...]:
        """LVIS class names without a sense in brackets, without their article."""
        return tuple(text[2:] for text in self.texts[:1203] if "(" not in text)

    def vector(self, text: str) -> FloatArray:
        """The vector of one text, shape (512,)."""
        vector: FloatArray = self.vectors[self.texts.index(text)]
        return vector

    def counts(self) -> dict[str, int]:
        """In the captions of how many pictures each class word occurs."""
        return occurrences(self.classes(), self.captions)


@cache
def load(folder: Path = FOLDER) -> RealVectors:
    """Read everything once; takes a tenth of a second."""
    with np.load(folder / "flickr8k_images.npz", allow_pickle=False) as pictures:
        names, vectors = pictures["image"], pictures["vector"]
    with np.load(folder / "texts.npz", allow_pickle=False) as texts:
        words, word_vectors = texts["text"], texts["vector"]
    captions: dict[str, list[str]] = defaultdict(list)
    for line in (folder / "captions.token").read_text(encoding="utf-8").splitlines():
        name, caption = line.split("\t", 1)
        captions[name.split("#")[0]].append(caption.lower())
    return RealVectors(
        names=tuple(str(name) for name in names),
        pictures=vectors,
        texts=tuple(str(word) for word in words),
        vectors=word_vectors,
        folder=folder,
        captions={name: " ".join(captions[str(name)]) for name in names},
    )
