"""What an encoder in int8 is worth on this CPU: how near it comes to fp32, and how fast it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.states import NumberFormat
from engine.workers.encoder_models import EncoderModel, load_encoder

ROUNDS = 3


def measure_int8(
    folder: Path, usual: EncoderModel, report: Callable[[str], None]
) -> tuple[float, float]:
    """The smallest cosine of a model in int8 to fp32, and how many times as fast as usual it is.

    Both embed the same pictures in turns, and the shortest of each counts.
    """
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
