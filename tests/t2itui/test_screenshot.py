"""The picture of the app that the README shows."""

import asyncio
import html
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.engine import Engine
from engine.events import JobFinished
from engine.settings import EngineSettings
from t2itui.demo_library import paint
from t2itui.screenshot import main


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with twelve painted pictures in its library."""
    place = tmp_path_factory.mktemp("home")

    async def fill() -> None:
        async with Engine.open(EngineSettings(home=place, decoders=1)) as engine:
            job = engine.import_vectors(paint(place / "storybook", 12).request)
            assert isinstance(await job.wait(), JobFinished)

    asyncio.run(fill())
    return place


def words(svg: str) -> str:
    """The text of a drawing, in order."""
    return " ".join(html.unescape(part) for part in re.findall(r">([^<>]+)</text>", svg)).replace(
        "\xa0", " "
    )


def draw(home: Path, out: Path, *options: str) -> str:
    result = CliRunner().invoke(main, [str(out), "--home", str(home), *options])
    assert result.exit_code == 0, result.output
    return out.read_text(encoding="utf-8")


def test_the_answer_is_drawn_with_its_pictures_and_twice_the_same(
    home: Path, tmp_path: Path
) -> None:
    first = draw(home, tmp_path / "docs/a.svg", "--query", "a horse")
    again = draw(home, tmp_path / "b.svg", "--query", "a horse")
    assert "a horse" in words(first)
    assert "a match of 0.50 or more" in words(first)
    assert "2 ms" in words(first)
    assert "▀" in first or first.count("<rect") > 500
    assert first == again


def test_keys_are_pressed_before_it_is_drawn(home: Path, tmp_path: Path) -> None:
    svg = draw(home, tmp_path / "a.svg", "--query", "", "--keys", "f3", "--size", "80x24")
    assert "12 pictures" in words(svg)
    assert "Encoders" in words(svg)


def test_a_size_that_is_none_is_refused() -> None:
    result = CliRunner().invoke(main, ["out.svg", "--size", "wide"])
    assert result.exit_code == 2
    assert "120x36" in result.output
