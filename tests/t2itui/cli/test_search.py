from pathlib import Path

import pytest

from tests.t2itui.cli.conftest import RunCli, json_lines

RECEIPT_KEYS = (
    "type id query encoder matcher ranked_by threshold route reason best_cosine best_match"
    " passed considered cached"
)
RESULT_KEYS = "type rank path sha256 cosine match synthetic missing"


def test_json_is_a_receipt_and_then_a_line_for_each_picture(library: RunCli) -> None:
    result = library("search", "a dog", "--top", "10", "--json")
    receipt, *rows = json_lines(result)
    assert list(receipt)[: len(RECEIPT_KEYS.split())] == RECEIPT_KEYS.split()
    assert [list(row) for row in rows] == [RESULT_KEYS.split()] * 10
    if receipt["chance"] is not None:
        assert 0 <= float(str(receipt["chance"])) <= float(str(receipt["chance_high"])) <= 1
    assert receipt["uncertain"] == ("uncertain" in str(receipt["reason"]))
    assert (receipt["route"], receipt["passed"], receipt["considered"]) == ("retrieve", 8, 40)
    assert all("dogs/" in str(row["path"]) for row in rows[:8])
    assert [row["rank"] for row in rows] == list(range(1, 11))
    assert result.exit_code == 0


def test_an_absent_thing_routes_to_generate_with_exit_code_1(library: RunCli) -> None:
    result = library("search", "a piano", "--json")
    receipt = json_lines(result)[0]
    assert receipt["chance"] is None or 0 <= float(str(receipt["chance"])) <= 1
    assert (receipt["route"], receipt["passed"], result.exit_code) == ("generate", 0, 1)


def test_a_rerun_is_the_same_byte_for_byte(library: RunCli) -> None:
    first = library("search", "a dog", "--json")
    assert library("search", "a dog", "--json").stdout_bytes == first.stdout_bytes


def test_a_text_that_needs_a_model_fails_offline_and_says_what_it_would_start(
    library: RunCli,
) -> None:
    result = library("search", "a zebra", "--offline", "--json")
    (error,) = json_lines(result)
    assert result.exit_code == 3
    assert (error["type"], error["error"]) == ("error", "OfflineError")
    assert "some/clip" in str(error["message"]) + str(error["hint"])
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a dog", "--threshold", "1.5"),
        ("a dog", "--scorer", "luck"),
        ("a dog", "--json", "--paths"),
        ("a dog", "--since", "yesterday"),
        ('"a dog" + ',),
    ],
)
def test_wrong_usage_has_exit_code_2_and_no_traceback(
    library: RunCli, arguments: tuple[str, ...]
) -> None:
    result = library("search", *arguments)
    assert result.exit_code == 2
    assert "rror" in result.stderr
    assert result.stdout == ""


def test_paths_are_those_of_the_pictures_that_pass(library: RunCli, tmp_path: Path) -> None:
    result = library("search", "a dog", "--paths")
    assert sorted(result.stdout.splitlines()) == [
        str(tmp_path / "dogs" / f"{number:02}.jpg") for number in range(8)
    ]
    null = library("search", "a dog", "--paths", "-0")
    assert null.stdout == result.stdout.replace("\n", "\0")
    assert library("search", "a piano", "--paths").stdout == ""


def test_a_folder_narrows_the_search(library: RunCli, tmp_path: Path) -> None:
    result = library("search", "a dog", "--in", str(tmp_path / "rest"), "--json")
    receipt = json_lines(result)[0]
    assert (receipt["considered"], receipt["passed"], result.exit_code) == (32, 0, 1)


def test_a_person_reads_the_route_both_scores_and_the_paths(library: RunCli) -> None:
    result = library("search", "a dog", "--top", "9")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("retrieve: ")
    assert [line.split()[1] == "*" for line in lines[2:]] == [True] * 8 + [False]


def test_the_threshold_moves_the_decision(library: RunCli) -> None:
    assert library("search", "a dog", "--threshold", "1").exit_code == 1
    assert library("search", "a piano", "--threshold", "0").exit_code == 0


def test_an_empty_library_says_what_to_do(run_cli: RunCli) -> None:
    run_cli("library", "--storybook", "off")
    result = run_cli("search", "a dog")
    assert result.exit_code == 3
    assert "t2itui index" in result.stderr
    assert "t2itui library --storybook on" in result.stderr
