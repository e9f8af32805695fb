"""The keys of the screen that shows one painting job."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, getters, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine import disk
from engine.errors import CacheError, T2IError
from engine.states import JobKind, JobState
from t2itui.graphics.picture import read_file
from t2itui.keys import bindings
from t2itui.screens.common.base import HEIGHTS, WIDTHS, AppScreen, BindingWatch, leave
from t2itui.screens.common.word_maps import Looked
from t2itui.screens.generate.box import BoxScreen
from t2itui.screens.generate.details import PicturePane, beside, parameter_pairs, picture_words
from t2itui.screens.jobs.board import JobView, as_ppm
from t2itui.screens.jobs.line import MARKS, TONES, progress_line, with_button
from t2itui.screens.jobs.strip import JobsStrip
from t2itui.session import CancelJob, EditRequest, RepeatGeneration, Session, StartGeneration
from t2itui.text.plain import plain
from t2itui.widgets.basics import Backdrop

if TYPE_CHECKING:
    from engine.events import GeneratedPicture
    from engine.generation.generation import GenerationDetails

GENERATION_KEYS: list[BindingType] = bindings("painting")


PRESS = "x cancel"
NARROW_EVENTS = 3
"""Events shown where they stand below the pictures."""
UNFINISHED = "Not finished: the program ended before. r runs it again, d asks no more."


class Stage(Backdrop, Horizontal):
    """The two pictures."""


class GenerationScreen(AppScreen):
    """Lies over the screen it was called from; Escape goes back there."""

    MODE = "painting"
    PREVIEW_IN_STRIP = False
    VERTICAL_BREAKPOINTS = HEIGHTS
    HORIZONTAL_BREAKPOINTS = WIDTHS
    DEFAULT_CSS = """
    GenerationScreen {
        & #heading { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & #how { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & #body { height: 1fr; layout: vertical; }
        & Stage { layout: horizontal; height: 1fr; width: 1fr; }
        & #side { height: 6; width: 1fr; padding: 0 1; border-top: solid $panel; }
        & #parameters, & #events { width: 1fr; height: auto; }
        & #events { color: $text-muted; }
        &.-wide #body { layout: horizontal; }
        &.-wide #side {
            width: 44; height: 1fr; border-top: none; border-left: vkey $panel;
        }
        &.-wide #events { margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = GENERATION_KEYS

    heading = getters.query_one("#heading", Static)
    how = getters.query_one("#how", Static)
    side = getters.query_one("#side", VerticalScroll)
    painted = getters.query_one("#painted", PicturePane)
    best = getters.query_one("#best", PicturePane)

    def __init__(self, session: Session, job_id: int) -> None:
        super().__init__(session)
        self.job_id = job_id
        self.details: GenerationDetails | None = None
        self._index = 0
        """Which of several painted pictures is shown."""
        self._shown: int | None = None
        """Id of the painted picture that is shown, or being fetched."""
        self._watched = BindingWatch(self, _CHANGING)
        self._texts: dict[str, Content] = {}
        """What stands in each widget, so that none is laid out anew for nothing."""

    def compose_body(self) -> ComposeResult:
        yield Static(id="heading")
        with Vertical(id="body"):
            with Stage():
                yield PicturePane(self.session, id="painted", looked=self._looked)
                yield PicturePane(self.session, id="best")
            with VerticalScroll(id="side", can_focus=False):
                yield Static(id="parameters")
                yield Static(id="events")
        yield Static(id="how")

    def on_mount(self) -> None:
        self.best.display = False
        self.query_one(JobsStrip).leave_out(self.job_id)
        self.until_unmount(self.session.board.subscribe(self.show))
        self.until_unmount(self.session.when_open(self.take_engine))
        self.show()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.show()

    def take_engine(self) -> None:
        """Read as soon as the engine is open."""
        self.load()

    def follow_job(self, job_id: int) -> None:
        """Show another job."""
        self.job_id, self.details, self._index, self._shown = job_id, None, 0, None
        self.query_one(JobsStrip).leave_out(job_id)
        self.painted.picture.show(None, alt="")
        self.painted.bars.maps.end()
        self.best.display = False
        self.show()
        self.load()

    # What is known

    @work(exclusive=True, group="known")
    async def load(self) -> None:
        """Read what the cache knows of the job."""
        engine, job_id = self.session.engine, self.job_id
        if engine is None:
            return
        try:
            details = await engine.generation.details(job_id)
        except T2IError as error:
            self.session.report_error("Painting", error)
        else:
            self.call_later(self.take_details, details)

    def take_details(self, details: GenerationDetails) -> None:
        if details.job_id == self.job_id:
            self.details = details
            self.show()

    @property
    def view(self) -> JobView | None:
        """The job, if it is of this session."""
        return self.session.board.find(self.job_id)

    @property
    def state(self) -> JobState | None:
        """None while it is unknown."""
        if self.view is not None:
            return self.view.state
        return None if self.details is None else self.details.state

    @property
    def pictures(self) -> Sequence[GeneratedPicture]:
        """What the job has kept."""
        if self.view is not None and self.view.generation.pictures:
            return self.view.generation.pictures
        return () if self.details is None else self.details.pictures

    @property
    def picture(self) -> GeneratedPicture | None:
        """The kept picture that is shown."""
        pictures = self.pictures
        return pictures[min(self._index, len(pictures) - 1)] if pictures else None

    # Showing

    def show(self) -> None:
        """Show the job as it is now."""
        if not self.is_mounted:
            return
        self._show_heading()
        self._show_how()
        self._show_side()
        self._show_pictures()
        self._watched.follow()

    def _show_heading(self) -> None:
        title = self.view.title if self.view is not None else ""
        if not title and self.details is not None:
            title = self.details.title
        state = self.state
        mark, tone = "·", "$foreground"
        if state is not None:
            mark, tone = MARKS[state], TONES.get(state, tone)
        self.heading.update(
            Content.assemble((f"{mark} {state or ''}", f"bold {tone}"), f"  {plain(title)}"),
            layout=False,
        )

    def _show_how(self) -> None:
        """How far the job is, which the strip leaves out here; in the end what it says."""
        view, width = self.view, self.size.width - 2
        if view is None or not view.is_active:
            self.how.update(Content(plain(self._words(view))), layout=False)
            return
        room = max(1, width - len(PRESS) - 3)
        if view.state is not JobState.QUEUED and view.progress:
            body = progress_line(view.progress, room)
        else:
            body = Content(plain(self._words(view)))
        action = f"app.cancel_job({view.job_id})"
        self.how.update(with_button(body, width, press=PRESS, action=action), layout=False)

    def _words(self, view: JobView | None) -> str:
        if self.state is JobState.LOST:
            return UNFINISHED
        if view is None:
            return "" if self.details is None else self.details.message
        if view.state is JobState.QUEUED:
            engine = self.session.engine
            waiting = engine.jobs.waiting(JobKind.GENERATE) if engine is not None else ()
            place = waiting.index(view.job_id) + 1 if view.job_id in waiting else 1
            return f"Waits: number {place} of {max(place, len(waiting))} in the queue; K, J move it"
        return f"{view.message} {view.hint}".strip()

    def _show_side(self) -> None:
        lines: list[Content] = []
        if self.details is not None:
            pairs = parameter_pairs(self.details)
            if self.has_class("-wide"):
                lines = [_pair(name, value) for name, value in pairs]
            else:
                lines = [Content("  ").join([_pair(name, value) for name, value in pairs])]
        said = self.view.generation.lines if self.view is not None else ()
        said = said if self.has_class("-wide") else said[-NARROW_EVENTS:]
        events = [Content(f"· {plain(line)}") for line in said]
        self._put("parameters", Content("\n").join(lines))
        if self._put("events", Content("\n").join(events)) and self.has_class("-wide"):
            self.side.scroll_end(animate=False)

    def _put(self, name: str, text: Content) -> bool:
        """Show a text where it is another one than before."""
        if self._texts.get(name) == text:
            return False
        self._texts[name] = text
        self.query_one(f"#{name}", Static).update(text)
        return True

    def _show_pictures(self) -> None:
        view, picture = self.view, self.picture
        preview = view.generation.preview if view is not None else None
        if view is not None and view.is_active and preview is not None:
            self._shown = None
            if self.painted.bars.maps.is_on:
                self.painted.bars.maps.end()
            self.painted.picture.show_next(as_ppm(preview))
            is_text = self.painted.picture.graphics.is_text
            self.painted.show_words("no preview as text" if is_text else "as it looks so far")
            self.best.display = False
        elif picture is not None:
            self._show_scores(picture)
            if self._shown != picture.picture_id:
                self._shown = picture.picture_id
                self._fetch(picture)
            elif beside(picture) is not None and not self.best.display:
                self._fetch(picture)
        else:
            self.painted.show_words(self._nothing())

    def _nothing(self) -> str:
        """Why there is no picture."""
        rejected = self.view.generation.rejected if self.view is not None else ()
        if rejected and self.state is not JobState.RUNNING:
            return f"no picture: {rejected[-1].check.message}; n tries another seed"
        if (
            self.state is JobState.RUNNING
            and self.details
            and not self.details.spec.request.preview
        ):
            return "previews are switched off, in the form of e or G"
        if self.state is JobState.QUEUED:
            return "not begun yet"
        return "no preview yet" if self.state is JobState.RUNNING else ""

    def _show_scores(self, picture: GeneratedPicture) -> None:
        score, threshold = picture.score, self.session.settings.threshold
        other = beside(picture)
        cosines = [each.cosine for each in (score, other) if each is not None and each.cosine]
        top = max(cosines, default=1.0)
        index, count = self.pictures.index(picture) + 1, len(self.pictures)
        self.painted.show_words(
            picture_words(picture, index, count),
            score.match if score is not None else None,
            score.cosine if score is not None else None,
            top=top,
            threshold=threshold,
        )
        if other is not None:
            self.best.show_words(
                other.title, other.match, other.cosine, top=top, threshold=threshold
            )

    @work(exclusive=True, group="pictures")
    async def _fetch(self, picture: GeneratedPicture) -> None:
        engine, other = self.session.engine, beside(picture)
        if engine is None:
            return
        painted = await asyncio.to_thread(read_file, Path(picture.path))
        found = None
        if other is not None and other.picture_id is None:
            found = await asyncio.to_thread(read_file, Path(other.path))
        elif other is not None and (at := other.picture_id) is not None:
            try:
                found = (await engine.library.thumbnails([at])).get(at)
            except CacheError:
                found = None  # Its words and bars are there all the same.
        self.call_later(self.show_fetched, picture.picture_id, painted, found)

    def show_fetched(self, picture_id: int, painted: bytes | None, found: bytes | None) -> None:
        """Show the bytes of the two pictures; None stands for one that is not there."""
        picture = self.picture
        if picture is None or picture.picture_id != picture_id:
            return
        self.painted.picture.show(painted, alt=plain(picture.path.rpartition("/")[2]))
        self.painted.bars.maps.follow()
        other = beside(picture)
        self.best.display = other is not None
        if other is not None:
            self.best.picture.show(found, alt=plain(other.path.rpartition("/")[2]))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done with the job as it is."""
        if not self.is_mounted:
            return True
        is_over = self.state is not None and not self.state.is_active
        match action:
            case "cancel":
                return self.view is not None and self.view.is_active
            case "move":
                return self.state is JobState.QUEUED
            case "again":
                return is_over
            case "another" | "copy_command" | "edit":
                return self.details is not None
            case "box":
                return self._shown is not None
            case "where" | "numbers":
                return self._looked() is not None
            case "more_steps" | "vary" | "save":
                return self.picture is not None
            case "turn":
                return len(self.pictures) > 1
            case "drop":
                return self.state is JobState.LOST
        return True

    def action_leave(self) -> None:
        """Wait no longer for words, or go back."""
        if not self.painted.bars.maps.stop():
            leave(self)

    def action_where(self) -> None:
        """Show where in the picture the next word of its prompt is."""
        self.painted.bars.maps.step()

    def action_numbers(self) -> None:
        """Show where words are as numbers, or over the picture."""
        self.painted.bars.turn_numbers()

    def _looked(self) -> Looked | None:
        """The picture that is shown, once it is kept, and its prompt."""
        if self.details is None or self.picture is None or self._shown is None:
            return None
        return Looked(picture=self.picture.path, text=self.details.spec.request.prompt)

    def action_cancel(self) -> None:
        """Cancel this job."""
        self.session.send(CancelJob(self.job_id))

    def action_again(self) -> None:
        """Run it again as it was; what was painted before comes from the cache."""
        self.session.send(RepeatGeneration(self.job_id))

    def action_another(self) -> None:
        """Paint the same with another seed."""
        self.session.send(RepeatGeneration(self.job_id, new_seed=True))

    def action_more_steps(self) -> None:
        """Paint the picture on the screen again with twice the steps."""
        details, picture = self.details, self.picture
        if details is None or picture is None:
            return
        request, parameters = details.spec.request, details.parameters
        steps = request.steps or (parameters.steps if parameters is not None else 0)
        if steps:
            wanted = replace(request, steps=steps * 2, seed=picture.seed, count=1)
            self.session.send(StartGeneration(wanted, details.spec.library))

    def action_vary(self) -> None:
        """Paint a variation of the picture on the screen; the form asks how far from it."""
        if self.details is not None and self.picture is not None:
            start = Path(self.picture.path)
            request = replace(self.details.spec.request, start_picture=start, seed=None, count=1)
            request = replace(request, mask=None, mask_box=None, mask_word="", mask_grow=None)
            self.session.send(EditRequest(replace(request, width=None, height=None)))

    def action_box(self) -> None:
        """Draw a box on the picture, and paint what is in it anew."""
        if self.details is not None and self.picture is not None:
            prompt = self.details.spec.request.prompt
            self.app.push_screen(BoxScreen(self.session, self.picture.path, prompt))

    def action_edit(self) -> None:
        """Put what was asked into the form."""
        if self.details is not None:
            self.session.send(EditRequest(self.details.spec.request))

    def action_turn(self, by: int) -> None:
        """Show another of several pictures."""
        self._index = (min(self._index, len(self.pictures) - 1) + by) % max(1, len(self.pictures))
        self.show()

    def action_move(self, by: int) -> None:
        """Move the job in the queue."""
        if self.session.engine is not None:
            self.session.engine.jobs.move(self.job_id, by)

    @work(group="dismiss")
    async def action_drop(self) -> None:
        """Ask no more whether to run it again."""
        engine = self.session.engine
        if engine is not None:
            await engine.generation.dismiss([self.job_id])
            self.load()

    def action_copy_command(self) -> None:
        """Put the command on the clipboard that paints the same."""
        from t2itui.text.shell_commands import job_command

        if self.details is not None:
            command = job_command(self.session.home, self.details.spec)
            self.copy(command, "Command copied")

    def action_save(self) -> None:
        """Ask where a copy of the picture is to go."""
        from t2itui.screens.generate.details import SavePicture

        if self.picture is not None:
            source = Path(self.picture.path)
            proposed = disk.from_root(".") / f"painted-{self.picture.seed}{source.suffix}"
            self.app.push_screen(SavePicture(source, proposed), self._save)

    def _save(self, target: Path | None) -> None:
        if target is not None and self.picture is not None:
            self._copy(Path(self.picture.path), target)

    @work(group="save")
    async def _copy(self, source: Path, target: Path) -> None:
        import shutil

        try:
            await asyncio.to_thread(shutil.copyfile, source, target)
        except OSError as error:
            self.notify(plain(str(error)), title="Not saved", severity="error", markup=False)
        else:
            self.notify(plain(str(target)), title="Saved", markup=False)


_CHANGING = (
    *("cancel", "move", "again", "another", "copy_command", "edit"),
    *("where", "box", "more_steps", "vary", "save", "turn", "drop"),
)
"""Actions that are offered now and then."""


def _pair(name: str, value: str) -> Content:
    return Content.assemble((f"{name} ", "$foreground-muted"), plain(value))
