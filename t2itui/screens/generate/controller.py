"""Starts generation jobs and frees their model's memory, whatever screen that is asked on."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from engine.errors import T2IError
from engine.states import JobKind, ProcessState
from t2itui.session import EditRecipe, EditRequest, RepeatGeneration, StartGeneration, WatchJob
from t2itui.text.words import size_words

if TYPE_CHECKING:
    from engine.generation.request import GenerateRequest
    from engine.models.generators import Unloaded
    from t2itui.session import Intent, Session, TaskHost

NOTHING_GENERATED = "Nothing was painted in this session; j lists earlier jobs."
_PAINTING = (JobKind.GENERATE, JobKind.SHEET)
AT_WORK = "It is being painted: x cancels it, then N tries another seed."


class GenerationController:
    """Does what screens ask about generating pictures."""

    def __init__(self, session: Session, host: TaskHost) -> None:
        self._session = session
        self._host = host
        session.intents.subscribe(self._fulfil)

    def _fulfil(self, intent: Intent) -> None:
        match intent:
            case StartGeneration(request, library):
                work = partial(self.start, request, library)
            case RepeatGeneration(job_id, new_seed):
                work = partial(self.repeat, job_id, new_seed=new_seed)
            case EditRecipe(picture_id):
                work = partial(self.edit_recipe, picture_id)
            case _:
                return
        self._host.run_beside(work, group="generation")

    async def start(self, request: GenerateRequest, library: str | None) -> None:
        """Queue a job and show it."""
        engine = self._session.engine
        if engine is None:
            return
        request = replace(request, preview=self._session.settings.previews)
        try:
            job = await engine.generate(request, library=library)
        except T2IError as error:
            self._session.report_error("Not painted", error)
        else:
            self._session.send(WatchJob(job.id))

    async def repeat(self, job_id: int, *, new_seed: bool = False) -> None:
        """Run a job of any session again, or with another seed, and show it."""
        engine = self._session.engine
        if engine is None:
            return
        previews = self._session.settings.previews
        try:
            job = await engine.generation.again(job_id, new_seed=new_seed, preview=previews)
        except T2IError as error:
            self._session.report_error("Not painted", error)
        else:
            self._session.send(WatchJob(job.id))

    async def edit_recipe(self, picture_id: int) -> None:
        """Read how a picture was generated into the form."""
        from engine.generation.recipe import request_from

        engine = self._session.engine
        if engine is None:
            return
        try:
            recipe = await engine.generation.recipe(picture_id)
        except T2IError as error:
            self._session.report_error("No recipe", error)
        else:
            request, warnings = request_from(recipe, generator=engine.generation.generator)
            self._session.send(EditRequest(request, tuple(warnings)))

    def edit_prompt(self) -> None:
        """Ask what to generate, starting with the query on the Search screen."""
        from engine.generation.request import GenerateRequest

        prompt, negative = self._session.prompts
        self._session.send(EditRequest(GenerateRequest(prompt=prompt, negative=negative)))

    def accept(self, request: GenerateRequest) -> None:
        """Generate what the form asks for, with what was last said of previews."""
        self._session.send(StartGeneration(request, self._session.collection))

    def watch(self) -> None:
        """Show the job at work, or the last one."""
        view = self._session.board.latest_generation
        if view is None:
            self._session.notify(NOTHING_GENERATED)
        else:
            self._session.send(WatchJob(view.job_id))

    def another_seed(self) -> None:
        """Generate what was generated last with another seed, and show that."""
        view = self._session.board.latest_generation
        if view is None:
            self._session.notify(NOTHING_GENERATED)
        elif view.is_active:
            self._session.notify(AT_WORK)
        else:
            self._session.send(RepeatGeneration(view.job_id, new_seed=True))

    async def unload(self) -> None:
        """Free the generator's memory and say how much that gave."""
        engine, views = self._session.engine, self._session.board.views
        if engine is None:
            return
        generators = vars(engine).get("generators")
        if generators is None or generators.state().state is ProcessState.OFF:
            self._session.notify("No generator is loaded.")
        elif any(view.is_active and view.kind in _PAINTING for view in views):
            words = "A picture is being painted: cancel that first."
            self._session.notify(words, severity="warning")
        else:
            unloaded = await generators.unload()
            self._session.notify(memory_words(unloaded), title="Generator unloaded")


def memory_words(unloaded: Unloaded) -> str:
    """Memory before and after: of the process, of the device if it has its own, and free."""
    pairs = [
        ("model process", unloaded.before.process, unloaded.after.process),
        ("GPU", unloaded.before.device, unloaded.after.device),
        ("free memory", unloaded.before.free, unloaded.after.free),
    ]
    return "\n".join(
        f"{name}: {size_words(before)} before, {size_words(after)} after"
        for name, before, after in pairs
        if before or after
    )
