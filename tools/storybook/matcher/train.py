"""Trains the matcher on the frozen encoder: `python -m tools.storybook.matcher.train`.

It is fitted twice: the second time also on what the first fit believed wrongly.
"""

import json
from dataclasses import replace
from pathlib import Path

import click
import torch
from safetensors.numpy import save_file

from engine.collections import BUILT_IN
from engine.models.encoder_info import hash_folder
from engine.scoring.matcher import about_matcher
from engine.workers.fitting import FitSettings
from tools.storybook.encoder.folder import EncoderFolder
from tools.storybook.matcher.fit import MatcherWeights, calibrated, fit_matcher
from tools.storybook.matcher.material import (
    Material,
    load_generated,
    mine,
    to_calibrate_on,
    to_report_on,
    to_train_on,
)
from tools.storybook.matcher.report import matcher_card, matcher_report
from tools.storybook.optimising import DEFAULT_FOLDER

FIT = FitSettings(
    hidden=256, epochs=14, batch=1024, learning_rate=2e-3, weight_decay=0.05, dropout=0.3
)
MINED = 1
"""Hard false pairs for each caption that is mined with."""


def fit_in_rounds(train: Material, fit: FitSettings = FIT, rounds: int = 2) -> MatcherWeights:
    """Fit, add the false pairs that this matcher believes most, and fit again."""
    early = replace(fit, epochs=max(1, fit.epochs // 2))
    for number in range(1, rounds):
        believed = fit_matcher(train.pairs(taught=True), early)
        mine(train, believed, keep=MINED, seed=number - 1)
    return fit_matcher(train.pairs(taught=True), fit)


def save_matcher(weights: MatcherWeights, encoder: Path, report: object, path: Path) -> None:
    """Write weights, encoder id and report as safetensors."""
    save_file(
        {"w1": weights.w1, "b1": weights.b1, "w2": weights.w2, "b2": weights.b2},
        path,
        metadata=about_matcher(
            f"{encoder.name}@{hash_folder(encoder)}",
            json.dumps(report, ensure_ascii=False),
            knows_false_texts=True,
        ),
    )
    path.chmod(0o644)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER)
@click.option("--encoder", type=click.Path(path_type=Path), default=BUILT_IN.encoder)
@click.option("--gallery", type=click.Path(path_type=Path), default=BUILT_IN.folder)
@click.option("--out", type=click.Path(path_type=Path), default=BUILT_IN.matcher)
@click.option("--count", default=9000, show_default=True, help="Pictures to train on.")
@click.option("--photos", type=click.Path(path_type=Path), help="A folder of photos to report on.")
@click.option("--threads", default=1, show_default=True)
def main(
    folder: Path,
    encoder: Path,
    gallery: Path,
    out: Path,
    count: int,
    photos: Path | None,
    threads: int,
) -> None:
    """Train on pictures from FOLDER and write the matcher with its report."""
    torch.set_num_threads(threads)
    loaded = EncoderFolder(encoder)
    click.echo("Embedding what to train and calibrate on", err=True)
    train = to_train_on(folder, loaded, count)
    calibration = to_calibrate_on(folder, loaded)
    click.echo(f"Fitting {len(train.made.pairs):,} pairs, then harder ones", err=True)
    weights = calibrated(fit_in_rounds(train), calibration.pairs())
    generated = load_generated(folder, loaded, held_out=True)
    held_out = to_report_on(folder, loaded)
    report = matcher_report(weights, loaded, held_out, gallery, photos, generated)
    click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    save_matcher(weights, encoder, report, out)
    out.with_suffix(".md").write_text(matcher_card(report), encoding="utf-8")


if __name__ == "__main__":
    main()
