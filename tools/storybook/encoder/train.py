"""Trains the storybook's encoder: `python -m tools.storybook.encoder.train`.

The same command trains on a CPU or a GPU and goes on from the last checkpoint. The learning rate
warms up, stays, and falls over the last third of the minutes given; a later run raises it again
and goes on.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import click
import torch
from transformers import CLIPModel, PreTrainedTokenizerBase
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from engine.storybook.wording import Language
from tools.storybook.encoder.batches import Batch, augmented, batches
from tools.storybook.encoder.heads import Heads
from tools.storybook.encoder.losses import Losses, Read, losses
from tools.storybook.encoder.measures import measure
from tools.storybook.encoder.network import (
    SIDE,
    Shape,
    build_encoder,
    embed_pictures,
    embed_texts,
    seen,
    text_vectors,
    tokens,
)
from tools.storybook.encoder.tokenizer import save_tokenizer
from tools.storybook.held_out import load_held_out
from tools.storybook.optimising import (
    DEFAULT_FOLDER,
    Averages,
    Muon,
    learning_rate_factor,
    load_checkpoint,
    read_training_record,
    save_checkpoint,
)
from tools.storybook.sampling import Split

MUON_FACTOR = 4.0
"""How much faster than the rest the matrices inside the towers learn."""
EMA_DECAY = 0.998
"""What is kept of the averaged weights at each step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How long and how fast to train."""

    folder: Path
    minutes: float
    batch: int
    learning_rate: float
    workers: int = 0
    """Processes that make batches; 0 makes them between steps."""
    start: Path | None = None
    """An exported encoder whose weights a run without a checkpoint starts from."""
    save_seconds: float = 120.0
    measure_seconds: float = 600.0


@dataclass(slots=True)
class Run:
    """A training run: everything that a checkpoint holds."""

    model: CLIPModel
    heads: Heads
    tokenizer: PreTrainedTokenizerBase
    optimizers: list[torch.optim.Optimizer]
    averages: Averages
    device: torch.device
    step: int = 0
    pictures: int = 0
    seconds: float = 0.0
    is_taken_over: bool = False
    """The towers were exported by another run; the heads are fresh."""
    random: torch.Generator = field(default_factory=torch.Generator)


def open_run(plan: Plan, shape: Shape) -> Run:
    """Start a run, or go on with the one in the folder."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tokenizer = _tokenizer(plan)
    torch.manual_seed(0)
    model = build_encoder(len(tokenizer), shape)
    model.to(device)  # type: ignore[arg-type]
    heads = Heads(shape.joint, shape.vision_width).to(device)
    run = Run(
        model=model,
        heads=heads,
        tokenizer=tokenizer,
        optimizers=_optimizers(model, heads, plan.learning_rate),
        averages=Averages(model, EMA_DECAY),
        device=device,
    )
    state = load_checkpoint(plan.folder / "encoder.pt")
    if state is not None:
        _restore(run, state)
    elif plan.start is not None:
        _start_from(run, plan.start)
    return run


def _tokenizer(plan: Plan) -> CLIPTokenizer:
    """The run's own tokenizer: that of the weights it starts from, or learned from captions."""
    folder = plan.folder / "tokenizer"
    if not (folder / "tokenizer.json").exists():
        if plan.start is not None:
            CLIPTokenizer.from_pretrained(plan.start).save_pretrained(folder)
        else:
            save_tokenizer(folder)
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
    return tokenizer


def _start_from(run: Run, folder: Path) -> None:
    """Take over the weights of an exported encoder, and how long it was trained."""
    exported = CLIPModel.from_pretrained(folder, dtype=torch.float32)
    run.model.load_state_dict(exported.state_dict())
    run.averages = Averages(run.model, EMA_DECAY)
    facts = read_training_record(folder)
    run.step, run.pictures, run.seconds = facts["step"], facts["pictures"], facts["seconds"]
    run.is_taken_over = True


def _optimizers(
    model: CLIPModel, heads: Heads, learning_rate: float
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the towers, AdamW for all the rest."""
    inner = [
        p for name, p in model.named_parameters() if ".encoder.layers." in name and p.ndim == 2
    ]
    ids = {id(p) for p in inner}
    rest = [p for p in [*model.parameters(), *heads.parameters()] if id(p) not in ids]
    muon = Muon(inner, lr=MUON_FACTOR * learning_rate)
    adam = torch.optim.AdamW(
        [
            {"params": [p for p in rest if p.ndim >= 2], "weight_decay": 0.02},
            {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
        ],
        lr=learning_rate,
        betas=(0.9, 0.98),
    )
    return [muon, adam]


def _restore(run: Run, state: dict[str, Any]) -> None:
    run.model.load_state_dict(state["model"])
    run.heads.load_state_dict(state["heads"])
    for optimizer, saved in zip(run.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    run.averages.values = {k: v.to(run.device) for k, v in state["averages"].items()}
    run.step, run.pictures, run.seconds = state["step"], state["pictures"], state["seconds"]


def save_run(run: Run, folder: Path) -> None:
    """Write the checkpoint."""
    save_checkpoint(
        folder / "encoder.pt",
        {
            "model": run.model.state_dict(),
            "heads": run.heads.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in run.optimizers],
            "averages": run.averages.values,
            "step": run.step,
            "pictures": run.pictures,
            "seconds": run.seconds,
        },
    )


WARM_UP, FALLS_FROM = 60, 0.65
"""Steps until the learning rate is whole, and the share of the run at which it begins to fall."""
HEADS_STEPS, HEADS_LEARNING_RATE = 100, 3e-3
"""How long and how fast fresh heads learn before towers that were trained already."""


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
        texts_asked = text_vectors(
            run.model, asked_ids.to(run.device), asked_mask.to(run.device)
        ).float()
    read = Read(
        seen=pictures,
        coverage=shown.coverage,
        texts=texts,
        choices=list(torch.split(texts_asked, [len(each.captions) for each in batch.choices])),
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


def warm_up_heads(run: Run, source: Iterator[Batch]) -> None:
    """Teach fresh heads to read towers that are trained, before their errors teach these."""
    run.model.requires_grad_(False)
    for optimizer in run.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = HEADS_LEARNING_RATE
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
        warm_up_heads(run, source)
    start = saved = measured = time.monotonic()
    run.random.manual_seed(run.step)
    with (plan.folder / "encoder.jsonl").open("a") as log:
        while (now := time.monotonic()) - start < plan.minutes * 60:
            factor = learning_rate_factor(
                (now - start) / (plan.minutes * 60),
                run.step,
                warm_up=WARM_UP,
                falls_from=FALLS_FROM,
            )
            for optimizer, share in zip(run.optimizers, (MUON_FACTOR, 1.0), strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = plan.learning_rate * factor * share
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
        "learning_rate_factor": round(factor, 3),
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
@click.option("--learning-rate", default=1.2e-3, show_default=True)
@click.option("--workers", default=0, show_default=True, help="Processes that make batches.")
@click.option(
    "--start",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where there is no checkpoint, begin with the weights of this exported encoder.",
)
def main(
    folder: Path, minutes: float, batch: int, learning_rate: float, workers: int, start: Path | None
) -> None:
    """Train the encoder on the pictures in FOLDER/pictures."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    plan = Plan(
        folder=folder,
        minutes=minutes,
        batch=batch,
        learning_rate=learning_rate,
        workers=workers,
        start=start,
    )
    train(plan, Shape())


if __name__ == "__main__":
    main()
