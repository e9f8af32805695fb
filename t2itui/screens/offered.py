"""Keeps the footer in step with what can be done, without drawing it anew at every key press."""

from __future__ import annotations

from collections.abc import Sequence

from textual.screen import Screen


class Offered:
    """Remembers which of a screen's actions were offered last."""

    def __init__(self, screen: Screen[None], actions: Sequence[str]) -> None:
        self._screen = screen
        self._actions = tuple(actions)
        self._last: tuple[bool | None, ...] | None = None

    def follow(self) -> None:
        """Have the footer drawn anew where another set of actions is offered now."""
        offered = tuple(self._screen.check_action(action, ()) for action in self._actions)
        if offered != self._last:
            self._last = offered
            self._screen.refresh_bindings()
