"""What somebody else wrote is read within limits, or refused with a reason."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.states import Route
from engine.untrusted.documents import (
    MOST_DEPTH,
    UntrustedError,
    finite_number,
    lines_of,
    parse_json,
    parse_object,
    read_bytes,
    read_object,
    read_text,
)
from engine.untrusted.values import read_as

NUMBERS = st.integers(-(2**64), 2**64) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda held: st.lists(held) | st.dictionaries(st.text(), held),
    max_leaves=20,
)


@given(PLAIN)
def test_whatever_json_says_comes_back(value: object) -> None:
    for is_ascii in (True, False):
        text = json.dumps(value, ensure_ascii=is_ascii)
        assert parse_json(text) == value
        assert parse_json(text.encode()) == value


@given(st.text() | st.binary())
def test_anything_else_is_refused_and_nothing_worse(text: str | bytes) -> None:
    try:
        parse_json(text)
    except UntrustedError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 2_000_000, "nested"),
        ('{"a":' * 1_000_000, "nested"),
        ("[" * 65 + "]" * 65, f"nested deeper than {MOST_DEPTH}"),
        ("1" + "0" * 400, "401 digits"),
        ('{"seed": ' + "9" * 100_000 + "}", "100000 digits"),
        ("1e400", "too large"),
        ("[-1e999]", "too large"),
        ("NaN", "NaN"),
        ('{"a": [Infinity]}', "Infinity"),
        ("-Infinity", "-Infinity"),
        (r'["\ud800"]', "half of a character"),
        (r'{"a": {"\uDFFF": 1}}', "half of a character"),
        (b'"\xff"', "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        ("{", "no JSON"),
        ("", "no JSON"),
    ],
    ids=range(16),
)
def test_what_no_program_means_is_refused(text: str | bytes, reason: str) -> None:
    with pytest.raises(UntrustedError, match=reason):
        parse_json(text)


def test_as_deep_as_people_write_is_read() -> None:
    text = "[" * MOST_DEPTH + "]" * MOST_DEPTH
    assert json.dumps(parse_json(text)) == text
    assert parse_json(r'["\ud83d\udc34"]') == ["🐴"]


def test_the_name_of_a_file_may_be_no_unicode() -> None:
    name = os.fsdecode(b"bad\xff.jpg")
    assert parse_object(json.dumps({"path": name}), with_names=True) == {"path": name}


def test_an_object_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UntrustedError, match="no JSON object"):
        parse_object("[]")
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_object(tmp_path / "a.json") == {"a": 1}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "1", None, True, [1.0]])
def test_a_number_is_finite(value: object) -> None:
    with pytest.raises(UntrustedError, match="number"):
        finite_number(value)


def test_devices_pipes_and_folders_are_no_files(tmp_path: Path) -> None:
    zero, pipe = tmp_path / "zero", tmp_path / "pipe"
    zero.symlink_to("/dev/zero")
    os.mkfifo(pipe)
    for path in (zero, pipe, tmp_path):
        with pytest.raises((UntrustedError, OSError), match=r"no file|directory"):
            read_bytes(path)
    with pytest.raises(UntrustedError, match="no file"):
        read_bytes(zero, or_pipe=True)
    with pytest.raises(UntrustedError, match="a character that no name may"):
        read_bytes(tmp_path / "a\0b")


def test_what_a_shell_hands_over_is_read_where_it_is_asked_for() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a dog\n")
    os.close(writing)
    try:
        assert read_text(Path(f"/dev/fd/{reading}"), or_pipe=True) == "a dog\n"
    finally:
        os.close(reading)


def test_a_file_has_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 2048)
    assert read_bytes(path, 2048) == b"x" * 2048
    with pytest.raises(UntrustedError, match="more than 1 KB"):
        read_bytes(path, 2047)


def test_a_text_names_the_line_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one\ntwo\nthr\xffee\n")
    with pytest.raises(UntrustedError, match="line 3 is not UTF-8"):
        read_text(path)


def test_lines_end_at_line_ends_alone() -> None:
    text = "a\u2028b\x85c\x0bd\x0ce\x1cf\u2029\r\ng\n\nh"
    assert lines_of(text) == ["a\u2028b\x85c\x0bd\x0ce\x1cf\u2029", "g", "", "h"]
    assert (lines_of("a\n"), lines_of(""), lines_of("a\rb")) == (["a"], [], ["a", "b"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    share: float
    route: Route = Route.RETRIEVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: str
    counts: tuple[int, int]
    inner: tuple[Inner, ...] = ()
    other: Inner | None = None


def test_a_dataclass_is_built_of_plain_values() -> None:
    values = {
        "name": "x",
        "counts": [1, 2],
        "inner": [{"share": 1, "route": "generate"}],
        "other": None,
        "more": "of a later version",
    }
    assert read_as(Outer, values) == Outer(
        name="x", counts=(1, 2), inner=(Inner(share=1.0, route=Route.GENERATE),)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"name": 1},
        {"counts": [1]},
        {"counts": [1, 2.5]},
        {"counts": [1, True]},
        {"counts": "12"},
        {"inner": {}},
        {"inner": [{"share": "x"}]},
        {"inner": [{"share": float("nan")}]},
        {"inner": [{}]},
        {"inner": [{"share": 1, "route": "nowhere"}]},
        {"other": []},
    ],
)
def test_a_field_of_another_type_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        read_as(Outer, {"name": "x", "counts": [1, 2], **change})


def test_a_cache_is_never_opened_beside_sqlite(tmp_path: Path) -> None:
    (tmp_path / "cache.sqlite3").write_bytes(b"{}")
    with pytest.raises(UntrustedError, match="the cache of a library"):
        read_object(tmp_path / "cache.sqlite3")
