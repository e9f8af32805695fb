"""Waiting for an answer: said only once it takes long, and then with the seconds."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from textual.message_pump import MessagePump
from textual.timer import Timer

QUIET_S = 0.15
"""An answer that takes longer is announced as being waited for."""


class Waiting:
    """Shows, again and again, for how many seconds something has been waited for."""

    def __init__(self, screen: MessagePump, show: Callable[[float], object]) -> None:
        self._screen = screen
        self._show = show
        self._timer: Timer | None = None
        self._began_at = 0.0

    def begin(self) -> None:
        """Wait from now on, for something else than before."""
        self.stop()
        self._began_at = monotonic()
        self._timer = self._screen.set_interval(QUIET_S, self._tell)

    def stop(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    @property
    def goes_on(self) -> bool:
        """Something was asked for and is not there yet."""
        return self._timer is not None

    def _tell(self) -> None:
        self._show(monotonic() - self._began_at)
