"""Trains the matcher on the frozen encoder: `python -m engine.storybook.training.matcher`."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import click
import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file

from engine.models.facts import hash_folder
from engine.storybook.captions import Language
from engine.storybook.degraded import degraded
from engine.storybook.measures import Texts
from engine.storybook.queries import routing_queries
from engine.storybook.records import read_records
from engine.storybook.scene import Scene, Split, sample_scene
from engine.storybook.shipped import ENCODER, GALLERY, MATCHER
from engine.storybook.training.batches import Pool
from engine.storybook.training.card import matcher_card
from engine.storybook.training.encoder_folder import EncoderFolder
from engine.storybook.training.held_out import load_held_out
from engine.storybook.training.matcher_figures import (
    calibration_error,
    every_pair,
    probability,
    routing,
    swaps,
)
from engine.storybook.training.matcher_fit import (
    Fit,
    Floats,
    MatcherWeights,
    Pairs,
    fit_matcher,
    pair_logits,
)
from engine.storybook.training.matcher_pairs import PairList, add_hard_pairs, as_pairs, make_pairs
from engine.storybook.training.network import SIDE
from engine.storybook.training.run import DEFAULT_FOLDER

SPOILED_SEED = 70_000_000
MINED_CAPTIONS, MINED_PICTURES = 1200, 1500


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """Pairs before they are arrays, with the scenes and vectors behind them."""

    made: PairList
    scenes: Sequence[Scene]
    """Those of the pictures that are whole; spoiled ones follow them in `pictures`."""
    texts: Floats
    pictures: Floats

    def pairs(self) -> Pairs:
        """As arrays."""
        return as_pairs(self.made, self.texts, self.pictures)


def gather(
    encoder: EncoderFolder,
    images: Sequence[Image.Image],
    scenes: Sequence[Scene],
    spoiled: int,
    *,
    held_out: bool,
) -> Material:
    """Make pairs for pictures, and for `spoiled` more that are spoiled."""
    start = SPOILED_SEED + (10_000_000 if held_out else 0)
    others = [sample_scene(start + number) for number in range(spoiled)]
    bad = [degraded(scene, SIDE, Random(f"spoiled:{scene.seed}")) for scene in others]
    made = make_pairs(scenes, others, Random(f"pairs:{held_out}"), held_out=held_out)
    pictures = encoder.embed_pictures([*images, *bad])
    texts = encoder.embed_texts([caption.text for caption in made.captions])
    material = Material(made=made, scenes=scenes, texts=texts, pictures=pictures)
    whole = pictures[: len(scenes)]
    count = min(len(texts), 6 * len(scenes))
    add_hard_pairs(made, scenes, texts[:count] @ whole.T, keep=1)
    return material


def fit_twice(train: Material, held_out: Material, fit: Fit) -> MatcherWeights:
    """Fit, add the false pairs that this first matcher believes most, and fit again."""
    first = fit_matcher(train.pairs(), held_out.pairs(), fit)
    count = min(len(train.scenes), MINED_PICTURES)
    believed = every_pair(first, train.texts[:MINED_CAPTIONS], train.pictures[:count])
    add_hard_pairs(train.made, train.scenes[:count], believed, keep=4)
    return fit_matcher(train.pairs(), held_out.pairs(), fit)


def figures(
    weights: MatcherWeights, encoder: EncoderFolder, held_out: Material, gallery: Path
) -> dict[str, object]:
    """What the matcher does on held-out scenes and on the gallery."""
    pairs = held_out.pairs()
    match = probability(pair_logits(weights, pairs))
    whole = held_out.pictures[: len(held_out.scenes)]
    report: dict[str, object] = {
        "pairs": len(match),
        "calibration_error": calibration_error(match, pairs.label),
    }
    for language in Language:
        texts = Texts(encoder.embed_texts, language)
        result = swaps(weights, held_out.scenes, whole, texts)
        report[f"swapped_auc_{language}"] = asdict(result)
    spoiled = match[pairs.picture >= len(held_out.scenes)]
    report["spoiled_below_half"] = float((spoiled < 0.5).mean())
    records = list(read_records(gallery))
    queries = routing_queries([record.scene for record in records])
    images = [Image.open(gallery / record.file).convert("RGB") for record in records]
    texts_of_queries = encoder.embed_texts([query.caption.text for query in queries])
    matches = every_pair(weights, texts_of_queries, encoder.embed_pictures(images))
    report["routing"] = asdict(routing(queries, matches))
    return report


def save_matcher(weights: MatcherWeights, encoder: Path, report: object, path: Path) -> None:
    """Write weights, encoder id and report as safetensors."""
    save_file(
        {"w1": weights.w1, "b1": weights.b1, "w2": weights.w2, "b2": weights.b2},
        path,
        metadata={
            "encoder_id": f"{encoder.name}@{hash_folder(encoder)}",
            "report": json.dumps(report, ensure_ascii=False),
        },
    )


def training_pictures(folder: Path, count: int) -> tuple[list[Image.Image], list[Scene]]:
    """Rendered training pictures and their scenes."""
    drawn = Pool(folder / "pictures").draw(count, Random("matcher"))
    return [Image.fromarray(np.asarray(picture)) for picture in drawn.pictures], drawn.scenes


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER)
@click.option("--encoder", type=click.Path(path_type=Path), default=ENCODER)
@click.option("--gallery", type=click.Path(path_type=Path), default=GALLERY)
@click.option("--out", type=click.Path(path_type=Path), default=MATCHER)
@click.option("--count", default=5000, show_default=True, help="Pictures to train on.")
@click.option("--threads", default=1, show_default=True)
def main(folder: Path, encoder: Path, gallery: Path, out: Path, count: int, threads: int) -> None:
    """Train on pictures from FOLDER and write the matcher with its report."""
    torch.set_num_threads(threads)
    loaded = EncoderFolder(encoder)
    images, scenes = training_pictures(folder, count)
    train = gather(loaded, images, scenes, count // 5, held_out=False)
    held = load_held_out(folder, Split.SEEN, SIDE)
    shown = [Image.fromarray(picture) for picture in held.pictures]
    held_out = gather(loaded, shown, held.scenes, len(shown) // 5, held_out=True)
    weights = fit_twice(train, held_out, Fit())
    report = figures(weights, loaded, held_out, gallery)
    click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    save_matcher(weights, encoder, report, out)
    out.chmod(0o644)
    out.with_suffix(".md").write_text(matcher_card(report), encoding="utf-8")


if __name__ == "__main__":
    main()
