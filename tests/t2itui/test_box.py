"""A part of a large picture is chosen by a box, and painted anew beside what it was before."""

from pathlib import Path

import pytest
from textual.widgets import Input

from engine.generation.request import GenerateRequest
from engine.models.parameters import MaskBox
from t2itui.screens.generate.box import FIRST, PARTS, BoxScreen, PartBox
from t2itui.screens.generate.form import GenerateForm
from t2itui.session import StartGeneration
from tests.t2itui.fakes import until
from tests.t2itui.painting_app import painting_app
from tests.t2itui.test_painting_screen import SIZE, finished, home, open_job, words

__all__ = ["home"]


def test_a_box_stops_at_the_edges_and_keeps_a_part_of_the_picture() -> None:
    assert FIRST.moved(-100, -100).moved(1, 2) == PartBox(left=1, top=2, right=21, bottom=22)
    assert FIRST.moved(100, 0).right == PARTS
    assert FIRST.resized(-100, 100) == PartBox(left=10, top=10, right=11, bottom=PARTS)
    assert PartBox.between((7, 3), (4, 5)) == PartBox(left=4, top=3, right=8, bottom=6)
    assert FIRST.mask == MaskBox(x=0.25, y=0.25, width=0.5, height=0.5)
    lit = FIRST.overlay.strengths
    assert sum(lit) == 20 * 20 and lit[10 * PARTS + 10] == 1 and lit[9 * PARTS + 10] == 0


async def test_a_box_goes_into_the_form_and_what_it_started_from_stands_beside_it(
    home: Path,
) -> None:
    app, _ = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        screen = await open_job(pilot)
        await finished(pilot, screen)
        assert screen.picture is not None
        red = screen.picture.path

        await pilot.press("B")
        await until(pilot, lambda: isinstance(app.screen, BoxScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)

        await pilot.press("B")
        await until(pilot, lambda: isinstance(app.screen, BoxScreen))
        boxes = app.screen
        assert isinstance(boxes, BoxScreen)
        await until(pilot, lambda: boxes.picture.place is not None)
        before = boxes.picture.overlay
        await pilot.press("left", "left", "down", "shift+right", "shift+up")
        assert boxes.box == PartBox(left=8, top=11, right=29, bottom=30)
        assert boxes.picture.overlay not in (None, before)
        assert "0.2,0.275,0.525,0.475" in str(boxes.words.render())
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, GenerateForm))
        form = app.screen
        assert isinstance(form, GenerateForm)
        assert form.query_one("#mask", Input).value == "0.2,0.275,0.525,0.475"
        request = form.read()
        assert (request.prompt, request.start_picture) == ("a red house", Path(red))
        assert request.strength is None, "a part is painted anew from nothing"
        await pilot.press("escape")

        blue = GenerateRequest(prompt="a blue house", seed=8, start_picture=Path(red))
        app.session.send(StartGeneration(blue))
        await until(pilot, lambda: "before: " in words(screen, "best"))
        shown = words(screen, "best")
        assert Path(red).name[:8] in shown and "match" in shown and "· below" in shown
        assert "✓ passes" in words(screen, "painted")
        await until(pilot, lambda: screen.best.picture.place is not None)


async def test_the_mouse_draws_a_box(home: Path) -> None:
    app, _ = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        screen = await open_job(pilot)
        await finished(pilot, screen)
        await pilot.press("B")
        await until(pilot, lambda: isinstance(app.screen, BoxScreen))
        boxes = app.screen
        assert isinstance(boxes, BoxScreen)
        await until(pilot, lambda: boxes.picture.place is not None)
        place = boxes.picture.place
        assert place is not None
        left, top = place.x + 1, place.y + 1
        await pilot.mouse_down(boxes.picture, offset=(left, top))
        await pilot.hover(boxes.picture, offset=(place.right - 1, place.bottom - 1))
        await pilot.mouse_up(boxes.picture, offset=(place.right - 1, place.bottom - 1))
        assert (boxes.box.right, boxes.box.bottom) == (PARTS, PARTS)
        share = (1.5 / place.width, 1.5 / place.height)
        assert (boxes.box.left / PARTS, boxes.box.top / PARTS) == pytest.approx(share, abs=0.03)
        at = boxes.box
        await pilot.hover(boxes.picture, offset=(left + 3, top + 3))
        assert boxes.box == at, "the button is up"
