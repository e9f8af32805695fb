"""Pictures of the storybook's world, drawn for a training: the gallery alone teaches too little."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from engine.library.progress import Progress
from engine.models.encoders import Encoders
from engine.models.messages import Json
from engine.models.process import WorkerProcess
from engine.results import FloatArray
from engine.training.kept import Kept, Vectors

TRAIN, VALIDATION, REPORT = "train", "validation", "report"
WATCHED = 500
"""Scenes that are not learned from: the probabilities are made right on them."""
REPORTED = 1000
"""Scenes that the report is made on, besides the gallery: those of the shipped matcher's report."""
AT_ONCE = 60
"""Pictures drawn and embedded in one go: less than a second's work."""
TEXTS_AT_ONCE = 1024
ENCODER_THREADS = 1
"""The other cores draw."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """A set of drawn pictures with what is said of them, embedded, block after block."""

    count: int
    """Whole pictures; spoiled ones come on top."""
    texts: FloatArray
    """[T, dim]."""
    pictures: FloatArray
    """[N, dim]."""

    @property
    def vectors(self) -> tuple[FloatArray, FloatArray]:
        """As they cross to the trainer."""
        return self.texts, self.pictures


@dataclass(slots=True, kw_only=True, eq=False)
class _Block:
    """One block on its way; parts by where they begin."""

    asked: dict[str, Json]
    """Set, count and number."""
    texts: list[str] = field(default_factory=list)
    size: int = 0
    """Pictures."""
    digest: str = ""
    spoken: dict[int, FloatArray] = field(default_factory=dict)
    seen: dict[int, FloatArray] = field(default_factory=dict)
    vectors: Vectors | None = None
    """None until all is embedded."""

    @property
    def done(self) -> int:
        """Pictures drawn and embedded."""
        return self.size if self.vectors is not None else sum(map(len, self.seen.values()))

    def close(self) -> Vectors | None:
        """The vectors, as soon as there are all of them."""
        if sum(map(len, self.seen.values())) < self.size:
            return None
        if sum(map(len, self.spoken.values())) < len(self.texts):
            return None
        texts, pictures = (
            np.concatenate([parts[start] for start in sorted(parts)])
            for parts in (self.spoken, self.seen)
        )
        self.vectors = Vectors(texts=texts, pictures=pictures)
        return self.vectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """AT_ONCE pictures of a block, or TEXTS_AT_ONCE of its texts."""

    block: _Block
    start: int
    is_text: bool


def _parts(blocks: Iterable[_Block]) -> Iterator[_Part]:
    """What is still to be drawn or read."""
    for block in blocks:
        if block.vectors is None:
            for start in range(0, block.size, AT_ONCE):
                yield _Part(block=block, start=start, is_text=False)
            for start in range(0, len(block.texts), TEXTS_AT_ONCE):
                yield _Part(block=block, start=start, is_text=True)


class Drawing:
    """Draws in processes of their own and embeds in the encoder's, side by side.

    What is drawn is kept, block by block: a training that was stopped goes on from there, and the
    next one draws nothing.
    """

    def __init__(
        self,
        encoders: Encoders,
        source: str,
        workers: Sequence[WorkerProcess],
        progress: Progress,
        folder: Path,
    ) -> None:
        """Drawn scenes are kept in `folder`; `source` is the encoder."""
        self._encoders = encoders
        self._source = source
        self._workers = workers
        self._progress = progress
        self._folder = folder
        self._all: list[_Block] = []
        self._known: dict[str, FloatArray] = {}

    async def draw(self, counts: Mapping[str, int]) -> dict[str, Drawn]:
        """Draw and embed sets of so many scenes, but for what is kept of them."""
        facts = await self._encoders.describe(self._source)
        kept = Kept(self._folder, facts.id)
        await asyncio.to_thread(kept.sweep)
        self._tell()
        self._all = await self._planned(counts, str(facts.folder))
        await self._spread(self._all, lambda worker, block: self._describe(worker, block, kept))
        self._tell()
        await self._spread(_parts(self._all), lambda worker, part: self._work(worker, part, kept))
        await asyncio.to_thread(kept.forget_others)
        return {name: self._set(name, count) for name, count in counts.items()}

    def _tell(self) -> None:
        done, total = sum(each.done for each in self._all), sum(each.size for each in self._all)
        self._progress.tell("drawing scenes", done, total, unit="scenes")

    async def _planned(self, counts: Mapping[str, int], folder: str) -> list[_Block]:
        found = []
        for name, count in counts.items():
            asked: dict[str, Json] = {"name": name, "count": count, "folder": folder}
            said = await self._workers[0].call("blocks", asked)
            found += [
                _Block(asked={**asked, "number": number}) for number in range(said.whole("blocks"))
            ]
        return found

    async def _describe(self, worker: WorkerProcess, block: _Block, kept: Kept) -> None:
        said = await worker.call("describe", block.asked)
        block.texts, block.digest = said.texts("texts"), said.text("digest")
        block.vectors = await asyncio.to_thread(kept.read, block.digest)
        block.size = said.whole("size")

    async def _work(self, worker: WorkerProcess, part: _Part, kept: Kept) -> None:
        """Embed a part of a block; the last one keeps it."""
        block, start = part.block, part.start
        if part.is_text:
            block.spoken[start] = await self._read(block.texts[start : start + TEXTS_AT_ONCE])
        else:
            asked = {**block.asked, "start": start, "stop": start + AT_ONCE}
            pixels = (await worker.call("draw", asked)).arrays[0].astype(np.uint8, copy=False)
            block.seen[start] = await self._encoders.embed_pixels(
                self._source, pixels, threads=ENCODER_THREADS
            )
            self._tell()
        vectors = block.close()
        if vectors is not None:
            await asyncio.to_thread(kept.write, block.digest, vectors)

    async def _read(self, texts: Sequence[str]) -> FloatArray:
        """Embed texts; short ones come in many blocks, and are embedded once."""
        new = [text for text in texts if text not in self._known]
        if new:
            found = await self._encoders.embed_texts(self._source, new, threads=ENCODER_THREADS)
            self._known |= zip(new, found.vectors, strict=True)
        return np.stack([self._known[text] for text in texts])

    async def _spread(
        self, jobs: Iterable[T], work: Callable[[WorkerProcess, T], Awaitable[None]]
    ) -> None:
        """Have each worker take one job after the other, until none is left."""
        left = iter(jobs)

        async def share(worker: WorkerProcess) -> None:
            for job in left:
                await work(worker, job)

        try:
            async with asyncio.TaskGroup() as group:
                for worker in self._workers:
                    group.create_task(share(worker))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    def _set(self, name: str, count: int) -> Drawn:
        found = [each.vectors for each in self._all if each.asked["name"] == name]
        whole = [each for each in found if each is not None]
        return Drawn(
            count=count,
            texts=np.concatenate([each.texts for each in whole]),
            pictures=np.concatenate([each.pictures for each in whole]),
        )
