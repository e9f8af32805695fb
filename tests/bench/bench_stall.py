"""How long the event loop stands still while pictures fill and while paging through 10,000 results.

Run it as `python -m tests.bench.bench_stall [PROTOCOL ...]`. The whole app runs on a pty over a
real cache; at the end the storybook's encoder finds words in a large picture of it, and their maps
are stepped through, first the words, then pictures. Two figures for each phase: the longest stall
by the clock, and the processor time that the loop's own thread spent in its longest stretch; only
the first grows on a busy machine.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from engine.engine import Engine
from engine.settings import EngineSettings
from t2itui.app import T2ITuiApp
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.screens.search.card import Card
from t2itui.screens.search.viewer import Viewer
from t2itui.session import Session
from tests.bench.big_library import QUERY, build
from tests.bench.on_pty import CELL, run_on_pty
from tests.t2itui.fakes import search_screen

RESULTS = 10_000
PAGES = 40
TEXT = "a brown dog and a ball on the beach"
PICTURES = 8
"""Whose words are found one after the other."""
BEAT_S = 0.002
"""How often the loop is asked whether it is still there."""
CHILD = """
import sys
from tests.bench.bench_stall import child
child({home!r}, {protocol!r}, int(sys.argv[1]))
"""


class ThreadProgress:
    """Measures the gaps between two turns of the loop."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self._gaps: list[tuple[float, float]] = []
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            wall, used = time.perf_counter(), time.thread_time()
            await asyncio.sleep(BEAT_S)
            self._gaps.append((time.perf_counter() - wall - BEAT_S, time.thread_time() - used))

    @asynccontextmanager
    async def phase(self, name: str) -> AsyncIterator[None]:
        """Keep the longest gaps, in ms, under `name`."""
        await asyncio.sleep(0.3)
        self._gaps.clear()
        yield
        await asyncio.sleep(0.1)
        self.figures[f"{name} wall"] = max(wall for wall, _ in self._gaps) * 1000
        self.figures[f"{name} used"] = max(used for _, used in self._gaps) * 1000

    async def rest(self, seconds: float = 0.02) -> None:
        """Let the loop work."""
        await asyncio.sleep(seconds)

    def stop(self) -> None:
        """End the measuring."""
        self._task.cancel()


async def filled(app: T2ITuiApp) -> None:
    """Wait until every card in sight has its picture or its words."""
    while True:
        await asyncio.sleep(0.02)
        grid = search_screen(app).results.grid
        is_full = len(grid.cards) == grid.shape.slots
        if is_full and all(_has_settled(card) for card in grid.cards):
            return


def _has_settled(card: Card) -> bool:
    return card.is_filled and card.picture.reason != "loading"


async def drive(pilot: Pilot[object], write_to: int) -> None:
    """Search, page, jump and open the help, and write down how long the loop stood still."""
    app = pilot.app
    assert isinstance(app, T2ITuiApp)
    while app.session.engine is None:  # noqa: ASYNC110 - the app offers no event to wait for
        await asyncio.sleep(0.02)
    pulse = ThreadProgress()
    async with pulse.phase("first fill"):
        search_screen(app).search_for(QUERY)
        await filled(app)
    search_screen(app).query_one("ResultGrid").focus()
    async with pulse.phase("paging"):
        for _ in range(PAGES):
            app.simulate_key("pagedown")
            await asyncio.sleep(0.05)
        await filled(app)
    async with pulse.phase("arrows"):
        for _ in range(PAGES):
            app.simulate_key("down")
            await asyncio.sleep(0.03)
        await filled(app)
    async with pulse.phase("dialog"):
        app.simulate_key("question_mark")
        await asyncio.sleep(0.7)
        app.simulate_key("escape")
        await asyncio.sleep(0.5)
    await find_words(app, pulse)
    pulse.stop()
    os.write(write_to, json.dumps(pulse.figures).encode())
    app.exit()


async def find_words(app: T2ITuiApp, pulse: ThreadProgress) -> None:
    """Open a picture of the storybook large, find the words of a description, and walk on."""
    search = search_screen(app)
    asked = search.results.listing
    app.simulate_key("b")
    await until(lambda: search.results.listing not in (None, asked) and not search.is_waiting)
    search.search_for(TEXT)
    await until(lambda: not search.is_waiting and search.query_line.input.value == TEXT)
    await filled(app)
    app.simulate_key("enter")
    await until(lambda: isinstance(app.screen, Viewer))
    viewer = app.screen
    assert isinstance(viewer, Viewer)
    async with pulse.phase("words found"):
        app.simulate_key("w")
        await until(lambda: is_mapped(viewer))
    async with pulse.phase("next words"):
        for _ in range(PAGES):
            app.simulate_key("w")
            await asyncio.sleep(0.05)
    if not is_mapped(viewer):
        app.simulate_key("w")
    async with pulse.phase("next mapped"):
        for _ in range(PICTURES):
            app.simulate_key("right")
            await asyncio.sleep(0.05)
            await until(lambda: is_mapped(viewer))


def is_mapped(viewer: Viewer) -> bool:
    """The map of a word lies over the picture."""
    return viewer.picture.overlay is not None


async def until(condition: Callable[[], bool]) -> None:
    """Let the app work until something holds."""
    while not condition():  # noqa: ASYNC110 - the app offers no event to wait for
        await asyncio.sleep(0.02)


def child(home: str, protocol: GraphicsProtocol, write_to: int) -> None:
    """Run the app and drive it; called in a process of its own."""

    def open_engine() -> AbstractAsyncContextManager[Engine]:
        return Engine.open(EngineSettings(home=Path(home)))

    graphics = Graphics(
        protocol=protocol, reason="bench", cell_width=CELL[0], cell_height=CELL[1], truecolor=True
    )

    async def pilot(pilot: Pilot[object]) -> None:
        await drive(pilot, write_to)

    T2ITuiApp(open_engine, Session(graphics=graphics)).run(auto_pilot=pilot)


def main(protocols: list[str]) -> None:
    """Build the library once and measure each protocol on it, words first."""
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(build(Path(home), RESULTS))
        print(f"longest stall of the event loop, {RESULTS:,} results: ms by the clock / ms of the")
        print("loop's own thread (ratio of the latter to the same app showing words)")
        words: dict[str, float] = {}
        for protocol in protocols:
            run = run_on_pty(CHILD.format(home=home, protocol=protocol))
            words = words or run.result
            print(f"{protocol}, {run.written / 1e6:.1f} MB written")
            for name in (key.removesuffix(" wall") for key in run.result if key.endswith(" wall")):
                wall, used = run.result[f"{name} wall"], run.result[f"{name} used"]
                print(f"  {name:12}{wall:6.0f} /{used:5.0f}  ({used / words[f'{name} used']:.2f})")


if __name__ == "__main__":
    main(sys.argv[1:] or [*reversed(GraphicsProtocol)])
