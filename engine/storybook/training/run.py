"""A training run of the encoder: what it consists of, and how it is kept and taken up again."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPModel, PreTrainedTokenizerBase
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from engine.storybook.training.checkpoint import Averages, load_checkpoint, save_checkpoint
from engine.storybook.training.muon import Muon
from engine.storybook.training.network import Heads, Shape, build_encoder
from engine.storybook.training.tokenizer import save_tokenizer

DEFAULT_FOLDER = Path.home() / ".cache" / "t2itui-train"
MUON_RATE = 4.0
"""How much faster than the rest the matrices inside the towers learn."""
AVERAGED = 0.998
"""What is kept of the averaged weights at each step."""
TRAINING = "training.json"
"""How long exported weights were trained, beside them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How long and how fast to train."""

    folder: Path
    minutes: float
    batch: int
    rate: float
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
        optimizers=_optimizers(model, heads, plan.rate),
        averages=Averages(model, AVERAGED),
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
    run.averages = Averages(run.model, AVERAGED)
    facts = json.loads((folder / TRAINING).read_text(encoding="utf-8"))
    run.step, run.pictures, run.seconds = facts["step"], facts["pictures"], facts["seconds"]
    run.is_taken_over = True


def _optimizers(model: CLIPModel, heads: Heads, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the towers, AdamW for all the rest."""
    inner = [
        p for name, p in model.named_parameters() if ".encoder.layers." in name and p.ndim == 2
    ]
    ids = {id(p) for p in inner}
    rest = [p for p in [*model.parameters(), *heads.parameters()] if id(p) not in ids]
    muon = Muon(inner, lr=MUON_RATE * rate)
    adam = torch.optim.AdamW(
        [
            {"params": [p for p in rest if p.ndim >= 2], "weight_decay": 0.02},
            {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
        ],
        lr=rate,
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
