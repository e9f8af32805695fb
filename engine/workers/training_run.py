"""One training from arrays to arrays, going on from its checkpoint where there is one."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import safetensors
import torch
from numpy.typing import NDArray
from safetensors.torch import load as deserialized
from safetensors.torch import save as serialized
from torch import Tensor, nn

from cache.home_files import read_file, remove_file, write_file
from engine.models.messages import Json
from engine.states import ScorerKind
from engine.workers.fitting import (
    FitSettings,
    FitState,
    ReportProgress,
    ValidationFigures,
    calibrated,
    every,
    fit_epochs,
    fit_metric,
    mined_by,
    sampled,
)
from engine.workers.matcher_modules import MatcherModule, TwoBranchModule
from engine.workers.pairs import as_pairs

Arrays = Mapping[str, NDArray[np.generic]]
_COUNTS = ("epoch", "epochs_without_improvement")
_FIGURES = ("average_precision", "recall", "swap_auc")
"""What a checkpoint keeps beside weights."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedModel:
    """What a training came to."""

    fields: dict[str, Json]
    arrays: dict[str, NDArray[np.float32]]
    """The weights of a matcher's file; empty for other kinds."""
    scores: NDArray[np.float32]
    """Calibrated logits of the texts and pictures that were to be scored, [T, N]."""


def run(
    *,
    kind: str,
    train: Arrays,
    validation: Arrays,
    scored: tuple[NDArray[np.float32], NDArray[np.float32]],
    settings: Mapping[str, Json],
    device: str,
    checkpoint: str,
    report: ReportProgress,
) -> FittedModel:
    """Fit by metric (a matcher only) and by epochs, calibrate, score."""
    names = {field.name for field in fields(FitSettings)}
    fit = FitSettings(**{name: value for name, value in settings.items() if name in names})  # type: ignore[arg-type]
    torch.manual_seed(fit.seed)
    pairs, watched = as_pairs(dict(train), device), as_pairs(dict(validation), device)
    looked_at = sampled(watched, fit.seed)
    dim = pairs.texts.shape[1]
    path = Path(checkpoint) if checkpoint else None
    state = _state(_model(kind, dim, fit).to(device), fit)
    if path is None or not _restore(state, path):
        model = _model(kind, dim, fit).to(device)
        if isinstance(model, MatcherModule):
            fit_metric(model, pairs, looked_at, fit, report)
        state = _state(model, fit)
    model = state.model
    mined = mined_by(model, pairs)
    save = (lambda _: None) if path is None else _saver(path)
    fit_epochs(state, pairs, looked_at, mined, fit, report, save)
    scale, bias = calibrated(model, watched, fit)
    texts, pictures = (torch.from_numpy(array.copy()).to(device) for array in scored)
    scores = every(model, texts, pictures) * scale + bias
    if path is not None:
        remove_file(path.parents[1], path.parent.name, path.name)
    return FittedModel(
        fields={
            "epochs": state.epoch,
            "validation_map": state.best.average_precision,
            "validation_recall": state.best.recall,
            "scale": scale,
            "bias": bias,
        },
        arrays=_scaled(model.weights(), scale, bias) if isinstance(model, MatcherModule) else {},
        scores=scores.float().cpu().numpy(),
    )


def _model(kind: str, dim: int, fit: FitSettings) -> nn.Module:
    if kind == ScorerKind.TWO_BRANCH:
        return TwoBranchModule(dim, min(fit.hidden, dim), fit.dropout)
    # Two of the hidden units hold the metric.
    return MatcherModule(dim, fit.hidden - 2, fit.dropout)


def _state(model: nn.Module, fit: FitSettings) -> FitState:
    # A matcher starts from what the metric has learned, a network of two branches from nothing.
    rate = fit.learning_rate if isinstance(model, MatcherModule) else 10 * fit.learning_rate
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=fit.weight_decay)
    return FitState(model=model, optimizer=optimizer)


def _scaled(
    arrays: dict[str, NDArray[np.float32]], scale: float, bias: float
) -> dict[str, NDArray[np.float32]]:
    """A matcher whose logits are scaled and biased."""
    changed = {"w2": arrays["w2"] * scale, "b2": arrays["b2"] * scale + bias}
    return {name: array.astype(np.float32) for name, array in (arrays | changed).items()}


def _saver(path: Path) -> Callable[[FitState], None]:
    def save(state: FitState) -> None:
        tensors: dict[str, Tensor] = {}
        for name, tensor in state.model.state_dict().items():
            tensors[f"model.{name}"] = tensor.detach().clone().contiguous()
        for name, tensor in (state.kept or {}).items():
            tensors[f"kept.{name}"] = tensor.contiguous()
        for number, held in state.optimizer.state_dict()["state"].items():
            for name, tensor in held.items():
                tensors[f"optimizer.{number}.{name}"] = tensor.detach().clone().contiguous()
        counts = {name: repr(float(getattr(state, name))) for name in _COUNTS}
        counts |= {name: repr(getattr(state.best, name)) for name in _FIGURES}
        # One training at a time: what an ended one left unfinished is overwritten.
        write_file(
            path.parents[1],
            path.parent.name,
            path.name,
            data=serialized(tensors, metadata=counts),
            partial=path.with_suffix(".partial").name,
        )

    return save


def _metadata(data: bytes) -> dict[str, str]:
    """The texts in the header of a safetensors file."""
    (size,) = struct.unpack("<Q", data[:8])
    return dict(json.loads(data[8 : 8 + size]).get("__metadata__", {}))


def _restore(state: FitState, path: Path) -> bool:
    """Take a state up where it was left; False where there is none, or none that fits."""
    try:
        data = read_file(path.parents[1], path.parent.name, path.name)
        tensors, counts = deserialized(data), _metadata(data)
        model = {n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")}
        kept = {n.removeprefix("kept."): t for n, t in tensors.items() if n.startswith("kept.")}
        state.model.load_state_dict(model)
        held = state.optimizer.state_dict()
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, number, field = name.split(".")
                held["state"].setdefault(int(number), {})[field] = tensor
        state.optimizer.load_state_dict(held)
        device = next(state.model.parameters()).device
        state.kept = {name: tensor.to(device) for name, tensor in kept.items()}
        state.epoch, state.epochs_without_improvement = (
            int(float(counts["epoch"])),
            int(float(counts["epochs_without_improvement"])),
        )
        state.best = ValidationFigures(**{name: float(counts[name]) for name in _FIGURES})
    except (OSError, safetensors.SafetensorError, RuntimeError, KeyError, ValueError):
        return False
    return True
