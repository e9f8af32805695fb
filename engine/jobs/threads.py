"""Work on a thread that tells how far it is and stops when its job is cancelled."""

import asyncio
import threading
from collections.abc import Callable
from typing import IO, TypeVar

T = TypeVar("T")


class StoppedError(Exception):
    """The person no longer wants what the thread is doing."""


class ThreadProgress:
    """What a working thread touches at every step; made on the event loop."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()
        self._done = 0

    def advance(self, count: int) -> None:
        """Count work done, on the thread; raises StoppedError once the job was cancelled."""
        if self._stopped.is_set():
            raise StoppedError
        self._done += count
        self._loop.call_soon_threadsafe(self._pass_on)

    def stop(self) -> None:
        """Let the thread end at its next step, and tell nothing any more."""
        self._stopped.set()

    def file(self, file: IO[bytes]) -> "CountingFile":
        """A file that counts the bytes written to it."""
        return CountingFile(file, self)

    def _pass_on(self) -> None:
        if not self._stopped.is_set():
            self._report(self._done)


class CountingFile:
    """As much of a file as numpy needs to write an array."""

    def __init__(self, file: IO[bytes], pulse: ThreadProgress) -> None:
        self._file = file
        self._pulse = pulse

    def write(self, data: bytes) -> int:
        self._pulse.advance(len(data))
        return self._file.write(data)


async def on_thread(call: Callable[[], T], pulse: ThreadProgress, *, wait: bool = False) -> T:
    """Run work on a thread; a cancelled caller stops it, and with `wait` sees it end first."""
    working = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        if wait:
            pulse.stop()
            await asyncio.wait([working])
        working.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise
    finally:
        pulse.stop()
