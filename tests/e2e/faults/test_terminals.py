"""Real terminals that go: a window of tmux, a window of xterm, a connection of ssh."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.faults.programs import (
    COMMAND,
    allowed_s,
    environment,
    new_home,
    processes,
    until,
)

pytestmark = pytest.mark.slow

LIMIT_S = 60
APP = shlex.join(COMMAND)


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip where a program is not installed."""
    missing = [each for each in programs if shutil.which(each, path=PATH) is None]
    return pytest.mark.skipif(bool(missing), reason=f"there is no {' or '.join(missing)}")


PATH = os.environ.get("PATH", "") + ":/usr/sbin"


def is_open(home: Path) -> bool:
    """The app has opened its cache, which it does when its screen stands."""
    return bool(processes(home)) and (home / "cache.sqlite3").exists()


def took_until_gone(home: Path, fault: Callable[[], object]) -> float:
    """How long processes of a home stay after a fault."""
    began = time.monotonic()
    fault()
    assert until(lambda: not processes(home), 20), [each.cmdline() for each in processes(home)]
    return time.monotonic() - began


class Tmux:
    """A server of one's own with one window."""

    def __init__(self, socket: Path, home: Path, command: str) -> None:
        self._socket = str(socket)
        self("new-session", "-d", "-s", "a", "-x", "100", "-y", "30", command, home=home)

    def __call__(self, *words: str, home: Path | None = None) -> str:
        env = None if home is None else environment(home, TERM="tmux-256color")
        base = ["tmux", "-S", self._socket, "-f", "/dev/null"]
        done = subprocess.run([*base, *words], env=env, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def ask(self, form: str) -> str:
        """What tmux says of its window."""
        return self("display-message", "-p", "-t", "a", form)


@needs("tmux", "make")
@pytest.mark.parametrize("below", ["", "make", "sh"])
def test_a_closed_window_of_tmux_ends_the_app(tmp_path: Path, below: str) -> None:
    home = new_home(tmp_path / "home")
    (tmp_path / "Makefile").write_text(f"run:\n\t@{APP}\n")
    script = {
        "": f"exec {APP}",
        "make": f"make -f {tmp_path}/Makefile run",
        "sh": f"sh -c {shlex.quote(APP + '; echo ended')}",
    }[below]
    tmux = Tmux(tmp_path / "socket", home, script)
    assert until(lambda: is_open(home), LIMIT_S), tmux("capture-pane", "-p", "-t", "a")
    assert took_until_gone(home, lambda: tmux("kill-window", "-t", "a")) < allowed_s()
    tmux("kill-server")


@needs("tmux")
def test_after_kill_a_window_of_tmux_is_the_shells_again(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    tmux = Tmux(tmp_path / "socket", home, f"{APP}; exec sh")
    assert until(lambda: is_open(home) and tmux.ask("#{alternate_on}") == "1", LIMIT_S)
    [app] = [each for each in processes(home) if "t2itui" in each.cmdline()]
    assert took_until_gone(home, app.terminate) < allowed_s()
    assert until(lambda: tmux.ask("#{alternate_on} #{mouse_any_flag} #{cursor_flag}") == "0 0 1", 5)
    tmux("send-keys", "-t", "a", "echo vis''ible", "Enter")
    assert until(lambda: "visible" in tmux("capture-pane", "-p", "-t", "a"), 5)
    tmux("kill-server")


@contextmanager
def ended_after(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process with the block, however the block ends."""
    with process:
        try:
            yield
        finally:
            process.kill()


@needs("Xvfb", "xterm")
def test_a_closed_window_of_xterm_ends_the_app(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    reading, writing = os.pipe()
    screen = subprocess.Popen(["Xvfb", "-displayfd", str(writing)], pass_fds=[writing])
    os.close(writing)
    with ended_after(screen), os.fdopen(reading) as number:
        env = environment(home, DISPLAY=f":{number.readline().strip()}")
        window = subprocess.Popen(["xterm", "-e", "sh", "-c", f"{APP}; true"], env=env)
        with ended_after(window):
            assert until(lambda: is_open(home), LIMIT_S)
            assert took_until_gone(home, window.terminate) < allowed_s()


@contextmanager
def ssh_server(folder: Path, home: Path) -> Iterator[list[str]]:
    """A server on this machine; yields the command that logs in to it."""
    for name in ("host", "user"):
        keys = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(keys, check=True)
    port = 20000 + os.getpid() % 20000
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "user.pub",
        "StrictModes": "no",
        "UsePAM": "no",
        "PidFile": "none",
        "PermitRootLogin": "yes",
        "AcceptEnv": "*",
    }
    config = folder / "sshd_config"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    Path("/run/sshd").mkdir(exist_ok=True)
    server = shutil.which("sshd", path=PATH)
    assert server is not None
    serve = [server, "-D", "-e", "-f", str(config)]
    with ended_after(subprocess.Popen(serve, stderr=subprocess.DEVNULL)):
        yield [
            *("ssh", "-tt", "-q", "-p", str(port), "-i", str(folder / "user")),
            *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
            *("-o", "ConnectionAttempts=10", "127.0.0.1"),
        ]


@needs("sshd", "ssh", "tmux", "make")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a server that logs in")
def test_a_lost_connection_of_ssh_ends_the_app_below_make(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    variables = environment(home)
    own = " ".join(
        f"{name}={shlex.quote(variables[name])}"
        for name in ("T2ITUI_HOME", "PYTHONPATH", "HF_HUB_OFFLINE", "OMP_NUM_THREADS", "PATH")
    )
    (tmp_path / "Makefile").write_text(f"run:\n\t@{APP}\n")
    with ssh_server(tmp_path, home) as login:
        remote = f"env {own} make -f {tmp_path}/Makefile run"
        client = shlex.join([*login, remote])
        # The client's own environment names another home: what is left is found by the server's.
        tmux = Tmux(tmp_path / "socket", tmp_path / "elsewhere", client)
        assert until(lambda: is_open(home), LIMIT_S), tmux("capture-pane", "-p", "-t", "a")
        assert took_until_gone(home, lambda: tmux("kill-server")) < allowed_s()
