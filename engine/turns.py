"""A line of jobs of which one runs at a time: by priority, then by arrival, or as a person says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class _Waiting:
    job_id: int
    priority: int
    turn: asyncio.Future[None]


class Turns:
    """Hands out turns on one event loop."""

    def __init__(self) -> None:
        self._line: list[_Waiting] = []
        self._is_taken = False

    @property
    def waiting(self) -> tuple[int, ...]:
        """The ids of the jobs in line, the next one first."""
        return tuple(entry.job_id for entry in self._line)

    @asynccontextmanager
    async def turn(self, job_id: int, priority: int = 0) -> AsyncIterator[None]:
        """Wait for a turn and keep it for the block; a higher `priority` goes first.

        Whoever is cancelled leaves the line.
        """
        if self._is_taken:
            await self._wait(job_id, priority)
        self._is_taken = True
        try:
            yield
        finally:
            self._pass_on()

    def move(self, job_id: int, places: int) -> bool:
        """Move a waiting job towards the front (negative) or the end; whether it moved."""
        ids = self.waiting
        if job_id not in ids:
            return False
        at = ids.index(job_id)
        to = max(0, min(len(ids) - 1, at + places))
        self._line.insert(to, self._line.pop(at))
        return to != at

    async def _wait(self, job_id: int, priority: int) -> None:
        entry = _Waiting(job_id, priority, asyncio.get_running_loop().create_future())
        behind = [index for index, other in enumerate(self._line) if other.priority < priority]
        self._line.insert(behind[0] if behind else len(self._line), entry)
        try:
            await entry.turn
        except asyncio.CancelledError:
            if entry in self._line:
                self._line.remove(entry)
            if not entry.turn.cancelled():
                # The turn had come in the same moment, and is the next one's now.
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give the turn to the next in line; it stays taken, so that nobody slips in between."""
        while self._line:
            entry = self._line.pop(0)
            if not entry.turn.done():
                entry.turn.set_result(None)
                return
        self._is_taken = False
