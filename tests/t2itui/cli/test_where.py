"""`t2itui where` on the storybook: words, JSON lines, figures, and what is kept."""

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.collections import BUILT_IN
from engine.requests import WhereRequest
from t2itui.cli.main import cli
from t2itui.text.shell_commands import where_command

PICTURE = f"{BUILT_IN.name}/0000.webp"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *words])


def test_words_have_bars_grids_and_figures_and_answer_offline(home: Path, tmp_path: Path) -> None:
    first = json.loads((BUILT_IN.folder / BUILT_IN.records).read_text("utf-8").splitlines()[0])
    text = f"a {first['animals'][0]['animal']} and a refrigerator"
    drawn = tmp_path / "words.png"
    done = run(home, "where", PICTURE, text, "--export", str(drawn))
    assert done.exit_code == 0, done.output
    assert "6 x 6 patches" in done.stdout
    assert "nowhere" in done.stdout
    assert "####" in done.stdout
    assert "tenths of strength" in done.stdout
    assert drawn.read_bytes().startswith(b"\x89PNG")

    request = WhereRequest(picture=PICTURE, text=text, offline=True)
    words = shlex.split(where_command(home, request))[1:]
    again = CliRunner().invoke(cli, [*words, "--json"])
    assert again.exit_code == 0, again.output
    head, animal, foreign = (json.loads(line) for line in again.stdout.splitlines())
    assert (head["type"], head["cached"], head["rows"], head["columns"]) == ("where", True, 6, 6)
    assert (animal["type"], animal["there"], foreign["there"]) == ("word", True, False)
    assert animal["strength"] == max(max(row) for row in animal["strengths"])

    kept = run(home, "cache", "states")
    assert "1 picture" in kept.stdout
    assert "dropped: 1 picture" in run(home, "cache", "states", "--clear").stdout
    assert run(home, "cache", "states", "--json").stdout == ""
    gone = run(home, "where", PICTURE, text, "--offline")
    assert gone.exit_code == 3
    assert "--offline" in gone.stderr


def test_where_nothing_is_there_the_exit_code_says_so(home: Path) -> None:
    assert run(home, "where", PICTURE, "a refrigerator").exit_code == 1


def test_what_cannot_be_drawn_is_refused_before_any_work(home: Path) -> None:
    done = run(home, "where", PICTURE, "a dog", "--export", "words.doc")
    assert done.exit_code != 0
    assert "no kind of figure" in done.stderr


def test_odd_names_are_quoted_in_the_command(home: Path) -> None:
    request = WhereRequest(picture="-x y.jpg", text='a "b"', encoder_id="e")
    assert where_command(None, request) == """t2itui where --encoder e -- '-x y.jpg' 'a "b"'"""
