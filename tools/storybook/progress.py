"""Lines on a terminal that say how far a long stage is and how long it will still take."""

import time
from collections.abc import Callable
from datetime import timedelta

import click

EVERY = 10.0
"""Seconds from one line to the next."""


class Progress:
    """Counts what a stage has done, of which `done` was done before this run."""

    def __init__(
        self,
        total: int,
        unit: str,
        *,
        done: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._unit, self._clock = total, unit, clock
        self._before, self._start = done, clock()
        self._told = self._start

    def at(self, done: int) -> None:
        """Say how far the stage is, now and then and at its end."""
        now = self._clock()
        if now - self._told < EVERY and done < self._total:
            return
        self._told = now
        rate = (done - self._before) / max(now - self._start, 1e-9)
        line = f"{done:,} of {self._total:,} {self._unit}"
        if 0 < done < self._total and rate > 0:
            left = timedelta(seconds=round((self._total - done) / rate))
            line += f", {rate:.3g} a second, {left} left"
        click.echo(line, err=True)
