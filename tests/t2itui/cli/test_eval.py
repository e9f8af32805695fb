"""`t2itui eval` over an imported library: tables, JSON lines, figures, the past."""

from pathlib import Path

import numpy as np
import pytest

from tests.engine.evaluation.libraries import ENCODER, write_data
from tests.t2itui.cli.conftest import RunCli, json_lines


@pytest.fixture
def data(tmp_path: Path, run_cli: RunCli) -> str:
    """Captions whose vectors are imported."""
    captions = write_data(tmp_path)
    done = run_cli(
        *("cache", "import", "--encoder", ENCODER, "--root", str(tmp_path)),
        *("--pictures", str(tmp_path / "p.npz"), "--texts", str(tmp_path / "t.npz")),
    )
    assert done.exit_code == 0, done.output
    return str(captions)


def test_a_line_for_each_scorer_and_direction_then_the_other_kinds(
    data: str, run_cli: RunCli
) -> None:
    done = run_cli("eval", data, "--json", "--no-swaps", "--resamples", "50")
    assert done.exit_code == 0, done.output
    lines = json_lines(done)
    recall = [line for line in lines if line["type"] == "recall"]
    assert [(line["scorer"], line["direction"]) for line in recall] == [
        ("cosine", "text_to_picture"),
        ("cosine", "picture_to_text"),
        ("match", "text_to_picture"),
        ("match", "picture_to_text"),
    ]
    assert {"r@1", "r@5", "r@10", "median_rank", "map", "r@1_interval"} <= set(recall[0])
    assert [line["type"] for line in lines[4:]] == [
        *("paired", "paired", "paired"),
        *(
            "routing",
            "routing",
            *["routing_by_size"] * 3,
            "calibration",
            "rsum",
            "rsum",
            "evaluation",
        ),
    ]
    sizes = [line for line in lines if line["type"] == "routing_by_size"]
    assert [line["pictures"] for line in sizes] == [7, 15, 30]
    for line in sizes:
        low, high = line["balanced_accuracy_interval"]  # type: ignore[misc]
        assert low <= line["balanced_accuracy"] <= high  # type: ignore[has-type]
        assert {"scorer", "samples", "present", "absent", "present_right_interval"} <= set(line)


def test_tables_and_plots_are_text(data: str, run_cli: RunCli) -> None:
    done = run_cli("eval", data, "--no-swaps", "--resamples", "20")
    assert done.exit_code == 0, done.output
    for told in ("text -> picture: 90 queries", "match - cosine, r@1", "(left out)",
                 "calibration of match", "best ", "by library size: all queries at 0.5",
                 "(m match)", "match: mean "):  # fmt: skip
        assert told in done.stdout
    assert done.stdout.isascii()
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_figures_are_drawn_into_files(data: str, run_cli: RunCli, tmp_path: Path) -> None:
    png, svg = tmp_path / "e.png", tmp_path / "e.svg"
    done = run_cli(
        *("eval", data, "--no-swaps", "--resamples", "20", "--json"),
        *("--plot", str(png), "--plot", str(svg)),
    )
    assert done.exit_code == 0, done.output
    assert png.read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in svg.read_bytes()[:1000]
    assert b"<!-- routing by library size -->" in svg.read_bytes()


def test_a_figure_of_an_unknown_kind_is_refused_before_the_work(data: str, run_cli: RunCli) -> None:
    done = run_cli("eval", data, "--plot", "x.bmp")
    assert done.exit_code == 2
    assert "no kind of figure" in done.stderr
    assert json_lines(run_cli("eval", "--list", "--json")) == []


@pytest.mark.parametrize("command", ["eval", "train"])
def test_what_makes_no_sense_to_the_job_is_wrong_usage_and_what_cannot_be_done_is_not(
    run_cli: RunCli, tmp_path: Path, command: str
) -> None:
    done = run_cli(command, str(tmp_path / "none.token"), "--json")
    assert done.exit_code == 2
    (line,) = json_lines(done)
    assert (line["type"], line["error"]) == ("error", "RequestError")
    captions = tmp_path / "results.token"
    captions.write_text("a.jpg#0\ta dog\n")
    done = run_cli(command, str(captions), "--offline", "--encoder", "made-up/none", "--json")
    assert done.exit_code == 3
    assert json_lines(done)[-1]["error"] == "ModelMissingError"


def test_evaluations_are_listed_shown_compared_and_forgotten(
    data: str, run_cli: RunCli, tmp_path: Path
) -> None:
    for scorer in ("cosine", "match"):
        run_cli("eval", data, "--scorer", "cosine", "--scorer", scorer, "--no-swaps")
    listed = json_lines(run_cli("eval", "--list", "--json"))
    assert [line["id"] for line in listed] == [2, 1]
    assert "results" in run_cli("eval", "--list").stdout
    shown = run_cli("eval", "--show", "2", "--json")
    assert json_lines(shown)[-1] == listed[0]
    changes = json_lines(run_cli("eval", "--compare", "1", "2", "--json"))
    assert {change["change"] for change in changes} == {0.0}
    assert any(change["figure"] == "cosine, text -> picture, r@1" for change in changes)
    assert "cosine, text -> picture, r@1" in run_cli("eval", "--compare", "1", "2").stdout
    assert run_cli("eval", "--forget", "1").exit_code == 0
    gone = run_cli("eval", "--show", "1")
    assert gone.exit_code == 2
    assert "there is no evaluation 1" in gone.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("storybook", "--list"),
        ("--list", "--show", "1"),
        ("x", "--class-name", "dog"),
    ],
)
def test_wrong_usage_is_refused(run_cli: RunCli, arguments: tuple[str, ...]) -> None:
    assert run_cli("eval", *arguments).exit_code == 2


def test_untrusted_names_do_not_reach_the_terminal(run_cli: RunCli, tmp_path: Path) -> None:
    captions = tmp_path / "evil\x1b]0;x\x07.token"
    captions.write_text("a.jpg#0\ta \x1b[31mdog\n")
    np.savez(tmp_path / "p.npz", image=["a.jpg"], vector=np.eye(4)[:1])
    np.savez(tmp_path / "t.npz", text=["a \x1b[31mdog", "a"], vector=np.eye(4)[:2])
    run_cli(
        *("cache", "import", "--encoder", "e", "--root", str(tmp_path)),
        *("--pictures", str(tmp_path / "p.npz"), "--texts", str(tmp_path / "t.npz")),
    )
    done = run_cli("eval", str(captions), "--no-swaps", "--scorer", "cosine")
    assert done.exit_code == 0, done.output
    assert "\x1b]" not in done.output
    assert "\x1b[31m" not in done.output
