import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cache import disk

LONG = "n" * 300
SOMEBODY = 65534


@contextmanager
def as_somebody() -> Iterator[None]:
    """Run the block as an ordinary user: nothing is forbidden to root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(SOMEBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file in it that may not be entered."""
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"x")
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


def refused_paths(tmp_path: Path) -> dict[str, Path]:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    return {
        "File name too long": tmp_path / LONG,
        "Too many levels of symbolic links": loop / "a.jpg",
        "a name cannot hold a zero byte": Path("a\0b"),
    }


def test_a_path_that_cannot_be_looked_at_holds_nothing_and_the_reason_is_told(
    tmp_path: Path,
) -> None:
    for reason, path in refused_paths(tmp_path).items():
        assert not disk.is_file(path)
        assert not disk.is_folder(path)
        assert not disk.exists(path)
        assert disk.refusal(path) == reason
        assert disk.absence(path, "there is none") == f"{path} cannot be read: {reason}"
        assert disk.matching(path, "*") == disk.entries(path) == disk.below(path) == []


def test_a_folder_that_may_not_be_entered_is_a_reason_too(locked: Path) -> None:
    with as_somebody():
        assert not disk.is_file(locked / "a.jpg")
        assert disk.refusal(locked / "a.jpg") == "Permission denied"
        assert disk.is_denied(locked / "a.jpg")
        assert not disk.is_denied("none.jpg")
        assert not disk.is_denied(LONG)
        assert disk.matching(locked / "in", "*") == disk.entries(locked) == disk.below(locked) == []


def test_what_is_plainly_not_there_needs_no_reason(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    assert disk.refusal(tmp_path / "none") == disk.refusal(tmp_path / "a" / "b") == ""
    assert disk.absence(tmp_path / "none", "there is none") == "there is none"


def test_what_is_there_is_seen(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.txt").write_bytes(b"")
    (tmp_path / "a.txt").write_bytes(b"")
    assert disk.is_file(tmp_path / "a.txt")
    assert disk.is_folder(tmp_path / "b")
    assert disk.exists(tmp_path / "b")
    assert disk.matching(tmp_path, "*.txt") == [tmp_path / "a.txt"]
    assert disk.entries(tmp_path) == [tmp_path / "a.txt", tmp_path / "b"]
    assert disk.below(tmp_path) == [tmp_path / "a.txt", tmp_path / "b" / "c.txt"]


def test_the_home_of_nobody_stays_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert disk.expanded("~/x") == Path("/home/somebody/x")
    assert disk.expanded("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")


def test_a_current_folder_that_is_gone_leaves_a_path_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    assert disk.from_root("a") == gone / "a"
    gone.rmdir()
    assert disk.from_root("a") == Path("a")
    assert disk.from_root(tmp_path) == tmp_path
