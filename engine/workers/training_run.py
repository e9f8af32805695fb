"""One training from arrays to arrays, going on from its checkpoint where there is one."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import safetensors
import torch
from numpy.typing import NDArray
from safetensors.torch import load as deserialized
from safetensors.torch import save as serialized
from torch import Tensor

from cache.connection import unwritable
from cache.home_files import read_file, remove_file, write_file
from engine.models.messages import Json
from engine.states import HeadKind, LossKind
from engine.workers.fitting import (
    FitSettings,
    FitState,
    ReportProgress,
    ValidationFigures,
    calibrated,
    fit_epochs,
    fit_metric,
    mined_by,
    sampled,
)
from engine.workers.losses import LOSSES
from engine.workers.matcher_modules import HeadModule, MatcherModule, new_module
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
    """The weights of a matcher's file, calibrated."""


def run(
    *,
    head: str,
    loss: str = LossKind.BCE,
    train: Arrays,
    validation: Arrays,
    settings: Mapping[str, Json],
    device: str,
    checkpoint: str,
    report: ReportProgress,
) -> FittedModel:
    """Fit by metric (a perceptron only) and by epochs, calibrate."""
    names = {field.name for field in fields(FitSettings)}
    fit = FitSettings(**{name: value for name, value in settings.items() if name in names})  # type: ignore[arg-type]
    torch.manual_seed(fit.seed)
    pairs, watched = as_pairs(dict(train), device), as_pairs(dict(validation), device)
    looked_at = sampled(watched, fit.seed)
    dim = pairs.texts.shape[1]
    path = Path(checkpoint) if checkpoint else None
    state = _state(_model(head, dim, fit).to(device), fit)
    if state.model.most_rows is not None and loss != LossKind.BCE:
        fit = replace(fit, batch=min(fit.batch, state.model.most_rows))
    if path is None or not _restore(state, path):
        model = _model(head, dim, fit).to(device)
        if isinstance(model, MatcherModule):
            fit_metric(model, pairs, looked_at, fit, report)
        state = _state(model, fit)
    model = state.model
    mined = mined_by(model, pairs)
    save = (lambda _: None) if path is None else _saver(path)
    fit_epochs(state, pairs, looked_at, mined, LOSSES[loss], fit, report, save)
    scale, bias = calibrated(model, watched, fit)
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
        arrays=model.weights(scale, bias),
    )


def _model(head: str, dim: int, fit: FitSettings) -> HeadModule:
    return new_module(HeadKind(head), dim, fit.hidden, fit.dropout)


def _state(model: HeadModule, fit: FitSettings) -> FitState:
    rate = model.rate * fit.learning_rate
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=fit.weight_decay)
    return FitState(model=model, optimizer=optimizer)


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
        data = serialized(tensors, metadata=counts)
        home, folder = path.parents[1], path.parent.name
        # One training at a time: what an ended one left unfinished is overwritten.
        partial = path.with_suffix(".partial").name
        try:
            write_file(home, folder, path.name, data=data, partial=partial)
        except OSError as error:
            raise unwritable(error, path) from error

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
