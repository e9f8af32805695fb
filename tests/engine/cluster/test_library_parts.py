"""A library in parts, joined: parts answer in this process, by the code of a cluster's actors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from cache.mapped import UsedBlock
from cache.store import Cache
from engine.cluster import library_parts
from engine.cluster.library_parts import ClusterParts
from engine.cluster.shard_search import SearchActor, SentQuery
from engine.errors import ClusterError
from engine.requests import SearchRequest
from engine.results import FloatArray, IdArray
from engine.scoring.evidence import Floats
from engine.scoring.parts import PartScores, PartTally
from engine.settings import EngineSettings
from tests.engine.cluster.parted import PICTURES, SHARD, compare_all, fill_partly, searcher_of


class HostHere:
    """Does what the process of a cluster does, without one; some shards may be lost."""

    def __init__(self, address: str, settings: EngineSettings) -> None:
        self.actor = SearchActor()
        self.shards: list[int] = []
        self.lost: set[int] = set()
        self.holds = 0

    async def hold(self, blocks: Sequence[UsedBlock], on_loaded: Callable[[int], None]) -> None:
        self.holds += 1
        for shard, used in enumerate(blocks):
            assert not self.actor.load(shard, used.block, used.rows)
            on_loaded(shard + 1)
        self.shards = list(range(len(blocks)))

    async def scores(self, sent: SentQuery) -> dict[int, PartScores]:
        return self.actor.scores(self._left(self.shards), SentQuery.unpack(*sent.pack()))

    async def tallies(
        self, sent: SentQuery, rows: Mapping[int, IdArray] | None
    ) -> dict[int, PartTally]:
        wanted = {s: None if rows is None else rows[s] for s in self._left(rows or self.shards)}
        return self.actor.tallies(wanted, SentQuery.unpack(*sent.pack()))

    async def sums(self) -> dict[int, Floats]:
        return self.actor.sums(self._left(self.shards))

    async def vectors(self, rows: Mapping[int, IdArray]) -> dict[int, FloatArray]:
        return self.actor.vectors({shard: rows[shard] for shard in self._left(rows)})

    async def aclose(self) -> None:
        self.shards = []

    def _left(self, shards: Sequence[int] | Mapping[int, IdArray]) -> list[int]:
        return [shard for shard in shards if shard not in self.lost]


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cache]:
    opened = await Cache.open(tmp_path / "home")
    await fill_partly(opened, tmp_path / "out")
    yield opened
    await opened.aclose()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> HostHere:
    made = HostHere("", EngineSettings(home=tmp_path))
    monkeypatch.setattr(library_parts, "ClusterHost", lambda address, settings: made)
    return made


async def test_parts_answer_as_the_whole_does(cache: Cache, host: HostHere) -> None:
    parts = ClusterParts(cache, "", EngineSettings(home=cache.home))
    await compare_all(cache, parts)
    assert host.holds <= 2


async def test_what_is_lost_is_named_and_is_no_part_of_the_decision(
    cache: Cache, host: HostHere
) -> None:
    parts = ClusterParts(cache, "", EngineSettings(home=cache.home))
    searcher = searcher_of(cache, parts)
    host.lost = {1, 4}
    partly = await searcher.search(SearchRequest(query="snow"))
    assert partly.receipt.considered == PICTURES - 2 * SHARD
    (warning,) = [each for each in partly.warnings if "took no part" in each.message]
    assert "1,000 pictures" in warning.message
    assert "shard 1 of" in warning.message
    host.lost = set()
    whole = await searcher.search(SearchRequest(query="snow"))
    assert whole.receipt.considered == PICTURES
    assert whole.receipt.id != partly.receipt.id
    assert whole.receipt.zero_pictures == PICTURES


async def test_what_is_measured_once_is_kept_for_the_next_program(
    cache: Cache, host: HostHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = EngineSettings(home=cache.home)
    first = await searcher_of(cache, ClusterParts(cache, "", settings)).search(
        SearchRequest(query="snow")
    )

    async def never(*asked: object) -> dict[int, PartTally]:
        raise AssertionError("it was measured before")

    monkeypatch.setattr(host, "tallies", never)
    second = await searcher_of(cache, ClusterParts(cache, "", settings)).search(
        SearchRequest(query="grass")
    )
    assert second.receipt.chance == first.receipt.chance
    assert second.receipt.zero == first.receipt.zero


async def test_after_a_lost_cluster_the_next_question_reads_the_shards_anew(
    cache: Cache, host: HostHere
) -> None:
    parts = ClusterParts(cache, "", EngineSettings(home=cache.home))
    searcher, whole = searcher_of(cache, parts), host.scores

    async def lost(sent: SentQuery) -> dict[int, PartScores]:
        raise ClusterError("the cluster is lost")

    host.scores = lost  # type: ignore[method-assign]
    with pytest.raises(ClusterError):
        await searcher.search(SearchRequest(query="snow"))
    host.scores = whole  # type: ignore[method-assign]
    answer = await searcher.search(SearchRequest(query="snow"))
    assert answer.receipt.considered == PICTURES
    assert host.holds == 2
