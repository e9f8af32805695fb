"""Pictures of the storybook's world, drawn for a training: the gallery alone teaches too little."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from engine.indexing.progress import Progress
from engine.models.encoders import Encoders
from engine.models.process import WorkerProcess
from engine.results import FloatArray
from engine.vectors.atomic import replaced
from engine.wire import Json, Reply

TRAIN, VALIDATION = "train", "validation"
WATCHED = 500
"""Scenes that are not learned from: the probabilities are made right on them."""
AT_ONCE = 60
"""Pictures drawn and embedded in one go: about a second's work."""
TEXTS_AT_ONCE = 512
_PURPOSE = {TRAIN: "learn from", VALIDATION: "calibrate on"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """A set of drawn pictures with what is said of them, embedded."""

    count: int
    """Whole pictures; spoiled ones come on top."""
    texts: FloatArray
    """[T, dim]."""
    pictures: FloatArray
    """[N, dim]."""


class Drawing:
    """Draws in processes of their own and embeds in the encoder's, side by side.

    A set that is whole is kept in a file until `forget`, so that a training that was stopped later
    need not draw it again.
    """

    def __init__(
        self,
        encoders: Encoders,
        source: str,
        workers: Sequence[WorkerProcess],
        progress: Progress,
        folder: Path,
    ) -> None:
        self._encoders = encoders
        self._source = source
        self._workers = workers
        self._progress = progress
        self._folder = folder
        self._files: list[Path] = []

    async def draw(self, name: str, count: int) -> Drawn:
        """Draw and embed a set, or read it where that was done before."""
        facts = await self._encoders.describe(self._source)
        key = hashlib.sha256(f"{facts.id}:{name}:{count}".encode()).hexdigest()[:16]
        path = self._folder / f"drawn-{key}.npz"
        self._files.append(path)
        found = await asyncio.to_thread(_read, path, count)
        if found is None:
            found = await self._draw(name, count, facts.folder)
            await asyncio.to_thread(_write, path, found)
        return found

    def forget(self) -> None:
        """Drop what was kept."""
        for path in self._files:
            path.unlink(missing_ok=True)

    async def _draw(self, name: str, count: int, encoder: Path) -> Drawn:
        asked: dict[str, Json] = {"name": name, "count": count}
        said = await self._workers[0].call("captions", asked)
        size = said.whole("size")
        starts = iter(range(0, size, AT_ONCE))
        parts: dict[int, FloatArray] = {}
        asked["folder"] = str(encoder)
        self._progress.tell(f"drawing pictures to {_PURPOSE[name]}", 0, size, unit="pictures")
        try:
            async with asyncio.TaskGroup() as group:
                for worker in self._workers:
                    group.create_task(self._share(worker, asked, starts, size, parts))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        pictures = np.concatenate([parts[start] for start in sorted(parts)])
        return Drawn(count=count, texts=await self._texts(said, name), pictures=pictures)

    async def _share(
        self,
        worker: WorkerProcess,
        asked: dict[str, Json],
        starts: Iterator[int],
        size: int,
        parts: dict[int, FloatArray],
    ) -> None:
        """Draw and embed one part after the other, until none is left."""
        for start in starts:
            drawn = await worker.call("draw", {**asked, "start": start, "stop": start + AT_ONCE})
            pixels = drawn.arrays[0].astype(np.uint8, copy=False)
            parts[start] = await self._encoders.embed_pixels(self._source, pixels)
            stage = f"drawing pictures to {_PURPOSE[str(asked['name'])]}"
            self._progress.tell(stage, min(size, AT_ONCE * len(parts)), size, unit="pictures")

    async def _texts(self, said: Reply, name: str) -> FloatArray:
        captions, vectors = said.texts("captions"), []
        for start in range(0, len(captions), TEXTS_AT_ONCE):
            some = captions[start : start + TEXTS_AT_ONCE]
            vectors.append((await self._encoders.embed_texts(self._source, some)).vectors)
            stage = f"embedding captions to {_PURPOSE[name]}"
            self._progress.tell(stage, start + len(some), len(captions), unit="texts")
        return np.concatenate(vectors)


def _read(path: Path, count: int) -> Drawn | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            return Drawn(count=count, texts=file["texts"], pictures=file["pictures"])
    except (OSError, ValueError, KeyError, BadZipFile):
        return None


def _write(path: Path, drawn: Drawn) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as temporary, temporary.open("wb") as file:
        np.savez(file, texts=drawn.texts, pictures=drawn.pictures)
