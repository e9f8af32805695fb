"""What all screens of the app have in common: the top line, the jobs strip and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer

from t2itui.widgets.jobs_strip import JobsStrip
from t2itui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from t2itui.app import T2ITuiApp


class AppScreen(Screen[None]):
    """A screen of the app; subclasses say in `compose_body` what lies between the edges."""

    MODE: ClassVar[str]
    """The name under which the app knows the screen: its mode."""

    @property
    def t2i(self) -> T2ITuiApp:
        """The app, with its engine, settings and job events."""
        return cast("T2ITuiApp", self.app)

    def compose(self) -> ComposeResult:
        yield TopBar(self.MODE)
        yield from self.compose_body()
        yield JobsStrip()
        yield Footer(show_command_palette=False, compact=True)

    def compose_body(self) -> ComposeResult:
        """The widgets between the top line and the jobs strip."""
        yield from ()
