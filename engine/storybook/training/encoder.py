"""Trains the storybook's encoder: `python -m engine.storybook.training.encoder`.

The same command trains on a CPU or a GPU and goes on from the last checkpoint. The rate warms up,
stays, and falls over the last third of the minutes given; a later run raises it again and goes on.
"""

import json
import os
import time
from collections.abc import Iterator
from math import cos, pi
from pathlib import Path
from typing import Any, TextIO

import click
import torch

from engine.storybook.captions import Language
from engine.storybook.measures import measure
from engine.storybook.scene import Split
from engine.storybook.training.augment import augmented
from engine.storybook.training.batches import Batch, batches
from engine.storybook.training.embed import embed_pictures, embed_texts, tokens
from engine.storybook.training.held_out import load_held_out
from engine.storybook.training.losses import Losses, Read, losses
from engine.storybook.training.network import SIDE, Shape, seen, text_vectors
from engine.storybook.training.run import (
    DEFAULT_FOLDER,
    MUON_RATE,
    Plan,
    Run,
    open_run,
    save_run,
)

HEADS_STEPS, HEADS_RATE = 100, 3e-3
"""How long and how fast fresh heads learn before towers that were trained already."""


def rate_at(share: float, step: int) -> float:
    """The learning rate's factor at a share of the run: warm-up, level, cosine at the end."""
    warm = min(1.0, (step + 1) / 60)
    if share < 0.65:
        return warm
    return warm * (0.02 + 0.98 * (1 + cos(pi * min(1.0, (share - 0.65) / 0.35))) / 2)


def train_step(run: Run, batch: Batch) -> Losses:
    """One step of the optimiser."""
    shown = augmented(
        torch.from_numpy(batch.pictures).to(run.device),
        torch.from_numpy(batch.labels).to(run.device),
        torch.from_numpy(batch.flipped),
        torch.from_numpy(batch.blind),
        run.random,
    )
    asked = [caption for each in batch.choices for caption in each.captions]
    ids, mask = tokens(run.tokenizer, [caption.text for caption in batch.texts])
    asked_ids, asked_mask = tokens(run.tokenizer, [caption.text for caption in asked])
    with torch.autocast("cuda", torch.bfloat16, enabled=run.device.type == "cuda"):
        pictures = seen(run.model, shown.pixels)
        texts = text_vectors(run.model, ids.to(run.device), mask.to(run.device)).float()
        told = text_vectors(run.model, asked_ids.to(run.device), asked_mask.to(run.device)).float()
    read = Read(
        seen=pictures,
        coverage=shown.coverage,
        texts=texts,
        choices=list(torch.split(told, [len(each.captions) for each in batch.choices])),
    )
    parts = losses(batch, read, run.model.logit_scale.exp(), run.heads)
    for optimizer in run.optimizers:
        optimizer.zero_grad(set_to_none=True)
    parts.total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_([*run.model.parameters(), *run.heads.parameters()], 1.0)
    for optimizer in run.optimizers:
        optimizer.step()
    with torch.no_grad():
        run.model.logit_scale.clamp_(max=4.0)
    run.averages.update(run.model, run.step)
    run.step += 1
    run.pictures += len(batch.pictures)
    return parts


def settle_heads(run: Run, source: Iterator[Batch]) -> None:
    """Teach fresh heads to read towers that are trained, before their errors teach these."""
    run.model.requires_grad_(False)
    for optimizer in run.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = HEADS_RATE
    for _ in range(HEADS_STEPS):
        train_step(run, next(source))
    run.model.requires_grad_(True)


def report(run: Run, folder: Path) -> dict[str, Any]:
    """Figures of the averaged weights on a part of the held-out scenes."""
    kept = {k: v.detach().clone() for k, v in run.model.state_dict().items()}
    run.model.load_state_dict(run.averages.values)
    run.model.train(False)
    result: dict[str, Any] = {"step": run.step, "pictures": run.pictures}
    for split in (Split.SEEN, Split.UNSEEN_PAIR):
        held = load_held_out(folder, split, SIDE)
        count = min(300, len(held.scenes))
        figures = measure(
            held.scenes[:count],
            embed_pictures(run.model, held.pictures[:count]),
            lambda texts: embed_texts(run.model, run.tokenizer, texts),
            Language.ENGLISH,
        )
        result[split] = {k: round(v, 3) for k, v in figures.attributes.items()} | {
            "level2": round(figures.level2_precision, 3),
            "recall": round(figures.recall_at_1, 3),
            "swapped": round(figures.swapped_auc, 3),
            "of two": {k: round(v, 3) for k, v in figures.of_two.items()},
        }
    run.model.train()
    run.model.load_state_dict(kept)
    return result


def train(plan: Plan, shape: Shape) -> Run:
    """Train for the planned minutes, leaving checkpoints and a log of JSON lines."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    run = open_run(plan, shape)
    source = batches(plan.folder / "pictures", plan.batch, run.step, plan.workers)
    if run.is_taken_over:
        settle_heads(run, source)
    start = saved = measured = time.monotonic()
    run.random.manual_seed(run.step)
    with (plan.folder / "encoder.jsonl").open("a") as log:
        while (now := time.monotonic()) - start < plan.minutes * 60:
            factor = rate_at((now - start) / (plan.minutes * 60), run.step)
            for optimizer, share in zip(run.optimizers, (MUON_RATE, 1.0), strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = plan.rate * factor * share
            parts = train_step(run, next(source))
            run.seconds += time.monotonic() - now
            if run.step % 25 == 0:
                _write(log, _line(run, parts, factor))
            if now - saved > plan.save_seconds:
                save_run(run, plan.folder)
                saved = now
            if now - measured > plan.measure_seconds:
                _write(log, report(run, plan.folder))
                measured = time.monotonic()
        save_run(run, plan.folder)
        _write(log, report(run, plan.folder))
    return run


def _line(run: Run, parts: Losses, factor: float) -> dict[str, Any]:
    return {
        "step": run.step,
        "pictures": run.pictures,
        "seconds": round(run.seconds),
        "rate": round(factor, 3),
        "contrast": round(parts.contrast.item(), 3),
        "pairs": round(parts.pairs.item(), 3),
        "picture_heads": round(parts.pictures.item(), 3),
        "patches": round(parts.patches.item(), 3),
        "text_heads": round(parts.texts.item(), 3),
        "bound": round(parts.bound.item(), 3),
        "choices": round(parts.choices.item(), 3),
    }


def _write(log: TextIO, line: dict[str, Any]) -> None:
    text = json.dumps(line)
    log.write(text + "\n")
    log.flush()
    click.echo(text)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER)
@click.option("--minutes", default=120.0, show_default=True)
@click.option("--batch", default=96, show_default=True)
@click.option("--rate", default=1.2e-3, show_default=True)
@click.option("--workers", default=0, show_default=True, help="Processes that make batches.")
@click.option(
    "--start",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where there is no checkpoint, begin with the weights of this exported encoder.",
)
def main(
    folder: Path, minutes: float, batch: int, rate: float, workers: int, start: Path | None
) -> None:
    """Train the encoder on the pictures in FOLDER/pictures."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    plan = Plan(
        folder=folder, minutes=minutes, batch=batch, rate=rate, workers=workers, start=start
    )
    train(plan, Shape())


if __name__ == "__main__":
    main()
