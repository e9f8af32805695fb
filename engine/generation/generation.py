"""Generation as the app and the shell see it: jobs, what they generated, and recipes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cache.errors import CacheError
from cache.generated import (
    GeneratedRecord,
    Removal,
    find_generated,
    generated_by,
    list_generated,
    recipe_of,
    remove_generated,
)
from cache.jobs import JobRecord, find_job, jobs_in, set_job
from cache.pictures import shown_pictures
from cache.receipts import SequelRecord, put_sequel
from cache.store import Cache
from engine.errors import EngineError, ModelMissingError, RequestError
from engine.events import GeneratedPicture
from engine.generation.job import GenerationJob, picture_of
from engine.generation.painters import Painters
from engine.generation.png_metadata import read_recipe
from engine.generation.recipe import Recipe, from_json
from engine.generation.request import (
    GenerateRequest,
    GenerationSpec,
    checked,
    draw_seed,
    resolve,
)
from engine.generation.store import GeneratedStore, ScoresPrompts
from engine.generation.word_masks import FindsWords, WordMasks
from engine.jobs.codec import request_from_json
from engine.jobs.jobs import Job, Jobs
from engine.library.collections import BuiltInCollection
from engine.models.encoders import Encoders
from engine.models.generators import Generators
from engine.models.parameters import GenerationParameters
from engine.results import Receipt
from engine.settings import EngineSettings
from engine.states import JobKind, JobState, Route


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationDetails:
    """What a generation of any session was asked, and what became of it."""

    job_id: int
    title: str
    state: JobState
    message: str
    """How it ended; empty before that."""
    spec: GenerationSpec
    source: str
    """The generator."""
    parameters: GenerationParameters | None
    """What the generator makes of the request; None where its files are not here any more."""
    pictures: tuple[GeneratedPicture, ...]
    """What it stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A job as it was asked for, in this session or another."""

    title: str
    state: JobState
    message: str
    request: str
    """JSON."""


class Generation:
    """Starts generations, and looks after what they made."""

    def __init__(
        self,
        *,
        cache: Cache,
        jobs: Jobs,
        generators: Generators,
        encoders: Encoders,
        scorer: ScoresPrompts,
        collection: BuiltInCollection,
        settings: EngineSettings,
        finder: Callable[[], FindsWords],
    ) -> None:
        self._cache = cache
        self._jobs = jobs
        self._generators = generators
        self._collection = collection
        self._home = settings.home
        self._masks = WordMasks(finder)
        self.store = GeneratedStore(cache, encoders, scorer, settings)
        """Where pictures go, also those of sheets."""
        self.painters = Painters(generators, settings)
        """Who paints, also the cells of sheets."""
        self._works: dict[int, GenerationJob] = {}

    async def start(
        self,
        request: GenerateRequest,
        *,
        receipt: Receipt | None = None,
        library: str | None = None,
        fresh: bool = False,
        priority: int = 0,
    ) -> Job:
        """Queue a generation, for the decision of `receipt` if there is one.

        `library` names whose pictures it joins, empty for a person's own; None finds out.
        What was generated before for the same request with the same model comes from the cache,
        unless `fresh`. Raises RequestError, ModelMissingError or ModelUnusableError at once.
        """
        spec = GenerationSpec(
            request=request,
            drawn=draw_seed(),
            fresh=fresh,
            library=await self._library(receipt, library),
            receipt_id=receipt.id if receipt else None,
        )
        await self._check(spec)
        if receipt is not None and receipt.route == Route.RETRIEVE:
            await self._note(receipt.id, SequelRecord(override=Route.GENERATE))
        return self.resume(spec, priority=priority)

    async def again(
        self, job_id: int, *, new_seed: bool = False, preview: bool | None = None
    ) -> Job:
        """Run a job of any session again, or the same with another seed.

        `preview` is whether to report previews; None leaves it as it was asked for.
        """
        asked = await self._asked(job_id)
        spec = request_from_json(GenerationSpec, asked.request)
        if preview is not None:
            spec = replace(spec, request=replace(spec.request, preview=preview))
        spec = spec.with_new_seed() if new_seed else spec
        await self._check(spec)
        if asked.state is JobState.LOST:
            await self._cache.write(set_job, job_id, JobState.CANCELLED, "Run again")
        return self.resume(spec)

    def resume(self, spec: GenerationSpec, *, priority: int = 0) -> Job:
        """Queue what was asked before; what is impossible about it by now fails the job."""
        work = GenerationJob(
            self._cache,
            self._generators,
            self.painters.one,
            self.store,
            spec,
            home=self._home,
            source=self.source(spec.request, spec.library),
            folders=self.folders_of(spec.library),
            masks=self._masks,
        )
        job = self._jobs.start(work, priority=priority)
        self._works[job.id] = work
        return job

    def folders_of(self, library: str) -> tuple[Path, ...]:
        """The folders that name a library as a search does; none for a person's own."""
        built_in = self._collection
        return (built_in.folder,) if library == built_in.about.name else ()

    async def library_for(self, named: str | None) -> str:
        """Whose pictures new ones join that no decision asked for, unless named."""
        return await self._library(None, named)

    async def decline(self, receipt: Receipt) -> None:
        """Note that a person wants nothing generated for a decision."""
        await self._note(receipt.id, SequelRecord(override=Route.RETRIEVE))

    async def unfinished(self) -> list[JobRecord]:
        """Generations that the end of the program stopped, the newest first: run them again?"""
        return await self._cache.read(jobs_in, JobKind.GENERATE, JobState.LOST)

    async def dismiss(self, job_ids: Sequence[int]) -> None:
        """Ask no more about unfinished jobs."""
        for job_id in job_ids:
            await self._cache.write(set_job, job_id, JobState.CANCELLED, "Not run again")

    async def details(self, job_id: int) -> GenerationDetails:
        """What a job of any session was asked, and what became of it.

        Raises RequestError where no generation has that id.
        """
        asked = await self._asked(job_id)
        spec = request_from_json(GenerationSpec, asked.request)
        source = self.source(spec.request, spec.library)
        stored = await self._cache.read(generated_by, self._home, job_id)
        start = str(spec.request.start_picture or "")
        return GenerationDetails(
            job_id=job_id,
            title=asked.title,
            state=asked.state,
            message=asked.message,
            spec=spec,
            source=source,
            parameters=await self._resolved(spec, source),
            pictures=self.results(job_id)
            or tuple(replace(picture_of(each, cached=False), start_path=start) for each in stored),
        )

    async def aclose(self) -> None:
        """End who paints beside the generator of the settings; jobs have ended before."""
        await self.painters.aclose()

    def results(self, job_id: int) -> tuple[GeneratedPicture, ...]:
        """What a job of this process has generated so far, or found in the cache."""
        work = self._works.get(job_id)
        return tuple(work.pictures) if work else ()

    async def pictures(self, limit: int = 1_000) -> list[GeneratedRecord]:
        """What was generated and stored, the newest first."""
        return await self._cache.read(list_generated, self._home, limit)

    async def remove(self, picture_ids: Sequence[int]) -> Removal:
        """Take generated pictures out of the library and delete their files.

        A file that holds something else by now stays where it is.
        """
        return await self._cache.write(remove_generated, self._home, list(picture_ids))

    @property
    def generator(self) -> str:
        """What is loaded where a request names no generator."""
        return self._generators.configured

    async def recipe(self, picture: int | Path) -> Recipe:
        """How a picture was generated: of the library by id, or a file of any tool by path.

        Raises PictureError or RequestError where that is not known.
        """
        if isinstance(picture, Path):
            return await self._recipe_in(picture)
        found = await self._cache.read(recipe_of, self._home, picture)
        if found is not None:
            return from_json(found.recipe, private=True)
        shown = await self._cache.read(shown_pictures, [picture])
        if not shown or shown[0].file is None:
            raise RequestError("that picture is no longer in the library")
        return await self._recipe_in(Path(shown[0].file.path))

    def source(self, request: GenerateRequest, library: str = "") -> str:
        """Which generator carries out a request: the one it names, or that of the library."""
        if request.model is not None:
            return request.model
        built_in = self._collection.about.name
        if library == built_in and self._generators.locate(built_in) is not None:
            return built_in
        return self._generators.configured

    async def notice(self, request: GenerateRequest, library: str = "") -> str:
        """What a person should know before the request is carried out; mostly nothing.

        A small generator names the words that it never met, and how to get one that knows them.
        """
        source = self.source(request, library)
        try:
            info = await self._generators.describe(source)
        except EngineError:
            return ""  # Asking for the picture says what is wrong.
        words = info.vocabulary.notice(request.prompt) if info.vocabulary is not None else ""
        if not words or source == self._generators.configured:
            return words
        other = self._generators.configured
        if self._generators.locate(other) is not None:
            return f"{words} {other} knows more: choose it as the model."
        return f"{words} For anything: t2itui models get {other}"

    async def fitted(
        self, request: GenerateRequest, library: str | None = None
    ) -> tuple[GenerateRequest, str]:
        """A request out of a recipe without a scheduler that its generator was not made for.

        The second is a sentence on that, empty where everything fits.
        """
        source = self.source(request, await self._library(None, library))
        try:
            info = await self._generators.describe(source)
        except EngineError:
            return request, ""  # Asking for the picture says what is wrong.
        scheduler = request.scheduler
        if scheduler is None or scheduler in info.schedulers or request.loras:
            return request, ""
        used = info.defaults.scheduler
        left_out = f"its scheduler {scheduler} does not fit {info.id}: {used} is used"
        return replace(request, scheduler=None), left_out

    async def _check(self, spec: GenerationSpec) -> None:
        _check_text(spec.request)
        source = self.source(checked(spec.request), spec.library)
        try:
            info = await self._generators.describe(source)
        except ModelMissingError as error:
            about = self._collection.about
            if spec.request.model is not None or self._generators.locate(about.name) is None:
                raise
            hint = f"{error.hint}\n{about.generator_hint}: --model {about.name}"
            raise ModelMissingError(error.message, hint=hint) from error
        await asyncio.to_thread(resolve, spec.request, info)

    async def _resolved(self, spec: GenerationSpec, source: str) -> GenerationParameters | None:
        """What the generator makes of a request; None where it cannot be told."""
        try:
            info = await self._generators.describe(source)
            return await asyncio.to_thread(resolve, spec.request, info)
        except EngineError:
            return None

    async def _library(self, receipt: Receipt | None, named: str | None) -> str:
        """Whose pictures a new one joins: those that the decision was about, unless named."""
        built_in = self._collection.about.name
        try:
            state = await self._collection.prepare(asked=named == built_in)
        except (CacheError, EngineError):
            # What cannot be entered is no library; the picture has one all the same.
            state = await self._collection.state()
            if named == built_in and state.folder is None:
                raise
        if named is not None or state.folder is None:
            return named or ""
        scope = receipt.filters.get("folders", []) if receipt else []
        folders = [Path(str(folder)) for folder in scope] if isinstance(scope, list) else []
        if any(folder.is_relative_to(state.folder) for folder in folders):
            return built_in
        return built_in if state.is_alone and not folders else ""

    async def _asked(self, job_id: int) -> _Asked:
        """A job of this process as it is, one of an earlier session as the cache remembers it."""
        job = self._jobs.find(job_id)
        if job is not None and job.kind is JobKind.GENERATE:
            return _Asked(title=job.title, state=job.state, message="", request=job.request)
        record = await self._cache.read(find_job, job_id)
        if record is None or record.kind != JobKind.GENERATE:
            raise RequestError(f"there is no painting job {job_id}")
        state = JobState(record.state)
        return _Asked(
            title=record.title, state=state, message=record.message, request=record.request
        )

    async def _recipe_in(self, path: Path) -> Recipe:
        """The recipe in a file; of one generated here, with the paths that only the cache knows."""
        recipe = await asyncio.to_thread(read_recipe, path)
        if recipe.seed is None or not recipe.request_key:
            return recipe
        key, seed = recipe.request_key, recipe.seed
        known = await self._cache.read(find_generated, self._home, key, seed)
        return recipe if known is None else from_json(known.recipe, private=True)

    async def _note(self, receipt_id: str, sequel: SequelRecord) -> None:
        try:
            await self._cache.write(put_sequel, receipt_id, sequel)
        except CacheError:
            # The job and its picture do not depend on it.
            return


def _check_text(request: GenerateRequest) -> None:
    """Refuse what is no text: bytes of a command line that are no UTF-8."""
    for field in ("prompt", "negative", "model"):
        try:
            str(getattr(request, field)).encode()
        except UnicodeEncodeError as error:
            raise RequestError("the prompt is no valid text", field=field) from error
