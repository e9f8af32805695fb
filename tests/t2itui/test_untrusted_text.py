"""Whatever a widget draws, a terminal finds nothing in it to obey."""

import re

import pytest
from rich.segment import Segment
from textual.color import Color
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget

from t2itui.widgets.basics import NoControls
from tests.t2itui.fakes import FakeEngine, fake_app

EVIL = "a\x1b]0;owned\x07\x1b[31m\x9b2J\x08\x7f\u202e\u2066\u200f\u061c\u2028\ud800 \U0001f434 dog"
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Raw(Widget):
    """Draws what others wrote as it stands, as no widget should."""

    def render_line(self, y: int) -> Strip:
        return Strip([Segment(EVIL)])


class RawScreen(ModalScreen[None]):
    def compose(self) -> list[Widget]:
        return [Raw()]


async def test_a_widget_that_forgets_does_no_harm() -> None:
    app = fake_app(FakeEngine(5))
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(RawScreen())
        await pilot.pause()
        drawn = app.screen.query_one(Raw).render_lines(app.screen.query_one(Raw).region)
        text = "".join(segment.text for strip in drawn for segment in strip)
        assert "]0;owned" in text and "dog" in text
        assert not OBEYED.findall(text)


@pytest.mark.parametrize("text", ["a dog", "一匹马", "▀▄🐴", "\u00a0x"])
def test_what_people_write_is_left_alone(text: str) -> None:
    segments = [Segment(text)]
    assert NoControls().apply(segments, Color(0, 0, 0)) == segments


def test_a_line_keeps_its_width() -> None:
    before = Strip([Segment(EVIL)])
    after = Strip(NoControls().apply([Segment(EVIL)], Color(0, 0, 0)))
    assert after.cell_length == before.cell_length
