"""The last line of a screen: what its keys do, each also a place to click."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

if TYPE_CHECKING:
    from textual.binding import ActiveBinding


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownKey:
    """A key in the line."""

    key: str
    shown: str
    """The key as a person knows it."""
    description: str
    """Empty where the next key's description is for both."""
    tooltip: str
    enabled: bool
    left: int = 0
    """The first cell."""

    @property
    def right(self) -> int:
        """The cell after the last."""
        words = f" {self.description}" if self.description else ""
        return self.left + cell_len(self.shown + words)


class KeyLine(Widget):
    """Shows the keys of the screen, of the widget with the focus, and of the app.

    Textual's own footer is a widget for each key: mounted anew whenever the focus moves and
    measured at every layout, that takes longer than painting all pictures.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyLine {
        dock: bottom;
        height: 1;
        text-wrap: nowrap;
        pointer: pointer;
        color: $footer-foreground;
        background: $footer-background;
    }
    """
    KEY: ClassVar = "bold $footer-key-foreground on $footer-key-background"
    WORDS: ClassVar = "$footer-description-foreground on $footer-description-background"
    HOVER: ClassVar = "$footer-key-foreground on $block-hover-background"

    def __init__(self) -> None:
        super().__init__()
        self.places: tuple[ShownKey, ...] = ()
        """The keys in sight, from left to right."""
        self._hovered: ShownKey | None = None

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self.follow)

    def on_resize(self) -> None:
        self.follow(self.screen)

    def follow(self, screen: Screen[object]) -> None:
        """Show the keys that work now."""
        places = self._fit(self._find(list(screen.active_bindings.values())))
        if places != self.places:
            self.places = places
            self._hovered = None
            self.refresh()

    def _find(self, active: list[ActiveBinding]) -> list[ShownKey]:
        """Give each shown action a key; those of a group stand together and share a word."""
        first: dict[str, ActiveBinding] = {}
        for each in active:
            if each.binding.show:
                first.setdefault(each.binding.action, each)
        places: list[ShownKey] = []
        for group, members in groupby(first.values(), lambda each: each.binding.group):
            keys = list(members)
            for number, each in enumerate(keys, 1):
                words = each.binding.description
                if group is not None and len(keys) > 1:
                    words = group.description if number == len(keys) else ""
                places.append(self._shown_key(each, words))
        return places

    def _shown_key(self, active: ActiveBinding, words: str) -> ShownKey:
        binding = active.binding
        return ShownKey(
            key=binding.key,
            shown=self.app.get_key_display(binding),
            description=words,
            tooltip=active.tooltip or binding.description,
            enabled=active.enabled,
        )

    def _fit(self, places: list[ShownKey]) -> tuple[ShownKey, ...]:
        """Line the keys up; where there is no room for all, the last one, help, stays."""
        while True:
            placed, left = [], 0
            for place in places:
                placed.append(replace(place, left=left))
                left = placed[-1].right + bool(place.description)
            if len(places) < 3 or placed[-1].right <= self.size.width:
                return tuple(placed)
            del places[-2]

    def render(self) -> Content:
        parts: list[tuple[str, str]] = []
        for place in self.places:
            key, words = self.KEY, self.WORDS
            if place == self._hovered:
                key = words = self.HOVER
            if not place.enabled:
                key, words = f"dim {key}", f"dim {words}"
            parts.append((place.shown, key))
            if place.description:
                parts += [(f" {place.description}", words), (" ", "")]
        return Content.assemble(*parts)

    def _at(self, x: int) -> ShownKey | None:
        return next((place for place in self.places if place.left <= x < place.right), None)

    def _hover(self, place: ShownKey | None) -> None:
        if place != self._hovered:
            self._hovered = place
            self.tooltip = place.tooltip if place is not None else None
            self.refresh()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self._hover(self._at(event.x))

    def on_leave(self) -> None:
        self._hover(None)

    def on_click(self, event: events.Click) -> None:
        place = self._at(event.x)
        if place is None:
            return
        if place.enabled:
            self.app.simulate_key(place.key)
        else:
            self.app.bell()
