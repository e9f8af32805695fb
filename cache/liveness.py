"""Names a process so that a later one can tell whether it still runs."""

import os
import socket
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def own_token() -> str:
    """This process's name: machine, start of the machine, process id, start of the process.

    The last two parts keep a process id that was given again from passing for the first.
    """
    pid = os.getpid()
    return f"{socket.gethostname()} {_boot()} {pid} {_started(pid)}"


def is_alive(token: str) -> bool:
    """Whether the process that `own_token` named may still run; another machine's may."""
    host, boot, pid, started = token.split(" ")
    if host != socket.gethostname():
        return True
    return boot == _boot() and _exists(int(pid)) and started in ("-", _started(int(pid)))


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _boot() -> str:
    return _BOOT.read_text().strip() if _BOOT.exists() else "-"


def _started(pid: int) -> str:
    """Clock ticks from the start of the machine; "-" where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "-"
    return fields[19]
