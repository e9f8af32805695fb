"""Where errors end that nobody foresaw: what was being done fails, and the app and its jobs go on.

Textual ends the app on any of them, and the widget whose handler raised it even before. Only where
the screen itself cannot be drawn there is no going on: nobody could read what is said about it.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path, PurePath
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.app import App
    from textual.message import Message
    from textual.message_pump import MessagePump

SHOWN_S = 20.0
"""So long what went wrong stays on the screen."""
QUIET_S = 10.0
"""An error from the same line is not told again so soon."""

_DRAWING = frozenset({"_compositor.py", "_styles_cache.py", "compose.py"})
"""Modules of Textual that do nothing but draw."""
_DRAWN_BY = frozenset({"_compose", "_display", "_process_messages", "_refresh_layout", "_render"})
"""Its functions elsewhere that draw, and that run the terminal."""

Handle = Callable[["Message"], Awaitable[None]]


class Boundary:
    """Holds errors back from the app, and says that they were."""

    def __init__(self, app: App[None], home: Callable[[], Path | None]) -> None:
        self._app = app
        self._home = home
        self._told: dict[tuple[type[Exception], str, int], float] = {}
        """When errors of a kind and line were told last."""

    def watch(self, pump: MessagePump) -> None:
        """Have what the handlers of a widget or screen raise end here, and not the widget."""
        handle = partial(type(pump)._dispatch_message, pump)
        # For this one alone: Textual has no hook between a handler and the end of its widget.
        vars(pump)["_dispatch_message"] = partial(self.dispatch, handle)

    async def dispatch(self, handle: Handle, message: Message) -> None:
        """Have a message handled."""
        try:
            await handle(message)
        except Exception as error:
            if not self.holds(error):
                raise

    def holds(self, error: Exception) -> bool:
        """Say what went wrong, and that the rest goes on; False where it cannot."""
        if not self.survives(error):
            return False
        try:
            self._report(error)
        except Exception:  # noqa: BLE001 - an app that can no longer speak is to end
            return False
        return True

    def survives(self, error: Exception) -> bool:
        """Whether the app can go on: it runs, and the screen can be drawn."""
        return self._app.is_running and not self._app._exit and not is_of_drawing(error)

    def _report(self, error: Exception) -> None:
        from t2itui.crash import logged, named

        origin, now = _origin(error), monotonic()
        if now - self._told.get(origin, -QUIET_S) < QUIET_S:
            return
        self._told[origin] = now
        self._app.notify(
            f"{named(error)}\n{logged(self._home(), error)}\n"
            "What was being done is left undone; all else goes on.",
            title="An unexpected error",
            severity="error",
            timeout=SHOWN_S,
            markup=False,
        )


def is_of_drawing(error: BaseException) -> bool:
    """Whether an error came while the screen was put together, laid out or drawn."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        path = PurePath(frame.f_code.co_filename)
        is_drawing = path.name in _DRAWING or frame.f_code.co_name in _DRAWN_BY
        if is_drawing and path.parent.name == "textual":
            return True
    return False


def _origin(error: Exception) -> tuple[type[Exception], str, int]:
    """Its kind and the line that raised it."""
    frames = [*traceback.walk_tb(error.__traceback__)]
    if not frames:
        return type(error), "", 0
    frame, line = frames[-1]
    return type(error), frame.f_code.co_filename, line
