"""Options of the commands that take data whose truth is known."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from engine.collections import BUILT_IN
from engine.states import ProcessState
from t2itui.text.plain import plain

if TYPE_CHECKING:
    from engine.engine import Engine


images_option = click.option(
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the pictures of DATA lie, if not beside it.",
)
encoder_option = click.option(
    "--encoder", metavar="ID", help="Default: the one that knows most of the pictures."
)
words_option = click.option(
    "--words",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The class words, one a line; default: the imported texts.",
)
language_option = click.option(
    "--language",
    type=click.Choice(BUILT_IN.languages),
    help=f"Of the {BUILT_IN.name}; default: both.",
)
limit_option = click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="N pictures, at random."
)
seed_option = click.option("--seed", type=int, default=0, show_default=True)


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
            busy = [
                worker for worker in engine.encoders.state() if worker.state is not ProcessState.OFF
            ]
            words = "; ".join(f"{worker.source}: {worker.state}" for worker in busy) or "searching"
            seconds = time.monotonic() - started
            status.update(f"{plain(words)}  {seconds:.0f} s, Ctrl-C stops", spinner="line")
            await asyncio.wait([task], timeout=0.5)
