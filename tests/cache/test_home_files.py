"""Files and folders of the home: private whatever the umask, and never behind a link."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cache.home_files import (
    blame,
    check_file,
    list_folder,
    make_folder,
    make_home,
    open_file,
    open_log,
    read_file,
    remove_file,
    write_file,
)
from cache.store import Cache
from tests.cache.test_access import unprivileged

PRECIOUS = b"precious" * 1000


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A file outside the home that nobody here made."""
    path = tmp_path / "elsewhere" / "mine.txt"
    path.parent.mkdir()
    path.write_bytes(PRECIOUS)
    return path


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(home: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in [home, *home.rglob("*")]}


async def test_everything_is_its_owners_alone_whatever_the_umask(mask: int, tmp_path: Path) -> None:
    # pytest made it under that umask, too.
    tmp_path.chmod(0o700)
    home = tmp_path / "above" / "home"
    write_file(home, "memory.json", data=b"{}")
    write_file(home, "training", "one.safetensors", data=b"weights")
    make_folder(home, "generated", "ab")
    os.close(open_log(home, "logs", "decoder.log", limit=10))
    os.close(open_file(home, "locks", "cpu.lock", flags=os.O_RDWR | os.O_CREAT))
    cache = await Cache.open(home)
    found = modes(home.parent)
    await cache.aclose()
    files = {"memory.json", "one.safetensors", "decoder.log", "cpu.lock"}
    sqlite = {"cache.sqlite3", "cache.sqlite3-wal", "cache.sqlite3-shm"}
    folders = {"above", "home", "training", "generated", "ab", "logs", "locks"}
    assert found == dict.fromkeys(files | sqlite, 0o600) | dict.fromkeys(folders, 0o700)


async def test_a_disk_that_knows_no_modes_is_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    for name in ("chmod", "fchmod"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr(Path, "chmod", refuse)
    write_file(tmp_path / "home", "generated", "ab", "x.png", data=b"x")
    given = tmp_path / "given"
    given.mkdir()
    for home in (tmp_path / "home", given):
        cache = await Cache.open(home)
        assert not cache.read_only
        await cache.aclose()


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(tmp_path, "memory.json", data=b"before")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(tmp_path, "memory.json", data=b"after")
    assert [path.name for path in tmp_path.iterdir()] == ["memory.json"]
    assert read_file(tmp_path, "memory.json") == b"before"


@pytest.mark.parametrize("call", ["mkdir", "unlink", "fsync", "rename"])
def test_a_write_that_is_refused_names_the_file_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """A read-only or frozen folder refuses each of the steps in its own way."""

    def refuse(*given: object, **more: object) -> None:
        if tmp_path in given:
            raise FileExistsError(errno.EEXIST, "File exists", str(tmp_path))
        raise OSError(errno.EROFS, "Read-only file system", "a name that says nothing")

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match="Read-only file system") as caught:
        write_file(tmp_path, "training", "x.safetensors", data=b"x")
    assert Path(caught.value.filename).is_relative_to(tmp_path)


def test_a_deletion_that_is_refused_names_the_file_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_file(tmp_path, "generated", "x.png", data=b"x")

    def refuse(*given: object, **more: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", "x.png")

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(PermissionError) as caught:
        remove_file(tmp_path, "generated", "x.png")
    assert caught.value.filename == str(path)


@pytest.mark.parametrize("size", [len(PRECIOUS), 2])
def test_a_link_in_the_place_of_a_file_is_neither_read_nor_written(
    tmp_path: Path, elsewhere: Path, size: int
) -> None:
    home = tmp_path / "home"
    make_folder(home, "logs")
    (home / "logs" / "x.log").symlink_to(elsewhere)
    with pytest.raises(OSError, match="it is a link"):
        open_log(home, "logs", "x.log", limit=size)
    with pytest.raises(OSError, match="it is a link"):
        read_file(home, "logs", "x.log")
    assert elsewhere.read_bytes() == PRECIOUS


def test_a_link_in_the_place_of_a_written_file_is_replaced_and_not_followed(
    tmp_path: Path, elsewhere: Path
) -> None:
    home = tmp_path / "home"
    make_home(home)
    (home / "memory.json").symlink_to(elsewhere)
    write_file(home, "memory.json", data=b"{}")
    assert elsewhere.read_bytes() == PRECIOUS
    assert read_file(home, "memory.json") == b"{}"


def test_a_link_in_the_place_of_a_folder_is_not_entered(tmp_path: Path, elsewhere: Path) -> None:
    home = tmp_path / "home"
    make_home(home)
    (home / "generated").symlink_to(elsewhere.parent)
    for call in (
        lambda: write_file(home, "generated", "x", data=b"x"),
        lambda: list_folder(home, "generated"),
        lambda: remove_file(home, "generated", elsewhere.name),
        lambda: make_folder(home, "generated", "ab"),
    ):
        with pytest.raises(OSError, match="it is a link"):
            call()
    assert [path.name for path in elsewhere.parent.iterdir()] == [elsewhere.name]


def test_a_log_with_a_second_name_is_not_written_into(tmp_path: Path, elsewhere: Path) -> None:
    home = tmp_path / "home"
    make_folder(home, "logs")
    os.link(elsewhere, home / "logs" / "x.log")
    with os.fdopen(open_log(home, "logs", "x.log", limit=10), "wb") as log:
        log.write(b"a line")
    assert elsewhere.read_bytes() == PRECIOUS
    assert (home / "logs" / "x.log").read_bytes() == b"a line"


def test_a_log_that_has_grown_starts_anew(tmp_path: Path) -> None:
    write_file(tmp_path, "logs", "x.log", data=bytes(11))
    with os.fdopen(open_log(tmp_path, "logs", "x.log", limit=10), "wb") as log:
        log.write(b"a")
    assert (tmp_path / "logs" / "x.log").read_bytes() == b"a"


def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "memory.json")
    with pytest.raises(OSError, match="it is no file"):
        read_file(tmp_path, "memory.json")


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    write_file(tmp_path, "memory.json", data=bytes(11))
    with pytest.raises(OSError, match="11 bytes"):
        read_file(tmp_path, "memory.json", limit=10)


async def test_a_home_that_is_a_link_as_a_whole_works(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    home = tmp_path / "home"
    home.symlink_to(tmp_path / "disk")
    write_file(home, "logs", "x", data=b"x")
    cache = await Cache.open(home)
    assert not cache.read_only
    await cache.aclose()
    assert sorted(path.name for path in (tmp_path / "disk").iterdir()) == ["cache.sqlite3", "logs"]


def test_a_home_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").symlink_to("nowhere")
    with pytest.raises(OSError, match="leads nowhere"):
        write_file(tmp_path / "home", "x", data=b"x")


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if "pytest" in str(folder):
            folder.chmod(0o755)
    make_folder(tmp_path, "locked", "in")
    (tmp_path / "locked").chmod(0o000)
    tmp_path.chmod(0o555)
    with unprivileged():
        assert blame(tmp_path / "locked" / "in" / "x") == (
            f"the folder {tmp_path}/locked may not be entered"
        )
        assert blame(tmp_path / "x") == f"the folder {tmp_path} may not be written"
    for folder in (tmp_path, tmp_path / "locked"):
        folder.chmod(0o700)
    assert blame(tmp_path / "x") == ""


@pytest.mark.parametrize(
    ("what", "reason"),
    [("link", "it is a link"), ("folder", "it is no file"), ("pipe", "it is no file")],
)
def test_what_is_no_file_of_ours_is_refused_unopened(
    tmp_path: Path, what: str, reason: str
) -> None:
    path = tmp_path / "cache"
    match what:
        case "link":
            path.symlink_to("/etc/passwd")
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
    with pytest.raises(OSError, match=reason):
        check_file(tmp_path, "cache", mode=os.R_OK)


def test_a_check_opens_nothing_whose_closing_would_take_locks_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_bytes(b"")
    opened: list[object] = []
    plain = os.open

    def noting(path: Path, flags: int, **more: int) -> int:
        opened.append(path)
        return plain(path, flags, **more)

    monkeypatch.setattr(os, "open", noting)
    check_file(tmp_path, "cache", mode=os.R_OK | os.W_OK)
    assert opened == [tmp_path]
    with pytest.raises(FileNotFoundError):
        check_file(tmp_path, "none", mode=os.R_OK)


def test_a_home_of_very_many_folders_is_made(tmp_path: Path) -> None:
    home = tmp_path.joinpath(*["d"] * 1500)
    make_home(home)
    assert home.is_dir()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    # pytest would recurse over it.
    (tmp_path / "stays").write_bytes(b"")
    os.removedirs(home)
    assert [path.name for path in tmp_path.iterdir()] == ["stays"]


def test_the_nearest_folder_that_is_there_is_blamed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert blame(tmp_path / "file" / "home" / "x") == f"{tmp_path}/file is no folder"
    assert blame(tmp_path / "new" / "home" / "x") == ""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if "pytest" in str(folder):
            folder.chmod(0o755)
    tmp_path.chmod(0o555)
    with unprivileged():
        told = blame(tmp_path / "new" / "home" / "x")
    tmp_path.chmod(0o700)
    assert told == f"the folder {tmp_path} may not be written"
