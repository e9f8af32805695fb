"""A training run: optimisers, averages, a checkpoint that it goes on from, a log.

Rates and random numbers follow from the step alone, and lengths are counted in pictures, so that
a run that was stopped goes on as if it had not been, on whatever device.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import click
import numpy as np
import torch
from torch import Tensor, nn

from tools.storybook.optimising import (
    Averages,
    Muon,
    learning_rate_factor,
    load_checkpoint,
    save_checkpoint,
)
from tools.storybook.progress import Progress

MUON_RATE = 4.0
"""How much faster than the rest the matrices inside a network learn where Muon moves them."""
ENDS = ("conv_in", "conv_out", "quant_conv", "time_emb", "embedding")
"""Parts of names of matrices that Muon leaves to AdamW."""


class Stateful(Protocol):
    """Anything else that a checkpoint holds."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> object: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How long and how fast to train; `name` is that of checkpoint, log and sheets."""

    folder: Path
    name: str
    pictures: int
    """Where the run ends; the rate falls over the last part."""
    batch: int
    rate: float
    unit: str = "pictures"
    device: str = "cpu"
    muon: bool = True
    warm_steps: int = 100
    level_share: float = 0.6
    """Share of the pictures before the rate falls."""
    decay: float = 0.998
    """Of the moving average, for each step."""
    save_seconds: float = 150.0
    minutes: float | None = None
    """Where to stop for now, whatever is left; the checkpoint is written."""


@dataclass(slots=True)
class Learner:
    """One module in training."""

    plan: Plan
    module: nn.Module
    optimizers: list[torch.optim.Optimizer]
    averages: Averages
    extras: dict[str, Stateful]
    progress: Progress
    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    """Of the processor on a CPU, of the clock on a GPU."""
    _start: float = field(default_factory=time.monotonic)
    _last: float = 0.0
    _saved: float = field(default_factory=time.monotonic)

    def clock(self) -> float:
        """Seconds that count."""
        return time.process_time() if self.plan.device == "cpu" else time.monotonic()

    @property
    def share(self) -> float:
        """Share of the planned pictures that were seen."""
        return self.samples / self.plan.pictures

    @property
    def over(self) -> bool:
        """Whether to stop: everything was seen, or the time for now is up."""
        limit = self.plan.minutes
        late = limit is not None and time.monotonic() - self._start > limit * 60
        return late or self.samples >= self.plan.pictures

    def random(self) -> np.random.Generator:
        """Random numbers of this step; torch's are seeded along."""
        torch.manual_seed(self.step)
        return np.random.default_rng([len(self.plan.name), self.step])

    def learn(self, loss: Tensor) -> float:
        """One step of the optimisers; the loss as a number."""
        factor = rate_at(self.share, self.step, self.plan)
        for optimizer in self.optimizers:
            speed = MUON_RATE if isinstance(optimizer, Muon) else 1.0
            optimizer.zero_grad(set_to_none=True)
            for group in optimizer.param_groups:
                group["lr"] = self.plan.rate * factor * speed
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.averages.update(self.module, self.step)
        self.step += 1
        self.samples += self.plan.batch
        now = self.clock()
        self.seconds += now - self._last
        self._last = now
        self.progress.at(self.samples)
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
            "extras": {name: extra.state_dict() for name, extra in self.extras.items()},
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


def rate_at(share: float, step: int, plan: Plan) -> float:
    """The learning rate's factor: warm-up, level, cosine at the end."""
    return learning_rate_factor(share, step, warm_up=plan.warm_steps, falls_from=plan.level_share)


def make_optimizers(module: nn.Module, plan: Plan) -> list[torch.optim.Optimizer]:
    """AdamW, and before it Muon for matrices and kernels inside the network if planned."""
    named = list(module.named_parameters())
    inner = [
        p for name, p in named if plan.muon and p.ndim >= 2 and not any(end in name for end in ENDS)
    ]
    ids = {id(p) for p in inner}
    rest = [p for _, p in named if id(p) not in ids]
    adam = torch.optim.AdamW(rest, lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    if not inner:
        return [adam]
    return [Muon(inner, lr=MUON_RATE * plan.rate, weight_decay=0.02), adam]


def open_learner(plan: Plan, module: nn.Module, extras: dict[str, Stateful]) -> Learner:
    """Start a run, or go on with the one in the folder."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    module.to(plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = load_checkpoint(plan.folder / f"{plan.name}.pt")
    done = 0 if state is None else state["samples"]
    learner = Learner(
        plan=plan,
        module=module,
        optimizers=make_optimizers(module, plan),
        averages=Averages(module, plan.decay),
        extras=extras,
        progress=Progress(plan.pictures, plan.unit, done=done),
    )
    learner._last = learner.clock()
    if state is not None:
        module.load_state_dict(state["module"])
        for optimizer, saved in zip(learner.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        for name, extra in extras.items():
            extra.load_state_dict(state["extras"][name])
        learner.averages.values = {k: v.to(plan.device) for k, v in state["averages"].items()}
        learner.step, learner.samples = state["step"], state["samples"]
        learner.seconds = state["seconds"]
    return learner
