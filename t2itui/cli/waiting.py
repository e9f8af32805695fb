"""Say what a command waits for: a model that loads takes seconds."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, TypeVar

from t2itui.plain import plain

if TYPE_CHECKING:
    from engine.engine import Engine

T = TypeVar("T")

QUIET_S = 0.7
"""An answer that comes sooner needs no explanation."""


async def waiting_for_models(engine: Engine, work: Coroutine[None, None, T]) -> T:
    """Await `work`; on a terminal, stderr shows which model is loading or at work meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task], timeout=QUIET_S if sys.stderr.isatty() else None)
        if not task.done():
            await _show(engine, task)
        return await task
    finally:
        task.cancel()


async def _show(engine: Engine, task: asyncio.Future[T]) -> None:
    from rich.console import Console

    started = time.monotonic() - QUIET_S
    with Console(stderr=True).status("") as status:
        while not task.done():
            busy = [worker for worker in engine.encoders.state() if worker.state != "off"]
            words = "; ".join(f"{worker.source}: {worker.state}" for worker in busy) or "searching"
            seconds = time.monotonic() - started
            status.update(f"{plain(words)}  {seconds:.0f} s, Ctrl-C stops", spinner="line")
            await asyncio.wait([task], timeout=0.5)
