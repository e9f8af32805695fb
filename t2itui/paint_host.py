"""The part of the app that paints from any screen: the form, the job screen, and memory."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message

from engine.errors import T2IError
from engine.states import JobKind, ProcessState
from t2itui.job_host import JobHost
from t2itui.text.plain import plain
from t2itui.text.words import size_words

if TYPE_CHECKING:
    from pathlib import Path

    from engine.generation.request import GenerateRequest
    from engine.models.generators import Unloaded
    from t2itui.settings import AppSettings

PROBLEM_SHOWN_S = 12.0


class PaintHost(JobHost):
    """An app in which painting is done in the same way on every screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "G",
            "paint_form",
            "Paint…",
            id="app.paint_form",
            tooltip="Paint a picture: prompt, seed, steps, size and the rest",
            show=False,
        ),
        Binding(
            "w",
            "watch",
            "Watch painting",
            id="app.watch",
            tooltip="Show the picture that is being painted, or was painted last",
            show=False,
        ),
        Binding(
            "N",
            "another_seed",
            "Another seed",
            id="app.another_seed",
            tooltip="Paint what was painted last with another seed",
            show=False,
        ),
        Binding(
            "U",
            "unload",
            "Unload generator",
            id="app.unload",
            tooltip="Free the memory of the model that paints",
            show=False,
        ),
    ]

    home: Path | None = None
    """Where the cache and the settings are."""
    settings: AppSettings

    class Wanted(Message):
        """The form is to be shown with a request in it."""

        def __init__(self, request: GenerateRequest, warnings: Sequence[str]) -> None:
            super().__init__()
            self.request = request
            self.warnings = warnings

    class JobStarted(Message):
        """A job was started from the form or from another job."""

        def __init__(self, job_id: int) -> None:
            super().__init__()
            self.job_id = job_id

    @abstractmethod
    def remember(self, **changes: object) -> None:
        """Change settings and keep them."""

    def first_prompt(self) -> tuple[str, str]:
        """What the empty form starts with: a prompt and a negative prompt."""
        return "", ""

    def paint_library(self) -> str | None:
        """Whose pictures a new one joins; None leaves it to the engine."""
        return None

    def action_watch(self, job_id: int | None = None) -> None:
        """Show a painting job large; without an id the one at work, or the last one."""
        from t2itui.screens.generate.screen import PaintingScreen

        if job_id is None:
            view = self.job_board.latest_generation
            if view is None:
                self.notify("Nothing was painted in this session; j lists earlier jobs.")
                return
            job_id = view.job_id
        if isinstance(self.screen, PaintingScreen):
            self.screen.follow_job(job_id)
        else:
            self.push_screen(PaintingScreen(job_id))

    def action_paint_form(self) -> None:
        """Ask what to paint, starting with the query on the screen."""
        from engine.generation.request import GenerateRequest

        prompt, negative = self.first_prompt()
        self.show_form(GenerateRequest(prompt=prompt, negative=negative))

    @on(Wanted)
    def show_wanted_form(self, message: Wanted) -> None:
        self.show_form(message.request, message.warnings)

    def show_form(self, request: GenerateRequest, warnings: Sequence[str] = ()) -> None:
        """Ask what to paint, starting with a request."""
        from t2itui.screens.generate.form import PaintForm

        if self.engine is not None and not isinstance(self.screen, PaintForm):
            request = replace(request, preview=self.settings.previews)
            form = PaintForm(
                self.engine, request, warnings, library=self.paint_library() or "", home=self.home
            )
            self.push_screen(form, self._take_answer)

    def _take_answer(self, request: GenerateRequest | None) -> None:
        """Keep for later paintings whether they show previews."""
        if request is not None:
            self.remember(previews=request.preview)
        self.take_form(request)

    def take_form(self, request: GenerateRequest | None) -> None:
        """Paint what the form asks for."""
        if request is not None:
            self.start_painting(request, library=self.paint_library())

    @work(group="paint")
    async def start_painting(
        self, request: GenerateRequest, *, library: str | None = None, fresh: bool = False
    ) -> None:
        """Queue a job and show it."""
        if self.engine is None:
            return
        request = replace(request, preview=self.settings.previews)
        try:
            job = await self.engine.generate(request, library=library, fresh=fresh)
        except T2IError as error:
            self.tell_problem("Not painted", error)
        else:
            self.post_message(self.JobStarted(job.id))

    @work(group="paint")
    async def paint_again(self, job_id: int, *, new_seed: bool = False) -> None:
        """Run a painting job of any session again, or with another seed, and show it."""
        if self.engine is None:
            return
        try:
            job = await self.engine.generation.again(
                job_id, new_seed=new_seed, preview=self.settings.previews
            )
        except T2IError as error:
            self.tell_problem("Not painted", error)
        else:
            self.post_message(self.JobStarted(job.id))

    def action_another_seed(self) -> None:
        """Paint what was painted last with another seed, and show that."""
        view = self.job_board.latest_generation
        if view is None:
            self.notify("Nothing was painted in this session; j lists earlier jobs.")
        elif view.is_active:
            self.notify("It is being painted: x cancels it, then N tries another seed.")
        else:
            self.paint_again(view.job_id, new_seed=True)

    @on(JobStarted)
    def show_started(self, message: JobStarted) -> None:
        self.action_watch(message.job_id)

    @work(group="paint")
    async def paint_from(self, picture_id: int) -> None:
        """Read how a picture was painted into the form."""
        from engine.generation.recipe import request_from

        if self.engine is None:
            return
        try:
            recipe = await self.engine.generation.recipe(picture_id)
        except T2IError as error:
            self.tell_problem("No recipe", error)
        else:
            self.post_message(self.Wanted(*request_from(recipe)))

    @work(group="unload")
    async def action_unload(self) -> None:
        """Free the generator's memory and say how much that gave."""
        if self.engine is None:
            return
        if (
            "generators" not in vars(self.engine)
            or self.engine.generators.state().state is ProcessState.OFF
        ):
            self.notify("No generator is loaded.")
        elif any(view.is_active and view.kind is JobKind.GENERATE for view in self.job_board.views):
            self.notify("A picture is being painted: cancel that first.", severity="warning")
        else:
            unloaded = await self.engine.generators.unload()
            self.notify(memory_words(unloaded), title="Generator unloaded", markup=False)

    def tell_problem(self, title: str, error: T2IError) -> None:
        """Say what cannot be done and what to do instead."""
        self.notify(
            plain(f"{error.message}. {error.hint}".replace("..", ".")),
            title=title,
            severity="error",
            timeout=PROBLEM_SHOWN_S,
            markup=False,
        )


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
