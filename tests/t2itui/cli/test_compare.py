"""`t2itui compare` over an imported library: tables, JSON lines, sheets."""

from pathlib import Path

import pytest

from tests.t2itui.cli.conftest import RunCli, json_lines


def test_each_description_and_picture_has_a_line(library: RunCli) -> None:
    texts = ("-t", "a dog", "-t", "a cat")
    done = library("compare", "00.jpg", "08.jpg", *texts, "--json", "--offline")
    assert done.exit_code == 0, done.output
    head, *lines = json_lines(done)
    assert head["type"] == "comparison"
    assert [(line["picture"], line["text"]) for line in lines] == [
        ("00.jpg", "a dog"), ("08.jpg", "a dog"), ("00.jpg", "a cat"), ("08.jpg", "a cat"),
    ]  # fmt: skip
    assert lines[0]["cosine_rank"] == 1
    assert float(str(lines[0]["match"])) > float(str(lines[2]["match"]))
    assert lines[2]["added"] == "cat"


def test_the_table_reads_without_colour_and_a_sheet_is_kept(
    library: RunCli, tmp_path: Path
) -> None:
    sheet = tmp_path / "s.json"
    first = library("compare", "00.jpg", "-t", "a dog", "--save", str(sheet), "--offline")
    assert first.exit_code == 0, first.output
    assert "00.jpg among 40 pictures" in first.stdout
    assert "#" in first.stdout
    again = library("compare", "--sheet", str(sheet), "-t", "a cat", "--offline")
    assert again.exit_code == 0, again.output
    assert "a cat  (+ cat)" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-t", "a dog"), "needs a picture"),
        (("00.jpg",), "needs descriptions"),
        (("none.jpg", "-t", "a dog"), "not in the library"),
        (("00.jpg", "-t", "a dog", "--export", "x.bmp"), "no kind of export"),
    ],
)
def test_wrong_usage_is_told(library: RunCli, arguments: tuple[str, ...], told: str) -> None:
    done = library("compare", *arguments, "--offline")
    assert done.exit_code == 2
    assert told in done.stderr
