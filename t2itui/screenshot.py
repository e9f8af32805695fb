"""Makes a picture of the app: `python -m t2itui.screenshot OUT.svg`.

The real app runs without a terminal, takes keys, and is written as SVG, its pictures as half
cells. Without `--home` it shows the first start of a new home; two runs write the same file.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click
from textual.worker import WorkerCancelled

from t2itui.app import T2ITuiApp
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.screens.search.query_line import QueryInput
from t2itui.session import Session
from t2itui.settings import AppSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from textual.pilot import Pilot

    from engine.engine import Engine
    from engine.requests import SearchRequest
    from engine.results import SearchResult

Answer: TypeAlias = Callable[["SearchRequest"], Coroutine[Any, Any, "SearchResult"]]

SHOWN_SECONDS = 0.002
"""Stands for the time a query took, which differs from run to run."""
GRAPHICS = Graphics(
    protocol=GraphicsProtocol.HALF_CELLS,
    reason="a drawing knows no pixels",
    truecolor=True,
    terminal="svg",
)
PATIENCE = 100
"""Looks at the screen until it has come to rest, at most."""


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--size", default="120x36", show_default=True, help="Columns x lines.")
@click.option("--keys", default="", metavar="KEYS", help="Keys pressed then, commas apart.")
@click.option("--query", default="", help="Asked first; default: nothing.")
@click.option("--theme", default=AppSettings().theme, show_default=True)
@click.option(
    "--home",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Whose library to show; default: that of a new home, which is built in.",
)
def main(out: Path, size: str, keys: str, query: str, theme: str, home: Path | None) -> None:
    """Write a picture of the app to OUT."""
    columns, _, lines = size.partition("x")
    if not (columns.isdecimal() and lines.isdecimal()):
        raise click.UsageError("--size takes columns and lines, as in 120x36")
    os.environ["TZ"] = "UTC"
    time.tzset()
    pressed = [key for key in keys.split(",") if key]
    wanted = (int(columns), int(lines))
    svg = asyncio.run(screenshot(wanted, keys=pressed, query=query, theme=theme, home=home))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(svg, encoding="utf-8")


async def screenshot(
    size: tuple[int, int], *, keys: Sequence[str], query: str, theme: str, home: Path | None
) -> str:
    """Return the app as SVG, once everything has been drawn."""
    with new_home() if home is None else nullcontext(home) as folder:

        def open_engine() -> AbstractAsyncContextManager[Engine]:
            return steady_engine(folder)

        settings = AppSettings(theme=theme)
        session = Session(graphics=GRAPHICS, settings=settings, start_query=query)
        app = T2ITuiApp(open_engine, session)
        async with app.run_test(size=size) as pilot:
            # A cursor that blinks would never come to rest.
            app.screen.query_one(QueryInput).cursor_blink = False
            await at_rest(pilot)
            for key in keys:
                await pilot.press(key)
                await at_rest(pilot)
            return app.export_screenshot(title="t2itui")


@contextmanager
def new_home() -> Iterator[Path]:
    """Make a home, always of one name, for the app may show it."""
    folder = Path(tempfile.gettempdir()) / "t2itui-demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def steady_engine(home: Path) -> AsyncIterator[Engine]:
    """Open an engine that does not say how long a query took."""
    from engine.engine import Engine

    async with Engine.open(AppSettings().engine(home)) as engine:
        searcher = engine.searcher
        searcher.scored = _steady(searcher.scored)  # type: ignore[method-assign, assignment]
        searcher.preview = _steady(searcher.preview)  # type: ignore[method-assign, assignment]
        yield engine


def _steady(answer: Answer) -> Answer:
    async def answer_in_no_time(request: SearchRequest) -> SearchResult:
        return replace(await answer(request), seconds=SHOWN_SECONDS)

    return answer_in_no_time


async def at_rest(pilot: Pilot[None]) -> None:
    """Wait until nothing works any more and two looks at the screen are the same."""
    before = ""
    for _ in range(PATIENCE):
        await pilot.pause()
        with suppress(WorkerCancelled):  # One made way for a newer one.
            await pilot.app.workers.wait_for_complete()
        await pilot.pause(0.1)
        now = pilot.app.export_screenshot(title="")
        if now == before:
            return
        before = now


if __name__ == "__main__":
    main()
