"""A box drawn on a large picture, by keys or by the mouse: the part that is painted anew."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, getters, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.generation.request import GenerateRequest
from engine.models.parameters import MaskBox
from t2itui.graphics.art import Overlay
from t2itui.graphics.picture import Picture, read_file
from t2itui.keys import bindings
from t2itui.screens.common.base import leave
from t2itui.session import EditRequest
from t2itui.text.plain import plain
from t2itui.widgets.key_line import KeyLine

if TYPE_CHECKING:
    from t2itui.session import Session

PARTS = 40
"""Into which each side is parted: a key moves an edge by one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartBox:
    """A box in parts of a picture's sides; right and bottom lie outside."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def between(cls, one: tuple[int, int], other: tuple[int, int]) -> PartBox:
        """The box of which two parts are corners, both of them in it."""
        (left, right), (top, bottom) = map(sorted, zip(one, other, strict=True))
        return cls(left=left, top=top, right=right + 1, bottom=bottom + 1)

    def moved(self, across: int, down: int) -> PartBox:
        """The box elsewhere; it stops at the picture's edges."""
        across = min(max(across, -self.left), PARTS - self.right)
        down = min(max(down, -self.top), PARTS - self.bottom)
        return PartBox(
            left=self.left + across,
            top=self.top + down,
            right=self.right + across,
            bottom=self.bottom + down,
        )

    def resized(self, across: int, down: int) -> PartBox:
        """The box with its right and lower edge elsewhere; one part of the picture stays in it."""
        return PartBox(
            left=self.left,
            top=self.top,
            right=min(max(self.right + across, self.left + 1), PARTS),
            bottom=min(max(self.bottom + down, self.top + 1), PARTS),
        )

    @property
    def mask(self) -> MaskBox:
        """In fractions of the sides."""
        return MaskBox(
            x=self.left / PARTS,
            y=self.top / PARTS,
            width=(self.right - self.left) / PARTS,
            height=(self.bottom - self.top) / PARTS,
        )

    @property
    def overlay(self) -> Overlay:
        """The picture is lit inside."""
        return Overlay(
            rows=PARTS,
            columns=PARTS,
            strengths=tuple(
                float(self.left <= x < self.right and self.top <= y < self.bottom)
                for y in range(PARTS)
                for x in range(PARTS)
            ),
        )


FIRST = PartBox(left=PARTS // 4, top=PARTS // 4, right=3 * PARTS // 4, bottom=3 * PARTS // 4)


class BoxScreen(Screen[None]):
    """Lies over a picture; Enter takes the box into the painting form."""

    DEFAULT_CSS = """
    BoxScreen {
        & > Picture { height: 1fr; }
        & > #words { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("part")

    picture = getters.query_one(Picture)
    words = getters.query_one("#words", Static)

    def __init__(self, session: Session, path: str, prompt: str) -> None:
        """`prompt` is what the form begins with."""
        super().__init__()
        self.box = FIRST
        self._session = session
        self._path = path
        self._prompt = prompt
        self._corner: tuple[int, int] | None = None
        """Where the mouse went down."""

    def compose(self) -> ComposeResult:
        yield Picture()
        yield Static(id="words")
        yield KeyLine()

    def on_mount(self) -> None:
        self.show(self.box)
        self._read()

    def show(self, box: PartBox) -> None:
        """Show a box on the picture."""
        self.box = box
        self.picture.overlay = box.overlay
        name = self._path.rpartition("/")[2]
        said = f"What is lit is painted anew, the rest stays: {box.mask}  {name}"
        self.words.update(Content(plain(said)))

    @work(exclusive=True)
    async def _read(self) -> None:
        self.call_later(self.take_read, await asyncio.to_thread(read_file, Path(self._path)))

    def take_read(self, data: bytes | None) -> None:
        """Show the bytes of the picture."""
        self.picture.show(data, alt=plain(self._path))

    # Keys

    def action_move(self, across: int, down: int) -> None:
        """Move the box."""
        self.show(self.box.moved(across, down))

    def action_resize(self, across: int, down: int) -> None:
        """Move its right or lower edge."""
        self.show(self.box.resized(across, down))

    def action_take(self) -> None:
        """Ask what to paint there."""
        request = GenerateRequest(
            prompt=self._prompt, start_picture=Path(self._path), mask_box=self.box.mask
        )
        if leave(self):
            self._session.send(EditRequest(request))

    def action_leave(self) -> None:
        """Go back to the picture."""
        leave(self)

    # Mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._corner = self._part_at(event)
        if self._corner is not None:
            self.capture_mouse()
            self.show(PartBox.between(self._corner, self._corner))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        there = self._part_at(event)
        if self._corner is not None and there is not None:
            self.show(PartBox.between(self._corner, there))

    def on_mouse_up(self) -> None:
        self._corner = None
        self.release_mouse()

    def _part_at(self, event: events.MouseEvent) -> tuple[int, int] | None:
        """The part of the picture under the mouse, or the nearest to it once the box is begun."""
        place = self.picture.place
        if place is None:
            return None
        x = event.screen_x - self.picture.region.x - place.x
        y = event.screen_y - self.picture.region.y - place.y
        if self._corner is None and not (0 <= x < place.width and 0 <= y < place.height):
            return None
        # The middle of a cell.
        across = int((x + 0.5) / place.width * PARTS)
        down = int((y + 0.5) / place.height * PARTS)
        return min(max(across, 0), PARTS - 1), min(max(down, 0), PARTS - 1)
