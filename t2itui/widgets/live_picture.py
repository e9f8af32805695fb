"""A picture that is still being painted: each preview stays until the next one is drawn."""

from __future__ import annotations

from textual import on

from t2itui.graphics.drawing import Drawn
from t2itui.graphics.picture import Picture


class LivePicture(Picture):
    """Shows the newest preview, and passes by those for which the terminal has no time."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._newest: bytes | None = None
        """A preview that waits until the one before is drawn."""

    def show(self, data: bytes | None, *, alt: str, dim: bool = False) -> None:
        """Show a picture at once; a preview that waits is forgotten."""
        self._newest = None
        super().show(data, alt=alt, dim=dim)

    def show_preview(self, data: bytes) -> None:
        """Show a preview as soon as the one before is drawn."""
        if self._drawing.is_drawing:
            self._newest = data
        else:
            self.show_next(data)

    @on(Drawn)
    def go_on(self) -> None:
        """Draw the newest preview once this one is on the screen."""
        self.call_next(self._show_newest)

    def _show_newest(self) -> None:
        data, self._newest = self._newest, None
        if data is not None:
            self.show_preview(data)
