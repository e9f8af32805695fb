"""`t2itui compare` over an imported library: tables, JSON lines, comparisons."""

import shlex
from pathlib import Path

import pytest

from engine.comparing.comparison import ComparisonRequest, Description
from t2itui.text.shell_commands import compare_command
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


def test_the_table_reads_without_colour_and_the_request_is_kept(
    library: RunCli, tmp_path: Path
) -> None:
    request = tmp_path / "s.json"
    first = library("compare", "00.jpg", "-t", "a dog", "--save", str(request), "--offline")
    assert first.exit_code == 0, first.output
    assert "00.jpg among 40 pictures" in first.stdout
    assert "#" in first.stdout
    again = library("compare", "--from", str(request), "-t", "a cat", "--offline")
    assert again.exit_code == 0, again.output
    assert "a cat  (+ cat)" in again.stdout


def test_several_encoders_have_tables_of_their_own_and_a_paired_test(
    library: RunCli, tmp_path: Path
) -> None:
    files = ("--pictures", str(tmp_path / "p.npz"), "--texts", str(tmp_path / "t.npz"))
    done = library("cache", "import", "--encoder", "other", "--root", str(tmp_path), *files)
    assert done.exit_code == 0, done.output
    asked = ("compare", "00.jpg", "-t", "a dog", "-t", "a cat", "--offline")
    both = ("--encoder", "some/clip", "--encoder", "other", "--encoder", "other")
    lines = json_lines(library(*asked, *both, "--json"))
    assert [line["encoder"] for line in lines if line["type"] == "comparison"] == [
        "some/clip",
        "other",
    ]
    beside = [line for line in lines if line["type"] == "beside"]
    assert [line["measure"] for line in beside] == [
        "match", "1 / rank by match", "1 / rank by cosine",
    ]  # fmt: skip
    assert {(line["one"], line["other"], line["p"]) for line in beside} == {
        ("other", "some/clip", 1.0)
    }
    plain = library(*asked, *both)
    assert plain.stdout.count("00.jpg among 40 pictures") == 2
    assert "beside some/clip, paired by descriptions" in plain.stdout
    missing = library(*asked, "--encoder", "some/clip", "--encoder", "none")
    assert missing.exit_code == 2
    assert "no picture is indexed with the encoder none" in missing.stderr


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


def test_descriptions_and_pairs_are_compared_in_the_order_they_were_given(library: RunCli) -> None:
    order = ("--pair", "a cat", "a piano", "-t", "a dog", "--pair", "a horse", "a thing 1")
    done = library("compare", *order, "00.jpg", "--json", "--offline")
    assert done.exit_code == 0, done.output
    lines = json_lines(done)[1:]
    assert [(line["text"], line["pair"]) for line in lines] == [
        ("a cat", 1), ("a piano", 1), ("a dog", None), ("a horse", 2), ("a thing 1", 2),
    ]  # fmt: skip


def test_both_scorers_have_their_heat_in_characters(library: RunCli) -> None:
    done = library("compare", "00.jpg", "-t", "a dog", "-t", "a cat", "--offline")
    dog, cat = done.stdout.splitlines()[-2:]
    assert dog.split().count("#####") == 2
    assert cat.split().count(".....") == 2


def test_the_command_that_the_app_copies_compares_the_same(library: RunCli) -> None:
    lines = (
        Description(text="a cat", pair=4),
        Description(text="a piano", pair=4),
        Description(text="a dog"),
        Description(text="-t"),
    )
    words = shlex.split(
        compare_command(None, ComparisonRequest(pictures=("00.jpg",), lines=lines[:3]))
    )
    assert words[:2] == ["t2itui", "compare"]
    done = library(*words[1:], "--json", "--offline")
    assert [line["text"] for line in json_lines(done)[1:]] == ["a cat", "a piano", "a dog"]
    odd = compare_command(None, ComparisonRequest(pictures=("-x.jpg",), lines=lines[3:]))
    assert odd == "t2itui compare -t -t -- -x.jpg"
