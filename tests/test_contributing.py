"""What CONTRIBUTING says of files is true."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def rows_below(heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    section = TEXT.partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_there_are_twenty_changes_or_more() -> None:
    assert len(rows_below("## To change X, go to Y")) >= 20


@pytest.mark.parametrize("row", rows_below("## To change X, go to Y"), ids=lambda row: row[0])
def test_the_file_to_go_to_is_there(row: list[str]) -> None:
    named = re.findall(r"`([\w./-]+)`", row[1])
    assert named
    for name in named:
        assert (ROOT / name).exists(), name


def test_no_word_is_listed_twice() -> None:
    words = [row[0] for row in rows_below("## Words")]
    assert len(words) > 20
    assert len(set(words)) == len(words)
