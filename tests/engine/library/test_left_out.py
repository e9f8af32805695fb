"""What an index leaves out: leavings of disks and systems, patterns, ignore files."""

import os
import threading
from pathlib import Path

import pytest

from engine.errors import RequestError
from engine.library.folders import walk
from engine.library.left_out import IGNORE_FILE, checked_patterns, is_never_a_picture
from engine.library.plan import Blame, KnownFiles, ScanPlan, make_plan

ROW = (10, 5, 1, True)


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def planned(root: Path, *exclude: str, known: tuple[str, ...] = ()) -> ScanPlan:
    plan = ScanPlan()
    files = {f"{root}/{name}": ROW for name in known}
    blame = Blame(decoder="", model="")
    facts = KnownFiles(files=files, failures={}, missing=frozenset(), blame=blame)
    make_plan(plan, walk([str(root)], threading.Event(), exclude), facts)
    return plan


def found(root: Path, plan: ScanPlan) -> list[str]:
    return [os.path.relpath(task.path, root) for task in plan.tasks]


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir", "@EADIR", "#recycle", ".Trash-1000", "._a.jpg", "Thumbs.db", "thumbs.db",
        ".@__thumb", "lost+found", "$RECYCLE.BIN", "@Recycle", "~snapshot", "RECYCLER",
        "Network Trash Folder", "@sharebin",
    ],
)  # fmt: skip
def test_leavings_are_known_by_their_names(name: str) -> None:
    assert is_never_a_picture(name)


@pytest.mark.parametrize("name", ["eaDir", "recycle", "a._b.jpg", "thumbs.jpg", "Trash-1", "@home"])
def test_a_name_that_only_resembles_them_is_a_persons_own(name: str) -> None:
    assert not is_never_a_picture(name)


def test_thumbnails_and_bins_of_network_disks_are_left_out_and_counted(tmp_path: Path) -> None:
    make(
        tmp_path,
        "cat.jpg",
        "@eaDir/cat.jpg/SYNOPHOTO_THUMB_M.jpg",
        "#recycle/deleted.jpg",
        "deep/.@__thumb/s.jpg",
        "deep/._dog.jpg",
        "deep/dog.jpg",
    )
    plan = planned(tmp_path)
    assert found(tmp_path, plan) == ["cat.jpg", "deep/dog.jpg"]
    assert plan.left_out == 4


def test_a_folder_of_that_name_is_indexed_when_a_person_names_it(tmp_path: Path) -> None:
    make(tmp_path, "@eaDir/a.jpg")
    root = tmp_path / "@eaDir"
    assert found(root, planned(root)) == ["a.jpg"]


def test_patterns_leave_out_what_they_match(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.gif", "raw/c.jpg", "x/raw/d.jpg", "x/e.jpg", "raw.jpg")
    assert found(tmp_path, planned(tmp_path, "raw/", "*.gif")) == ["a.jpg", "raw.jpg", "x/e.jpg"]
    assert found(tmp_path, planned(tmp_path, "/raw/")) == [
        "a.jpg", "b.gif", "raw.jpg", "x/e.jpg", "x/raw/d.jpg",
    ]  # fmt: skip
    assert planned(tmp_path, "raw/", "*.gif").left_out == 3


def test_ignore_files_hold_below_their_folder_and_the_inner_one_has_the_last_word(
    tmp_path: Path,
) -> None:
    make(tmp_path, "a.gif", "x/b.gif", "x/c.gif", "x/y/c.gif", "z/c.gif")
    (tmp_path / IGNORE_FILE).write_text("# animations\n*.gif\n!b.gif\n")
    (tmp_path / "x" / IGNORE_FILE).write_text("!c.gif\n")
    assert found(tmp_path, planned(tmp_path)) == ["x/b.gif", "x/c.gif", "x/y/c.gif"]


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (b"\xef\xbb\xbf*.gif\r\nraw/\r\n", ["a.jpg"]),
        (b"*.gif\rraw/\r", ["a.jpg"]),
        ("a\u2028.jpg\n".encode(), ["a.jpg", "b.gif", "raw/c.jpg"]),
        (b"a.jpg\x0cb.gif\n", ["a.jpg", "b.gif", "raw/c.jpg"]),
        (b"# a.jpg\n\n!a.jpg\n*.gif  \n", ["a.jpg", "raw/c.jpg"]),
    ],
    ids=["byte order mark", "old line ends", "U+2028", "form feed", "comment"],
)
def test_an_ignore_file_is_read_as_editors_write_it(
    tmp_path: Path, content: bytes, left: list[str]
) -> None:
    make(tmp_path, "a.jpg", "b.gif", "raw/c.jpg")
    (tmp_path / IGNORE_FILE).write_bytes(content)
    assert found(tmp_path, planned(tmp_path)) == left


@pytest.mark.parametrize("kind", ["folder", "pipe", "huge", "link", "UTF-16"])
def test_an_ignore_file_that_cannot_be_read_is_named_and_leaves_nothing_out(
    tmp_path: Path, kind: str
) -> None:
    make(tmp_path, "a.gif")
    file = tmp_path / IGNORE_FILE
    match kind:
        case "folder":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)
        case "huge":
            file.write_bytes(b"*.gif\n" * 200_000)
        case "link":
            file.symlink_to(file)
        case "UTF-16":
            file.write_bytes("*.gif\n".encode("utf-16"))
    plan = planned(tmp_path)
    assert found(tmp_path, plan) == ["a.gif"]
    assert [record.path for record in plan.failures] == [str(file)]
    assert "nothing is left out by it" in plan.failures[0].reason


def test_what_is_left_out_by_now_is_dropped_and_has_not_vanished(tmp_path: Path) -> None:
    make(tmp_path, "raw/a.jpg", "b.gif")
    plan = planned(tmp_path, "raw/", "b.gif", known=("raw/a.jpg", "b.gif", "rawest.jpg"))
    assert plan.dropped == [f"{tmp_path}/raw/a.jpg", f"{tmp_path}/b.gif"]
    assert plan.missing == [f"{tmp_path}/rawest.jpg"]


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        checked_patterns(["!"])
    assert caught.value.field == "exclude"
