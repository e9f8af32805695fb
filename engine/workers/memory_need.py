"""How much memory a generator needs, by the headers of its files, before anything is loaded."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from engine import disk
from engine.models import paths
from engine.states import Device
from engine.untrusted.arrays import TensorEntry, read_tensors_header
from engine.workers.device import DTYPES, Choice
from engine.workers.pipelines import PipelineSource

ACTIVATIONS = 0.2
"""Of the weights, what a picture of the model's own size takes beside them, roughly."""
_FLOATING = "F"
_BRAIN_FLOATING = "BF"

MOST_TOGETHER = 8
"""Pictures; more of them make a GPU no faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """Bytes that a generator takes."""

    weights: Mapping[str, int]
    """Of each part, in the number format that it is loaded in."""

    @property
    def total(self) -> int:
        """Of all weights."""
        return sum(self.weights.values())

    @property
    def whole(self) -> int:
        """Of all weights and a picture."""
        return round(self.total * (1 + ACTIVATIONS))

    def words(self) -> str:
        """What it takes, for people."""
        return (
            f"about {self.total / 1e9:.1f} GB for its weights and "
            f"{(self.whole - self.total) / 1e9:.1f} GB to paint"
        )


def memory_need(source: PipelineSource, dtype: str) -> MemoryNeed:
    """Return what a generator takes in a number format; files keep theirs, whatever it is."""
    size = DTYPES[dtype].itemsize
    if disk.is_file(source.path):
        header = read_tensors_header(source.path)
        return MemoryNeed(
            weights={"checkpoint": sum(_bytes(each, size) for each in header.tensors.values())}
        )
    return MemoryNeed(
        weights={
            part: sum(
                _bytes(each, size)
                for file in paths.weights(source.path, part, source.variant)
                for each in read_tensors_header(file).tensors.values()
            )
            for part in source.parts
        }
    )


def pictures_together(free: int, picture: int) -> int:
    """How many pictures that take so many bytes each are painted together where so many are free.

    Half of it is left alone: attention grows by more than the pictures do.
    """
    return max(1, min(MOST_TOGETHER, free // 2 // max(1, picture)))


def free_memory(choice: Choice) -> tuple[int, int]:
    """Return how many bytes are free on the device, and in the machine with what it can swap."""
    import psutil

    machine = psutil.virtual_memory().available + psutil.swap_memory().free
    if choice.device == Device.CUDA:
        return int(torch.cuda.mem_get_info()[0]), machine
    return machine, machine


def _bytes(entry: TensorEntry, size: int) -> int:
    """Of a tensor as it is loaded: floating numbers are converted."""
    is_floating = entry.dtype.startswith((_FLOATING, _BRAIN_FLOATING))
    return math.prod(entry.shape) * size if is_floating else entry.end - entry.start
