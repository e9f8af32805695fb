"""Picture files made for tests, and a stand-in for the encoders."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.embeddings import Vectors
from engine.errors import EngineError
from engine.models.encoder_info import EncoderInfo
from engine.models.encoders import LoadedEncoder
from engine.models.input_spec import SHORTEST_EDGE_CROP, InputSpec
from engine.states import PatchWay

SPEC = InputSpec(height=32, width=32, mode=SHORTEST_EDGE_CROP, shortest_edge=32)


def pattern(number: int, width: int = 64, height: int = 48) -> Image.Image:
    """A smooth colourful picture, another one for every number."""
    generator = np.random.default_rng(number)
    corners = generator.integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC)


def save(path: Path, number: int = 0) -> Path:
    """Write `pattern(number)` in the format that the name asks for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pattern(number).save(path)
    return path


def fill(folder: Path, count: int, first: int = 0) -> list[Path]:
    """Write `count` different pictures."""
    return [save(folder / f"{n:04}.png", n) for n in range(first, first + count)]


@dataclass
class FakeEncoders:
    """Embeds a picture as its mean colours, and waits when the test closes the gate."""

    id: str = "fake"
    spec: InputSpec = SPEC
    error: EngineError | None = None
    embedded: int = 0
    calls: list[int] = field(default_factory=list)
    loads: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    allowed: int | None = None
    """Pictures that pass before the gate must be open; None for any number."""
    at_once: int = 1

    async def describe(self, source: str) -> EncoderInfo:
        if self.error is not None:
            raise self.error
        return replace(facts(self.id, source), spec=self.spec)

    async def load(self, source: str) -> LoadedEncoder:
        self.loads += 1
        return LoadedEncoder(
            info=facts(self.id, source),
            device="cpu",
            dtype="fp32",
            agreement=None,
            warnings=("a note of the encoder",),
            pid=0,
        )

    async def embed_pixels(self, source: str, pixels: NDArray[np.uint8]) -> Vectors:
        assert pixels.shape[1:] == (32, 32, 3)
        if self.allowed is not None and self.embedded + len(pixels) > self.allowed:
            self.waiting.set()
            await self.gate.wait()
        self.calls.append(len(pixels))
        self.embedded += len(pixels)
        return vectors_of(pixels)


def facts(encoder_id: str, source: str) -> EncoderInfo:
    """What FakeEncoders says of itself."""
    return EncoderInfo(
        id=encoder_id,
        source=source,
        folder=Path(),
        family="clip",
        dim=6,
        logit_scale=100.0,
        languages=("en",),
        spec=SPEC,
        local_way=PatchWay.KEYS,
    )


def vectors_of(pixels: NDArray[np.uint8]) -> Vectors:
    """What FakeEncoders makes of pictures: unit vectors [n, 6]."""
    halves = pixels.astype(np.float32).reshape(len(pixels), 2, 16, 32, 3).mean(axis=(2, 3)) + 1
    flat = halves.reshape(len(pixels), 6)
    unit: Vectors = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    return unit
