"""`t2itui label`: what the y and n of the app do, in the shell."""

from pathlib import Path

import pytest

from tests.t2itui.cli.conftest import RunCli, json_lines


def match_of(library: RunCli) -> object:
    return json_lines(library("search", "a dog", "--json"))[0]["matcher"]


def test_labels_are_kept_listed_undone_and_forgotten_and_calibrate_match(
    library: RunCli, tmp_path: Path
) -> None:
    before = match_of(library)
    first, second = (str(tmp_path / "dogs" / f"0{number}.jpg") for number in (0, 1))
    (state,) = json_lines(library("label", "a dog", first, "--yes", "--json"))
    assert (state["type"], state["fitting"], state["not_fitting"]) == ("labelled", 1, 0)
    encoder = str(state["encoder"])
    assert library("label", "a dog", second, "--no").exit_code == 0
    assert match_of(library) == f"{before}, calibrated by 2 labels"
    *labels, state = json_lines(library("label", "--list", "--json"))
    assert [(each["text"], each["path"], each["fits"]) for each in labels] == [
        ("a dog", first, True),
        ("a dog", second, False),
    ]
    assert [each["labels"] for each in state["calibrations"]] == [2]  # type: ignore[attr-defined]
    assert "does not fit" in library("label", "--list").stdout
    (state,) = json_lines(library("label", "a dog", first, "--undo", "--json"))
    assert (state["fitting"], state["not_fitting"]) == (0, 1)
    forgotten = library("label", "--forget", "--encoder", encoder, "--json")
    assert json_lines(forgotten) == [{"type": "forgotten", "encoder": encoder, "labels": 1}]
    assert library("label", "--forget", "--encoder", encoder).exit_code == 1
    assert match_of(library) == before


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a dog",),
        ("a dog", "x.jpg"),
        ("--list", "--forget", "--encoder", "some/clip"),
        ("--forget",),
        ("a dog", "/nowhere.jpg", "--yes"),
        ('"a dog" + "snow"', "dogs/00.jpg", "--yes"),
    ],
)
def test_wrong_usage_has_exit_code_2_and_labels_nothing(
    library: RunCli, arguments: tuple[str, ...]
) -> None:
    result = library("label", *arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert json_lines(library("label", "--list", "--json")) == []
