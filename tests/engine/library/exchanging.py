"""Caches, files of vectors and runs for the tests of importing and exporting."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from cache.embeddings import Vectors, load_matrix
from cache.pictures import shown_pictures
from cache.store import Cache
from engine.events import JobEvent
from engine.library.exchange import Exchange
from engine.requests import ExportRequest, ImportRequest
from engine.settings import EngineSettings

CLIP = "openai/clip-vit-base-patch32"


@dataclass
class Desk:
    """A cache with an exchange, and what its jobs reported."""

    cache: Cache
    exchange: Exchange
    events: list[JobEvent] = field(default_factory=list)

    async def bring_in(self, request: ImportRequest) -> str:
        return await self.exchange.import_job(request).run(1, self.events.append)

    async def write_out(self, request: ExportRequest) -> str:
        return await self.exchange.export_job(request).run(2, self.events.append)

    async def vectors_by_path(self, encoder_id: str = CLIP) -> dict[str, Vectors]:
        ids, matrix = await self.cache.read(load_matrix, encoder_id)
        shown = await self.cache.read(shown_pictures, ids.tolist())
        paths = [picture.file.path for picture in shown if picture.file is not None]
        return dict(zip(paths, matrix, strict=True))


@asynccontextmanager
async def open_desk(home: Path) -> AsyncIterator[Desk]:
    cache = await Cache.open(home)
    try:
        yield Desk(cache, Exchange(cache, EngineSettings(home=home)))
    finally:
        await cache.aclose()


def units(count: int, dim: int = 8, seed: int = 0) -> Vectors:
    """Random unit vectors, float32 [count, dim]."""
    vectors = np.random.default_rng(seed).standard_normal((count, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def pictures_npz(path: Path, names: list[str], vectors: np.typing.NDArray[np.generic]) -> Path:
    np.savez(path, image=np.array(names), vector=vectors)
    return path


def texts_npz(path: Path, texts: list[str], vectors: np.typing.NDArray[np.generic]) -> Path:
    np.savez(path, text=np.array(texts), vector=vectors)
    return path


def save_picture(path: Path, colour: str, side: int = 20) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side * 2, side), colour).save(path)
    return path
