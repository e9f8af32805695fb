"""What is made of a terminal's answers, asked over a real pty."""

import json
import subprocess
import sys
from collections.abc import Mapping

import pytest

from t2itui.graphics.detection import detect, parse
from tests.t2itui.graphics.fake_terminal import (
    CELL,
    KITTY,
    KITTY_NEW,
    KITTY_OLD,
    ROOT,
    SILENT,
    TMUX,
    VERSION,
    XTERM,
    Session,
    run_in_terminal,
)

CODE = """
import json, os, dataclasses
from t2itui.graphics import detect
found = dataclasses.asdict(detect({force!r}))
print("FOUND" + json.dumps(found | {{"env": os.environ.get("COLORTERM")}}) + "END")
"""


def ask(
    answers: Mapping[str, str],
    *,
    force: str | None = None,
    environ: Mapping[str, str] | None = None,
    pixels: tuple[int, int] = (0, 0),
) -> tuple[dict[str, object], Session]:
    """What is detected in a terminal that answers so, and the session."""
    session = run_in_terminal(CODE.format(force=force), answers, environ=environ, pixels=pixels)
    found = json.loads(session.screen.partition("FOUND")[2].partition("END")[0])
    return found, session


@pytest.mark.parametrize(
    ("answers", "pixels", "protocol", "cell"),
    [
        (XTERM, (644, 364), "sixel", (8, 15)),
        (XTERM, (0, 0), "halfcell", (10, 20)),
        (KITTY_OLD, (560, 408), "halfcell", (7, 17)),
        (KITTY_NEW, (0, 0), "kitty", (7, 17)),
        (KITTY_NEW | {VERSION: "\x1bP>|ghostty 1.1.3\x1b\\"}, (0, 0), "kitty", (7, 17)),
        (KITTY_NEW | {KITTY: "\x1b_Gi=31;ENOTSUPPORTED\x1b\\"}, (0, 0), "halfcell", (7, 17)),
        (KITTY_NEW | {VERSION: "\x1bP>|WezTerm 20240203\x1b\\"}, (0, 0), "halfcell", (7, 17)),
        (XTERM | {CELL: "\x1b[6;20;10t"}, (0, 0), "sixel", (10, 20)),
        (TMUX, (1920, 1152), "halfcell", (24, 48)),
    ],
)
def test_the_best_protocol_that_really_works_is_chosen(
    answers: Mapping[str, str], pixels: tuple[int, int], protocol: str, cell: tuple[int, int]
) -> None:
    found, _ = ask(answers, pixels=pixels)
    assert found["protocol"] == protocol
    assert (found["cell_width"], found["cell_height"]) == cell
    assert found["reason"]


def test_only_terminals_known_for_placeholders_are_asked_for_kitty_graphics() -> None:
    _, session = ask(KITTY_OLD)
    assert KITTY not in session.asked
    _, session = ask(KITTY_NEW)
    assert KITTY in session.asked


def test_a_terminal_that_gives_back_a_24_bit_colour_is_declared_so() -> None:
    found, _ = ask(XTERM)
    assert found["truecolor"]
    assert found["env"] == "truecolor"
    found, _ = ask({name: text for name, text in XTERM.items() if "$q" not in name})
    assert not found["truecolor"]
    assert found["env"] is None


def test_a_terminal_that_never_answers_gets_half_cells() -> None:
    found, _ = ask(SILENT)
    assert found["protocol"] == "halfcell"
    assert "did not answer" in str(found["reason"])


def test_inside_tmux_half_cells_are_safe_and_kitty_can_be_forced_through() -> None:
    found, _ = ask(KITTY_NEW, environ={"TMUX": "/tmp/tmux-0/default,1,0"})
    assert found["protocol"] == "halfcell"
    found, _ = ask(TMUX, force="kitty")
    assert (found["protocol"], found["tmux"]) == ("kitty", True)


def test_a_dumb_terminal_is_not_asked_and_gets_words() -> None:
    found, session = ask(XTERM, environ={"TERM": "dumb"})
    assert found["protocol"] == "text"
    assert not session.asked


def test_no_color_turns_pictures_into_grey_half_cells() -> None:
    found, _ = ask(KITTY_NEW, environ={"NO_COLOR": "1"})
    assert found["protocol"] == "halfcell"
    assert "NO_COLOR" in str(found["reason"])


@pytest.mark.parametrize("protocol", ["kitty", "sixel", "halfcell", "text"])
def test_a_protocol_can_be_forced(protocol: str) -> None:
    found, _ = ask(XTERM, force=protocol, pixels=(644, 364))
    assert found["protocol"] == protocol
    assert found["cell_width"] == 8


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="kitty"):
        detect("ascii")


def test_without_a_terminal_there_are_words() -> None:
    code = CODE.format(force=None)
    result = subprocess.run(
        [sys.executable, "-c", code], input="", capture_output=True, text=True, check=True, cwd=ROOT
    )
    found = json.loads(result.stdout.partition("FOUND")[2].partition("END")[0])
    assert (found["protocol"], found["reason"]) == ("text", "there is no terminal")


def test_answers_that_arrive_among_keys_are_still_read() -> None:
    answers = parse("jk\x1b[A\x1bP>|foot(1.16.2)\x1b\\x\x1b[6;18;9t\x1b[?62;4;22c")
    assert (answers.name, answers.cell, answers.sixel) == ("foot(1.16.2)", (9, 18), True)


def test_a_terminal_type_of_four_is_not_taken_for_sixel() -> None:
    assert not parse("\x1b[?4;6c").sixel
