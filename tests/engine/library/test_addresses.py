"""Pictures on other storage: found, fetched and embedded as those of a folder are."""

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow.parquet as parquet
import pytest

from cache.files import failures
from cache.store import Cache
from engine.errors import RequestError
from engine.events import JobFailed, JobFinished
from engine.jobs.codec import command_words, request_from_json, request_to_json
from engine.library import addresses
from engine.library.addresses import check_addresses, fetched, walk_storage
from engine.library.shards import read_failures
from engine.requests import IndexRequest
from tests.engine.library.pictures import FakeEncoders, fill
from tests.engine.library.sharded import attach, index_shards

pytestmark = pytest.mark.usefixtures("nothing_open")


@pytest.fixture
def nothing_open() -> Iterator[None]:
    """What was opened for another test is forgotten."""
    addresses.open_storage.cache_clear()
    yield
    addresses.open_storage.cache_clear()
    fsspec.filesystem("memory").store.clear()


def in_memory(folder: Path, below: str) -> str:
    """A copy of a folder on the storage that fsspec keeps in memory; its address."""
    fsspec.filesystem("memory").put(f"{folder}/", f"/{below}/", recursive=True)
    return f"memory://{below}"


def zipped(folder: Path) -> str:
    """A copy of a folder as an archive; its address."""
    archive = shutil.make_archive(str(folder), "zip", folder)
    return f"zip://::file://{archive}"


def paths_of(out: Path, number: int = 0) -> list[str]:
    """What the metadata of a shard call its pictures."""
    table = parquet.read_table(out / "metadata" / f"metadata_{number}.parquet")
    paths: list[str] = table.column("image_path").to_pylist()
    return paths


@pytest.mark.parametrize("place", [in_memory, lambda folder, _: zipped(folder)])
async def test_pictures_elsewhere_give_the_embeddings_of_those_here(
    tmp_path: Path,
    place: Any,  # noqa: ANN401
) -> None:
    root = tmp_path / "pictures"
    fill(root, 3)
    fill(root / "deep #1?", 4, first=3)
    (root / "bad.png").write_bytes(b"no picture")
    (root / "words.txt").write_text("nothing")
    fill(root / "@eaDir", 1)
    await index_shards(tmp_path / "home", root, tmp_path / "here", FakeEncoders(), 100)
    address = place(root, "photos")
    outcome = await index_shards(
        tmp_path / "home", root, tmp_path / "out", FakeEncoders(), 100, addresses=(address,)
    )
    assert isinstance(outcome, JobFinished), outcome
    here, there = (tmp_path / name for name in ("here", "out"))
    ours = [path.removeprefix(f"{root}/") for path in paths_of(here)]
    head, chain, rest = address.partition("::")
    joint = "" if head.endswith("/") else "/"
    assert paths_of(there) == [f"{head}{joint}{path}{chain}{rest}" for path in ours]
    for name in ("img_emb/img_emb_0.npy", "thumbnails/thumbnails_0.npy"):
        assert np.array_equal(np.load(here / name), np.load(there / name))
    (failure,) = read_failures(there, 0)
    assert failure.path == f"{head}{joint}bad.png{chain}{rest}"
    cache = await Cache.open(tmp_path / "other home")
    assert "7 new pictures" in await attach(cache, there)
    await cache.aclose()


async def test_what_did_not_come_joins_a_further_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out, home = (tmp_path / name for name in ("pictures", "out", "home"))
    fill(root, 4)
    given = (in_memory(root, "photos"),)
    copy = addresses._copy

    def copy_some(address: str, target: Path) -> None:
        if address.endswith("0002.png"):
            raise ConnectionResetError(104, "Connection reset by peer")
        copy(address, target)

    monkeypatch.setattr(addresses, "_copy", copy_some)
    await index_shards(home, root, out, FakeEncoders(), 100, addresses=given)
    cache = await Cache.open(home)
    (failed,) = await cache.read(failures)
    await cache.aclose()
    assert failed.reason == "it cannot be fetched: Connection reset by peer"
    assert len(paths_of(out)) == 3
    monkeypatch.undo()
    outcome = await index_shards(home, root, out, FakeEncoders(), 100, addresses=given)
    assert isinstance(outcome, JobFinished), outcome
    assert paths_of(out, 1) == ["memory://photos/0002.png"]
    assert "1 made, 1 there before" in outcome.message
    again = await index_shards(home, root, out, FakeEncoders(), 100, addresses=given)
    assert isinstance(again, JobFinished)
    assert "all there" in again.message


async def test_a_storage_that_hangs_costs_the_file_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "pictures", 2)
    address = in_memory(tmp_path / "pictures", "photos")
    never = threading.Event()
    copy = addresses._copy

    def copy_one(name: str, target: Path) -> None:
        if name.endswith("0000.png"):
            never.wait()
        copy(name, target)

    monkeypatch.setattr(addresses, "_copy", copy_one)
    monkeypatch.setattr(addresses, "LONGEST_S", 0.5)
    names = [f"{address}/0000.png", f"{address}/0001.png"]
    async with fetched(names) as copies:
        assert copies[names[0]] == "it did not come within 0 seconds"
        assert isinstance(copies[names[1]], Path)
    never.set()


def test_patterns_leave_out_what_lies_elsewhere(tmp_path: Path) -> None:
    fill(tmp_path / "pictures" / "raw", 2)
    fill(tmp_path / "pictures" / "kept", 2)
    (storage,) = check_addresses([in_memory(tmp_path / "pictures", "photos") + "/"])
    folders = list(walk_storage(storage, ["raw/", "*1.png"]))
    assert [path for folder in folders for path, _, _ in folder.files] == [
        "memory://photos/kept/0000.png"
    ]
    assert all(time > 0 for folder in folders for _, _, time in folder.files)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("memory://nothing/here", "there is no folder memory://nothing/here"),
        ("nonsense://a/b", "nonsense"),
        ("zip://::file:///no/such.zip", "/no/such.zip"),
    ],
)
def test_addresses_that_nothing_opens_are_refused(address: str, said: str) -> None:
    with pytest.raises(RequestError) as refused:
        check_addresses([address])
    assert said in refused.value.message
    assert refused.value.hint
    assert refused.value.field == "folders"


async def test_a_library_does_not_watch_other_storage(tmp_path: Path) -> None:
    from engine.jobs.jobs import Jobs
    from engine.library.indexing import Indexer
    from engine.settings import EngineSettings

    cache = await Cache.open(tmp_path)
    jobs = Jobs(cache)
    indexer = Indexer(cache, FakeEncoders(), EngineSettings(home=tmp_path))
    request = IndexRequest(folders=(), addresses=("s3://bucket/photos",))
    outcome = await jobs.start(indexer.job(request)).wait()
    assert isinstance(outcome, JobFailed)
    assert "--shards OUT" in outcome.hint
    await jobs.aclose()
    await indexer.aclose()
    await cache.aclose()


def test_a_job_with_addresses_is_kept_and_written_as_a_command() -> None:
    request = IndexRequest(
        folders=(Path("/photos"),), addresses=("s3://bucket/a b",), shards=Path("/out")
    )
    words = command_words(request)
    assert words == ["index", "--shards", "/out", "/photos", "s3://bucket/a b"]
    assert request_from_json(IndexRequest, request_to_json(request)) == request
    old = json.loads(request_to_json(request))
    del old["addresses"]
    assert request_from_json(IndexRequest, json.dumps(old)).addresses == ()
