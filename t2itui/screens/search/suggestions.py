"""The queries that the app suggests for the storybook, in the order in which it does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from textual import events
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

if TYPE_CHECKING:
    from engine.storybook.suggestions import Suggestion

ANSWERED_RUN = 2
"""So many queries that pictures answer come before one that none does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """One query."""

    query: str
    answered: bool
    """Whether the storybook holds pictures of it; otherwise it routes to generate."""
    foreign: bool
    """Nothing in the storybook's world is like it: what is generated for it is a guess."""

    @property
    def tip(self) -> str:
        """What becomes of it."""
        if self.answered:
            return "Search for it"
        if self.foreign:
            return "Nothing answers it, and the built-in generator has no word for it"
        return "No picture shows it: it can be painted"


def tour() -> tuple[Suggested, ...]:
    """Return every suggestion in both languages: the first in both, then by turns."""
    first, *rest = _mixed()
    once = [_said(each, chinese=place % 2 == 1) for place, each in enumerate(rest)]
    again = [_said(each, chinese=place % 2 == 0) for place, each in enumerate(rest)]
    return (_said(first, chinese=False), _said(first, chinese=True), *once, *again)


def _mixed() -> list[Suggestion]:
    """Those with answers, and after every few one without; what can be painted goes first there."""
    from engine.storybook.suggestions import SUGGESTIONS

    answered = [each for each in SUGGESTIONS if each.answered]
    unanswered = [each for each in SUGGESTIONS if not each.answered]
    unanswered.sort(key=lambda each: each.claim.foreign)
    runs = [answered[:1], *_runs(answered[1:])]
    after = [unanswered[place : place + 1] for place in range(max(len(runs), len(unanswered)))]
    runs += [[]] * (len(after) - len(runs))
    return list(chain.from_iterable(chain(*pair) for pair in zip(runs, after, strict=True)))


def _runs(answered: list[Suggestion]) -> list[list[Suggestion]]:
    return [
        answered[place : place + ANSWERED_RUN] for place in range(0, len(answered), ANSWERED_RUN)
    ]


def _said(suggestion: Suggestion, *, chinese: bool) -> Suggested:
    query = suggestion.chinese if chinese else suggestion.english
    return Suggested(query=query, answered=suggestion.answered, foreign=suggestion.claim.foreign)


ABOUT = (
    "Storybook: {pictures:,} drawn pictures that come with t2itui, to try everything on."
    "  Type what you want to see, in English or Chinese",
    "Storybook: {pictures:,} drawn pictures that come with t2itui. Ask in English or Chinese",
    "Storybook: {pictures:,} drawn pictures to try t2itui on",
    "Storybook",
)
"""From the longest on; the first that there is room for is shown."""
KEYS = (("ctrl+n", "next example"), ("ctrl+o", "add your own pictures"))


class SuggestionChip(Static):
    """A query that a click runs."""

    def __init__(self, suggested: Suggested) -> None:
        super().__init__()
        self.suggested = suggested
        self.tooltip = suggested.tip

    @property
    def room(self) -> int:
        """Cells that it takes."""
        return self.text(is_current=True).cell_length + 1

    def text(self, *, is_current: bool) -> Content:
        """The query; one that can be painted says so by a pencil."""
        sign = "▸" if is_current else " "
        pencil = "" if self.suggested.answered or self.suggested.foreign else "✎ "
        style = "bold $foreground" if is_current else "$text-muted"
        return Content.styled(f"{sign}{pencil}{self.suggested.query}", style)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(SuggestionStrip.SuggestionChosen(self.suggested.query))


class SuggestionStrip(Vertical):
    """Two lines; the suggestion shown last leads the second.

    They are made when they are first shown, which a library of one's own never does.
    """

    DEFAULT_CSS = """
    SuggestionStrip {
        display: none;
        height: 2;
        padding: 0 1;
        background: $primary-muted;
        & > Horizontal { height: 1; }
        & #about { width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; color: $foreground; }
        & .keys { width: auto; padding-left: 2; color: $text-muted; }
        & SuggestionChip { width: auto; margin-right: 1; text-wrap: nowrap; }
        & SuggestionChip:hover { text-style: underline; }
        & #label { width: auto; color: $text-primary; }
    }
    """

    class SuggestionChosen(Message):
        """The person wants this query answered."""

        def __init__(self, query: str) -> None:
            super().__init__()
            self.query = query

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._about = Static(id="about")
        self._current = 0
        self._pictures = 0

    @cached_property
    def _chips(self) -> list[SuggestionChip]:
        return [SuggestionChip(each) for each in tour()]

    def _lines(self) -> tuple[Horizontal, Horizontal]:
        keys, next_key = (Static(_key_words(some), classes="keys") for some in (KEYS[1:], KEYS[:1]))
        label = Static("Try ", id="label")
        return Horizontal(self._about, keys), Horizontal(label, *self._chips, next_key)

    def on_resize(self) -> None:
        self._show()

    @property
    def queries(self) -> frozenset[str]:
        """Everything that is suggested."""
        return frozenset(chip.suggested.query for chip in self._chips)

    @property
    def is_open(self) -> bool:
        """The strip is in sight."""
        return bool(self.display)

    def open(self, pictures: int) -> None:
        """Show the strip above so many pictures."""
        self._pictures = pictures
        self.display = True
        if not self.children:
            self.mount(*self._lines())
        self._show()

    def close(self) -> None:
        """Give the room back."""
        self.display = False

    def first(self) -> str:
        """Point at the first suggestion and return it."""
        return self._go(0)

    def next(self) -> str:
        """Point at the next suggestion and return it."""
        return self._go((self._current + 1) % len(self._chips))

    def point_at(self, query: str) -> None:
        """Point at a suggestion that was asked for in another way."""
        for place, chip in enumerate(self._chips):
            if chip.suggested.query == query:
                self._go(place)

    def _go(self, place: int) -> str:
        self._current = place
        self._show()
        return self._chips[place].suggested.query

    def _show(self) -> None:
        width = self.content_size.width
        texts = [text.format(pictures=self._pictures) for text in ABOUT]
        room = width - _key_words(KEYS[1:]).cell_length - 2
        about = next((text for text in texts if len(text) <= room), texts[-1])
        self._about.update(Content(about))
        left = width - len("Try ") - 1 - _key_words(KEYS[:1]).cell_length - 2
        for place, chip in enumerate(self._chips):
            left -= chip.room + 1 if place >= self._current else 0
            is_current = place == self._current
            chip.display = place >= self._current and (left >= 0 or is_current)
            chip.update(chip.text(is_current=is_current))


def _key_words(keys: tuple[tuple[str, str], ...]) -> Content:
    parts = [part for key, words in keys for part in ((key, "bold"), f" {words}  ")]
    return Content.assemble(*parts).rstrip()
