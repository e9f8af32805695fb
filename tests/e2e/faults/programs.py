"""The program as a person starts it: on a terminal of its own, with a home of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import sqlite3
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

COMMAND = (sys.executable, "-m", "t2itui")
ROOT = Path(__file__).parents[3]
START_S = 120.0
"""A program that has not come so far by then will not."""
GONE_S = 2.0
"""Promised: when the terminal goes, nothing is left after so many seconds."""


def allowed_s() -> float:
    """That, and what a machine at other work adds: each process waits for its turn."""
    return GONE_S + 0.5 + os.getloadavg()[0] / (os.cpu_count() or 1) / 2


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a program of that home sees."""
    own = {"T2ITUI_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": paths, "TERM": "xterm-256color", **own, **more}


def new_home(folder: Path, **settings: str | bool) -> Path:
    """A home whose settings are those; the encoder that ships reads new pictures."""
    folder.mkdir(parents=True)
    values = {"encoder": "storybook", "generator": "storybook", "graphics": "text", **settings}
    words = {True: "true", False: "false"}
    lines = [f"{k} = {words[v] if isinstance(v, bool) else repr(v)}" for k, v in values.items()]
    (folder / "settings.toml").write_text("\n".join(lines).replace("'", '"'))
    return folder


def noise_pictures(folder: Path, count: int, *, side: int = 160) -> Path:
    """Small pictures, all different."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    for number, pixels in enumerate(noise):
        Image.fromarray(pixels).resize((side, side)).save(folder / f"{number:05}.jpg")
    return folder


def until(condition: Callable[[], bool], seconds: float = START_S) -> bool:
    """Wait for something that no event tells; whether it came."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def processes(home: Path) -> list[psutil.Process]:
    """The program's processes for a home, its workers too; none that is only not yet reaped."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            is_ours = "t2itui" in words or any(word.startswith("engine.workers") for word in words)
            if (
                is_ours
                and process.environ().get("T2ITUI_HOME") == str(home)
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
    return found


def query(home: Path, sql: str) -> list[tuple[Any, ...]]:
    """What the cache of a home says; nothing while there is none."""
    with suppress(sqlite3.OperationalError):
        address = f"file:{home}/cache.sqlite3?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=20)) as db:
            return db.execute(sql).fetchall()
    return []


def files_of(home: Path, folder: Path) -> int:
    """How many pictures of a folder the library has."""
    found = query(home, f"select count(*) from files where path like '{folder}/%'")
    return int(found[0][0]) if found else 0


def last_job(home: Path) -> tuple[str, str]:
    """Kind and state of the job that was started last."""
    found = query(home, "select kind, state from jobs order by id desc limit 1")
    return (str(found[0][0]), str(found[0][1])) if found else ("", "")


DANGLING = {
    "a picture without thumbnail": "pictures p where sha256 is not null"
    " and not exists (select 1 from thumbnails t where t.picture_id = p.id)",
    "an embedding without picture": "embeddings e"
    " where not exists (select 1 from pictures p where p.id = e.picture_id)",
    "an embedding without block": "embeddings e"
    " where not exists (select 1 from blocks b where b.id = e.block_id)",
    "a block without embedding": "blocks b"
    " where not exists (select 1 from embeddings e where e.block_id = b.id)",
    "a file without picture": "files f"
    " where not exists (select 1 from pictures p where p.id = f.picture_id)",
    "a generated picture without its row": "generated g where picture_id is not null"
    " and not exists (select 1 from pictures p where p.id = g.picture_id)",
}


def damage(home: Path) -> list[str]:
    """What is wrong with the cache of a home; nothing where there is none yet."""
    path = home / "cache.sqlite3"
    if not path.exists():
        return []
    found = []
    # Opened for writing, as the next run would, so that what a kill left in the log is taken in.
    with closing(sqlite3.connect(path, timeout=20)) as db:
        found += [str(row) for row in db.execute("pragma integrity_check") if row != ("ok",)]
        found += [str(row) for row in db.execute("pragma foreign_key_check")]
        if not db.execute("select 1 from sqlite_master where name = 'generated'").fetchone():
            return found
        for what, rows in DANGLING.items():
            count = db.execute(f"select count(*) from {rows}").fetchone()[0]
            found += [f"{count} times {what}"] if count else []
        shown = db.execute(
            "select path from files where present = 1 and path like ?", [f"{home}/%"]
        )
        found += [f"{path} is gone" for (path,) in shown if not Path(path).exists()]
    return found


def start(home: Path, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
    """Start a command that nobody listens to."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(home, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def run(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(home, **more),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )


def _take_terminal() -> None:
    """Make the standard input the terminal of this process, as one that a person opened has it.

    Whoever runs the tests below nohup ignores SIGHUP, and so would all that they start.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A terminal in which a program was started; a thread reads what is written to it."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._outside, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.inside = os.ttyname(inside)
        self.settings = termios.tcgetattr(inside)
        self._kept = inside
        self.written = b""
        self.process = subprocess.Popen(
            command,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env=env,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        self._wake, self._woken = os.pipe()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._outside, self._wake], [], [])
            if self._wake in ready:
                return
            with suppress(OSError):
                self.written += os.read(self._outside, 65536)

    def shows(self, words: str) -> bool:
        """The words were written, wherever on the screen."""
        return words.encode() in self.written

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._outside, keys.encode())

    def settings_now(self) -> list[Any]:
        """How the terminal is set."""
        return termios.tcgetattr(self._kept)

    def lose(self) -> None:
        """Close the window: for the program the terminal is gone."""
        if self._outside >= 0:
            os.write(self._woken, b"x")
            self._reader.join()
            os.close(self._kept)
            os.close(self._outside)
            self._outside = -1


@contextmanager
def on_terminal(home: Path, *command: str, **more: str) -> Iterator[Terminal]:
    """Start a program on a terminal; at the end both are gone, with all that it started."""
    terminal = Terminal(command or COMMAND, environment(home, **more))
    try:
        yield terminal
    finally:
        terminal.lose()
        for process in processes(home):
            with suppress(psutil.Error):
                process.kill()
        terminal.process.kill()
        terminal.process.wait()


def open_app(terminal: Terminal) -> None:
    """Wait until the app takes keys."""
    assert until(lambda: terminal.shows("Search") and terminal.shows("600")), terminal.written[
        -500:
    ]


def index_in_app(terminal: Terminal, home: Path, pictures: Path) -> None:
    """Have the app index a folder, and wait until it is in the middle of that."""
    open_app(terminal)
    terminal.type("\x0f")
    assert until(lambda: terminal.shows("Per class")), terminal.written[-500:]
    terminal.type(f"{pictures}\r")
    time.sleep(0.5)
    terminal.type("\r")
    assert until(lambda: files_of(home, pictures) > 30), terminal.written[-2000:]
