"""Files that are named by the hash of what they hold: handed out, kept and deleted by it."""

import hashlib
from pathlib import Path

import pytest

from cache.content_files import (
    content_path,
    contents,
    holds,
    is_ours,
    read_content,
    remove_content,
    write_content,
)

PAINTED, DRAWN = b"what was painted", b"a person's drawing"
SHA = hashlib.sha256(PAINTED).hexdigest()


@pytest.fixture
def painted(tmp_path: Path) -> Path:
    return write_content(tmp_path, PAINTED)


def test_what_was_written_is_found_by_its_hash(tmp_path: Path, painted: Path) -> None:
    assert painted == content_path(tmp_path, SHA)
    assert holds(tmp_path, SHA)
    assert read_content(tmp_path, SHA) == PAINTED
    assert contents(tmp_path).paths == {str(painted)}
    assert remove_content(tmp_path, SHA)
    assert not painted.exists()
    assert remove_content(tmp_path, SHA)


def test_other_content_is_not_handed_out_under_the_name(tmp_path: Path, painted: Path) -> None:
    painted.write_bytes(DRAWN)
    assert not holds(tmp_path, SHA)
    with pytest.raises(ValueError, match="not what its name says"):
        read_content(tmp_path, SHA)


def test_what_a_person_put_there_is_neither_deleted_nor_written_over(
    tmp_path: Path, painted: Path
) -> None:
    painted.write_bytes(DRAWN)
    assert not remove_content(tmp_path, SHA)
    assert painted.read_bytes() == DRAWN
    for number in (1, 2):
        write_content(tmp_path, PAINTED)
        assert painted.read_bytes() == PAINTED
        assert painted.with_suffix(f".replaced-{number}.png").read_bytes() == DRAWN
        painted.write_bytes(DRAWN)


def test_a_folder_in_the_place_of_content_stays(tmp_path: Path, painted: Path) -> None:
    painted.unlink()
    painted.mkdir()
    (painted / "mine.txt").write_bytes(DRAWN)
    assert not holds(tmp_path, SHA)
    assert not remove_content(tmp_path, SHA)
    assert write_content(tmp_path, PAINTED) == painted
    assert (painted.with_suffix(".replaced-1.png") / "mine.txt").read_bytes() == DRAWN


@pytest.mark.parametrize(
    ("name", "is_it"),
    [
        (f"generated/ab/{SHA}.png", True),
        (f"generated/ab/{SHA}.12.partial", True),
        (f"generated/ab/{SHA}.replaced-1.png", False),
        ("generated/ab/holiday.png", False),
        (f"generated/ab/{SHA}.jpg", False),
        (f"elsewhere/ab/{SHA}.png", False),
    ],
)
def test_only_names_that_are_given_are_ours(tmp_path: Path, name: str, is_it: bool) -> None:
    assert is_ours(tmp_path / name) is is_it
