"""Measures the shipped encoder and matcher: `python -m engine.storybook.training.check`.

Held-out scenes are drawn anew, so that weights, tokenizer, preprocessing and drawings are all
checked.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image

from engine.storybook.captions import Language
from engine.storybook.measures import Figures, measure
from engine.storybook.render import render
from engine.storybook.scene import Split
from engine.storybook.shipped import ENCODER
from engine.storybook.training.encoder_folder import EncoderFolder
from engine.storybook.training.held_out import SIZES, held_out_scenes
from engine.storybook.vocabulary import ATTRIBUTES

DRAWN = 128
"""Pixels at which held-out scenes are drawn; preprocessing brings them to the encoder's size."""


def check_encoder(encoder: EncoderFolder, split: Split, count: int) -> dict[Language, Figures]:
    """Figures on held-out scenes of a split, by language."""
    scenes = held_out_scenes(split, count)
    vectors = encoder.embed_pictures([render(scene, DRAWN) for scene in scenes])
    return {
        language: measure(scenes, vectors, encoder.embed_texts, language) for language in Language
    }


def table(results: dict[str, Figures]) -> str:
    """The figures as a Markdown table, a column for each set of scenes."""
    names = list(results)
    rows = [["", *names], ["---"] * (len(names) + 1)]
    rows.append(["scenes", *(str(results[name].scenes) for name in names)])
    for attribute in ATTRIBUTES:
        rows.append([attribute, *(f"{results[n].attributes[attribute]:.3f}" for n in names)])
    for label, field in (
        ("level-2 precision@1", "level2_precision"),
        ("full caption recall@1", "recall_at_1"),
        ("true over swapped, AUC", "swapped_auc"),
    ):
        rows.append([label, *(f"{getattr(results[name], field):.3f}" for name in names)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


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
@click.option("--out", type=click.Path(path_type=Path), help="Where to write them as JSON.")
def main(encoder: Path, share: float, out: Path | None) -> None:
    """Print the figures of the encoder."""
    torch.set_num_threads(1)
    loaded = EncoderFolder(encoder)
    results: dict[str, Figures] = {}
    for split in Split:
        for language, figures in check_encoder(loaded, split, int(SIZES[split] * share)).items():
            results[f"{split} {language}"] = figures
    click.echo(table(results))
    if out is not None:
        plain = {name: asdict(figures) for name, figures in results.items()}
        out.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
