"""Where the words of a description are in the picture beside it: one word after the other.

A screen that shows a picture yields `WordBars` below it, and has its `maps` step through the words,
follow what is on the screen, and stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from engine.errors import T2IError
from engine.requests import WhereRequest
from t2itui.graphics.art import Overlay
from t2itui.screens.common.base import Waiting
from t2itui.session import Stoppable, TaskHost
from t2itui.text.plain import plain
from t2itui.text.word_maps import NOWHERE, word_title
from t2itui.text.words import looking_words, number
from t2itui.widgets.score_bar import bar

if TYPE_CHECKING:
    from engine.results import WhereResult, WordMap
    from t2itui.graphics.picture import Picture
    from t2itui.session import Session, Work

GROUP = "where"
"""Of the work that finds words."""
REST_S = 0.15
"""So long a picture is in front before its words are found: keys held down pass over it."""
REMEMBERED = 64
"""Maps that are at hand when one comes back to a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A picture on the screen, and the description that is looked for in it."""

    picture: str
    """A path."""
    text: str
    encoder_id: str | None = None
    """None takes one that has seen the picture."""


class MapView(TaskHost, Protocol):
    """Shows maps, and runs what has to be waited for."""

    def show_word(self, found: WhereResult, index: int) -> None:
        """Show the map of a word, and the strengths of all."""

    def show_waiting(self) -> None:
        """Show the picture plain, and that its words are being looked for."""

    def show_plain(self) -> None:
        """Show the picture alone."""

    def cancel_work(self) -> None:
        """Wait no longer for what was begun."""


class WordMapController:
    """Steps through the words; a model starts only for what the cache lacks."""

    def __init__(
        self, session: Session, view: MapView, looked: Callable[[], Looked | None]
    ) -> None:
        """`looked` says what is on the screen; None where there is no picture or no word."""
        self._session = session
        self._view = view
        self._looked = looked
        self._index: int | None = None
        """The word in front; None while the picture is plain."""
        self._front: Looked | None = None
        """What the maps on the screen are of."""
        self._waits = False
        self._timer: Stoppable | None = None
        self._known: dict[Looked, WhereResult] = {}

    @property
    def is_on(self) -> bool:
        """A map is shown or waited for."""
        return self._index is not None

    def step(self) -> None:
        """Show the next word; after the last the picture is plain again."""
        looked = self._looked()
        if looked is None:
            self._session.notify("There is no word here to look for in a picture.")
            return
        if self._waits:
            return
        self._index = 0 if self._index is None or looked != self._front else self._index + 1
        self._front = looked
        self._show()

    def follow(self) -> None:
        """Look at what is on the screen now, if words are looked for at all."""
        if self._index is None:
            return
        looked = self._looked()
        if looked == self._front:
            return
        self._stop_work()
        if looked is None:
            self._front = None
            self._view.show_plain()
            return
        if self._front is None or looked.text != self._front.text:
            self._index = 0
        self._front = looked
        if looked in self._known:
            self._show()
            return
        self._view.show_waiting()
        self._waits = True
        self._timer = self._view.set_timer(REST_S, self._find)

    def stop(self) -> bool:
        """Wait no longer, and show the picture plain; returns whether anything was waited for."""
        if not self._waits:
            return False
        self._stop_work()
        self.end()
        return True

    def end(self) -> None:
        """Show the picture plain."""
        self._index, self._front, self._waits = None, None, False
        self._view.show_plain()

    def _stop_work(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._waits:
            self._waits = False
            self._view.cancel_work()

    def _show(self) -> None:
        """Show the word in front, or find the words first."""
        assert self._front is not None and self._index is not None
        found = self._known.get(self._front)
        if found is None:
            self._view.show_waiting()
            self._find()
        elif self._index < len(found.words):
            self._view.show_word(found, self._index)
        else:
            self.end()

    def _find(self) -> None:
        if self._front is not None:
            self._waits = True
            work = partial(self._read, self._front)
            self._view.run_beside(work, group=GROUP, exclusive=True)

    async def _read(self, looked: Looked) -> None:
        engine = self._session.engine
        if engine is None:
            self._view.call_later(self.end)
            return
        request = WhereRequest(
            picture=looked.picture, text=looked.text, encoder_id=looked.encoder_id
        )
        try:
            found = await engine.where(request)
        except T2IError as error:
            self._view.call_later(self._fail, looked, error)
        else:
            self._view.call_later(self._take, looked, found)

    def _take(self, looked: Looked, found: WhereResult) -> None:
        self._known[looked] = found
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        if self._waits and looked == self._front and self._index is not None:
            self._waits = False
            self._index = min(self._index, len(found.words) - 1)
            self._show()

    def _fail(self, looked: Looked, error: T2IError) -> None:
        if self._waits and looked == self._front:
            self.end()
            self._session.report_error("Where", error)


NAME = 18
"""Most characters of a word beside its bar."""
BAR = 10
LEAST_BAR = 4
GAP = 2
MOST_ROWS = 6
"""Of bars; more words scroll."""


class WordBars(Static):
    """Says of the word in front where it is, and draws the strengths of all words."""

    DEFAULT_CSS = f"""
    WordBars {{ display: none; width: 1fr; height: auto; max-height: {MOST_ROWS + 2}; }}
    """

    def __init__(
        self, session: Session, picture: Picture, looked: Callable[[], Looked | None]
    ) -> None:
        super().__init__()
        self.maps = WordMapController(session, self, looked)
        self._session = session
        self._picture = picture
        self._found: WhereResult | None = None
        self._index = 0
        self._waiting = Waiting(self, self._show_seconds)

    def on_resize(self) -> None:
        self._show()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Wait no more for work that ended on an error, of which the app has told."""
        if event.state is WorkerState.ERROR:
            self.maps.end()

    def turn_numbers(self) -> None:
        """Show maps as numbers, or over the picture again; begin where there is none."""
        self._picture.as_numbers = not self._picture.as_numbers
        if self._picture.as_numbers and not self.maps.is_on:
            self.maps.step()

    def run_beside(self, work: Work, *, group: str, exclusive: bool = False) -> None:
        """Run what the controller waits for."""
        _: Worker[None] = self.run_worker(work, group=group, exclusive=exclusive)

    def cancel_work(self) -> None:
        """Wait no longer for what was begun."""
        self.workers.cancel_group(self, GROUP)

    def show_word(self, found: WhereResult, index: int) -> None:
        """Lay the map of a word over the picture, and show the strengths of all."""
        self._waiting.stop()
        word = found.words[index]
        rows, columns = word.strengths.shape
        self._picture.overlay = Overlay(
            rows=rows,
            columns=columns,
            strengths=tuple(word.strengths.ravel().tolist()),
            seen=found.seen,
        )
        self._found, self._index = found, index
        self._put(is_shown=True)
        self._show()

    def show_waiting(self) -> None:
        """Show the picture plain, and that its words are being looked for."""
        self._picture.overlay = None
        self._found = None
        self._waiting.begin()

    def show_plain(self) -> None:
        """Show the picture alone."""
        self._waiting.stop()
        self._picture.overlay = None
        self._found = None
        self._put(is_shown=False)

    def _show_seconds(self, seconds: float) -> None:
        words = f"{looking_words(self._session.engine)} {seconds:.0f} s  esc stops"
        self.update(Content.styled(words, "$text-warning"))
        self._put(is_shown=True)

    def _put(self, *, is_shown: bool) -> None:
        """Be there or not; what holds the bars may want to make room for them."""
        self.display = is_shown
        if isinstance(self.parent, Widget):
            self.parent.set_class(is_shown, "-maps")

    def _show(self) -> None:
        width = self.content_size.width or self._picture.size.width
        if self._found is not None and width:
            lines = [Content.styled(word_title(self._found, self._index), "bold")]
            lines += _bar_lines(self._found.words, self._index, width)
            self.update(Content("\n").join(lines))


def _bar_lines(words: tuple[WordMap, ...], current: int, width: int) -> list[Content]:
    """The bars of all words in as many columns as there is room for, the current one in sight."""
    longest = max(cell_len(plain(word.word)) for word in words)
    cells = _BarCells(min(NAME, longest), width)
    across = max(1, (width + GAP) // (cells.width + GAP))
    rows = [range(at, min(at + across, len(words))) for at in range(0, len(words), across)]
    first = min(max(0, current // across - MOST_ROWS + 1), max(0, len(rows) - MOST_ROWS))
    gap = Content(" " * GAP)
    return [
        gap.join([cells.draw(words[at], is_current=at == current) for at in row])
        for row in rows[first : first + MOST_ROWS]
    ]


class _BarCells:
    """Bars of one width, with what stands before and behind them."""

    def __init__(self, name: int, room: int) -> None:
        beside = 2 + 1 + 1 + len(number(0.5))
        self._ends = (f" {NOWHERE}", "")
        if beside + name + LEAST_BAR + cell_len(self._ends[0]) > room:
            self._ends = (" ✗", "")
        beside += cell_len(self._ends[0])
        self._bar = max(1, min(BAR, max(LEAST_BAR, room - beside - name)))
        self._name = max(1, min(name, room - beside - self._bar))
        self.width = beside + self._name + self._bar

    def draw(self, word: WordMap, *, is_current: bool) -> Content:
        """One word."""
        name = plain(word.word)
        if cell_len(name) > self._name:
            name = set_cell_size(name, self._name - 1) + "…"
        head = f"{'▸' if is_current else ' '} {set_cell_size(name, self._name)} "
        tone = "$success" if word.is_there else "$foreground-muted"
        end = self._ends[word.is_there].ljust(cell_len(self._ends[0]))
        return Content.assemble(
            (head, "bold" if is_current else ""),
            (bar(word.strength, self._bar), tone),
            (f" {number(word.strength):>3}{end}", tone),
        )
