"""An encoder in a folder, embedding pictures and texts through the code that the program runs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.models.input_spec import prepare, read_input_spec
from engine.workers.device import Choice
from engine.workers.encoder_models import Towers, load_towers

Floats = NDArray[np.float32]


class EncoderFolder:
    """Raises ModelUnusableError where the folder holds no encoder."""

    def __init__(self, folder: Path) -> None:
        choice = Choice(device="cpu", dtype="fp32", name="cpu")
        self._towers: Towers = load_towers(folder, choice, lambda _: None)
        self._spec = read_input_spec(folder)

    def embed_pictures(self, images: Sequence[Image.Image]) -> Floats:
        """Unit vectors [n, d]."""
        pixels = np.stack([prepare(image, self._spec) for image in images])
        vectors: Floats = self._towers.embed_pixels(pixels, _go_on)
        return vectors

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [n, d]."""
        vectors: Floats = self._towers.embed_texts(self._towers.tokenize(texts).ids, _go_on)
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, with the marks at its ends; ValueError where one is cut."""
        found = self._towers.tokenize(texts)
        if any(found.lost):
            raise ValueError(f"longer than the tower reads: {[*filter(None, found.lost)]}")
        return found.counts


def _go_on() -> None:
    """Nothing ever stops a training script between batches."""
