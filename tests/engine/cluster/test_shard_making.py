"""Shards made on a real cluster of three machines, some of which are lost meanwhile."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.cluster import host
from engine.errors import ClusterError
from engine.events import JobEvent, JobFailed, JobFinished, JobNote, JobProgress
from engine.jobs.jobs import Outcome
from engine.library.shards import done_shards, read_manifest
from engine.models.encoders import Encoders
from engine.settings import EngineSettings
from tests.engine.cluster.conftest import Nodes, running_nodes
from tests.engine.library.pictures import FakeEncoders, fill
from tests.engine.library.sharded import index_shards
from tests.engine.library.test_shards import content

SHARDS = 6


class Place:
    """Pictures, a folder for shards, and the same shards made on one machine."""

    def __init__(self, folder: Path, source: Path, encoders: Encoders) -> None:
        self.folder = folder
        self.source = str(source)
        self.encoders = encoders
        self.root = folder / "pictures"
        self.out = folder / "out"
        self.events: list[JobEvent] = []
        self.begun = asyncio.Event()
        """A file is done."""
        fill(self.root, 4 * SHARDS - 1)
        (self.root / "bad.png").write_bytes(b"no picture")

    async def index(self, out: Path, cluster: str = "", addresses: tuple[str, ...] = ()) -> Outcome:
        return await index_shards(
            self.folder / "home",
            self.root,
            out,
            self.encoders,
            4,
            source=self.source,
            cluster=cluster,
            addresses=addresses,
            hear=self._hear,
        )

    async def whole(self) -> dict[str, bytes]:
        """What one machine makes of the pictures."""
        assert isinstance(await self.index(self.folder / "whole"), JobFinished)
        return content(self.folder / "whole")

    def _hear(self, event: JobEvent) -> None:
        self.events.append(event)
        if isinstance(event, JobProgress) and event.stage == "indexing" and event.done:
            self.begun.set()


@pytest.fixture
async def place(tmp_path: Path, tiny_clip: Path) -> AsyncIterator[Place]:
    settings = EngineSettings(home=tmp_path / "home", device="cpu", dtype="fp32")
    encoders = Encoders(settings)
    yield Place(tmp_path, tiny_clip, encoders)
    await encoders.aclose()


async def test_the_shards_of_a_cluster_are_those_of_one_machine_whatever_is_lost(
    nodes: Nodes, place: Place
) -> None:
    whole = await place.whole()
    place.events.clear()
    place.begun.clear()
    running = asyncio.create_task(place.index(place.out, nodes.address))
    await place.begun.wait()
    for line in ("kill 0", "kill 1", "add"):
        await asyncio.to_thread(nodes.tell, line)
    outcome = await running
    assert isinstance(outcome, JobFinished), outcome
    assert "1 unreadable" in outcome.message
    assert content(place.out) == whole
    notes = [event.message for event in place.events if isinstance(event, JobNote)]
    assert any("lost with its machine, and is made again" in note for note in notes)
    done = [e.done for e in place.events if isinstance(e, JobProgress) and e.stage == "indexing"]
    assert done[-1] == 4 * SHARDS


@pytest.mark.slow
async def test_a_cluster_that_loses_its_head_is_told_and_nothing_is_lost(place: Place) -> None:
    whole = await place.whole()
    place.events.clear()
    place.begun.clear()
    with running_nodes() as nodes:
        running = asyncio.create_task(place.index(place.out, nodes.address))
        await place.begun.wait()
        await asyncio.to_thread(nodes.tell, "kill head")
        outcome = await running
        assert isinstance(outcome, JobFailed), outcome
        assert "its head does not answer any more" in outcome.message
        assert "What is done is kept" in outcome.hint
    manifest = read_manifest(place.out)
    assert manifest is not None
    before = {
        n: content(place.out)[f"img_emb/img_emb_{n}.npy"] for n in done_shards(place.out, manifest)
    }
    assert isinstance(await place.index(place.out), JobFinished)
    after = content(place.out)
    assert after == whole
    assert all(after[f"img_emb/img_emb_{n}.npy"] == data for n, data in before.items())


async def test_a_cluster_reads_pictures_from_other_storage(nodes: Nodes, place: Place) -> None:
    archive = shutil.make_archive(str(place.folder / "photos"), "zip", place.root)
    given = (f"zip://::file://{archive}",)
    for out, cluster in ((place.folder / "alone", ""), (place.out, nodes.address)):
        outcome = await place.index(out, cluster, given)
        assert isinstance(outcome, JobFinished), outcome
        assert f"{4 * SHARDS} files in {SHARDS} shards" in outcome.message
    assert content(place.out) == content(place.folder / "alone")


async def test_where_no_cluster_is_it_is_said(place: Place) -> None:
    pytest.importorskip("ray")
    outcome = await place.index(place.out, "127.0.0.1:1")
    assert isinstance(outcome, JobFailed)
    assert outcome.error == "ClusterError"
    assert "there is no Ray cluster at 127.0.0.1:1" in outcome.message


async def test_without_ray_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr(host, "find_spec", lambda name: None)
    with pytest.raises(ClusterError) as caught:
        host.ClusterHost("anywhere:6379", EngineSettings(home=tmp_path))
    assert "pip install 't2itui[ray]'" in caught.value.hint
    fill(tmp_path / "pictures", 1)
    outcome = await index_shards(
        tmp_path / "home",
        tmp_path / "pictures",
        tmp_path / "out",
        FakeEncoders(),
        4,
        cluster="anywhere:6379",
    )
    assert isinstance(outcome, JobFailed)
    assert "t2itui[ray]" in outcome.hint
