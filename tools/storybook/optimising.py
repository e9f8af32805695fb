"""What every training here shares: Muon, averaged weights, checkpoints.

Muon is momentum whose matrices are made orthogonal, in the precision of the weights, after Keller
Jordan, "Muon: An optimizer for hidden layers in neural networks" (2024); the scale
0.2 sqrt(max(rows, columns)) after Liu et al., arXiv:2502.16982, makes learning rates mean what they
mean for AdamW. torch's own works in bfloat16 only, which costs a CPU without it half of a step.
Checkpoints are written whole, and read without unpickling code.
"""

import json
from collections.abc import Iterable
from math import cos, pi
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

DEFAULT_FOLDER = Path.home() / ".cache" / "t2itui-train"
"""Where trainings keep their pictures and checkpoints."""
TRAINING = "training.json"
"""How long weights were trained, beside them."""


def read_training_record(folder: Path) -> dict[str, Any]:
    """How long the weights in a folder were trained."""
    facts: dict[str, Any] = json.loads((folder / TRAINING).read_text(encoding="utf-8"))
    return facts


def write_training_record(folder: Path, facts: dict[str, Any]) -> None:
    """Say beside weights how long they were trained."""
    (folder / TRAINING).write_text(json.dumps(facts) + "\n", encoding="utf-8")


def learning_rate_factor(share: float, step: int, *, warm_up: int, falls_from: float) -> float:
    """What the learning rate is multiplied by: `warm_up` steps up, level, a cosine at the end.

    `share` is how much of the run is over; the fall begins at the share `falls_from`.
    """
    warm = min(1.0, (step + 1) / warm_up)
    if share < falls_from:
        return warm
    fallen = min(1.0, (share - falls_from) / (1 - falls_from))
    return warm * (0.02 + 0.98 * (1 + cos(pi * fallen)) / 2)


class Averages:
    """An exponential moving average of a module's parameters."""

    def __init__(self, module: nn.Module, ema_decay: float) -> None:
        self._ema_decay = ema_decay
        self.values = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the module's present weights; early steps weigh more."""
        keep = min(self._ema_decay, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            if value.dtype.is_floating_point:
                self.values[name].lerp_(value.detach(), 1 - keep)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write the state beside the old one, then replace it."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state, or None where there is none yet."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest matrix whose singular values are about one (Newton-Schulz iterations).

    Every iterate is a polynomial of x x' times x, so that polynomial is gathered, on the smaller
    side of the matrix, and multiplied with it once: a third of the work for a kernel of 3 x 3.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    square = x @ x.T
    one = torch.eye(len(square), dtype=x.dtype, device=x.device)
    gathered = one
    for step in range(steps):
        factor = 3.4445 * one - 4.7750 * square + 2.0315 * square @ square
        gathered = factor @ gathered
        if step + 1 < steps:
            square = factor @ factor @ square
    result: Tensor = gathered @ x
    return result.T if tall else result


class Muon(torch.optim.Optimizer):
    """For weight matrices inside a network, and kernels of its convolutions as matrices."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.05,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(list(params), defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                smooth = p.grad.lerp(state["momentum"], group["momentum"])
                update = orthogonal(smooth.flatten(1))
                scale = 0.2 * max(update.shape) ** 0.5
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update.view(p.shape), alpha=-group["lr"] * scale)
