"""What the training of all parts has in common: optimisers, averages, checkpoints, a log."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor, nn

from tools.storybook.optimising import (
    DEFAULT_FOLDER,
    Averages,
    Muon,
    learning_rate_factor,
    load_checkpoint,
    save_checkpoint,
)

FOLDER = DEFAULT_FOLDER / "generator"
RECORDED = ("samples", "step", "seconds")
WARM_UP, FALLS_FROM = 100, 0.6
"""Steps until the learning rate is whole, and the share of the run at which it begins to fall."""
MUON_FACTOR = 4.0
"""How much faster than the rest the matrices inside the network learn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How long and how fast to train; `name` is that of the checkpoint, log and sample sheets."""

    folder: Path
    name: str
    minutes: float
    batch: int
    learning_rate: float
    ema_decay: float = 0.998
    """Of the moving average, for each step."""
    save_seconds: float = 120.0
    steps: int | None = None
    """Where to end even if there is time left."""


@dataclass(slots=True)
class Trainer:
    """A training run of one module, with everything that its checkpoint holds."""

    plan: Plan
    module: nn.Module
    optimizers: list[torch.optim.Optimizer]
    averages: Averages
    device: torch.device
    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    _start: float = field(default_factory=time.monotonic)
    _last: float = field(default_factory=time.monotonic)
    _saved: float = field(default_factory=time.monotonic)

    @property
    def share(self) -> float:
        """The share of the planned time that is over; 1 once the planned steps are done."""
        if self.plan.steps is not None and self.step >= self.plan.steps:
            return 1.0
        return (time.monotonic() - self._start) / max(self.plan.minutes * 60, 1e-9)

    @property
    def record(self) -> dict[str, float]:
        """How long was trained."""
        return {name: getattr(self, name) for name in RECORDED}

    def go_on_from(self, record: Mapping[str, Any]) -> None:
        """Count on from training of which only the weights are left."""
        self.step, self.samples = int(record["step"]), int(record["samples"])
        self.seconds = float(record["seconds"])

    def learn(self, loss: Tensor, samples: int) -> float:
        """One step of the optimisers; the loss as a number."""
        factor = learning_rate_factor(self.share, self.step, warm_up=WARM_UP, falls_from=FALLS_FROM)
        for optimizer, speed in zip(self.optimizers, (MUON_FACTOR, 1.0), strict=True):
            optimizer.zero_grad(set_to_none=True)
            for group in optimizer.param_groups:
                group["lr"] = self.plan.learning_rate * factor * speed
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.averages.update(self.module, self.step)
        self.step += 1
        self.samples += samples
        now = time.monotonic()
        self.seconds += now - self._last
        self._last = now
        return float(loss.detach())

    def save_if_due(self) -> bool:
        """Write the checkpoint now and then; whether it was written."""
        if time.monotonic() - self._saved < self.plan.save_seconds:
            return False
        self.save()
        return True

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "module": self.module.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "averages": self.averages.values,
            "step": self.step,
            "samples": self.samples,
            "seconds": self.seconds,
        }
        save_checkpoint(self.plan.folder / f"{self.plan.name}.pt", state)
        self._saved = time.monotonic()

    def log(self, **values: float) -> None:
        """Add a line of JSON to the log."""
        line: dict[str, Any] = {"step": self.step, "samples": self.samples}
        line |= {"seconds": round(self.seconds)} | {k: round(v, 4) for k, v in values.items()}
        text = json.dumps(line)
        with (self.plan.folder / f"{self.plan.name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(text + "\n")
        click.echo(text)


def open_trainer(plan: Plan, module: nn.Module) -> Trainer:
    """Start a run, or go on with the one in the folder."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    trainer = Trainer(
        plan=plan,
        module=module,
        optimizers=make_optimizers(module, plan.learning_rate),
        averages=Averages(module, plan.ema_decay),
        device=device,
    )
    state = load_checkpoint(plan.folder / f"{plan.name}.pt")
    if state is not None:
        module.load_state_dict(state["module"])
        for optimizer, saved in zip(trainer.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        trainer.averages.values = {k: v.to(device) for k, v in state["averages"].items()}
        trainer.step, trainer.samples = state["step"], state["samples"]
        trainer.seconds = state["seconds"]
    return trainer


def make_optimizers(module: nn.Module, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Muon for matrices and kernels inside the network, AdamW for its ends and all the rest."""
    ends = ("conv_in", "conv_out", "quant_conv", "time_emb")
    inner = [
        p
        for name, p in module.named_parameters()
        if p.ndim >= 2 and not any(end in name for end in ends)
    ]
    ids = {id(p) for p in inner}
    rest = [p for p in module.parameters() if id(p) not in ids]
    muon = Muon(inner, lr=MUON_FACTOR * learning_rate, weight_decay=0.02)
    return [muon, torch.optim.AdamW(rest, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.0)]
