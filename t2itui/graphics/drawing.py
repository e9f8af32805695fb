"""Which drawings of a widget the terminal itself holds."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual import on
from textual.color import Color
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from t2itui.graphics.art import (
    RGB,
    Art,
    DrawingOptions,
    Overlay,
    Reason,
    UncachedStrip,
    UnreadablePictureError,
    frame,
)
from t2itui.graphics.detection import HALF_CELLS, Graphics, GraphicsProtocol


class TerminalMemory:
    """Uploads each drawing once, and has the terminal forget it when it is no longer shown."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._held: set[str] = set()

    def hold(self, art: Art) -> None:
        """Have the drawing uploaded before its strips are printed."""
        if art.upload and art.remove not in self._held:
            self._write(art.upload)
            self._held.add(art.remove)

    def free(self, art: Art) -> None:
        """Have the terminal forget one drawing."""
        if art.remove in self._held:
            self._write(art.remove)
            self._held.discard(art.remove)

    def free_all(self) -> None:
        """Have the terminal forget everything; what is shown again is uploaded again."""
        for remove in self._held:
            self._write(remove)
        self._held.clear()


ARTIST = ThreadPoolExecutor(max_workers=1, thread_name_prefix="picture")
"""The one thread that decodes and draws; more would only fight for the interpreter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingStyle:
    """What a picture stands on."""

    background: Color
    words: Style
    """Of the words that stand where no picture can be drawn."""
    at_bottom: bool = False
    """The picture reaches the last line of the screen."""


class DrawingReady(Message, bubble=False):
    """A drawing is ready; `art` is None where the bytes turned out to be no picture."""

    def __init__(
        self, drawing: Drawing, data: bytes, options: DrawingOptions, art: Art | None
    ) -> None:
        self.drawing = drawing
        self.data = data
        self.options = options
        self.art = art
        super().__init__()


class DrawingHolder(Widget):
    """A widget that shows drawings among its own lines."""

    given_graphics: Graphics | None = None

    @property
    def graphics(self) -> Graphics:
        """How this terminal draws pictures: as the widget was told, or else the app."""
        if self.given_graphics is None:
            found = getattr(self.app, "graphics", None)
            self.given_graphics = found if isinstance(found, Graphics) else HALF_CELLS
        return self.given_graphics

    @abstractmethod
    def drawings(self) -> Iterable[Drawing]:
        """Every drawing that the widget holds."""

    @on(DrawingReady)
    def take_ready(self, message: DrawingReady) -> None:
        message.drawing.take(message)

    def notify_style_update(self) -> None:
        """Draw the words anew in other colours."""
        super().notify_style_update()
        for drawing in self.drawings():
            drawing.forget_words()

    def on_mount(self) -> None:
        """Have the terminal forget the pictures whenever they cannot be seen for a while."""
        self.app.screen_change_signal.subscribe(self, lambda _: self._free_if_hidden())
        self.app.app_suspend_signal.subscribe(self, lambda _: self.free(), immediate=True)

    def on_unmount(self) -> None:
        """Have the terminal forget the pictures."""
        self.free()

    def free(self) -> None:
        """Have the terminal forget the pictures until they are drawn again."""
        for drawing in self.drawings():
            drawing.free()

    def _free_if_hidden(self) -> None:
        stack = self.app.screen_stack
        above = stack[stack.index(self.screen) + 1 :] if self.screen in stack else stack
        if any(screen.styles.background.a == 1 for screen in above):
            self.free()


class Drawing:
    """One picture in a place of a widget, in its proportions, or its words in a box.

    Decoding and encoding happen beside the event loop; until they are done, and behind a dialog,
    something cheap stands in the picture's place.
    """

    def __init__(self, holder: DrawingHolder, repaint: Callable[[], object]) -> None:
        """`repaint` is called whenever the lines have changed."""
        self.size = Size(0, 0)
        """The place, in cells."""
        self._holder = holder
        self._repaint = repaint
        self._style: DrawingStyle | None = None
        self._data: bytes | None = None
        self._alt = ""
        self._dim = False
        self._overlay: Overlay | None = None
        self._reason = Reason.EMPTY
        self._arts: dict[bool, tuple[DrawingOptions, Art]] = {}
        self._drawing: DrawingOptions | None = None
        self._is_stale = False
        self._words: tuple[object, list[Strip]] | None = None
        self._placed: tuple[list[Strip], tuple[object, ...], list[Strip]] | None = None
        self._memory = TerminalMemory(self._write)

    @property
    def reason(self) -> Reason | None:
        """Why words stand in the picture's place; None while the picture itself is there."""
        return None if self._art() is not None else self._reason

    @property
    def place(self) -> Region | None:
        """Where within its place it is drawn; None where it is not."""
        art = self._art()
        if art is None:
            return None
        left, top = (self.size.width - art.columns) // 2, (self.size.height - art.rows) // 2
        return Region(left, top, art.columns, art.rows)

    @property
    def dim(self) -> bool:
        """Whether the picture is blended towards the background."""
        return self._dim

    @dim.setter
    def dim(self, dim: bool) -> None:
        if dim != self._dim:
            self._dim = dim
            self._words = None
            self._repaint()

    @property
    def overlay(self) -> Overlay | None:
        """What is laid over the picture, and over those that follow."""
        return self._overlay

    @overlay.setter
    def overlay(self, overlay: Overlay | None) -> None:
        if overlay != self._overlay:
            self._overlay = overlay
            self._repaint()

    @property
    def is_drawing(self) -> bool:
        """A drawing is on its way."""
        return self._drawing is not None

    def show_next(self, data: bytes) -> None:
        """Show a later picture of the same thing; the one before stays until this one is drawn."""
        if self._art() is None:
            self.show(data, alt=self._alt, dim=self._dim)
        elif data != self._data:
            self._data, self._drawing, self._is_stale = data, None, True
            self._repaint()

    def show(self, data: bytes | None, *, alt: str, dim: bool = False) -> None:
        """Show the picture encoded in `data`, or `alt` alone, or nothing; returns at once."""
        if data == self._data and alt == self._alt:
            self.dim = dim
            return
        self.free()
        self._arts.clear()
        self._is_stale = False
        self._words = None
        self._drawing = None
        self._data, self._alt, self._dim = data, alt, dim
        if data is None:
            self._reason = Reason.MISSING if alt else Reason.EMPTY
        else:
            self._reason = Reason.TEXT if self._holder.graphics.is_text else Reason.LOADING
        if self._style is not None:
            self._draw_if_needed(self._style.background.rgb)
        self._repaint()

    def lines(self, size: Size, style: DrawingStyle) -> list[Strip]:
        """Strips that fill the place; asks for a drawing where there is none that fits.

        The same list as long as nothing has changed.
        """
        self.size, self._style = size, style
        self._draw_if_needed(style.background.rgb)
        art = self._art()
        if art is None:
            return self._words_lines(style)
        if self._holder.screen.is_active:
            self._memory.hold(art)
            return self._cached_lines(art, art.strips, style)
        return self._cached_lines(art, art.veil, style)

    def take(self, drawn: DrawingReady) -> None:
        """Show what was drawn, unless it is no longer wanted."""
        if drawn.data is not self._data:
            return
        if drawn.options == self._drawing:
            self._drawing = None
        if drawn.art is None:
            self._reason, self._words = Reason.BROKEN, None
        else:
            self._is_stale = False
            if drawn.options.dim in self._arts:
                self._memory.free(self._arts[drawn.options.dim][1])
            self._arts[drawn.options.dim] = (drawn.options, drawn.art)
        self._repaint()

    def forget_words(self) -> None:
        """Draw the words anew: colours have changed."""
        self._words = None

    def free(self) -> None:
        """Have the terminal forget the picture until it is drawn again."""
        self._memory.free_all()

    def _art(self) -> Art | None:
        """What to show now, if need be in yesterday's brightness or on another background."""
        for dim in (self._dim, not self._dim):
            drawn, art = self._arts.get(dim, (None, None))
            if drawn and self.size == (drawn.columns, drawn.rows):
                return art
        return None

    def _draw_if_needed(self, background: RGB) -> None:
        data, (columns, rows) = self._data, self.size
        if data is None or self._reason in (Reason.TEXT, Reason.BROKEN) or not columns or not rows:
            return
        drawn, art = self._arts.get(self._dim, (None, None))
        options = DrawingOptions(
            columns=columns,
            rows=rows,
            background=drawn.background if drawn and art and not art.translucent else background,
            dim=self._dim,
            grey=self._holder.app.no_color,
            overlay=self._overlay,
        )
        if options != self._drawing and (self._is_stale or options != drawn):
            self._drawing = options
            self._holder.run_worker(self._draw(data, options), group="draw")

    async def _draw(self, data: bytes, options: DrawingOptions) -> None:
        def draw_if_still_wanted() -> Art | None:
            if self._data is not data or self._drawing != options:
                return None
            from t2itui.graphics.encoding import draw

            return draw(data, options, graphics, console)

        graphics, console = self._holder.graphics, self._holder.app.console
        try:
            art = await asyncio.get_running_loop().run_in_executor(ARTIST, draw_if_still_wanted)
        except UnreadablePictureError:
            self._holder.post_message(DrawingReady(self, data, options, None))
        else:
            if art is not None:
                self._holder.post_message(DrawingReady(self, data, options, art))

    def _write(self, sequences: str) -> None:
        if self._holder.app._driver is not None:
            self._holder.app._driver.write(sequences)

    def _words_lines(self, style: DrawingStyle) -> list[Strip]:
        """The words in the picture's place, with the app's filters applied."""
        shown = (self.size, style)
        if self._words is None or self._words[0] != shown:
            columns, rows = self.size
            lines = []
            for text in frame(self._alt, self._reason, columns, rows, dim=self._dim):
                strip: Strip = UncachedStrip([Segment(text, style.words)], columns)
                for line_filter in self._holder.get_line_filters():
                    strip = strip.apply_filter(line_filter, style.background)
                lines.append(strip)
            self._words = (shown, lines)
        return self._words[1]

    def _cached_lines(self, art: Art, strips: list[Strip], style: DrawingStyle) -> list[Strip]:
        """The drawing in the middle of the widget's own background."""
        shown = (self.size, style)
        if self._placed is None or self._placed[0] is not strips or self._placed[1] != shown:
            lines = self._centre(art, strips, Style(bgcolor=style.background.rich_color))
            if style.at_bottom and self._holder.graphics.protocol is GraphicsProtocol.SIXEL:
                # A terminal may scroll when a Sixel picture touches its last line.
                lines[-1] = UncachedStrip(lines[-1])
            self._placed = (strips, shown, lines)
        return self._placed[2]

    def _centre(self, art: Art, strips: list[Strip], style: Style) -> list[Strip]:
        columns, rows = self.size
        left, top = (columns - art.columns) // 2, (rows - art.rows) // 2
        widths = (left, columns - left - art.columns, columns)
        before, after, blank = (Strip.blank(width, style) for width in widths)
        for strip in (before, after, blank):
            strip.render(self._holder.app.console)
        lines: list[Strip] = [UncachedStrip.join([before, strip, after]) for strip in strips]
        return [blank] * top + lines + [blank] * (rows - top - art.rows)
