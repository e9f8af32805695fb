"""`t2itui sheet`: models are fakes, all else is real."""

import csv
from pathlib import Path
from statistics import fmean

import pytest
from click.testing import CliRunner

from engine.states import OutputCheck
from t2itui.cli.main import cli
from tests.engine.generation.studio import ColourGenerators
from tests.t2itui.cli.conftest import RunCli, json_lines
from tests.t2itui.cli.test_generate import generators as generators
from tests.t2itui.cli.test_generate import paint as paint

SHEET = ("sheet", "a {red|green} ball", "--axis", "seed=1..3")


def test_json_streams_the_cells_and_ends_with_them_their_bars_and_the_job(paint: RunCli) -> None:
    result = paint(*SHEET, "--json")
    assert result.exit_code == 0, result.output
    lines = json_lines(result)
    head = lines[0]
    assert (head["type"], head["cells"], head["to_paint"], head["size"]) == ("sheet", 6, 6, 6)
    assert head["axes"] == [{"name": "seed", "values": ["1", "2", "3"]}]
    done = [line for line in lines if line["type"] == "cell_done"]
    assert [*dict.fromkeys(line["cell"] for line in done)] == list(range(6))
    cells = [line for line in lines if line["type"] == "cell"]
    latest = {line["cell"]: line["match"] for line in done}
    assert [cell["match"] for cell in cells] == [latest[number] for number in range(6)]
    bars = [line for line in lines if line["type"] == "bar" and line["scorer"] == "match"]
    for row, bar in enumerate(bars):
        scores = [float(str(cell["match"])) for cell in cells[3 * row : 3 * row + 3]]
        assert bar["mean"] == pytest.approx(fmean(scores)) and bar["count"] == 3
    assert (lines[-1]["type"], lines[-1]["sheet"]) == ("finished", 1)


def test_a_person_reads_a_table_and_bars_without_colours(paint: RunCli) -> None:
    result = paint(*SHEET)
    assert result.exit_code == 0
    assert "6 cells, 6 to paint; how long that takes is known after the first" in result.stderr
    table = [line for line in result.stdout.splitlines() if line.endswith("a red ball")]
    assert len(table) == 2 and "✓★" in table[0] and "█" in table[1]
    assert "seed 1" in result.stdout
    again = paint(*SHEET)
    assert "6 cells, all from the cache" in again.stderr
    assert again.stdout == result.stdout
    more = paint("sheet", "a red ball", "--axis", "seed=1..5")
    assert "5 cells, 2 to paint, about 2.5 s" in more.stderr


def test_the_table_sorts_and_shows_the_other_score(paint: RunCli) -> None:
    words = ("sheet", "a dog", "a red ball", "--axis", "seed=1,2")
    asked, sorted_ = paint(*words).stdout, paint(*words, "--sort", "--scorer", "cosine").stdout

    def prompts(text: str) -> list[str]:
        table = text.partition("seed 1")[2].partition("\n\n")[0]
        return [line.rpartition("  ")[2] for line in table.splitlines()[1:]]

    assert prompts(asked) == ["a dog", "a red ball"]
    assert prompts(sorted_) == ["a red ball", "a dog"]
    assert "cosine: mean" in sorted_


def test_prompts_come_from_files_and_exports_go_to_files(paint: RunCli, tmp_path: Path) -> None:
    prompts = tmp_path / "p.csv"
    prompts.write_text('prompt,group\n"a red ball",basic\n"a blue ball",nested\n')
    target, page = tmp_path / "s.csv", tmp_path / "s.html"
    words = ("sheet", "--prompts", str(prompts), "--export", str(target), "--export", str(page))
    assert paint(*words, "--axis", "seed=4").exit_code == 0
    rows = list(csv.DictReader(target.read_text(encoding="utf-8").splitlines()))
    assert [(row["group"], row["seed"], row["state"]) for row in rows] == [
        ("basic", "4", "painted"),
        ("nested", "4", "painted"),
    ]
    assert page.read_text(encoding="utf-8").count("<img") == 2
    prompts.write_text("a {red ball\n")
    failed = paint("sheet", "--prompts", str(prompts), "--json")
    assert failed.exit_code == 2
    assert json_lines(failed)[-1]["message"] == "line 1 of p.csv: a { is not closed"


def test_a_large_sheet_is_asked_for(paint: RunCli, generators: ColourGenerators) -> None:
    large = ("sheet", "a red ball", "--axis", "seed=1..60")
    refused = paint(*large)
    assert refused.exit_code == 2 and "add --yes" in refused.stderr
    assert not generators.seeds
    assert paint(*large, "--yes").exit_code == 0
    assert len(generators.seeds) == 60


def test_sheets_are_listed_shown_resumed_and_forgotten(
    paint: RunCli, generators: ColourGenerators
) -> None:
    first = paint(*SHEET, "--json")
    shown = paint("sheet", "--show", "1", "--json")
    assert [line for line in json_lines(shown) if line["type"] == "bar"] == [
        line for line in json_lines(first) if line["type"] == "bar"
    ]
    listed = paint("sheet", "--list", "--json")
    (line,) = json_lines(listed)
    assert (line["id"], line["size"], line["done"]) == (1, 6, 6)
    assert "6/6" in paint("sheet", "--list").stdout
    assert paint("sheet", "--resume", "1").exit_code == 0
    assert len(generators.seeds) == 6
    assert paint("sheet", "--forget", "1").exit_code == 0
    assert "no sheets yet" in paint("sheet", "--list").stderr
    assert paint("sheet", "--show", "1").exit_code == 2


def test_what_came_to_nothing_is_said(paint: RunCli, generators: ColourGenerators) -> None:
    generators.checks = [OutputCheck.BLACK]
    result = paint(*SHEET, "--json")
    assert result.exit_code == 0
    cells = [line for line in json_lines(result) if line["type"] == "cell"]
    assert [cell["state"] for cell in cells] == ["rejected"] + ["painted"] * 5
    assert "1 came to nothing" in str(json_lines(result)[-1]["message"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give PROMPTS"),
        (("a", "--list"), "give PROMPTS"),
        (("--list", "--steps", "3"), "of new sheets"),
        (("a", "--axis", "colour=red"), "'colour' is no axis"),
        (("a", "--axis", "strength=0.5"), "there is no start picture"),
        (("a", "--export", "s.gif"), "no kind of export"),
        (("a", "--prompts", "none.txt"), "there is no file"),
    ],
)
def test_what_makes_no_sheet_is_wrong_usage(
    paint: RunCli, words: tuple[str, ...], said: str
) -> None:
    result = paint("sheet", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_the_example_is_named_in_help() -> None:
    done = CliRunner().invoke(cli, ["sheet", "--help"])
    assert done.exit_code == 0
    assert "--example [storybook|paper]" in done.output
