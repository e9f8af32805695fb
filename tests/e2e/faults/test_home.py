"""The home folder: permissions, links, swapped and damaged files, and a disk without room."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cache.home_files import FILE_NAME
from tests.e2e.faults.programs import (
    COMMAND,
    environment,
    new_home,
    noise_pictures,
    query,
    run,
)

CANNOT = 3
PAINT = ("generate", "a brown horse", "--steps", "2", "--seed", "1", "--json", "--no-preview")
Done = subprocess.CompletedProcess


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noise_pictures(tmp_path_factory.mktemp("data") / "pictures", 40)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """A home with these pictures; tests copy it."""
    home = new_home(tmp_path_factory.mktemp("home") / "home")
    done = run(home, "index", str(pictures))
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def home(tmp_path: Path, indexed: Path) -> Iterator[Path]:
    copy = tmp_path / "home"
    shutil.copytree(indexed, copy)
    yield copy
    for path in (copy, *copy.glob("*")):
        if path.is_dir():
            path.chmod(0o700)


def plainly(done: Done[str], *codes: int) -> str:
    """What a command said; it ended with one of the codes, and no traceback was shown."""
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    assert done.returncode in codes, (done.returncode, said[-2000:])
    return said


def bound_by_modes(home: Path, *arguments: str) -> Done[str]:
    """Run a command as somebody whom modes of files bind, which root is not."""
    without = "--bounding-set=-dac_override,-dac_read_search"
    prefix = ["setpriv", without, "--inh-caps=-dac_override,-dac_read_search"]
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root passes modes by, and there is no setpriv to hold it back")
    return subprocess.run(
        [*(prefix if os.geteuid() == 0 else []), *COMMAND, *arguments],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def whole(home: Path) -> bool:
    """SQLite finds nothing wrong with the cache."""
    with closing(sqlite3.connect(home / FILE_NAME, timeout=20)) as db:
        return [row[0] for row in db.execute("pragma integrity_check")] == ["ok"]


# Permissions


def test_nothing_in_the_home_is_open_to_others(tmp_path: Path, pictures: Path) -> None:
    home, before = tmp_path / "home", os.umask(0)
    try:
        plainly(run(home, "index", str(pictures), "--encoder", "storybook"), 0)
        plainly(run(home, *PAINT, "--model", "storybook"), 0, 1)
    finally:
        os.umask(before)
    made = [home, *home.rglob("*")]
    assert {"generated", "logs", FILE_NAME} <= {path.name for path in made}
    assert [path for path in made if stat.S_IMODE(path.lstat().st_mode) & 0o077] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "a dog"),
        ("library",),
        ("index", "{pictures}"),
        pytest.param(("doctor",), marks=pytest.mark.slow),
        pytest.param(("models",), marks=pytest.mark.slow),
        pytest.param(("label", "a", "{pictures}/00000.jpg", "--yes"), marks=pytest.mark.slow),
    ],
)
def test_a_home_that_may_not_be_entered_is_named(
    home: Path, pictures: Path, arguments: tuple[str, ...]
) -> None:
    home.chmod(0o000)
    done = bound_by_modes(home, *(each.format(pictures=pictures) for each in arguments))
    home.chmod(0o700)
    assert f"the folder {home} may not be entered" in plainly(done, CANNOT)


@pytest.mark.parametrize(
    "arguments",
    [
        ("index", "{pictures}"),
        pytest.param((*PAINT,), marks=pytest.mark.slow),
        pytest.param(("label", "a", "{pictures}/00000.jpg", "--yes"), marks=pytest.mark.slow),
        pytest.param(("library", "--forget", "{pictures}"), marks=pytest.mark.slow),
    ],
)
def test_a_home_that_may_not_be_written_is_named_by_what_writes(
    home: Path, pictures: Path, arguments: tuple[str, ...]
) -> None:
    home.chmod(0o500)
    done = bound_by_modes(home, *(each.format(pictures=pictures) for each in arguments))
    assert f"the folder {home} may not be written" in plainly(done, CANNOT)


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "a dog"),
        pytest.param(("library",), marks=pytest.mark.slow),
        pytest.param(("history",), marks=pytest.mark.slow),
    ],
)
def test_a_home_that_may_not_be_written_can_be_read(home: Path, arguments: tuple[str, ...]) -> None:
    home.chmod(0o500)
    plainly(bound_by_modes(home, *arguments), 0, 1)


def test_a_read_only_disk_can_be_searched_and_is_named_by_what_writes(
    home: Path, pictures: Path
) -> None:
    mount = f"mount --bind {home} {home} && mount -o remount,ro,bind {home}"
    own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*own, mount], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let us mount")
    for arguments, codes in ((("search", "a dog"), (0, 1)), (("index", str(pictures)), (CANNOT,))):
        command = " ".join([*COMMAND, *(f"'{each}'" for each in arguments)])
        done = subprocess.run(
            [*own, f"{mount} && exec {command}"],
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        said = plainly(done, *codes)
        assert str(home) in said


# Links and swapped files


def test_links_in_the_home_lead_to_nothing_that_is_changed(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "ab").mkdir(parents=True)
    mine = elsewhere / "ab" / f"{'a' * 64}.png"
    partial = elsewhere / "ab" / f"{'b' * 64}.1.partial"
    log = elsewhere / "log"
    for path in (mine, partial, log):
        path.write_bytes(b"precious" * 200_000)
    (home / "generated").symlink_to(elsewhere)
    for path in (home / "logs").iterdir():
        path.unlink()
        path.symlink_to(log)
    plainly(run(home, "search", "a text that needs the model"), 0, 1)
    said = plainly(run(home, *PAINT), CANNOT)
    assert "it is a link" in said
    assert {path.read_bytes() for path in (mine, partial, log)} == {b"precious" * 200_000}


def test_a_cache_that_is_a_link_is_refused(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.sqlite3"
    (home / FILE_NAME).rename(elsewhere)
    before = elsewhere.read_bytes()
    (home / FILE_NAME).symlink_to(elsewhere)
    assert "it is a link" in plainly(run(home, "library"), CANNOT)
    assert elsewhere.read_bytes() == before


def test_a_painted_file_with_other_content_is_neither_handed_out_nor_deleted(home: Path) -> None:
    first = last_record(run(home, *PAINT))
    path = Path(str(first["path"]))
    path.write_bytes(b"a person's drawing")
    again = last_record(run(home, *PAINT))
    assert not again["cached"]
    assert [other.read_bytes() for other in path.parent.glob("*replaced*")] == [
        b"a person's drawing"
    ]
    assert last_record(run(home, *PAINT))["cached"]
    path.unlink()
    path.mkdir()
    said = plainly(run(home, "library", "--remove", str(path)), 0)
    assert path.is_dir()
    assert "stays: it does not hold what was painted" in said


def last_record(done: Done[str]) -> dict[str, object]:
    plainly(done, 0, 1)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_painted_pictures_without_their_folder_are_known_to_be_gone(home: Path) -> None:
    plainly(run(home, *PAINT), 0, 1)
    shutil.rmtree(home / "generated")
    plainly(run(home, "generate", "--unfinished"), 0)
    painted = "select count(*) from files where present = 1 and path like '%/generated/%'"
    assert query(home, painted) == [(0,)]


def test_a_picture_that_is_gone_is_marked(home: Path, pictures: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(pictures, own)
    (own / "current").symlink_to("current")
    (own / "00000.jpg").write_bytes((own / "00000.jpg").read_bytes() + b"\0")
    plainly(run(home, "index", str(own)), 0)
    (own / "00000.jpg").unlink()
    assert "1 vanished" in plainly(run(home, "index", str(own)), 0)
    found = run(home, "search", "a dog", "--top", "0", "--json").stdout.splitlines()[1:]
    rows = [json.loads(line) for line in found]
    assert [row["path"] for row in rows if row["missing"]] == [str(own / "00000.jpg")]
    passing = run(home, "search", "a dog", "--top", "0", "--paths", "--threshold", "0")
    assert str(own / "00000.jpg") not in passing.stdout
    assert "not on the disk any more" in passing.stderr


# Damage


@pytest.mark.parametrize("what", ["blocks", "file"])
def test_what_is_damaged_is_named_kept_aside_and_made_anew(
    home: Path, pictures: Path, what: str
) -> None:
    if what == "blocks":
        with closing(sqlite3.connect(home / FILE_NAME)) as db:
            db.execute("update blocks set vectors = x'00'")
            db.commit()
    else:
        data = bytearray((home / FILE_NAME).read_bytes())
        data[100:16384] = bytes(16284)
        (home / FILE_NAME).write_bytes(data)
    said = plainly(run(home, "search", "a dog"), CANNOT)
    assert "damaged" in said
    assert "t2itui cache repair" in said
    plainly(run(home, "doctor"), CANNOT)
    said = plainly(run(home, "cache", "repair"), 0)
    assert any((home / "damaged").iterdir())
    if what == "file":
        # Its first page says where every table is: the folders have to be named again.
        assert "t2itui index DIR" in said
        plainly(run(home, "index", str(pictures)), 0)
    done = run(home, "search", "a dog", "--json", "--in", str(pictures), "--top", "0")
    assert len(plainly(done, 0, 1).splitlines()) == 41
    assert "nothing is damaged" in plainly(run(home, "cache", "repair"), 0)


# No room


@pytest.mark.parametrize(
    "kilobytes",
    [1, 600, *(pytest.param(size, marks=pytest.mark.slow) for size in (40, 200, 400, 800, 1200))],
)
def test_a_write_that_is_refused_loses_nothing_that_was_kept(
    tmp_path: Path, pictures: Path, kilobytes: int
) -> None:
    """No file may grow beyond a limit: one write after the other fails, at another place."""
    home = new_home(tmp_path / "home")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes << 10, resource.RLIM_INFINITY))

    done = subprocess.run(
        [*COMMAND, "index", str(pictures)],
        env=environment(home),
        capture_output=True,
        text=True,
        preexec_fn=limit,
        timeout=300,
        check=False,
    )
    plainly(done, 0, CANNOT)
    assert whole(home)
    plainly(run(home, "index", str(pictures)), 0)
    assert whole(home)
    assert query(home, "select count(*) from files where present = 1") >= [(40,)]


@pytest.mark.slow
@pytest.mark.parametrize("size", ["1m", "2m", "3m", "4m"])
def test_a_disk_that_fills_is_named_and_an_index_goes_on_with_room(
    tmp_path: Path, pictures: Path, size: int
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size={size} none {disk}"
    if subprocess.run([*own, mount], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let us mount a small file system")
    index = " ".join([*COMMAND, "index", f"'{pictures}'", "--encoder", "storybook"])
    more = f"mount -o remount,size=200m {disk}"
    script = f"{mount}; {index}; echo first=$?; {more}; {index}; echo second=$?"
    done = subprocess.run(
        [*own, script],
        env=environment(disk / "home"),
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    said = plainly(done, 0)
    assert "first=0" in said or ("first=3" in said and "No room left" in said), said
    assert "second=0" in said
