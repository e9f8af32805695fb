"""The painting form: what stands in it first, presets, recipes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.errors import RequestError
from engine.generation.request import GenerateRequest, checked
from engine.models.parameters import Lora
from t2itui.app import T2ITuiApp
from t2itui.screens.generate.form import (
    GenerateForm,
    line_of,
    loras_text,
    read_loras,
    read_size,
    size_text,
)
from t2itui.screens.generate.screen import GenerationScreen
from t2itui.settings import load
from t2itui.widgets.basics import Tick
from tests.t2itui.fakes import search_screen, until
from tests.t2itui.painting_app import fill, painting_app
from tests.t2itui.test_painting import ask, said


async def open_form(pilot: Pilot[None], key: str = "G") -> GenerateForm:
    """Press the key and wait until the model is described."""
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, GenerateForm))
    form = pilot.app.screen
    assert isinstance(form, GenerateForm)
    await until(pilot, lambda: "multiples of 8" in str(form.said.content))
    return form


def line(form: GenerateForm, name: str) -> Input:
    return form.query_one(f"#{name}", Input)


async def test_the_form_begins_with_the_query_refuses_at_the_line_and_paints_for_the_decision(
    tmp_path: Path,
) -> None:
    await fill(tmp_path)
    app, models = painting_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ask(pilot, '"a red house" - "snow"')
        form = await open_form(pilot)
        assert line(form, "prompt").value == "a red house"
        assert line(form, "negative").value == "snow"
        assert (line(form, "steps").placeholder, line(form, "size").placeholder) == ("4", "32x32")
        assert form.query_one("#go").region.bottom < 24
        for name, value, words in (
            ("size", "13x9", "multiple of 8"),
            ("steps", "many", "no whole number"),
            ("scheduler", "magic", "no scheduler"),
            ("loras", "/nowhere/ink.pt", "no safetensors file"),
        ):
            line(form, name).value = value
            form.query_one("#prompt").focus()
            await pilot.press("enter")
            await until(pilot, lambda words=words: words in str(form.problem.content))  # type: ignore[misc]
            assert line(form, name).has_focus, name
            line(form, name).value = ""
            await until(pilot, lambda: str(form.problem.content) == "")
        assert models.generators.seeds == [], "nothing was begun"
        await pilot.click("#fine")
        await until(pilot, lambda: line(form, "steps").value == "8")
        await pilot.click("#quick")
        await until(pilot, lambda: line(form, "steps").value == "2")
        line(form, "seed").value = "11"
        line(form, "seed").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "Painted" in said(screen))
        assert models.generators.seeds == [11]

        await until(pilot, lambda: screen.results.content is not None)
        form = await open_form(pilot, "e")
        request = form.read()
        assert (request.prompt, request.negative, request.seed) == ("a red house", "snow", 11)
        assert request.steps == 2 and request.model == "made-up/painter"


async def test_previews_are_switched_off_in_the_form_for_all_paintings_and_for_the_next_start(
    tmp_path: Path,
) -> None:
    await fill(tmp_path)
    app, models = painting_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ask(pilot, '"a red house"')
        form = await open_form(pilot)
        box = form.query_one("#preview", Tick)
        assert box.value and form.query_one("#go").region.bottom < 24
        assert box.region.right <= form.query_one("#prompt").region.right, "it has its place"
        await pilot.click(box)
        await until(pilot, lambda: not box.value)
        models.generators.gate.is_open.clear()
        await pilot.press("enter")
        await until(pilot, lambda: app.session.board.latest_generation is not None)
        await pilot.press("escape", "W")
        await until(pilot, lambda: isinstance(app.screen, GenerationScreen))
        shown = app.screen
        assert isinstance(shown, GenerationScreen)
        words = shown.query_one("#painted > #about", Static)
        await until(pilot, lambda: "previews are switched off" in str(words.render()))
        await pilot.press("escape")
        models.generators.gate.is_open.set()
        await until(pilot, lambda: "Painted" in said(screen))
        await pilot.press("N")
        await until(pilot, lambda: len(models.generators.previewed) == 2)
    assert models.generators.previewed == [False, False]
    assert not load(tmp_path).previews

    app, models = painting_app(tmp_path, settings=load(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot, '"a blue boat"')
        await pilot.press("g")
        await until(pilot, lambda: models.generators.previewed == [False])
        form = await open_form(pilot)
        box = form.query_one("#preview", Tick)
        assert not box.value
        line(form, "seed").value = "3"
        box.focus()
        await pilot.press("space", "enter")
        await until(pilot, lambda: models.generators.previewed == [False, True])


async def test_a_prompt_of_ones_own_opens_the_job(tmp_path: Path) -> None:
    await fill(tmp_path)
    app, models = painting_app(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        assert isinstance(app, T2ITuiApp)
        await until(
            pilot,
            lambda: app.session.engine is not None and search_screen(app).collection.has_begun,
        )
        await pilot.press("escape", "5")
        form = await open_form(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "there is no prompt" in str(form.problem.content))
        line(form, "prompt").value = "a blue boat"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, GenerationScreen))
        await until(pilot, lambda: len(models.generators.seeds) == 1)


def test_sizes_and_loras_are_read_as_they_are_written() -> None:
    assert read_size("512x384") == (512, 384) and read_size(" 64 ") == (64, 64)
    assert read_size("") is None and size_text(64, 32) == "64x32"
    with pytest.raises(ValueError, match="512x384"):
        read_size("large")
    loras = (Lora(path=Path("/a:b.safetensors"), weight=0.5), Lora(path=Path("/c.safetensors")))
    assert read_loras(loras_text(loras)) == loras


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (GenerateRequest(prompt=""), "prompt"),
        (GenerateRequest(prompt="a", seed=-1), "seed"),
        (GenerateRequest(prompt="a", steps=0), "steps"),
        (GenerateRequest(prompt="a", guidance=99.0), "guidance"),
        (GenerateRequest(prompt="a", width=9999), "size"),
        (GenerateRequest(prompt="a", height=9999), "size"),
        (GenerateRequest(prompt="a", count=0), "count"),
        (GenerateRequest(prompt="a", scheduler="x"), "scheduler"),
        (GenerateRequest(prompt="a", loras=(Lora(path=Path("/no.safetensors")),)), "loras"),
        (GenerateRequest(prompt="a", start_picture=Path("/no.png")), "start"),
        (GenerateRequest(prompt="a", start_picture=Path("/no.png"), strength=0.0), "strength"),
    ],
)
def test_every_refusal_of_the_engine_finds_its_line(request_: GenerateRequest, name: str) -> None:
    with pytest.raises(RequestError) as caught:
        checked(request_)
    assert line_of(caught.value) == name
