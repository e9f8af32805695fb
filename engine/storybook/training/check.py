"""Measures the shipped encoder and matcher: `python -m engine.storybook.training.check`.

Held-out scenes are drawn anew, so that weights, tokenizer, preprocessing and drawings are all
checked.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random

import click
import numpy as np
import torch
from PIL import Image

from engine.storybook.captions import Language, caption
from engine.storybook.measures import Figures, measure
from engine.storybook.render import render
from engine.storybook.scene import Scene, Split
from engine.storybook.shipped import ENCODER, FIGURES
from engine.storybook.training.card import table, write_card
from engine.storybook.training.encoder_folder import EncoderFolder
from engine.storybook.training.held_out import SIZES, held_out_scenes

DRAWN = 128
"""Pixels at which held-out scenes are drawn; preprocessing brings them to the encoder's size."""

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def check_encoder(encoder: EncoderFolder, split: Split, count: int) -> dict[Language, Figures]:
    """Figures on held-out scenes of a split, by language."""
    scenes = held_out_scenes(split, count)
    vectors = encoder.embed_pictures([render(scene, DRAWN) for scene in scenes])
    return {
        language: measure(scenes, vectors, encoder.embed_texts, language) for language in Language
    }


def photo_figures(
    encoder: EncoderFolder, photos: Sequence[Path], texts: Sequence[str]
) -> dict[str, float]:
    """Highest and mean best cosine of photos with captions of this world."""
    images = [Image.open(path).convert("RGB") for path in photos]
    best = (encoder.embed_pictures(images) @ encoder.embed_texts(texts).T).max(axis=1)
    return {"highest": float(best.max()), "mean": float(np.mean(best))}


@click.command()
@click.option("--encoder", type=click.Path(path_type=Path), default=ENCODER)
@click.option("--share", default=1.0, show_default=True, help="Share of the scenes to measure on.")
@click.option("--photos", type=click.Path(path_type=Path), help="A folder of photos to try.")
@click.option("--write", is_flag=True, help="Keep the figures, and write the model card.")
def main(encoder: Path, share: float, photos: Path | None, write: bool) -> None:
    """Print the figures of the encoder."""
    torch.set_num_threads(1)
    loaded = EncoderFolder(encoder)
    results: dict[str, Figures] = {}
    for split in Split:
        for language, figures in check_encoder(loaded, split, int(SIZES[split] * share)).items():
            results[f"{split} {language}"] = figures
    click.echo(table(results))
    if photos is not None:
        paths = sorted(path for path in photos.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
        texts = [record for scene in held_out_scenes(Split.SEEN, 200) for record in _level2(scene)]
        click.echo(f"{len(paths)} photos, best cosines: {photo_figures(loaded, paths, texts)}")
    if write:
        plain = {name: asdict(figures) for name, figures in results.items()}
        FIGURES.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
        write_card(encoder, results)


def _level2(scene: Scene) -> list[str]:
    rng = Random(scene.seed)
    return [caption(scene, 2, language, rng).text for language in Language]


if __name__ == "__main__":
    main()
