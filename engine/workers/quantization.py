"""Models in int8: linear layers whose weights and inputs are whole numbers of 8 bits."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from engine.states import NumberFormat
from engine.workers.local_states import Model

if TYPE_CHECKING:
    from engine.workers.encoder_models import EncoderModel

ROUNDS = 3


def quantized_copy(model: Model) -> Model:
    """The model with weights in int8; what enters a layer is scaled as it comes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
            copy.deepcopy(model), {torch.nn.Linear}, dtype=torch.qint8
        )


def measure_int8(
    folder: Path, usual: EncoderModel, report: Callable[[str], None]
) -> tuple[float, float]:
    """The smallest cosine of a model in int8 to fp32, and how many times as fast as usual it is.

    Both embed the same pictures in turns, and the shortest of each counts.
    """
    from engine.workers.encoder_models import load_encoder

    whole = replace(usual.choice, dtype=NumberFormat.FP32)
    quantized = load_encoder(folder, whole, report)
    report("measuring int8")
    quantized.quantize()
    shortest = [float("inf")] * 2
    for at in range(ROUNDS + 1):
        for number, model in enumerate((usual, quantized)):
            began = time.perf_counter()
            model.embed_probe()
            took = time.perf_counter() - began
            # The first round warms up.
            shortest[number] = min(shortest[number], took) if at else shortest[number]
    assert quantized.agreement is not None
    return quantized.agreement, shortest[0] / shortest[1]
