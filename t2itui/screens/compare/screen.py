"""The Compare screen: descriptions of growing detail against pictures, as a heatmap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.widgets import ContentSwitcher, Static

from engine.collections import BUILT_IN
from engine.comparing.comparison import ComparisonRequest, Description
from engine.errors import T2IError
from t2itui.keys import bindings
from t2itui.screens.common.base import HEIGHTS, WIDTHS, AppScreen, BindingWatch, Waiting
from t2itui.screens.common.word_maps import Looked
from t2itui.screens.compare.editing import ComparisonEditor, ComparisonScores, ScoredComparison
from t2itui.screens.compare.files import ComparisonFiles
from t2itui.screens.compare.heatmap import Heatmap, HeatmapBoard, RowInput
from t2itui.screens.compare.pair import PairDetail, PairView
from t2itui.session import ComparePictures, RefreshStatus, ShowScreen
from t2itui.text.heat_table import write_differences
from t2itui.text.plain import plain
from t2itui.text.shell_commands import compare_command
from t2itui.text.tables import RichOutput
from t2itui.text.words import scoring_words
from t2itui.widgets.basics import Backdrop, Panel

if TYPE_CHECKING:
    from engine.comparing.comparison import Comparison
    from t2itui.session import Session


WELCOME = (
    "Descriptions of growing detail against pictures: what does each phrase change?",
    "",
    f"n  shows it on a picture of the {BUILT_IN.name}, in English and Chinese",
    "p  adds a picture of the library, by path or name",
    "a  adds a description",
    "o  opens a comparison that was saved",
    "",
    "On the Search screen c brings the selected picture here, or all that space marked.",
)
NEEDS_LINE = frozenset({"edit", "pair", "delete", "move"})
NEEDS_SCORES = frozenset({"swaps", "export"})


class CompareBody(ContentSwitcher, Backdrop):
    """The first steps, or the heatmap."""


class CompareScreen(AppScreen):
    """Shows a comparison with its scores and lets the person change it."""

    MODE = "compare"
    SUBJECT = "The comparison"
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
        & #beside { display: none; height: auto; max-height: 8; border-top: solid $panel; }
        & #beside { padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        &.-short #beside { max-height: 5; }
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
    BINDINGS: ClassVar[list[BindingType]] = bindings("compare")

    body = getters.query_one(CompareBody)
    heatmap = getters.query_one(Heatmap)
    line = getters.query_one(RowInput)
    panel = getters.query_one(Panel)
    detail = getters.query_one(PairDetail)
    what = getters.query_one("#what", Static)
    state = getters.query_one("#state", Static)
    problem = getters.query_one("#problem", Static)
    beside = getters.query_one("#beside", Static)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.editor = ComparisonEditor()
        self.scores = ComparisonScores(session)
        self.files = ComparisonFiles(session, lambda dialog: self.app.push_screen_wait(dialog))
        self.waiting = Waiting(self, self._show_waiting)
        self._watched = BindingWatch(
            self, (*NEEDS_LINE, *NEEDS_SCORES, "where", "scorer", "drop_picture", "save", "undo")
        )

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="about"):
            yield Static(id="what")
            yield Static(id="state")
        yield Static(id="problem")
        with CompareBody(initial="welcome", id="body"):
            yield Panel(id="welcome")
            with Container(id="table"):
                yield HeatmapBoard()
                yield PairDetail(self.session, self._looked)
        yield Static(id="beside")

    def on_mount(self) -> None:
        self.panel.show_text("Compare", WELCOME)
        self.until_unmount(self.session.when_open(self.compare))
        self.show()

    def fulfil(self, intent: ShowScreen) -> None:
        """Compare what another screen asks to be compared."""
        if isinstance(intent, ComparePictures):
            self.begin(intent.pictures, intent.texts)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done with the comparison as it is."""
        request = self.request
        if action in NEEDS_LINE and not request.lines:
            return False
        if action in NEEDS_SCORES:
            return self.is_scored
        match action:
            case "where" | "numbers":
                return bool(request.pictures and request.lines)
            case "pair":
                return not self.editor.has_pair(self.heatmap.row)
            case "scorer":
                return len(request.pictures) > 1 or len(request.encoders) > 1
            case "drop_picture":
                return bool(request.pictures)
            case "save":
                return bool(request.pictures or request.lines)
            case "undo":
                return self.editor.can_undo
        return True

    @property
    def request(self) -> ComparisonRequest:
        """What is compared."""
        return self.editor.request

    @property
    def found(self) -> Comparison | None:
        """The scores by the encoder under the cursor."""
        found = self.scores.of(self.request)
        return found[self.encoder] if found else None

    @property
    def is_scored(self) -> bool:
        """Every line on the screen has its scores."""
        return self.scores.cover(self.request)

    @property
    def picture(self) -> int:
        """The number of the picture under the cursor."""
        return self._place[0]

    @property
    def encoder(self) -> int:
        """The number of the encoder under the cursor."""
        return self._place[1]

    @property
    def _place(self) -> tuple[int, int]:
        """Picture and encoder of the column under the cursor."""
        encoders = max(1, len(self.request.encoders))
        if len(self.request.pictures) * encoders < 2:
            return 0, 0
        return divmod(max(0, self.heatmap.column - 1), encoders)

    # What is shown

    def begin(self, pictures: tuple[str, ...], texts: tuple[str, ...]) -> None:
        """Compare these; what was on the screen can be had back."""
        lines = tuple(Description(text=text) for text in texts)
        self.take(
            ComparisonRequest(pictures=tuple(dict.fromkeys(pictures)), lines=lines), row=0, column=1
        )

    def take(
        self, request: ComparisonRequest, row: int | None = None, column: int | None = None
    ) -> None:
        """Compare another comparison, the cursor at a row and a column or where it was."""
        if self.editor.take(request):
            self.show_request(row, column)

    def show_request(self, row: int | None = None, column: int | None = None) -> None:
        """Show a comparison that has changed, and score it."""
        self.line.action_drop()
        self.show()
        self.heatmap.go(
            self.heatmap.row if row is None else row,
            self.heatmap.column if column is None else column,
        )
        if not self.editor.is_empty:
            self.heatmap.focus()
        self.compare()

    def show(self) -> None:
        """Draw the comparison, or the first steps where it is empty."""
        self.body.current = "welcome" if self.editor.is_empty else "table"
        self.heatmap.show(self.scores.table(self.request, self.editor.lines))
        self._show_what()
        self._show_differences()
        self._watched.follow()

    def _show_what(self) -> None:
        words = self.scores.words(self.request, self.picture, self.encoder)
        self.what.update(Content(plain(words)))

    def _show_differences(self) -> None:
        """Show what sets the encoders apart, where there are several."""
        differences = self.scores.differences(self.request)
        output = RichOutput()
        write_differences(differences, output)
        self.beside.update(output.content)
        self.beside.display = bool(differences)

    # Scoring

    def compare(self) -> None:
        """Score the comparison, if it has pictures and descriptions and the engine is there."""
        self.problem.display = False
        self._stop_waiting()
        self.workers.cancel_group(self, "compare")
        if self.session.engine is None or not self.request.pictures:
            return
        self._see(self.request.pictures)
        if not self.request.lines:
            return
        self.waiting.begin()
        self._compare(self.request)

    @work(exclusive=True, group="compare")
    async def _compare(self, request: ComparisonRequest) -> None:
        try:
            scored = await self.scores.compare(request)
        except T2IError as error:
            self.call_later(self.show_error, error)
        else:
            if scored is not None:
                self.call_later(self.show_scores, scored)

    @work(exclusive=True, group="pictures")
    async def _see(self, pictures: tuple[str, ...]) -> None:
        """Read the thumbnails that are not here yet; what is wrong with a picture is told once."""
        try:
            self.call_later(self.show_pictures, await self.scores.read_thumbnails(pictures))
        except T2IError as error:
            self.call_later(self.show_error, error)

    def show_scores(self, scored: ScoredComparison) -> None:
        if scored.request == self.request:
            self._stop_waiting()
            self.scores.scored = scored
            self.show()
            self._show_pair()
            self.session.send(RefreshStatus())

    def show_pictures(self, thumbnails: Mapping[str, bytes]) -> None:
        self.scores.thumbnails |= thumbnails
        self._show_pair()

    def show_error(self, error: T2IError) -> None:
        """Say what is wrong and what to do, until the next attempt."""
        self._stop_waiting()
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

    def follow_failed_work(self, group: str) -> None:
        if group == "compare":
            self._stop_waiting()

    @property
    def is_waiting(self) -> bool:
        """Scores were asked for and are not there yet."""
        return self.waiting.goes_on

    def action_cancel(self) -> None:
        """Stop waiting for words, or for the scores."""
        if self.detail.bars.maps.stop():
            return
        if self.is_waiting:
            self.workers.cancel_group(self, "compare")
            self._stop_waiting()
            self.state.update("stopped: r scores the rest")

    def action_again(self) -> None:
        """Compare again, in the library as it is now."""
        self.scores.thumbnails.clear()
        self.compare()

    # Walking

    @on(Heatmap.Moved)
    def _show_pair(self) -> None:
        """Show the pair under the cursor."""
        request = self.request
        if self.editor.draft_index is None:
            self._watched.follow()
        self._show_what()
        name = request.pictures[self.picture] if request.pictures else ""
        self.detail.show_picture(name, self.scores.thumbnails.get(name))
        rows = self.heatmap.table.rows
        text = rows[self.heatmap.row].text if rows else ""
        found = self.found
        view = None if found is None else PairView.of(found, text, self.picture)
        self.detail.show_pair(text, view)

    def _looked(self) -> Looked | None:
        """The picture and the description under the cursor."""
        request, rows = self.request, self.heatmap.table.rows
        if not request.pictures or not rows or not rows[self.heatmap.row].text:
            return None
        named = request.encoders[self.encoder] if request.encoders else None
        return Looked(
            picture=request.pictures[self.picture],
            text=rows[self.heatmap.row].text,
            encoder_id=named if self.found is None else self.found.encoder,
        )

    def action_where(self) -> None:
        """Show where in the picture the next word of the description is."""
        if self.detail.picture.display and self.detail.display:
            self.detail.bars.maps.step()
        else:
            self._open_pair(finds_words=True)

    def action_numbers(self) -> None:
        """Show where words are as numbers, or over the picture."""
        self.detail.bars.turn_numbers()

    @on(Heatmap.CellOpened)
    def open_cell(self) -> None:
        """Edit the description under the cursor, or show the pair large."""
        if self.heatmap.column == 0:
            self.action_edit()
        else:
            self._open_pair(finds_words=self.detail.bars.maps.is_on)

    def _open_pair(self, *, finds_words: bool) -> None:
        if not self.is_scored:
            self.notify("The scores of this pair are not there yet.")
            return
        from t2itui.screens.compare.pair import PairScreen

        assert self.found is not None
        position = self.heatmap.row, self.picture
        screen = PairScreen(
            self.session,
            self.found,
            self._under_cursor(),
            position,
            self.scores.thumbnails,
            finds_words=finds_words,
        )
        self.app.push_screen(screen, self._come_back)

    def _under_cursor(self) -> ComparisonRequest:
        """The comparison by the encoder under the cursor alone."""
        encoders = self.request.encoders
        return replace(self.request, encoders=encoders[self.encoder :][:1])

    def _come_back(self, position: tuple[int, int] | None) -> None:
        """Put the cursor on the pair that was shown last."""
        if position is not None:
            row, picture = position
            encoders = max(1, len(self.request.encoders))
            column = picture * encoders + self.encoder + 1
            self.heatmap.go(row, self.heatmap.column if self.heatmap.table.is_single else column)

    # Editing

    def action_edit(self) -> None:
        """Change the description under the cursor."""
        self.editor.edit(self.heatmap.row)
        self._write()

    def action_add(self) -> None:
        """Add a description below the one under the cursor and its pair."""
        self.editor.add(self.heatmap.row)
        self._write()

    def action_pair(self) -> None:
        """Add the pair of the description under the cursor."""
        self.editor.pair(self.heatmap.row)
        self._write()

    def _write(self) -> None:
        if self.editor.draft_index is not None:
            self.show()
            self.heatmap.go(self.editor.draft_index, 0)
            self.call_after_refresh(self._open_line)

    def _open_line(self) -> None:
        row = self.editor.draft_index
        if row is not None:
            self.line.open(self.editor.lines[row].text, self.heatmap.text_region(row))

    @on(RowInput.TextWritten)
    def take_text(self, message: RowInput.TextWritten) -> None:
        """Take what was written."""
        row = self.editor.draft_index
        if row is None:
            return
        has_changed = self.editor.finish(message.text)
        self.heatmap.focus()
        if has_changed:
            self.show_request(row)
        else:
            self.show()

    def action_delete(self) -> None:
        """Delete the description under the cursor."""
        if self.editor.delete(self.heatmap.row):
            self.show_request()

    def action_move(self, by: int) -> None:
        """Move the description under the cursor, and its pair."""
        row = self.editor.move(self.heatmap.row, by)
        if row is not None:
            self.show_request(row)

    def action_undo(self) -> None:
        """Undo the last change."""
        if self.editor.undo():
            self.show_request()

    def action_drop_picture(self) -> None:
        """Take the picture under the cursor out."""
        if self.editor.drop_picture(self.picture):
            self.show_request()

    # Files

    @work(group="file")
    async def action_add_picture(self) -> None:
        """Ask for a picture of the library and add it."""
        with self.errors_reported():
            name = await self.files.ask_picture(self.request)
            if name is None:
                return
            if self.editor.add_picture(name):
                self.show_request(column=len(self.request.pictures))
            else:
                self.notify("That picture is in the comparison already.")

    @work(exclusive=True, group="file")
    async def action_example(self) -> None:
        """Show the next example."""
        self.take(await self.files.next_example(), row=0, column=1)

    @work(group="file")
    async def action_open(self) -> None:
        """Ask for a file and show what was saved in it."""
        with self.errors_reported():
            request = await self.files.open()
            if request is not None:
                self.take(request, row=0, column=1)

    @work(group="file")
    async def action_save(self) -> None:
        """Ask for a file and keep pictures and descriptions in it."""
        with self.errors_reported():
            self._say_file("Saved", await self.files.save(self.request))

    @work(group="file")
    async def action_export(self) -> None:
        """Ask for a file and write the result in the kind that its name says."""
        if found := self.scores.of(self.request):
            with self.errors_reported():
                self._say_file("Exported", await self.files.export(found, self.request))

    def _say_file(self, done: str, path: Path | None) -> None:
        if path is not None:
            self.notify(plain(str(path)), title=done, markup=False)

    # Other views

    def action_scorer(self) -> None:
        """Compare several pictures or encoders by the other scorer."""
        self.scores.turn_scorer()
        self.show()

    @work(group="file")
    async def action_encoders(self) -> None:
        """Ask for the encoders that are to stand side by side."""
        with self.errors_reported():
            encoders = await self.files.ask_encoders(self.request)
            if encoders is not None and self.editor.use_encoders(encoders):
                self.show_request()

    def action_swaps(self) -> None:
        """Exchange one thing at a time in each description and see which scorer notices."""
        from t2itui.screens.compare.swaps import SwapScreen

        self.app.push_screen(SwapScreen(self.session, self._under_cursor()))

    def action_copy_command(self) -> None:
        """Put the command on the clipboard that repeats the screen."""
        command = compare_command(self.session.home, self.request)
        self.copy(command)
