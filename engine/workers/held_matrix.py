"""The embeddings of a library on the device of a model process, and a matcher over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from engine.models.messages import Array
from engine.results import FloatArray
from engine.states import Device, NumberFormat
from engine.workers.device import Choice

_CHUNK = {Device.CUDA: 65_536, Device.MPS: 65_536}
"""Pictures at a time where launching costs more than memory; elsewhere the blocks as they come."""


class HeldMatrix:
    """Columns [dim, n] in blocks: float32 on an accelerator, bf16 on a CPU that has it."""

    def __init__(self, blocks: Sequence[torch.Tensor], choice: Choice) -> None:
        self._blocks = blocks
        self.choice = choice

    @classmethod
    def read(cls, path: str, counts: Sequence[int], dim: int, choice: Choice) -> HeldMatrix:
        """Read blocks of float32 that lie one after the other in a file.

        `choice` is what models run in here.
        """
        is_short = choice.device == Device.CPU and choice.dtype == NumberFormat.BF16
        dtype = torch.bfloat16 if is_short else torch.float32
        # Copied on writing, which nobody does: torch takes no array that may not be written.
        mapped = np.memmap(path, np.float32, "c")
        blocks: list[torch.Tensor] = []
        start = 0
        for count in counts:
            block = mapped[start : start + dim * count].reshape(dim, count)
            blocks.append(torch.from_numpy(block).to(choice.device, dtype))
            start += dim * count
        if dtype == torch.float32:
            choice = replace(choice, dtype=NumberFormat.FP32)
        return cls(_joined(blocks, _CHUNK.get(Device(choice.device), 0)), choice)

    @torch.inference_mode()
    def logits(self, weights: Mapping[str, Array], text: Array) -> FloatArray:
        """What a perceptron (engine/scoring/perceptron.py) gives a text for every picture, [N]."""
        w1, b1, w2, b2, t = (
            torch.from_numpy(np.array(each, np.float32)).to(self.choice.device)
            for each in (*(weights[name] for name in ("w1", "b1", "w2", "b2")), text)
        )
        w_text, w_picture, w_difference, w_product = torch.split(w1, len(t), dim=1)
        constant = ((w_text - w_difference) @ t + b1)[:, None]
        dtype = self._blocks[0].dtype
        linear = (w_picture + w_product * t - w_difference).to(dtype)
        larger, least = (2 * w_difference).to(dtype), t[:, None].to(dtype)
        found = []
        for block in self._blocks:
            hidden = torch.addmm(linear @ block, larger, torch.maximum(block, least))
            found.append((w2 @ (hidden.float() + constant).relu_())[0] + b2)
        logits: FloatArray = torch.cat(found).cpu().numpy()
        return logits


def _joined(blocks: list[torch.Tensor], chunk: int) -> list[torch.Tensor]:
    """Blocks of about so many columns, out of smaller ones, which are let go of on the way."""
    found: list[torch.Tensor] = []
    while blocks:
        part = [blocks.pop(0)]
        while blocks and sum(each.shape[1] for each in part) < chunk:
            part.append(blocks.pop(0))
        found.append(part[0] if len(part) == 1 else torch.cat(part, dim=1))
    return found
