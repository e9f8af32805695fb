"""Measures the shipped encoder and matcher: `python -m engine.storybook.training.check`.

Held-out scenes are drawn anew, so that weights, tokenizer, preprocessing and drawings are all
checked.
"""

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch
from safetensors.numpy import load_file

from engine.storybook.captions import Language
from engine.storybook.measures import Figures, measure
from engine.storybook.render import render
from engine.storybook.scene import Split
from engine.storybook.shipped import ENCODER, FIGURES, GALLERY, MATCHER, VECTORS
from engine.storybook.training import subset
from engine.storybook.training.card import table, write_card
from engine.storybook.training.encoder_folder import EncoderFolder
from engine.storybook.training.held_out import SIZES, held_out_scenes
from engine.storybook.training.matcher_material import to_report_on
from engine.storybook.training.matcher_report import matcher_report
from engine.workers.labelled import MatcherWeights

DRAWN = 128
"""Pixels at which held-out scenes are drawn; preprocessing brings them to the encoder's size."""


def check_encoder(encoder: EncoderFolder, split: Split, count: int) -> dict[Language, Figures]:
    """Figures on held-out scenes of a split, by language."""
    scenes = held_out_scenes(split, count)
    vectors = encoder.embed_pictures([render(scene, DRAWN) for scene in scenes])
    return {
        language: measure(scenes, vectors, encoder.embed_texts, language) for language in Language
    }


@click.command()
@click.option("--encoder", type=click.Path(path_type=Path), default=ENCODER)
@click.option("--matcher", type=click.Path(path_type=Path), default=MATCHER)
@click.option("--share", default=1.0, show_default=True, help="Share of the scenes to measure on.")
@click.option("--photos", type=click.Path(path_type=Path), help="A folder of photos to try.")
@click.option("--write", is_flag=True, help="Keep the figures, and write the model card.")
def main(encoder: Path, matcher: Path, share: float, photos: Path | None, write: bool) -> None:
    """Print the figures of the encoder, then those of the matcher."""
    torch.set_num_threads(1)
    loaded = EncoderFolder(encoder)
    results: dict[str, Figures] = {}
    for split in Split:
        for language, figures in check_encoder(loaded, split, int(SIZES[split] * share)).items():
            results[f"{split} {language}"] = figures
    click.echo(table(results))
    if write:
        plain: dict[str, object] = {name: asdict(figures) for name, figures in results.items()}
        plain["subset"] = subset.measured(encoder, matcher, GALLERY, VECTORS)
        FIGURES.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
        write_card(encoder, results)
    with TemporaryDirectory() as folder:
        held_out = to_report_on(Path(folder), loaded)
    report = matcher_report(MatcherWeights(**load_file(matcher)), loaded, held_out, GALLERY, photos)
    click.echo(json.dumps(report, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
