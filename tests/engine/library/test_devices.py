"""Pictures embedded on several devices: the rows and bytes of one, whoever is free."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cache.embeddings import Vectors, load_matrix
from cache.files import failures
from cache.pictures import shown_pictures
from cache.store import Cache
from engine.engine import Engine
from engine.events import JobCancelled, JobFailed, JobFinished
from engine.jobs.jobs import Jobs, Outcome
from engine.library.indexing import Indexer
from engine.library.pipeline import in_order
from engine.models.devices import kind_and_number, see_only
from engine.models.encoders import EncoderPool, Encoders, PictureEncoders
from engine.requests import IndexRequest
from engine.settings import EngineSettings
from engine.states import CheckState
from tests.engine.library.pictures import FakeEncoders, fill
from tests.engine.library.sharded import index_shards
from tests.engine.library.test_shards import content
from tests.tiny_models import save_tiny_clip

Rows = tuple[list[str], Vectors, list[tuple[str, str]]]


async def index(
    home: Path,
    root: Path,
    encoders: PictureEncoders,
    settings_devices: tuple[str, ...] = (),
    *,
    encoder: str = "fake",
    devices: str = "",
    cluster: str = "",
) -> Outcome:
    """Index with one decoder, so that files arrive in one order."""
    settings = EngineSettings(
        home=home, decoders=1, device="cpu", devices=settings_devices, dtype="fp32"
    )
    cache = await Cache.open(home)
    jobs, indexer = Jobs(cache), Indexer(cache, encoders, settings)
    await jobs.recover()
    request = IndexRequest(
        folders=(root,), batch_size=8, encoder=encoder, devices=devices, cluster=cluster
    )
    outcome = await jobs.start(indexer.job(request)).wait()
    await jobs.aclose()
    await indexer.aclose()
    await cache.aclose()
    return outcome


async def rows(home: Path, encoder_id: str = "fake") -> Rows:
    """Paths and vectors in the order of the pictures' ids, and the ledger."""
    cache = await Cache.open(home)
    ids, matrix = await cache.read(load_matrix, encoder_id)
    shown = {each.picture.id: each for each in await cache.read(shown_pictures, ids.tolist())}
    paths = [file.path for number in ids.tolist() if (file := shown[number].file) is not None]
    ledger = [(each.path, each.reason) for each in await cache.read(failures, None)]
    await cache.aclose()
    return paths, matrix, ledger


def photos(root: Path) -> None:
    fill(root, 40)
    (root / "0007.png").write_bytes(b"no picture")
    (root / "0031.png").write_bytes((root / "0003.png").read_bytes())


class Quick(FakeEncoders):
    """A device that says when it has made two calls."""

    def __init__(self) -> None:
        super().__init__()
        self.made_two = asyncio.Event()

    async def embed_pixels(self, source: str, pixels: NDArray[np.uint8]) -> Vectors:
        vectors = await super().embed_pixels(source, pixels)
        if len(self.calls) == 2:
            self.made_two.set()
        return vectors


class Slow(FakeEncoders):
    """A device that is done with its first pictures when the other has done the next."""

    def __init__(self, other: Quick) -> None:
        super().__init__()
        self._other = other

    async def embed_pixels(self, source: str, pixels: NDArray[np.uint8]) -> Vectors:
        await self._other.made_two.wait()
        return await super().embed_pixels(source, pixels)


async def test_rows_and_failures_are_in_the_order_of_one_device(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    photos(root)
    assert isinstance(await index(tmp_path / "one", root, FakeEncoders()), JobFinished)
    quick = Quick()
    slow = Slow(quick)
    pool = EncoderPool([slow, quick])
    assert isinstance(await index(tmp_path / "two", root, pool), JobFinished)
    assert slow.embedded and quick.embedded and slow.embedded + quick.embedded == 38
    one, vectors, ledger = await rows(tmp_path / "one")
    two, others, same = await rows(tmp_path / "two")
    assert one == two and len(one) == 38
    assert ledger == same == [(str(root / "0007.png"), ledger[0][1])]
    assert np.array_equal(vectors, others)


async def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    """Of the settings' devices, which embed where none are named."""
    root, source = tmp_path / "pictures", str(save_tiny_clip(tmp_path / "clip"))
    photos(root)
    encoders = Encoders(EngineSettings(home=tmp_path / "logs", device="cpu", dtype="fp32"))
    encoder_id = (await encoders.describe(source)).id
    await index(tmp_path / "one", root, encoders, encoder=source)
    outcome = await index(tmp_path / "two", root, encoders, ("cpu:0", "cpu:1"), encoder=source)
    await encoders.aclose()
    assert isinstance(outcome, JobFinished), outcome
    logs = {path.name for path in (tmp_path / "two" / "logs").iterdir()}
    assert {f"encoder-{encoder_id}-cpu-{n}.log" for n in (0, 1)} <= logs
    one, vectors, ledger = await rows(tmp_path / "one", encoder_id)
    two, others, same = await rows(tmp_path / "two", encoder_id)
    assert (one, ledger) == (two, same)
    # The last bit hangs on how many pictures a call has, which time decides, on one device as well.
    assert np.abs(vectors - others).max() < 1e-6


async def test_shards_of_two_processes_are_those_of_one_to_the_byte(tmp_path: Path) -> None:
    root, source = tmp_path / "pictures", str(save_tiny_clip(tmp_path / "clip"))
    fill(root, 70)
    (root / "0007.png").write_bytes(b"no picture")
    encoders = Encoders(EngineSettings(home=tmp_path / "logs", device="cpu", dtype="fp32"))
    for name, devices in (("one", ""), ("two", "cpu:0,cpu:1")):
        outcome = await index_shards(
            tmp_path / f"home of {name}", root, tmp_path / name, encoders, 50,
            source=source, devices=devices,
        )  # fmt: skip
        assert isinstance(outcome, JobFinished), outcome
    await encoders.aclose()
    assert content(tmp_path / "one") == content(tmp_path / "two")


async def test_cancelling_frees_every_device_and_the_next_run_goes_on(tmp_path: Path) -> None:
    root, home = tmp_path / "pictures", tmp_path / "home"
    photos(root)
    members = [FakeEncoders(allowed=10), FakeEncoders(allowed=10)]
    settings = EngineSettings(home=home, decoders=1)
    cache = await Cache.open(home)
    jobs, indexer = Jobs(cache), Indexer(cache, EncoderPool(members), settings)
    await jobs.recover()
    request = IndexRequest(folders=(root,), encoder="fake", batch_size=8)
    job = jobs.start(indexer.job(request))
    # Either may get more than its part, and wait for good: then the other comes to an end as well.
    waits = [asyncio.ensure_future(each.waiting.wait()) for each in members]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    job.cancel()
    assert isinstance(await job.wait(), JobCancelled)
    kept = sum(each.embedded for each in members)
    for each in members:
        each.allowed = None
    assert isinstance(await jobs.start(indexer.job(request)).wait(), JobFinished)
    await jobs.aclose()
    await indexer.aclose()
    await cache.aclose()
    paths, _, ledger = await rows(home)
    assert len(paths) == 38 and len(ledger) == 1
    assert sum(each.embedded for each in members) <= 38 + kept


@pytest.mark.parametrize(
    ("devices", "cluster", "said"),
    [
        ("gpu1", "", "'gpu1' is no device"),
        ("0,0", "", "named twice"),
        ("0", "10.0.0.1:6379", "on all the devices they have"),
    ],
)
async def test_devices_that_cannot_be_are_refused_at_once(
    tmp_path: Path, devices: str, cluster: str, said: str
) -> None:
    root = tmp_path / "pictures"
    fill(root, 1)
    outcome = await index(tmp_path / "home", root, FakeEncoders(), devices=devices, cluster=cluster)
    assert isinstance(outcome, JobFailed)
    assert said in outcome.message


async def test_work_is_handed_back_in_order_and_ends_with_its_reader() -> None:
    ended: list[int] = []
    gates, ends = ([asyncio.Event() for _ in range(5)] for _ in range(2))

    async def numbers() -> AsyncIterator[int]:
        for number in range(5):
            yield number

    async def work(number: int) -> int:
        try:
            await gates[number].wait()
        finally:
            ended.append(number)
            ends[number].set()
        return number * number

    async with aclosing(in_order(numbers(), work, 3)) as found:
        reading = asyncio.ensure_future(anext(found))
        gates[1].set()
        gates[0].set()
        assert await reading == (0, 0)
        assert await anext(found) == (1, 1)
        gates[3].set()
        waiting = asyncio.ensure_future(anext(found))
        await ends[3].wait()
        assert not waiting.done() and 4 not in ended
        gates[2].set()
        assert await waiting == (2, 4)
    assert sorted(ended) == [0, 1, 2, 3, 4]


async def test_who_is_done_goes_on_while_the_first_takes_its_time() -> None:
    begun: list[int] = []
    gate, all_begun = asyncio.Event(), asyncio.Event()

    async def numbers() -> AsyncIterator[int]:
        for number in range(9):
            yield number

    async def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            all_begun.set()
        if number == 0:
            await gate.wait()
        return number

    async with aclosing(in_order(numbers(), work, 2)) as found:
        reading = asyncio.ensure_future(anext(found))
        await all_begun.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        assert begun == [0, 1, 2, 3]
        gate.set()
        assert await reading == (0, 0)
        assert [number async for number, _ in found] == [*range(1, 9)]


@pytest.mark.parametrize(
    ("device", "seen", "found"),
    [
        ("cuda:1", "", "1"),
        ("cuda:1", "4,6", "6"),
        ("cuda:1", "GPU-a, GPU-b", "GPU-b"),
        ("cuda", "4,6", "4,6"),
        ("cpu:1", "4,6", "4,6"),
    ],
)
def test_a_process_sees_its_own_gpu_alone(
    monkeypatch: pytest.MonkeyPatch, device: str, seen: str, found: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    assert see_only(device) == kind_and_number(device)[0]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == found


async def test_doctor_looks_at_every_device_that_is_named(tmp_path: Path) -> None:
    settings = EngineSettings(home=tmp_path / "home", device="cpu", devices=("cpu:1", "mps"))
    async with Engine.open(settings, with_jobs=False) as engine:
        checks = {check.name: check for check in await engine.doctor()}
    assert checks["cpu:1"].state is CheckState.OK
    assert checks["cpu:1"].message.startswith("cpu ")
    if not torch.backends.mps.is_available():
        assert checks["mps"].state is CheckState.ERROR
        assert "no mps device" in checks["mps"].message
