"""The encoder's folder, a `CLIPModel`: written by `python -m tools.storybook.encoder.folder`.

It is read through the code that the program runs.
"""

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from engine.collections import BUILT_IN
from engine.models.input_spec import prepare, read_input_spec
from engine.workers.device import Choice
from engine.workers.encoder_models import EncoderModel, load_encoder
from tools.storybook.encoder.network import MEAN, SIDE, STD, Shape, build_encoder
from tools.storybook.optimising import DEFAULT_FOLDER, load_checkpoint, write_training_record

Floats = NDArray[np.float32]


class EncoderFolder:
    """Raises ModelUnusableError where the folder holds no encoder."""

    def __init__(self, folder: Path) -> None:
        choice = Choice(device="cpu", dtype="fp32", name="cpu")
        self._towers: EncoderModel = load_encoder(folder, choice, lambda _: None)
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


def export_encoder(source: Path, target: Path, shape: Shape) -> None:
    """Write the averaged weights in half precision, with tokenizer and image processor.

    Raises ClickException where there is no checkpoint in `source`.
    """
    state = load_checkpoint(source / "encoder.pt")
    if state is None:
        raise click.ClickException(f"{source} holds no checkpoint; train the encoder first")
    tokenizer = CLIPTokenizer.from_pretrained(source / "tokenizer")
    model = build_encoder(len(tokenizer), shape)
    model.load_state_dict(state["averages"])
    model.config.languages = ["en", "zh"]
    model.to(torch.float16)  # type: ignore[arg-type]
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    facts = {name: state[name] for name in ("pictures", "step", "seconds")}
    write_training_record(target, facts)
    CLIPImageProcessorPil(
        size={"shortest_edge": SIDE},
        crop_size={"height": SIDE, "width": SIDE},
        image_mean=list(MEAN),
        image_std=list(STD),
    ).save_pretrained(target)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER)
@click.option("--out", type=click.Path(path_type=Path), default=BUILT_IN.encoder)
def main(folder: Path, out: Path) -> None:
    """Write the encoder trained in FOLDER."""
    export_encoder(folder, out, Shape())
    size = sum(path.stat().st_size for path in out.iterdir())
    click.echo(f"{out}: {size / 1e6:.1f} MB", err=True)


if __name__ == "__main__":
    main()
