"""The picture of the app that the README shows."""

import html
import re
from pathlib import Path

from click.testing import CliRunner

from t2itui.screens.search.suggestions import tour
from t2itui.screenshot import main


def words(svg: str) -> str:
    """The text of a drawing, in order."""
    return " ".join(html.unescape(part) for part in re.findall(r">([^<>]+)</text>", svg)).replace(
        "\xa0", " "
    )


def draw(out: Path, *options: str) -> str:
    result = CliRunner().invoke(main, [str(out), *options])
    assert result.exit_code == 0, result.output
    return out.read_text(encoding="utf-8")


def test_the_first_start_is_drawn_with_its_pictures_and_twice_the_same(tmp_path: Path) -> None:
    first, again = draw(tmp_path / "docs/a.svg"), draw(tmp_path / "b.svg")
    assert tour()[0].query in words(first)
    assert "storybook 600" in words(first)
    assert "a match of 0.50 or more" in words(first)
    assert "2 ms" in words(first)
    assert "▀" in first or first.count("<rect") > 500
    assert first == again


def test_keys_are_pressed_before_it_is_drawn(tmp_path: Path) -> None:
    svg = draw(tmp_path / "a.svg", "--keys", "f6", "--size", "80x24")
    assert "600 pictures" in words(svg)
    assert "Encoders" in words(svg)


def test_a_size_that_is_none_is_refused() -> None:
    result = CliRunner().invoke(main, ["out.svg", "--size", "wide"])
    assert result.exit_code == 2
    assert "120x36" in result.output
