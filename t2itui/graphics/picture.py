"""A widget that shows one picture by whatever means the terminal has."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import on, work
from textual.app import App
from textual.color import Color
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from t2itui.graphics.art import RGB, Art, Recipe, UnreadablePictureError
from t2itui.graphics.capability import HALF_CELLS, Graphics
from t2itui.graphics.frame import Reason, frame
from t2itui.graphics.memory import TerminalMemory

Result = TypeVar("Result")

ARTIST = ThreadPoolExecutor(max_workers=1, thread_name_prefix="picture")
"""The one thread that decodes and draws; more would only fight for the interpreter."""


class Picture(Widget):
    """Shows a picture in its proportions, or its words in a box where that cannot be done.

    Decoding and encoding happen beside the event loop; until they are done, and behind a dialog,
    something cheap stands in the picture's place. Give it a size by CSS but no border or padding:
    those belong to what holds it.
    """

    DEFAULT_CSS = """
    Picture { width: 1fr; height: 1fr; }
    """
    ALLOW_SELECT = False

    class Drawn(Message, bubble=False):
        """A drawing is ready; `art` is None where the bytes turned out to be no picture."""

        def __init__(self, data: bytes, recipe: Recipe, art: Art | None) -> None:
            self.data = data
            self.recipe = recipe
            self.art = art
            super().__init__()

    def __init__(
        self, *, graphics: Graphics | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        """Without `graphics` the widget asks the app's attribute of that name."""
        super().__init__(id=id, classes=classes)
        self._graphics = graphics
        self._data: bytes | None = None
        self._alt = ""
        self._dim = False
        self._reason: Reason = "empty"
        self._arts: dict[bool, tuple[Recipe, Art]] = {}
        self._drawing: Recipe | None = None
        self._words: tuple[object, list[Strip]] | None = None
        self._placed: tuple[list[Strip], tuple[object, ...], list[Strip]] | None = None
        self._memory = TerminalMemory(self._write)

    @property
    def graphics(self) -> Graphics:
        """How this terminal draws pictures."""
        if self._graphics is None:
            found = getattr(self.app, "graphics", None)
            self._graphics = found if isinstance(found, Graphics) else HALF_CELLS
        return self._graphics

    @property
    def reason(self) -> Reason | None:
        """Why words stand in the picture's place; None while the picture itself is there."""
        return None if self._art() is not None else self._reason

    @property
    def dim(self) -> bool:
        """Whether the picture is blended towards the background."""
        return self._dim

    @dim.setter
    def dim(self, dim: bool) -> None:
        if dim != self._dim:
            self._dim = dim
            self._words = None
            self.refresh()

    def show(self, data: bytes | None, *, alt: str, dim: bool = False) -> None:
        """Show the picture encoded in `data`, or `alt` alone, or nothing; returns at once."""
        if data == self._data and alt == self._alt:
            self.dim = dim
            return
        self.free()
        self._arts.clear()
        self._words = None
        self._drawing = None
        self._data, self._alt, self._dim = data, alt, dim
        if data is None:
            self._reason = "missing" if alt else "empty"
        else:
            self._reason = "text" if self.graphics.protocol == "text" else "loading"
        self._draw_if_needed(self.background_colors[1].rgb)
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Strips of the visible part; asks for a drawing where there is none that fits."""
        background = self.background_colors[1]
        self._draw_if_needed(background.rgb)
        art = self._art()
        if art is None:
            lines = self._words_lines(background)
        elif self.screen.is_active:
            self._memory.hold(art)
            lines = self._place(art, art.strips, background)
        else:
            lines = self._place(art, art.veil, background)
        if crop.column_span == (0, self.size.width):
            return lines[crop.y : crop.bottom]
        return [line.crop(crop.x, crop.right) for line in lines[crop.y : crop.bottom]]

    def _art(self) -> Art | None:
        """What to show now, if need be in yesterday's brightness or on another background."""
        for dim in (self._dim, not self._dim):
            drawn, art = self._arts.get(dim, (None, None))
            if drawn and self.size == (drawn.columns, drawn.rows):
                return art
        return None

    def _draw_if_needed(self, background: RGB) -> None:
        data, (columns, rows) = self._data, self.size
        if data is None or self._reason in ("text", "broken") or not columns or not rows:
            return
        drawn, art = self._arts.get(self._dim, (None, None))
        recipe = Recipe(
            columns=columns,
            rows=rows,
            background=drawn.background if drawn and art and not art.translucent else background,
            dim=self._dim,
            grey=self.app.no_color,
        )
        if recipe not in (drawn, self._drawing):
            self._drawing = recipe
            self._draw(data, recipe)

    @work(group="draw")
    async def _draw(self, data: bytes, recipe: Recipe) -> None:
        def draw_if_still_wanted() -> Art | None:
            if self._data is not data or self._drawing != recipe:
                return None
            from t2itui.graphics.artist import draw

            return draw(data, recipe, graphics, console)

        graphics, console = self.graphics, self.app.console
        try:
            art = await asyncio.get_running_loop().run_in_executor(ARTIST, draw_if_still_wanted)
        except UnreadablePictureError:
            self.post_message(self.Drawn(data, recipe, None))
        else:
            if art is not None:
                self.post_message(self.Drawn(data, recipe, art))

    @on(Drawn)
    def _take_drawing(self, message: Drawn) -> None:
        if message.data is not self._data:
            return
        if message.recipe == self._drawing:
            self._drawing = None
        if message.art is None:
            self._reason, self._words = "broken", None
        else:
            if message.recipe.dim in self._arts:
                self._memory.free(self._arts[message.recipe.dim][1])
            self._arts[message.recipe.dim] = (message.recipe, message.art)
        self.refresh()

    def notify_style_update(self) -> None:
        """Draw the words anew in other colours."""
        super().notify_style_update()
        self._words = None

    def on_mount(self) -> None:
        """Have the terminal forget the picture whenever it cannot be seen for a while."""
        self.app.screen_change_signal.subscribe(self, lambda _: self._free_if_hidden())
        self.app.app_suspend_signal.subscribe(self, lambda _: self.free(), immediate=True)

    def on_unmount(self) -> None:
        """Have the terminal forget the picture."""
        self.free()

    def free(self) -> None:
        """Have the terminal forget the picture until it is drawn again."""
        self._memory.free_all()

    def _free_if_hidden(self) -> None:
        stack = self.app.screen_stack
        above = stack[stack.index(self.screen) + 1 :] if self.screen in stack else stack
        if any(screen.styles.background.a == 1 for screen in above):
            self.free()

    def _write(self, sequences: str) -> None:
        if self.app._driver is not None:
            self.app._driver.write(sequences)

    def _words_lines(self, background: Color) -> list[Strip]:
        """The words in the picture's place, with the app's filters applied."""
        place = (self.size, background)
        if self._words is None or self._words[0] != place:
            columns, rows = self.size
            style, lines = self.rich_style, []
            for text in frame(self._alt, self._reason, columns, rows, dim=self._dim):
                strip = Strip([Segment(text, style)], columns)
                for line_filter in self.get_line_filters():
                    strip = strip.apply_filter(line_filter, background)
                lines.append(strip)
            self._words = (place, lines)
        return self._words[1]

    def _place(self, art: Art, strips: list[Strip], background: Color) -> list[Strip]:
        """The drawing in the middle of the widget's own background."""
        place = (self.size, background, self._has_bottom_line)
        if self._placed is None or self._placed[0] is not strips or self._placed[1] != place:
            lines = self._centre(art, strips, Style(bgcolor=background.rich_color))
            if self._has_bottom_line and self.graphics.protocol == "sixel":
                # A terminal may scroll when a Sixel picture touches its last line.
                lines[-1] = Strip(lines[-1])
            self._placed = (strips, place, lines)
        return self._placed[2]

    @property
    def _has_bottom_line(self) -> bool:
        return self.region.bottom >= self.screen.size.height

    def _centre(self, art: Art, strips: list[Strip], style: Style) -> list[Strip]:
        columns, rows = self.size
        left, top = (columns - art.columns) // 2, (rows - art.rows) // 2
        widths = (left, columns - left - art.columns, columns)
        before, after, blank = (Strip.blank(width, style) for width in widths)
        for strip in (before, after, blank):
            strip.render(self.app.console)
        lines = [Strip.join([before, strip, after]) for strip in strips]
        return [blank] * top + lines + [blank] * (rows - top - art.rows)


def free_pictures(app: App[Result]) -> None:
    """Have the terminal forget the pictures of every screen, while it is still on the app's own.

    Call it when the app is about to exit: widgets unmount only after the terminal was given back.
    """
    for screen in app.screen_stack:
        for picture in screen.query(Picture):
            picture.free()
