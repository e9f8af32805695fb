"""The keys of the Evaluate screen."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message

from engine.collections import BUILT_IN
from engine.errors import CacheError, T2IError
from engine.evaluation.request import EvaluateRequest
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.evaluate.form import EvaluateForm, SavePlot
from t2itui.screens.evaluate.list import EvaluationsScreen, evaluator_of, job_key
from t2itui.text import shell_commands as twins
from t2itui.text.plain import plain

if TYPE_CHECKING:
    from engine.evaluation.results import Evaluation


KEYS: list[BindingType] = [
    Binding("n", "new", "New", id="evaluate.new", tooltip="Evaluate data: the storybook or yours"),
    Binding("e", "edit", "Edit", id="evaluate.edit", tooltip="Evaluate the same in another way"),
    Binding(
        "r",
        "again",
        "Again",
        id="evaluate.again",
        tooltip="Evaluate the same again; what was embedded is kept",
    ),
    Binding(
        "space", "mark", "Mark", id="evaluate.mark", tooltip="Mark this one to compare it (two)"
    ),
    Binding("c", "change", "Change", id="evaluate.change", tooltip="Show what changed between two"),
    Binding(
        "p",
        "toggle_plots",
        "Plots",
        id="evaluate.plots",
        tooltip="Draw plots, or give them as text",
    ),
    Binding("s", "save_plot", "Save", id="evaluate.save", tooltip="Draw the figures into a file"),
    Binding("d,delete", "delete", "Delete", id="evaluate.delete", tooltip="Delete this evaluation"),
    Binding("y", "copy_command", "Command", id="evaluate.copy", tooltip="Copy the shell command"),
    Binding(
        "Y",
        "copy_asking",
        "Command to evaluate",
        id="evaluate.copy_asking",
        show=False,
        tooltip="Copy the shell command that evaluates the same again",
    ),
    Binding(
        "slash",
        "filter",
        "Filter",
        id="evaluate.filter",
        key_display="/",
        tooltip="Narrow the list by data or encoder",
    ),
    Binding("x", "cancel", "Cancel", id="evaluate.cancel", tooltip="Cancel this evaluation"),
    Binding(
        "left", "tab(-1)", "Tab left", id="evaluate.left", show=False, tooltip="Figures before"
    ),
    Binding(
        "right", "tab(1)", "Tab right", id="evaluate.right", show=False, tooltip="The next figures"
    ),
]


OTHER_VERSION = "another version of t2itui wrote down what was asked"


class EvaluateScreen(EvaluationsScreen):
    """Makes evaluations, and does what can be done with those that were kept."""

    BINDINGS: ClassVar[list[BindingType]] = KEYS

    class Asked(Message):
        """An evaluation is to be made; the parts of the engine for it are loaded."""

        def __init__(self, request: EvaluateRequest) -> None:
            self.request = request
            super().__init__()

    # Making evaluations

    def action_new(self) -> None:
        """Ask what to evaluate."""
        threshold = self.t2i.settings.threshold
        self.ask(EvaluateRequest(data=BUILT_IN.name, threshold=threshold))

    @work(group="ask")
    async def action_edit(self) -> None:
        """Ask again, beginning with what was asked for the row under the cursor."""
        request = await self._request()
        if request is not None:
            self.ask(request)

    @work(group="ask")
    async def action_again(self) -> None:
        """Evaluate what is under the cursor again; a job that came to nothing gives way."""
        request, job = await self._request(), self.current_job
        if request is not None:
            if job is not None:
                self.t2i.job_board.dismiss(job.job_id)
            self.post_message(self.Asked(request))

    async def _request(self) -> EvaluateRequest | None:
        """What was asked for the row under the cursor; says so where that cannot be read."""
        head, view, engine = self.current, self.current_job, self.t2i.engine
        if engine is None:
            return None
        try:
            if view is not None:
                job = engine.jobs.find(view.job_id)
                return None if job is None else EvaluateRequest.from_json(job.request)
            if head is not None:
                found = await (await evaluator_of(engine)).get(head.id)
                return EvaluateRequest.from_json(found.request)
        except T2IError as error:
            self.tell_error(error)
        except (ValueError, TypeError, KeyError):
            self.notify(OTHER_VERSION, title="Evaluate", severity="warning")
        return None

    @work(group="form")
    async def ask(self, request: EvaluateRequest) -> None:
        """Show the form, and evaluate what it says."""
        engine = self.t2i.engine
        if engine is None:
            return
        try:
            await evaluator_of(engine)
            known = await engine.library.encoders()
        except CacheError as error:
            self.tell_error(error)
            return
        encoders = [record.id for record in known]
        form = EvaluateForm(engine, request, encoders=encoders, home=self.t2i.home)
        answer = await self.app.push_screen_wait(form)
        if answer is not None:
            self.post_message(self.Asked(answer))

    @on(Asked)
    def start(self, message: Asked) -> None:
        """Start the job; the cursor goes to its row."""
        if self.t2i.engine is not None:
            job = self.t2i.engine.evaluate(message.request)
            self._wanted = job_key(job.id)

    def action_cancel(self) -> None:
        """Cancel the job under the cursor, or take what came of it out of sight."""
        job = self.current_job
        if job is not None and job.is_active:
            self.t2i.action_cancel_job(job.job_id)
        elif job is not None:
            self.t2i.job_board.dismiss(job.job_id)

    # What can be done with one that is kept

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done with the row under the cursor."""
        if not self.is_mounted:
            return True
        job = self.current_job
        is_kept = self.current is not None and self.current.id != 0
        match action:
            case "edit" | "copy_command" | "copy_asking":
                return is_kept or job is not None
            case "again":
                return is_kept or (job is not None and not job.is_active)
            case "mark" | "save_plot" | "delete":
                return is_kept
            case "toggle_plots" | "tab":
                return self.current is not None
            case "change":
                return is_kept and self.pair is not None
            case "cancel":
                return job is not None
        return True

    @work(group="delete")
    async def action_delete(self) -> None:
        """Delete the evaluation under the cursor, if the person is sure."""
        head, engine = self.current, self.t2i.engine
        if head is None or engine is None:
            return
        question = Confirm(
            f"Delete evaluation {head.id} of {head.data!r}?",
            "Its figures cannot be shown or compared any more; embeddings stay.",
            go="Delete (enter)",
            command=twins.forget_evaluation_command(self.t2i.home, head.id),
        )
        if not await self.app.push_screen_wait(question):
            return
        try:
            await engine.evaluator.forget(head.id)
        except T2IError as error:
            self.tell_error(error)
        else:
            self.marked = [each for each in self.marked if each != head.id]
            self.load()

    @work(group="plot")
    async def action_save_plot(self) -> None:
        """Draw the figures of the evaluation under the cursor into a file."""
        head, engine = self.current, self.t2i.engine
        if head is None or engine is None:
            return
        path = await self.app.push_screen_wait(SavePlot(head.id, home=self.t2i.home))
        if path is None:
            return
        try:
            found = await engine.evaluator.get(head.id)
            await asyncio.to_thread(_draw, found, path)
        except T2IError as error:
            self.tell_error(error)
        else:
            self.notify(plain(str(path)), title="Drawn", markup=False)

    def action_copy_command(self) -> None:
        """Put the command on the clipboard that shows what is on the screen."""
        home, head = self.t2i.home, self.current
        if head is None:
            self.action_copy_asking()
        elif self.detail.tab == "change" and self.pair is not None:
            self._copy(twins.compare_evaluations_command(home, *self.pair))
        else:
            self._copy(twins.show_command(home, head.id))

    @work(group="ask")
    async def action_copy_asking(self) -> None:
        """Put the command on the clipboard that evaluates the same again."""
        request = await self._request()
        if request is not None:
            self._copy(twins.evaluate_command(self.t2i.home, request))

    def _copy(self, command: str) -> None:
        self.app.copy_to_clipboard(command)
        self.notify(plain(command), title="Copied", markup=False)


def _draw(found: Evaluation, path: Path) -> None:
    from engine.evaluation.plots import draw_evaluation

    draw_evaluation(found, path)
