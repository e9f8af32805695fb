"""The Compare screen: descriptions of growing detail against pictures, as a heatmap."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import ContentSwitcher, Static

from engine.comparing.sheet import Sheet
from engine.errors import T2IError
from t2itui.screens.common.base import HEIGHTS, WIDTHS, BindingWatch, Waiting
from t2itui.screens.compare.editing import SheetEditing
from t2itui.screens.compare.heatmap import Heatmap, RowInput
from t2itui.screens.compare.keys import COMPARE_KEYS
from t2itui.screens.compare.pair import PairDetail, PairView
from t2itui.session import ComparePictures, RefreshStatus, ShowScreen
from t2itui.text.heat_table import HeatTable
from t2itui.text.plain import plain
from t2itui.text.shell_commands import compare_command
from t2itui.text.words import counted, scoring_words
from t2itui.widgets.basics import Backdrop, Panel

if TYPE_CHECKING:
    from engine.comparing.sheet import Comparison
    from t2itui.session import Session


WELCOME = (
    "Descriptions of growing detail against pictures: what does each phrase change?",
    "",
    "n  shows it on a picture of the storybook, in English and Chinese",
    "p  adds a picture of the library, by path or name",
    "a  adds a description",
    "o  opens a comparison that was saved",
    "",
    "On the Search screen c brings the selected picture here, or all that space marked.",
)
NEEDS_LINE = frozenset({"edit", "pair", "delete", "move"})
NEEDS_SCORES = frozenset({"swaps", "export"})


class Body(ContentSwitcher, Backdrop):
    """The first steps, or the heatmap."""


class Board(Container):
    """The heatmap, and over it the line in which a description is written."""

    DEFAULT_CSS = """
    Board { layers: base edit; width: 1fr; height: 1fr; }
    Board > Heatmap { width: 1fr; height: 1fr; }
    """


class CompareScreen(SheetEditing):
    """Shows a sheet with its scores and lets the person change it."""

    MODE = "compare"
    VERTICAL_BREAKPOINTS = HEIGHTS
    HORIZONTAL_BREAKPOINTS = WIDTHS
    DEFAULT_CSS = """
    CompareScreen {
        & #about { height: 1; padding: 0 1; }
        & #about > #what { width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
        & #about > #state { width: auto; color: $text-warning; margin-left: 2; }
        & #problem { display: none; height: auto; max-height: 4; padding: 0 1; }
        & #problem { color: $text-error; background: $error-muted; }
        & #body { height: 1fr; }
        & #table { layout: vertical; }
        & PairDetail { height: auto; max-height: 8; border-top: solid $panel; }
        & PairDetail > Picture { display: none; }
        &.-short PairDetail { display: none; }
        &.-wide #table { layout: horizontal; }
        &.-wide PairDetail {
            width: 34%;
            min-width: 36;
            max-width: 64;
            height: 1fr;
            max-height: 100%;
            border-top: none;
            border-left: vkey $panel;
        }
        &.-wide PairDetail > Picture { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = COMPARE_KEYS

    body = getters.query_one("#body", ContentSwitcher)
    panel = getters.query_one(Panel)
    detail = getters.query_one(PairDetail)
    what = getters.query_one("#what", Static)
    state = getters.query_one("#state", Static)
    problem = getters.query_one("#problem", Static)

    class Compared(Message, bubble=False):
        """A sheet was scored."""

        def __init__(self, sheet: Sheet, found: Comparison) -> None:
            super().__init__()
            self.sheet = sheet
            self.found = found

    class Failed(Message, bubble=False):
        """A sheet could not be scored."""

        def __init__(self, error: T2IError) -> None:
            super().__init__()
            self.error = error

    class Seen(Message, bubble=False):
        """Thumbnails were read, by the name of the picture."""

        def __init__(self, thumbnails: Mapping[str, bytes]) -> None:
            super().__init__()
            self.thumbnails = thumbnails

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.found: Comparison | None = None
        """The scores that came last; of a sheet that has changed, those that still hold."""
        self.scorer = "match"
        """What several pictures are compared by."""
        self._thumbnails: dict[str, bytes] = {}
        self.waiting = Waiting(self, self._show_waiting)
        self._watched = BindingWatch(
            self, (*NEEDS_LINE, *NEEDS_SCORES, "scorer", "drop_picture", "save", "undo")
        )

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="about"):
            yield Static(id="what")
            yield Static(id="state")
        yield Static(id="problem")
        with Body(initial="welcome", id="body"):
            yield Panel(id="welcome")
            with Container(id="table"):
                with Board():
                    yield Heatmap()
                    yield RowInput()
                yield PairDetail()

    def on_mount(self) -> None:
        self.panel.show_text("Compare", WELCOME)
        self.until_unmount(self.session.when_open(self.compare))
        self.show()

    def fulfil(self, intent: ShowScreen) -> None:
        """Compare what another screen asks to be compared."""
        if isinstance(intent, ComparePictures):
            self.begin(intent.pictures, intent.texts)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done with the sheet as it is."""
        if action in NEEDS_LINE:
            has_pair = action == "pair" and self.has_pair
            return bool(self.sheet.lines) and not has_pair
        if action in NEEDS_SCORES:
            return self.is_scored
        if action == "scorer":
            return len(self.sheet.pictures) > 1
        if action == "drop_picture":
            return bool(self.sheet.pictures)
        if action == "save":
            return bool(self.sheet.pictures or self.sheet.lines)
        return bool(self.past) if action == "undo" else True

    @property
    def is_scored(self) -> bool:
        """Every line on the screen has its scores."""
        found, sheet = self.found, self.sheet
        if found is None or found.pictures != sheet.pictures or not sheet.lines:
            return False
        return tuple(row.text for row in found.rows) == tuple(line.text for line in sheet.lines)

    @property
    def picture(self) -> int:
        """The number of the picture under the cursor."""
        if len(self.sheet.pictures) < 2:
            return 0
        return max(0, self.heatmap.column - 1)

    # What is shown

    def show(self) -> None:
        """Draw the sheet, or the first steps where it is empty."""
        sheet = self.sheet
        lines = sheet.lines if self.draft is None else self.draft[0]
        is_empty = not (sheet.pictures or lines)
        self.body.current = "welcome" if is_empty else "table"
        self.heatmap.show(HeatTable.of(lines, sheet.pictures, self.found, self.scorer))
        self._show_what()
        self._watched.follow()

    def _show_what(self) -> None:
        sheet, found = self.sheet, self.found
        if not sheet.pictures and not sheet.lines:
            words = ""
        elif not sheet.pictures:
            words = "no picture yet: p adds one"
        else:
            names = PurePath(sheet.pictures[self.picture]).name
            if len(sheet.pictures) > 1:
                names = f"{len(sheet.pictures)} pictures by {self.scorer} · {names}"
            words = f"{names} · {counted(len(sheet.lines), 'description')}"
            if not sheet.lines:
                words = f"{names} · no description yet: a adds one"
            elif found is not None and found.pictures == sheet.pictures:
                encoder = found.encoder.rpartition("/")[2].partition("@")[0]
                words += f" · among {found.library:,} · {encoder} · match: {found.match}"
        self.what.update(Content(plain(words)))

    # Scoring

    def compare(self) -> None:
        """Score the sheet, if it has pictures and descriptions and the engine is there."""
        self.problem.display = False
        self._stop_waiting()
        self.workers.cancel_group(self, "compare")
        if self.session.engine is None or not self.sheet.pictures:
            return
        self._see(self.sheet.pictures)
        if not self.sheet.lines:
            return
        self.waiting.begin()
        self._compare(self.sheet)

    @work(exclusive=True, group="compare")
    async def _compare(self, sheet: Sheet) -> None:
        engine = self.session.engine
        if engine is None:
            return
        try:
            found = await engine.comparer.compare(sheet)
        except T2IError as error:
            self.post_message(self.Failed(error))
        else:
            self.post_message(self.Compared(sheet, found))

    @work(exclusive=True, group="pictures")
    async def _see(self, pictures: tuple[str, ...]) -> None:
        """Read the thumbnails that are not here yet; what is wrong with a picture is told once."""
        engine = self.session.engine
        missing = [name for name in pictures if name not in self._thumbnails]
        if engine is None or not missing:
            return
        try:
            ids = await engine.comparer.find(missing)
            found = await engine.library.thumbnails(ids)
        except T2IError as error:
            self.post_message(self.Failed(error))
            return
        by_name = {
            name: found[picture_id]
            for name, picture_id in zip(missing, ids, strict=True)
            if picture_id in found
        }
        self.post_message(self.Seen(by_name))

    @on(Compared)
    def show_scores(self, message: Compared) -> None:
        if message.sheet == self.sheet:
            self._stop_waiting()
            self.found = message.found
            self.show()
            self._show_pair()
            self.session.send(RefreshStatus())

    @on(Seen)
    def show_pictures(self, message: Seen) -> None:
        self._thumbnails |= message.thumbnails
        self._show_pair()

    @on(Failed)
    def show_error(self, message: Failed) -> None:
        """Say what is wrong and what to do, until the next attempt."""
        self._stop_waiting()
        error = message.error
        words = Content.assemble(("✗ ", "bold"), plain(error.message))
        for hint in error.hint.split("\n") if error.hint else ():
            words += Content.assemble("  ", (plain(hint), "bold"))
        self.problem.update(words)
        self.problem.display = True

    def _show_waiting(self, seconds: float) -> None:
        words = f"{scoring_words(self.session.engine)} {seconds:.0f} s  esc stops"
        self.state.update(Content(words))

    def _stop_waiting(self) -> None:
        self.waiting.stop()
        self.state.update("")

    @property
    def is_waiting(self) -> bool:
        """Scores were asked for and are not there yet."""
        return self.waiting.goes_on

    def action_cancel(self) -> None:
        """Stop waiting for the scores."""
        if self.is_waiting:
            self.workers.cancel_group(self, "compare")
            self._stop_waiting()
            self.state.update("stopped: r scores the rest")

    def action_again(self) -> None:
        """Compare again, in the library as it is now."""
        self._thumbnails.clear()
        self.compare()

    # Walking

    @on(Heatmap.Moved)
    def _show_pair(self) -> None:
        """Show the pair under the cursor."""
        sheet = self.sheet
        if self.draft is None:
            self._watched.follow()
        self._show_what()
        name = sheet.pictures[self.picture] if sheet.pictures else ""
        self.detail.show_picture(name, self._thumbnails.get(name))
        rows = self.heatmap.table.rows
        text = rows[self.heatmap.row].text if rows else ""
        view = None
        if self.found is not None and self.found.pictures == sheet.pictures:
            view = PairView.of(self.found, text, self.picture)
        self.detail.show_pair(text, view)

    @on(Heatmap.Opened)
    def open_cell(self) -> None:
        """Edit the description under the cursor, or show the pair large."""
        if self.heatmap.column == 0:
            self.action_edit()
            return
        if not self.is_scored:
            self.notify("The scores of this pair are not there yet.")
            return
        from t2itui.screens.compare.pair import PairScreen

        assert self.found is not None
        place = self.heatmap.row, self.picture
        screen = PairScreen(self.session, self.found, self.sheet, place, self._thumbnails)
        self.app.push_screen(screen, self._come_back)

    def _come_back(self, place: tuple[int, int] | None) -> None:
        """Put the cursor on the pair that was shown last."""
        if place is not None:
            row, picture = place
            is_single = len(self.sheet.pictures) == 1
            self.heatmap.go(row, self.heatmap.column if is_single else picture + 1)

    # What is shown of it

    def action_scorer(self) -> None:
        """Compare several pictures by the other scorer."""
        self.scorer = "cosine" if self.scorer == "match" else "match"
        self.show()

    def action_swaps(self) -> None:
        """Exchange one thing at a time in each description and see which scorer notices."""
        from t2itui.screens.compare.swaps import SwapScreen

        self.app.push_screen(SwapScreen(self.session, self.sheet))

    def action_copy_command(self) -> None:
        """Put the command on the clipboard that repeats the screen."""
        command = compare_command(self.session.home, self.sheet)
        self.app.copy_to_clipboard(command)
        self.notify(plain(command), title="Copied", markup=False)
