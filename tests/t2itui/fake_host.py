"""What runs the work of a controller where there is no screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from t2itui.session import Work


@dataclass
class FakeTimer:
    """Calls back when the test says so."""

    seconds: float
    callback: Callable[[], object]
    is_stopped: bool = False

    def stop(self) -> None:
        self.is_stopped = True

    def end(self) -> None:
        """Let the time be over."""
        if not self.is_stopped:
            self.callback()


@dataclass
class FakeHost:
    """Keeps what a controller wants to wait for until the test runs it."""

    waiting: list[tuple[str, Work]] = field(default_factory=list)
    """With their groups."""
    timers: list[FakeTimer] = field(default_factory=list)

    def run_beside(self, work: Work, *, group: str, exclusive: bool = False) -> None:
        if exclusive:
            self.waiting = [each for each in self.waiting if each[0] != group]
        self.waiting.append((group, work))

    def call_later(self, callback: Callable[..., object], *args: object) -> None:
        callback(*args)

    def set_timer(self, delay: float, callback: Callable[[], object]) -> FakeTimer:
        self.timers.append(FakeTimer(delay, callback))
        return self.timers[-1]

    async def run(self) -> None:
        """Do everything that waits, and what that leads to."""
        while self.waiting:
            _, work = self.waiting.pop(0)
            await work()
