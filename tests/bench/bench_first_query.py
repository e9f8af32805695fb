"""The first query after the library changed against one whose zero is at hand, in the same run.

    python -m tests.bench.bench_first_query [--sizes 1000 8000 26000] [--rounds 5]

Made-up vectors of 512 numbers in a real cache, 200 background texts and 107 rivals, label-free and
with a matcher of 256 hidden units. Every query is asked of a new searcher, which reads the vectors
from the cache as it must after a change, and one without a zero was asked just before, so that the
file lies in memory for both. Queries with and without the zero at hand take turns, and the shortest
of each counts: in milliseconds of the processor, which other programs lengthen less, and on the
wall. What is asked after it, while the zero is being measured, is held against the same query once
it is measured, with the vectors in memory; that tells something on an idle machine only.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlite_utils import Database

from cache.embeddings import EncoderRecord, add_embeddings, put_encoder
from cache.matchers import add_matcher
from cache.pictures import add_names
from cache.store import Cache
from cache.texts import TextRecord, put_texts
from engine.jobs.jobs import Jobs
from engine.models.encoders import Encoders
from engine.requests import SearchRequest
from engine.search.searcher import Searcher
from engine.search.text_embedder import random_prompts, rival_prompts
from engine.search.zeros import StartJob
from engine.settings import EngineSettings
from engine.states import ZeroState
from tests.bench.vectors import DIM, random_unit
from tests.engine.matchers import random_matcher

ENCODER = EncoderRecord(id="bench", dim=DIM, logit_scale=100.0, source="")
QUERY = SearchRequest(query="a dog", offline=True)
BATCH = 64
FIRST, EXTRA = Path("/photos/all"), Path("/photos/more")


class Desk:
    """A cache, and searchers that know nothing yet."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self._added = 0

    def searcher(self, start: StartJob | None = None) -> Searcher:
        """A new one; with `start` it measures beside its queries."""
        settings = EngineSettings(home=self.cache.home)
        return Searcher(self.cache, Encoders(settings), settings, start=start)

    async def fill(self, count: int, *, with_matcher: bool) -> None:
        """Enter pictures and texts."""
        await self.cache.write(_enter, count)
        if with_matcher:
            weights = random_matcher(ENCODER.id, DIM, hidden=256)
            await self.cache.write(add_matcher, ENCODER.id, weights, "{}")

    async def add(self) -> None:
        """Add a batch of pictures."""
        self._added += 1
        await self.cache.write(_add, EXTRA / f"{self._added}", BATCH, 100 + self._added)

    async def measure(self) -> None:
        """Measure what queries are placed by, as an index run does."""
        await self.searcher().measure(ENCODER.id, 0, lambda _: None)


def _enter(db: Database, count: int) -> None:
    put_encoder(db, ENCODER)
    _add(db, FIRST, count, 1)
    texts = list(dict.fromkeys((QUERY.query, *random_prompts()["en"], *rival_prompts()["en"])))
    records = [
        TextRecord(text=text, vector=vector, tokens=3, lost="", imported=False)
        for text, vector in zip(texts, _vectors(len(texts), 2), strict=True)
    ]
    put_texts(db, ENCODER.id, records)


def _add(db: Database, folder: Path, count: int, seed: int) -> None:
    ids = add_names(db, [str(folder / f"{number:06}.jpg") for number in range(count)])
    add_embeddings(db, ENCODER.id, ids, _vectors(count, seed))


def _vectors(count: int, seed: int) -> np.typing.NDArray[np.float32]:
    rows = random_unit(count, seed)
    rows[:, 0] += 0.5
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


@dataclass(frozen=True)
class Took:
    """Seconds of a query."""

    processor: float
    wall: float


async def _took(searcher: Searcher, *states: ZeroState) -> tuple[Took, str]:
    processor, wall = time.process_time(), time.perf_counter()
    result = await searcher.scored(QUERY)
    took = Took(time.process_time() - processor, time.perf_counter() - wall)
    assert result.receipt.zero in states, result.receipt.zero
    return took, str(result.receipt.zero)


async def compare(
    desk: Desk, change: Callable[[], Awaitable[None]], rounds: int, name: str
) -> None:
    """Print the shortest first query after a change beside that with the zero at hand."""
    first, at_hand, states = list[Took](), list[Took](), set[str]()
    for _ in range(rounds):
        await change()
        await desk.searcher().compare(QUERY)
        took, state = await _took(desk.searcher(), *ZeroState)
        first.append(took)
        states.add(state)
        await desk.measure()
        await desk.searcher().compare(QUERY)
        at_hand.append((await _took(desk.searcher(), ZeroState.CURRENT))[0])
    cells = [
        min(getattr(each, clock) for each in some)
        for clock in ("processor", "wall")
        for some in (first, at_hand)
    ]
    _show(f"{name} ({', '.join(sorted(states))})", cells)


def _show(name: str, cells: Sequence[float]) -> None:
    """Print pairs of seconds and their ratio."""
    pairs = zip(cells[::2], cells[1::2], strict=True)
    shown = (f"{1000 * one:9.1f} {1000 * two:9.1f} {one / two:6.2f}" for one, two in pairs)
    print(f"  {name:38} {'   '.join(shown)}", flush=True)


async def afterwards(desk: Desk, rounds: int) -> None:
    """Print the shortest query while the zero is being measured beside that once it is."""
    jobs = Jobs(desk.cache)
    searcher = desk.searcher(jobs.start)
    await desk.cache.write(lambda db: db.execute("delete from zeros"))
    await searcher.scored(QUERY)
    beside: list[float] = []
    while searcher.zeros.is_measuring and len(beside) < 4 * rounds:
        await asyncio.sleep(0.05)
        beside.append((await _took(searcher, *ZeroState))[0].wall)
    await desk.measure()
    known = [(await _took(searcher, ZeroState.CURRENT))[0].wall for _ in range(4 * rounds)]
    await searcher.aclose()
    await jobs.aclose()
    if beside:
        nothing = [float("nan")] * 2
        _show("the next query, while it is measured", [*nothing, min(beside), min(known)])


async def measure(count: int, rounds: int, *, with_matcher: bool) -> None:
    """Print one size."""
    with tempfile.TemporaryDirectory() as home:
        cache = await Cache.open(Path(home))
        desk = Desk(cache)
        await desk.fill(count, with_matcher=with_matcher)
        await desk.measure()

        async def forget() -> None:
            await cache.write(lambda db: db.execute("delete from zeros"))

        name = "with a matcher" if with_matcher else "label-free"
        title = f"{count:,} pictures, {name}"
        print(f"\n{title:40} {'first   at hand  ratio':>26}   {'wall   at hand  ratio':>26}")
        await compare(desk, desk.add, rounds, f"{BATCH} pictures added")
        await compare(desk, forget, rounds, "nothing known")
        await afterwards(desk, rounds)
        await cache.aclose()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every size that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 8_000, 26_000])
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args(arguments)
    for count in asked.sizes:
        for with_matcher in (False, True):
            asyncio.run(measure(count, asked.rounds, with_matcher=with_matcher))


if __name__ == "__main__":
    main()
