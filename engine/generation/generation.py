"""Painting as the app and the shell see it: jobs, what was painted, and recipes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cache.errors import CacheError
from cache.generated import (
    STORYBOOK,
    GeneratedRecord,
    find_generated,
    list_generated,
    recipe_of,
    remove_generated,
)
from cache.jobs import JobRecord, list_jobs, set_job
from cache.pictures import show
from cache.receipts import SequelRecord, put_sequel
from cache.store import Cache
from engine.errors import EngineError, ModelMissingError, RequestError
from engine.generation.job import PaintedPicture, PaintWork, Studio
from engine.generation.parameters import settle
from engine.generation.png_metadata import read_recipe
from engine.generation.recipe import Recipe, from_json
from engine.generation.request import GenerateRequest, checked, prompts_of
from engine.generation.store import Keeper
from engine.jobs.codec import Order, draw_seed, order_from_json, with_new_seed
from engine.jobs.jobs import Job, Jobs
from engine.library.collections import Storybook
from engine.models.encoders import Encoders
from engine.models.generators import Generators
from engine.models.paths import STORYBOOK as BUILT_IN
from engine.results import Receipt
from engine.search.searcher import Searcher
from engine.settings import EngineSettings
from engine.states import JobKind, JobState, Route

_REMEMBERED_JOBS = 1_000


class Painting:
    """Starts painting jobs, and looks after what they made."""

    def __init__(
        self,
        *,
        cache: Cache,
        jobs: Jobs,
        generators: Generators,
        encoders: Encoders,
        searcher: Searcher,
        storybook: Storybook,
        settings: EngineSettings,
    ) -> None:
        self._cache = cache
        self._jobs = jobs
        self._generators = generators
        self._storybook = storybook
        self._home = settings.home
        self._studio = Studio(
            cache=cache,
            generators=generators,
            keeper=Keeper(cache, encoders, searcher.prompts, settings),
            home=settings.home,
        )
        self._works: dict[int, PaintWork] = {}

    async def start(
        self,
        request: GenerateRequest,
        *,
        receipt: Receipt | None = None,
        library: str | None = None,
        fresh: bool = False,
        priority: int = 0,
    ) -> Job:
        """Queue a painting job, for the decision of `receipt` if there is one.

        `library` names whose pictures it joins, empty for a person's own; None finds out.
        What was painted before for the same request with the same model comes from the cache,
        unless `fresh`. Raises RequestError, ModelMissingError or ModelUnusableError at once.
        """
        order = Order(
            request=request,
            drawn=draw_seed(),
            fresh=fresh,
            library=await self._library(receipt, library),
            receipt_id=receipt.id if receipt else None,
        )
        await self._check(order)
        if receipt is not None and receipt.route == Route.RETRIEVE:
            await self._note(receipt.id, SequelRecord(override=Route.GENERATE))
        return self.resume(order, priority=priority)

    async def again(
        self, job_id: int, *, new_seed: bool = False, preview: bool | None = None
    ) -> Job:
        """Run a job of any session again, or the same with another seed.

        `preview` is whether to report previews; None leaves it as it was asked for.
        """
        record = await self._record(job_id)
        order = order_from_json(record.request)
        if preview is not None:
            order = replace(order, request=replace(order.request, preview=preview))
        order = with_new_seed(order) if new_seed else order
        await self._check(order)
        if record.state == JobState.LOST:
            await self._cache.write(set_job, job_id, JobState.CANCELLED, "Run again")
        return self.resume(order)

    def resume(self, order: Order, *, priority: int = 0) -> Job:
        """Queue what was ordered before; what is impossible about it by now fails the job."""
        folders = (self._storybook.folder,) if order.library == STORYBOOK else ()
        source = self.source(order.request, order.library)
        work = PaintWork(self._studio, order, source=source, folders=folders)
        job = self._jobs.start(work, priority=priority)
        self._works[job.id] = work
        return job

    async def decline(self, receipt: Receipt) -> None:
        """Note that a person wants nothing painted for a decision."""
        await self._note(receipt.id, SequelRecord(override=Route.RETRIEVE))

    async def unfinished(self) -> list[JobRecord]:
        """Painting jobs that the end of the program stopped, the newest first: run them again?"""
        records = await self._cache.read(list_jobs, _REMEMBERED_JOBS)
        return [
            record
            for record in records
            if record.kind == JobKind.GENERATE and record.state == JobState.LOST
        ]

    async def dismiss(self, job_ids: Sequence[int]) -> None:
        """Ask no more about unfinished jobs."""
        for job_id in job_ids:
            await self._cache.write(set_job, job_id, JobState.CANCELLED, "Not run again")

    def request_for(self, receipt: Receipt) -> GenerateRequest:
        """What to paint for a query: its texts; those it takes away are what not to show.

        Raises RequestError where the query has no text to paint.
        """
        prompt, negative = prompts_of(receipt.query)
        return GenerateRequest(prompt=prompt, negative=negative)

    async def order(self, job_id: int) -> Order:
        """What a job of any session was asked to paint."""
        return order_from_json((await self._record(job_id)).request)

    def results(self, job_id: int) -> tuple[PaintedPicture, ...]:
        """What a job of this process has painted so far, or found in the cache."""
        work = self._works.get(job_id)
        return tuple(work.pictures) if work else ()

    async def pictures(self, limit: int = 1_000) -> list[GeneratedRecord]:
        """What was painted and kept, the newest first."""
        return await self._cache.read(list_generated, self._home, limit)

    async def remove(self, picture_ids: Sequence[int]) -> int:
        """Take painted pictures out of the library and delete their files; returns how many."""
        return await self._cache.write(remove_generated, self._home, list(picture_ids))

    async def recipe(self, picture: int | Path) -> Recipe:
        """How a picture was painted: of the library by id, or a file of any tool by path.

        Raises PictureError or RequestError where that is not known.
        """
        if isinstance(picture, Path):
            return await self._recipe_in(picture)
        found = await self._cache.read(recipe_of, self._home, picture)
        if found is not None:
            return from_json(found.recipe, private=True)
        shown = await self._cache.read(show, [picture])
        if not shown or shown[0].file is None:
            raise RequestError("that picture is no longer in the library")
        return await self._recipe_in(Path(shown[0].file.path))

    def source(self, request: GenerateRequest, library: str = "") -> str:
        """Which generator paints a request: the one it names, or that of the library."""
        if request.model is not None:
            return request.model
        if library == STORYBOOK and self._generators.locate(BUILT_IN) is not None:
            return BUILT_IN
        return self._generators.configured

    async def _check(self, order: Order) -> None:
        _check_text(order.request)
        source = self.source(checked(order.request), order.library)
        try:
            facts = await self._generators.describe(source)
        except ModelMissingError as error:
            if order.request.model is not None or self._generators.locate(BUILT_IN) is None:
                raise
            hint = f"{error.hint}\nThe built-in painter draws simple animals: --model {BUILT_IN}"
            raise ModelMissingError(error.message, hint=hint) from error
        await asyncio.to_thread(settle, order.request, facts)

    async def _library(self, receipt: Receipt | None, named: str | None) -> str:
        """Whose pictures a new one joins: those that the decision was about, unless named."""
        try:
            state = await self._storybook.prepare(asked=named == STORYBOOK)
        except (CacheError, EngineError):
            # A storybook that cannot be entered is no library; the picture has one all the same.
            state = await self._storybook.state()
        if named == STORYBOOK and state.folder is None:
            raise RequestError(
                "the storybook is left out", hint="Take it back: t2itui library --storybook on"
            )
        if named is not None or state.folder is None:
            return named or ""
        kept = receipt.filters.get("folders", []) if receipt else []
        folders = [Path(str(folder)) for folder in kept] if isinstance(kept, list) else []
        if any(folder.is_relative_to(state.folder) for folder in folders):
            return STORYBOOK
        return STORYBOOK if state.is_alone and not folders else ""

    async def _record(self, job_id: int) -> JobRecord:
        for record in await self._cache.read(list_jobs, _REMEMBERED_JOBS):
            if record.id == job_id and record.kind == JobKind.GENERATE:
                return record
        raise RequestError(f"there is no painting job {job_id}")

    async def _recipe_in(self, path: Path) -> Recipe:
        """The recipe in a file; of one painted here, with the paths that only the cache knows."""
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
    try:
        f"{request.prompt}{request.negative}{request.model}".encode()
    except UnicodeEncodeError as error:
        raise RequestError("the prompt is no valid text") from error
