"""Searches over shards in the memory of a real cluster, beside those of one machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cache.store import Cache
from engine.cluster.library_parts import ClusterParts
from engine.errors import ClusterError
from engine.requests import SearchRequest
from engine.settings import EngineSettings
from tests.engine.cluster.conftest import Nodes, running_nodes
from tests.engine.cluster.parted import (
    PICTURES,
    TEXTS,
    both,
    compare_all,
    fill_partly,
    searcher_of,
)


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cache]:
    opened = await Cache.open(tmp_path / "home")
    await fill_partly(opened, tmp_path / "out")
    yield opened
    await opened.aclose()


async def test_a_cluster_answers_as_one_machine_does(nodes: Nodes, cache: Cache) -> None:
    loaded: list[tuple[int, int]] = []
    parts = ClusterParts(
        cache,
        nodes.address,
        EngineSettings(home=cache.home),
        lambda done, of: loaded.append((done, of)),
    )
    try:
        await compare_all(cache, parts)
        assert loaded[-1] == (6, 6)
        # Paging, and another threshold, work on scores that have come here.
        searcher = searcher_of(cache, parts)
        answer = await searcher.scored(SearchRequest(query="grass", top=5))
        page = await searcher.rows(answer, "match", 2_000, 2_010)
        assert [row.rank for row in page] == list(range(2_001, 2_011))
        moved = await searcher.record(answer, threshold=0.01, scorer="cosine", top=5)
        assert moved.receipt.threshold == 0.01
    finally:
        await parts.aclose()


async def test_what_a_lost_machine_held_is_named_and_read_by_another(
    nodes: Nodes, cache: Cache
) -> None:
    parts = ClusterParts(cache, nodes.address, EngineSettings(home=cache.home))
    searcher = searcher_of(cache, parts)
    request = SearchRequest(query="a dog", top=0)
    try:
        whole = await searcher.search(request)
        assert whole.receipt.considered == PICTURES
        for number in (0, 1):
            await asyncio.to_thread(nodes.tell, f"kill {number}")
        # Its receipt is not asked of a cluster; another question is.
        assert (await searcher.search(request)).receipt == whole.receipt
        # What works on a machine outlives it for a moment, and may still answer.
        for text in TEXTS[3:]:
            lacking = SearchRequest(query=f'"{text}"', top=0)
            partly = await searcher.search(lacking)
            if partly.receipt.considered < PICTURES:
                break
            await asyncio.sleep(0.25)
        assert 100 <= partly.receipt.considered < PICTURES
        (warning,) = [each for each in partly.warnings if "took no part" in each.message]
        assert f"{PICTURES - partly.receipt.considered:,} pictures" in warning.message
        for _ in range(240):
            again = await searcher.search(lacking)
            if again.receipt.considered == PICTURES:
                break
            await asyncio.sleep(0.25)
        assert again.receipt.considered == PICTURES
        assert again.receipt.id != partly.receipt.id
        assert not [each for each in again.warnings if "took no part" in each.message]
        await both(cache, parts, SearchRequest(query="grass"))
    finally:
        await parts.aclose()


async def test_a_machine_that_is_lost_while_shards_are_read_costs_time_alone(
    cache: Cache,
) -> None:
    with running_nodes() as nodes:
        killing: list[asyncio.Task[None]] = []

        def kill_one(done: int, of: int) -> None:
            if not killing:
                killing.append(asyncio.create_task(asyncio.to_thread(nodes.tell, "kill 1")))

        parts = ClusterParts(cache, nodes.address, EngineSettings(home=cache.home), kill_one)
        try:
            answer = await searcher_of(cache, parts).search(SearchRequest(query="snow"))
            await killing[0]
            lost = [each for each in answer.warnings if "took no part" in each.message]
            assert answer.receipt.considered == PICTURES or lost
            # And without a head there is an error, not half an answer.
            await asyncio.to_thread(nodes.tell, "kill head")
            with pytest.raises(ClusterError, match="its head does not answer"):
                for number in range(3, 60):
                    query = f'"{TEXTS[number]}"'
                    await searcher_of(cache, parts).preview(SearchRequest(query=query))
                    await asyncio.sleep(0.5)
        finally:
            await parts.aclose()
