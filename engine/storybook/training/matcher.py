"""Trains the matcher on the frozen encoder: `python -m engine.storybook.training.matcher`."""

import json
from pathlib import Path

import click
import torch
from safetensors.numpy import save_file

from engine.models.encoder_info import hash_folder
from engine.storybook.shipped import ENCODER, GALLERY, MATCHER
from engine.storybook.training.card import matcher_card
from engine.storybook.training.encoder_folder import EncoderFolder
from engine.storybook.training.matcher_material import (
    load_painted,
    to_calibrate_on,
    to_report_on,
    to_train_on,
)
from engine.storybook.training.matcher_report import matcher_report
from engine.storybook.training.matcher_rounds import fit_in_rounds
from engine.storybook.training.run import DEFAULT_FOLDER
from engine.workers.labelled import MatcherWeights, calibrated


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
    path.chmod(0o644)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER)
@click.option("--encoder", type=click.Path(path_type=Path), default=ENCODER)
@click.option("--gallery", type=click.Path(path_type=Path), default=GALLERY)
@click.option("--out", type=click.Path(path_type=Path), default=MATCHER)
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
    painted = load_painted(folder, loaded, held_out=True)
    held_out = to_report_on(folder, loaded)
    report = matcher_report(weights, loaded, held_out, gallery, photos, painted)
    click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    save_matcher(weights, encoder, report, out)
    out.with_suffix(".md").write_text(matcher_card(report), encoding="utf-8")


if __name__ == "__main__":
    main()
