import json

import pytest

from t2itui.cli.support.context import Output


def test_json_keeps_chinese_and_escapes_what_a_terminal_would_obey(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output().record("result", {"path": "马\x9b31m\u202e\x1b"})
    written = capsys.readouterr().out
    assert "马" in written
    assert not {"\x9b", "\u202e", "\x1b"} & set(written)
    assert json.loads(written) == {"type": "result", "path": "马\x9b31m\u202e\x1b"}


def test_an_error_goes_to_stderr_for_people_and_to_stdout_as_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output().error("SomeError", "it broke\x1b[2J", "mend it")
    said = capsys.readouterr()
    assert said.out == ""
    assert "it broke" in said.err
    assert "\x1b[2J" not in said.err

    Output(as_json=True).error("SomeError", "it broke", "mend it")
    assert json.loads(capsys.readouterr().out) == {
        "type": "error",
        "error": "SomeError",
        "message": "it broke",
        "hint": "mend it",
    }


def test_a_table_lines_up_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(("name", "count", "note"), [("马", "7", "x"), ("ab", "12", "y")], left="name")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["马        7  x", "ab       12  y"]
