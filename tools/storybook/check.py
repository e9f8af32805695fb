"""Measures the shipped encoder and matcher: `python -m tools.storybook.check`.

The matcher also scores pictures that the shipped generator makes for prompts that no matcher is
taught.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

from engine.collections import BUILT_IN
from engine.storybook.gallery import FIGURES, read_records, routing_queries
from engine.storybook.wording import Language
from tools.storybook.encoder.folder import EncoderFolder
from tools.storybook.encoder.measures import Figures, Texts, measure, table, write_card
from tools.storybook.generator.pipeline import generate, load_pipeline
from tools.storybook.generator.prompts import generated_prompts
from tools.storybook.held_out import SIZES, held_out_scenes
from tools.storybook.matcher.fit import MatcherWeights
from tools.storybook.matcher.material import HELD_OUT, Generated, read_generated, to_report_on
from tools.storybook.matcher.report import (
    every_pair,
    matcher_card,
    matcher_report,
    routing,
    swaps,
)
from tools.storybook.renderer.render import render
from tools.storybook.sampling import Split

SCENES = 100
"""Of the subset."""
RENDERED = 128
"""Pixels at which held-out scenes are rendered; preprocessing brings them to the encoder's size."""
PROMPTS = 300
"""For which the generator makes a picture each."""


def measure_subset(
    encoder: Path, matcher: Path, gallery: Path, vectors: Path
) -> Mapping[str, float]:
    """Figures by name, on the first held-out scenes and on the shipped vectors of the gallery."""
    loaded, weights = EncoderFolder(encoder), MatcherWeights(**load_file(matcher))
    scenes = held_out_scenes(Split.SEEN, SCENES)
    pictures = loaded.embed_pictures([render(scene, RENDERED) for scene in scenes])
    found: dict[str, float] = {}
    for language in Language:
        texts = Texts(loaded.embed_texts, language)
        figures = measure(scenes, pictures, loaded.embed_texts, language)
        found |= {f"{name} {language}": share for name, share in figures.attributes.items()}
        found |= {f"{name} of two {language}": share for name, share in figures.of_two.items()}
        found[f"level 2 {language}"] = figures.level2_precision
        swapped = swaps(weights, scenes, pictures, texts)
        found[f"swapped by match {language}"] = swapped.match
        found[f"swapped by cosine {language}"] = swapped.cosine
    queries = routing_queries([record.scene for record in read_records(gallery)])
    texts_of_queries = loaded.embed_texts([query.caption.text for query in queries])
    shipped = np.ascontiguousarray(load_file(vectors)["vectors"])
    found["routing"] = routing(queries, every_pair(weights, texts_of_queries, shipped)).accuracy
    return found


def check_encoder(encoder: EncoderFolder, split: Split, count: int) -> dict[Language, Figures]:
    """Figures on held-out scenes of a split, by language."""
    scenes = held_out_scenes(split, count)
    vectors = encoder.embed_pictures([render(scene, RENDERED) for scene in scenes])
    return {
        language: measure(scenes, vectors, encoder.embed_texts, language) for language in Language
    }


def held_out_generated(encoder: EncoderFolder, generator: Path, count: int = PROMPTS) -> Generated:
    """Pictures that a generator makes for prompts kept from every matcher's training."""
    pipe, options = load_pipeline(generator)
    prompts = generated_prompts(count * HELD_OUT)[::HELD_OUT]
    seeds = range(0, count * HELD_OUT, HELD_OUT)
    pictures = generate(pipe, [prompt.text for prompt in prompts], seeds, options)
    return read_generated(encoder, prompts, pictures)


def write_matcher_card(matcher: Path, report: Mapping[str, object]) -> None:
    """Write the card beside a matcher; photos stay as they were if none were measured now."""
    with safe_open(matcher, framework="numpy") as file:
        before = json.loads(file.metadata()["report"])
    kept = {"photos": before["photos"]} if "photos" in before else {}
    matcher.with_suffix(".md").write_text(matcher_card({**kept, **report}), encoding="utf-8")


@click.command()
@click.option("--encoder", type=click.Path(path_type=Path), default=BUILT_IN.encoder)
@click.option("--matcher", type=click.Path(path_type=Path), default=BUILT_IN.matcher)
@click.option("--share", default=1.0, show_default=True, help="Share of the scenes to measure on.")
@click.option("--photos", type=click.Path(path_type=Path), help="A folder of photos to try.")
@click.option("--generator", type=click.Path(path_type=Path), default=BUILT_IN.generator)
@click.option("--write", is_flag=True, help="Keep the figures, and write the model cards.")
def main(
    encoder: Path,
    matcher: Path,
    share: float,
    photos: Path | None,
    generator: Path,
    write: bool,
) -> None:
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
        plain["subset"] = measure_subset(encoder, matcher, BUILT_IN.folder, BUILT_IN.vectors)
        FIGURES.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
        write_card(encoder, results)
    with TemporaryDirectory() as folder:
        held_out = to_report_on(Path(folder), loaded)
    generated = held_out_generated(loaded, generator)
    report = matcher_report(
        MatcherWeights(**load_file(matcher)), loaded, held_out, BUILT_IN.folder, photos, generated
    )
    if write:
        write_matcher_card(matcher, report)
    click.echo(json.dumps(report, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
