"""Brings folders into the library: checks, walks, plans, then reads what is new."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from cache.records import Vectors
from cache.store import Cache
from engine.events import Report
from engine.indexing.plan import readable
from engine.indexing.run import Run
from engine.indexing.summary import sentence
from engine.jobs import JobWork
from engine.requests import IndexRequest
from engine.settings import EngineSettings

if TYPE_CHECKING:
    from engine.models.encoders import LoadedEncoder
    from engine.models.facts import EncoderFacts


class EncoderHost(Protocol):
    """What indexing needs of the encoders."""

    async def describe(self, source: str) -> EncoderFacts: ...

    async def load(self, source: str) -> LoadedEncoder: ...

    async def embed_pixels(self, source: str, pixels: NDArray[np.uint8]) -> Vectors: ...


class Indexer:
    """Makes index jobs; the folders are walked on its one thread."""

    def __init__(self, cache: Cache, encoders: EncoderHost, settings: EngineSettings) -> None:
        self._cache = cache
        self._encoders = encoders
        self._settings = settings
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="walk")

    def job(self, request: IndexRequest) -> JobWork:
        """Return the work of indexing the folders of `request`; see `Run` for what it does."""
        return IndexJob(self, request)

    async def run(self, request: IndexRequest, job_id: int, report: Report) -> str:
        """Index the folders of `request` and return the closing sentence."""
        run = Run(self._cache, self._encoders, self._settings, self._thread, request)
        return sentence(await run.carry_out(job_id, report))

    async def aclose(self) -> None:
        """Let go of the thread; jobs must have ended."""
        self._thread.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class IndexJob:
    """Index some folders, as a job."""

    indexer: Indexer
    asked: IndexRequest

    @property
    def kind(self) -> str:
        return "index"

    @property
    def title(self) -> str:
        return "index " + ", ".join(readable(str(folder)) for folder in self.asked.folders)

    @property
    def request(self) -> str:
        asked = self.asked
        return json.dumps(
            {
                "folders": [str(folder) for folder in asked.folders],
                "encoder": asked.encoder,
                "per_class": asked.per_class,
                "seed": asked.seed,
                "batch_size": asked.batch_size,
            }
        )

    async def run(self, job_id: int, report: Report) -> str:
        return await self.indexer.run(self.asked, job_id, report)
