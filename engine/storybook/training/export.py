"""Writes the encoder as a `CLIPModel` folder: `python -m engine.storybook.training.export`."""

import json
from pathlib import Path

import click
import torch
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from engine.storybook.shipped import ENCODER
from engine.storybook.training.checkpoint import load_checkpoint
from engine.storybook.training.network import MEAN, SIDE, STD, Shape, build_encoder
from engine.storybook.training.run import DEFAULT_FOLDER, TRAINING


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
    (target / TRAINING).write_text(json.dumps(facts) + "\n", encoding="utf-8")
    CLIPImageProcessorPil(
        size={"shortest_edge": SIDE},
        crop_size={"height": SIDE, "width": SIDE},
        image_mean=list(MEAN),
        image_std=list(STD),
    ).save_pretrained(target)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER)
@click.option("--out", type=click.Path(path_type=Path), default=ENCODER)
def main(folder: Path, out: Path) -> None:
    """Write the encoder trained in FOLDER."""
    export_encoder(folder, out, Shape())
    size = sum(path.stat().st_size for path in out.iterdir())
    click.echo(f"{out}: {size / 1e6:.1f} MB", err=True)


if __name__ == "__main__":
    main()
