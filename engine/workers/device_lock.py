"""One painter at a time on a device, of all processes that share a home folder."""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

POLL_S = 0.05


class DeviceLock:
    """Advisory locks on two files; the system lets go of them when their holder dies.

    Whoever comes takes the door before it waits for the device, so that one with many pictures
    to paint does not go before one that waits already.
    """

    def __init__(self, folder: Path, device: str) -> None:
        # A home on a network disk is shared by machines whose devices are their own.
        name = f"{device}@{socket.gethostname()}".replace("/", "_")
        self._door, self._device = folder / f"{name}.next", folder / f"{name}.lock"

    @contextlib.contextmanager
    def hold(self, waits: Callable[[], None]) -> Iterator[None]:
        """Keep the device for the block; `waits` is called again and again until it is free.

        What it raises ends the waiting. Where files cannot be locked nobody is kept waiting.
        """
        with contextlib.ExitStack() as held:
            with _locked(self._door, waits):
                held.enter_context(_locked(self._device, waits))
            yield


@contextlib.contextmanager
def _locked(path: Path, waits: Callable[[], None]) -> Iterator[None]:
    file = _open(path)
    try:
        while file is not None and not _take(file):
            waits()
            time.sleep(POLL_S)
        yield
    finally:
        if file is not None:
            os.close(file)


def _open(path: Path) -> int | None:
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    return None


def _take(file: int) -> bool:
    """Lock the file if nobody else has; true also where its disk knows no locks."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
