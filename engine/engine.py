"""The engine: everything a notebook, the command line or the app can ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from cache.store import Cache
from engine.settings import EngineSettings
from engine.states import JobKind

if TYPE_CHECKING:
    from engine.comparing.comparer import Comparer
    from engine.evaluation.evaluator import Evaluator
    from engine.events import Report
    from engine.generation.generation import Generation
    from engine.generation.request import GenerateRequest
    from engine.jobs.codec import JobRequest
    from engine.jobs.jobs import Job, Jobs
    from engine.library.attachments import Attachments
    from engine.library.collections import BuiltInCollection
    from engine.library.exchange import Exchange
    from engine.library.indexing import Indexer
    from engine.library.library import Library
    from engine.library.repair import RepairPlan
    from engine.local.matcher_pictures import MatcherPictures
    from engine.local.states import LocalStates
    from engine.local.where import WordFinder
    from engine.models.downloads import Downloads
    from engine.models.encoders import Encoders
    from engine.models.generators import Generators
    from engine.requests import (
        AttachRequest,
        EvaluateRequest,
        ExportRequest,
        ImportRequest,
        IndexRequest,
        SearchRequest,
        TrainRequest,
        WhereRequest,
    )
    from engine.results import Check, ModelStatus, Receipt, SearchResult, WhereResult
    from engine.search.acceleration import Accelerator
    from engine.search.narrow import NarrowPass
    from engine.search.parts import PictureParts
    from engine.search.receipts import History
    from engine.search.searcher import Searcher
    from engine.sheets.sheets import Sheets
    from engine.training.training import MatcherTraining


class Engine:
    """Holds the parts together; each part is usable alone in a test.

    Use it as `async with Engine.open(settings) as engine`. Nothing heavy starts before it is
    needed: opening costs the cache's opening and no more, and a part is imported on first use.
    """

    def __init__(
        self, settings: EngineSettings, cache: Cache, *, measures_beside: bool = True
    ) -> None:
        """`measures_beside` leaves it out for a process that ends with its answer."""
        self.settings = settings
        self.cache = cache
        self._measures_beside = measures_beside

    @cached_property
    def jobs(self) -> Jobs:
        """What runs in the background, and what waits."""
        from engine.jobs.jobs import Jobs

        return Jobs(self.cache)

    @cached_property
    def library(self) -> Library:
        """What the cache holds, to look at and to forget."""
        from engine.library.library import Library

        return Library(self.cache)

    @cached_property
    def encoders(self) -> Encoders:
        """The encoder processes."""
        from engine.models.encoders import Encoders

        return Encoders(self.settings)

    @cached_property
    def collection(self) -> BuiltInCollection:
        """The pictures that come with the program."""
        from engine.library.collections import BuiltInCollection

        return BuiltInCollection(self.cache)

    @cached_property
    def searcher(self) -> Searcher:
        """Queries and their receipts."""
        from engine.search.searcher import Searcher

        start = self.jobs.start if self._measures_beside else None
        return Searcher(
            self.cache,
            self.encoders,
            self.settings,
            self.collection,
            start,
            states=lambda: self.local_states,
            parts=(lambda: self.parts) if self.settings.cluster else None,
            accelerator=(lambda: self.accelerator) if self._measures_beside else None,
            narrow=lambda: self.narrow,
        )

    @cached_property
    def accelerator(self) -> Accelerator:
        """A matcher over a large library in an encoder's process."""
        from engine.search.acceleration import Accelerator

        return Accelerator(self.encoders, self.settings)

    @cached_property
    def narrow(self) -> NarrowPass:
        """A first pass over a large library."""
        from engine.search.narrow import NarrowPass

        return NarrowPass(self.settings, learns=self._measures_beside)

    @cached_property
    def parts(self) -> PictureParts:
        """The library as a cluster holds it."""
        from engine.cluster.library_parts import ClusterParts

        return ClusterParts(self.cache, self.settings.cluster, self.settings)

    @cached_property
    def history(self) -> History:
        """Decisions made before."""
        from engine.search.receipts import History

        return History(self.cache)

    @cached_property
    def indexer(self) -> Indexer:
        """Folders into the library."""
        from engine.library.indexing import Indexer

        return Indexer(self.cache, self.encoders, self.settings, self._measure)

    @cached_property
    def local_states(self) -> LocalStates:
        """What encoders make of single patches of pictures and single tokens of texts."""
        from engine.local.states import LocalStates
        from engine.search.text_embedder import TextEmbedder

        embedder = TextEmbedder(self.cache, self.encoders)
        return LocalStates(self.cache, self.encoders, embedder, self.settings)

    @property
    def patch_progress(self) -> tuple[int, int] | None:
        """How many of how many pictures' patches are there, while somebody waits for many."""
        states: LocalStates | None = vars(self).get("local_states")
        return None if states is None else states.progress

    @cached_property
    def words(self) -> WordFinder:
        """Where in pictures words are."""
        from engine.local.where import WordFinder
        from engine.search.pictures import QueryPictures
        from engine.search.text_embedder import TextEmbedder

        embedder = TextEmbedder(self.cache, self.encoders)
        pictures = QueryPictures(self.cache, self.encoders, embedder, self.settings)
        return WordFinder(
            self.cache, self.encoders, embedder, pictures, self.local_states, self.collection
        )

    @cached_property
    def matcher_pictures(self) -> MatcherPictures:
        """What matchers that read patches make of pictures."""
        from engine.local.matcher_pictures import MatcherPictures

        return MatcherPictures(self.cache, self.local_states)

    @cached_property
    def comparer(self) -> Comparer:
        """Descriptions of growing detail against pictures."""
        from engine.comparing.comparer import Comparer

        return Comparer(self.cache, self.searcher, self.collection)

    @cached_property
    def evaluator(self) -> Evaluator:
        """How well scorers do on data whose truth is known."""
        from engine.evaluation.evaluator import Evaluator

        return Evaluator(
            self.cache, self.encoders, self.indexer, self.local_states, self.collection
        )

    @cached_property
    def generators(self) -> Generators:
        """The generator process."""
        from engine.models.generators import Generators

        return Generators(self.settings)

    @cached_property
    def generation(self) -> Generation:
        """Pictures for what the library lacks."""
        from engine.generation.generation import Generation

        return Generation(
            cache=self.cache,
            jobs=self.jobs,
            generators=self.generators,
            encoders=self.encoders,
            scorer=self.searcher.prompt_scorer,
            collection=self.collection,
            settings=self.settings,
            finder=lambda: self.words,
        )

    @cached_property
    def sheets(self) -> Sheets:
        """Prompts painted with every value of some axes."""
        from engine.sheets.sheets import Sheets

        return Sheets(self.cache, self.jobs, self.generators, self.generation, self.settings)

    @cached_property
    def training(self) -> MatcherTraining:
        """Matchers of one's own."""
        from engine.training.training import MatcherTraining

        return MatcherTraining(
            self.cache,
            self.encoders,
            self.indexer,
            self.settings,
            self.searcher.labels.refit,
            self._measure,
            self.local_states,
        )

    @cached_property
    def exchange(self) -> Exchange:
        """Vectors from and for elsewhere."""
        from engine.library.exchange import Exchange

        return Exchange(self.cache, self.settings, self._measure)

    @cached_property
    def attachments(self) -> Attachments:
        """Folders of shards that are part of the library by reference."""
        from engine.library.attachments import Attachments

        return Attachments(self.cache, self._measure)

    @cached_property
    def downloads(self) -> Downloads:
        """Models from the hub."""
        from engine.models.downloads import Downloads

        return Downloads(self.settings)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: EngineSettings, *, with_jobs: bool = True, measures_beside: bool = True
    ) -> AsyncIterator[Engine]:
        """Open the cache and yield an engine; on exit jobs are cancelled and workers ended.

        Without jobs, opening writes nothing: enough to search and to look around. What queries are
        placed by in a library that has changed is measured beside them, unless the process ends
        with its answer.
        """
        cache = await Cache.open(settings.home)
        engine = cls(settings, cache, measures_beside=measures_beside)
        try:
            if with_jobs:
                await engine.jobs.recover()
                await engine._recover_generated()
            yield engine
        finally:
            await engine.aclose()

    async def aclose(self) -> None:
        """Cancel what runs, end the model processes and close the cache."""
        for name in (
            *("jobs", "searcher", "accelerator", "narrow", "parts", "indexer", "local_states"),
            *("generation", "generators", "encoders"),
        ):
            if (opened := vars(self).get(name)) is not None:
                await opened.aclose()
        await self.cache.aclose()

    async def _measure(self, encoder_id: str, job_id: int, report: Report) -> None:
        await self.matcher_pictures.see(encoder_id, job_id, report)
        await self.searcher.measure(encoder_id, job_id, report)

    async def _recover_generated(self) -> None:
        """Bring generated files and their rows together where something parted them."""
        if self.cache.read_only:
            return
        from cache.content_files import has_contents
        from cache.generated import has_generated

        if has_contents(self.settings.home) or await self.cache.read(has_generated):
            from engine.generation.store import recover_orphans

            await recover_orphans(self.cache, self.settings)

    async def search(self, request: SearchRequest) -> SearchResult:
        """Answer a query and keep the receipt."""
        return await self.searcher.search(request)

    async def where(self, request: WhereRequest) -> WhereResult:
        """Find the words of a description in a picture."""
        return await self.words.find(request)

    def index(self, request: IndexRequest) -> Job:
        """Start to index folders in the background."""
        return self.jobs.start(self.indexer.job(request))

    def attach(self, request: AttachRequest) -> Job:
        """Start to attach a folder of shards in the background."""
        return self.jobs.start(self.attachments.job(request))

    def evaluate(self, request: EvaluateRequest) -> Job:
        """Start to evaluate in the background; `evaluator.of_job` has the result."""
        return self.jobs.start(self.evaluator.job(request))

    def train(self, request: TrainRequest) -> Job:
        """Start to train a matcher in the background; `training.of_job` has the result."""
        return self.jobs.start(self.training.job(request))

    async def generate(
        self,
        request: GenerateRequest,
        *,
        receipt: Receipt | None = None,
        library: str | None = None,
        fresh: bool = False,
    ) -> Job:
        """Start to generate pictures in the background; `generation.results` has them.

        Arguments and errors are those of `generation.start`.
        """
        return await self.generation.start(request, receipt=receipt, library=library, fresh=fresh)

    def request_for(self, receipt: Receipt) -> GenerateRequest:
        """What to generate for a decision: its texts; those it takes away are what not to show.

        Raises RequestError where the query has no text to generate from.
        """
        from engine.generation.request import GenerateRequest
        from engine.search.query import prompts_of

        prompt, negative = prompts_of(receipt.query)
        return GenerateRequest(prompt=prompt, negative=negative)

    def start(self, request: JobRequest) -> Job:
        """Start what a job was asked for, as the jobs table has it."""
        from engine.generation.request import GenerationSpec
        from engine.jobs.codec import kind_of

        if isinstance(request, GenerationSpec):
            return self.generation.resume(request)
        starts: dict[JobKind, Callable[..., Job]] = {
            JobKind.INDEX: self.index,
            JobKind.ATTACH: self.attach,
            JobKind.IMPORT: self.import_vectors,
            JobKind.EXPORT: self.export_vectors,
            JobKind.DOWNLOAD: lambda asked: self.download(asked.model),
            JobKind.SHEET: lambda asked: self.sheets.resume(asked),
            JobKind.EVALUATE: self.evaluate,
            JobKind.TRAIN: self.train,
        }
        return starts[kind_of(request)](request)

    def import_vectors(self, request: ImportRequest) -> Job:
        """Start to import vectors in the background."""
        return self.jobs.start(self.exchange.import_job(request))

    def export_vectors(self, request: ExportRequest) -> Job:
        """Start to export vectors in the background."""
        return self.jobs.start(self.exchange.export_job(request))

    def download(self, model_id: str) -> Job:
        """Start to fetch a model's weights in the background."""
        return self.jobs.start(self.downloads.job(model_id))

    async def models(self) -> list[ModelStatus]:
        """List the encoders that are known, on this machine or in the library."""
        from engine.models.catalog import encoder_statuses

        return await encoder_statuses(self.cache, self.encoders)

    async def generator_models(self) -> list[ModelStatus]:
        """List the generators that are known, on this machine or in the settings."""
        from engine.models.catalog import generator_statuses

        return await generator_statuses(self.generators)

    async def repair(self) -> RepairPlan:
        """Keep damaged embeddings aside; what is to be indexed then is in the answer."""
        from engine.library.repair import set_embeddings_aside

        return await set_embeddings_aside(self.cache, self.settings.home, self.collection)

    async def doctor(self) -> Sequence[Check]:
        """Check device, models, cache and disk, and the cluster of the settings."""
        from engine.doctor import examine, examine_cluster

        found = await examine(self.settings, self.cache, self.encoders, self.generators)
        address = self.settings.cluster
        return (
            [*found, *(await examine_cluster(self.settings, self.cache, address))]
            if address
            else found
        )
