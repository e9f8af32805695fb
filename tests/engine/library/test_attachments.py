"""Attached shards: part of the library, where they lie."""

import json
import os
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from cache.attached import attached_folders
from cache.embeddings import compact, count_embeddings, load_matrix, missing, vectors_of
from cache.errors import CacheError
from cache.files import FailureRecord, failures, finish_scan, known_files, put_folder
from cache.library import counts
from cache.mapped import used_blocks
from cache.pictures import NewPicture, add_picture, shown_pictures, thumbnails
from cache.store import Cache
from cache.texts import TextRecord, put_texts
from engine.errors import RequestError
from engine.events import JobFailed
from engine.jobs.jobs import Jobs
from engine.library.attachments import Attachments
from engine.library.collections import BuiltInCollection
from engine.library.repair import set_embeddings_aside
from engine.library.shards import write_shard
from engine.requests import AttachRequest, SearchRequest
from tests.engine.library.sharded import attach, content_of, write_shards
from tests.engine.search.conftest import TEXTS
from tests.engine.search.libraries import ENCODER, fill, noise, searcher_of

NAMES = [f"/photos/{'a' if n < 50 else 'b'}/{n:02}.jpg" for n in range(60)]


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cache]:
    opened = await Cache.open(tmp_path / "home")
    yield opened
    await opened.aclose()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """60 pictures in three shards."""
    write_shards(tmp_path / "out", noise(60, seed=1), NAMES, ENCODER, shard_size=25)
    return tmp_path / "out"


async def put_known_texts(cache: Cache) -> None:
    vectors = noise(len(TEXTS), seed=2)
    records = [
        TextRecord(text=text, vector=vector, tokens=0, lost="", imported=True)
        for text, vector in zip(TEXTS, vectors, strict=True)
    ]
    await cache.write(put_texts, ENCODER.id, records)


def rows_of(db: Database, table: str) -> int:
    """How many rows a table has."""
    return db.table(table).count


async def by_path(cache: Cache) -> dict[str, list[float]]:
    """The embedding of each path."""
    ids, matrix = await cache.read(load_matrix, ENCODER.id)
    shown = await cache.read(shown_pictures, ids.tolist())
    return {
        entry.file.path: row.tolist()
        for entry, row in zip(shown, matrix, strict=True)
        if entry.file is not None
    }


async def test_attached_pictures_have_their_embeddings_and_thumbnails(
    cache: Cache, out: Path
) -> None:
    said = await attach(cache, out)
    assert "3 shards" in said
    assert "60 new pictures" in said
    assert await by_path(cache) == dict(zip(NAMES, noise(60, seed=1).tolist(), strict=True))
    ids, _ = await cache.read(load_matrix, ENCODER.id)
    found = await cache.read(thumbnails, ids.tolist())
    shown = await cache.read(shown_pictures, ids.tolist())
    paths = [entry.file.path for entry in shown if entry.file]
    assert [found[int(at)].decode() for at in ids] == [f"thumbnail of {path}" for path in paths]
    one = await cache.read(vectors_of, ENCODER.id, [int(ids[30])])
    assert one[int(ids[30])].tolist() == (await by_path(cache))[paths[30]]
    held = await cache.read(counts)
    assert (held.present, held.embedded) == (60, {ENCODER.id: 60})
    assert await cache.read(missing, ENCODER.id) == []


async def test_a_disk_that_goes_while_it_is_searched_ends_nothing(cache: Cache, out: Path) -> None:
    await attach(cache, out)
    held = await cache.read(
        lambda db: [used.block.vectors() for used in used_blocks(db, ENCODER.id)]
    )
    # What is mapped into memory ends the program here, by a signal.
    for path in (out / "img_emb").iterdir():
        os.truncate(path, 128)
    assert np.concatenate(held).tolist() == noise(60, seed=1).tolist()
    with pytest.raises(CacheError, match="is not the file any more"):
        await cache.read(load_matrix, ENCODER.id)


async def test_no_embedding_is_copied(cache: Cache, out: Path) -> None:
    await attach(cache, out)
    blobs = await cache.read(
        lambda db: db.execute("select sum(length(vectors)) from blocks").fetchone()[0]
    )
    assert blobs == 0
    assert await cache.read(lambda db: db.execute("select * from thumbnails").fetchall()) == []


async def test_a_search_answers_as_over_a_library_that_holds_the_same(
    cache: Cache, out: Path, tmp_path: Path
) -> None:
    await attach(cache, out)
    await put_known_texts(cache)
    other = await Cache.open(tmp_path / "other")
    await fill(other, NAMES, noise(60, seed=1), TEXTS, noise(len(TEXTS), seed=2))
    for query in ("snow", '"a dog" - "snow"'):
        request = SearchRequest(query=query, top=0)
        mine = await searcher_of(cache, cache.home).search(request)
        own = await searcher_of(other, other.home).search(request)
        assert [row.path for row in mine.rows] == [row.path for row in own.rows]
        assert [row.match for row in mine.rows] == pytest.approx([row.match for row in own.rows])
        assert mine.receipt.reason == own.receipt.reason
        assert mine.receipt.histogram == own.receipt.histogram
    await other.aclose()


async def test_attaching_again_reads_only_what_was_added(cache: Cache, out: Path) -> None:
    await attach(cache, out)
    assert "0 files read" in await attach(cache, out)
    write_shards(out, noise(70, seed=1), [*NAMES, *map(str, range(10))], ENCODER, shard_size=25)
    said = await attach(cache, out)
    assert "10 new pictures" in said
    assert len(await by_path(cache)) == 70


async def test_detaching_leaves_nothing_and_touches_no_file(cache: Cache, out: Path) -> None:
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    await attach(cache, out)
    assert await Attachments(cache).detach(out) == 60
    held = await cache.read(counts)
    assert (held.pictures, held.embedded) == (0, {ENCODER.id: 0})
    for table in ("files", "blocks", "embeddings", "attached", "attached_shards"):
        assert await cache.read(rows_of, table) == 0
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    with pytest.raises(RequestError, match="is not attached"):
        await Attachments(cache).detach(out)


async def test_what_another_folder_has_too_stays_when_one_is_detached(
    cache: Cache, out: Path, tmp_path: Path
) -> None:
    other = tmp_path / "second"
    write_shards(other, noise(60, seed=1)[:20], NAMES[:20], ENCODER, shard_size=50)
    await attach(cache, out)
    assert "0 new pictures" in await attach(cache, other)
    assert len(await by_path(cache)) == 60
    assert await Attachments(cache).detach(out) == 40
    assert await by_path(cache) == dict(
        zip(NAMES[:20], noise(60, seed=1)[:20].tolist(), strict=True)
    )


async def test_pictures_of_an_indexed_folder_stay(cache: Cache, out: Path) -> None:
    await cache.write(put_folder, "/photos/b")
    await attach(cache, out)
    assert await Attachments(cache).detach(out) == 50
    assert len(await cache.read(known_files, "/photos/b")) == 10
    ids = await cache.read(missing, ENCODER.id)
    assert len(ids) == 10
    # The next scan reads them, and keeps a thumbnail where there is none any more.
    (entry, *_) = await cache.read(shown_pictures, ids)
    assert entry.picture.sha256 is not None
    new = NewPicture(
        sha256=entry.picture.sha256,
        width=64,
        height=48,
        format="PNG",
        partial=False,
        thumbnail=b"anew",
    )
    assert await cache.write(add_picture, new) == entry.picture.id
    assert await cache.read(thumbnails, [entry.picture.id]) == {entry.picture.id: b"anew"}


async def test_a_known_picture_keeps_its_id_and_its_own_embedding(cache: Cache, out: Path) -> None:
    sha = content_of(noise(1), NAMES[:1]).rows[0].sha256
    new = NewPicture(sha256=sha, width=64, height=48, format="PNG", partial=False, thumbnail=b"own")
    picture_id = await cache.write(add_picture, new)
    await fill(cache, ["/elsewhere.jpg"], noise(1, seed=9), [], noise(1)[:0])
    assert "59 new pictures" in await attach(cache, out)
    assert await cache.read(thumbnails, [picture_id]) == {picture_id: b"own"}
    (entry,) = await cache.read(shown_pictures, [picture_id])
    assert entry.file is not None
    assert entry.file.path == NAMES[0]


async def test_while_its_disk_is_away_the_rest_answers_and_says_so(cache: Cache, out: Path) -> None:
    await fill(cache, ["/mine/1.jpg", "/mine/2.jpg"], noise(2, seed=5), [], noise(1)[:0])
    await attach(cache, out)
    await put_known_texts(cache)
    away = out.rename(out.with_name("unmounted"))
    searcher = searcher_of(cache, cache.home)
    request = SearchRequest(query="snow")
    partly = await searcher.search(request)
    assert partly.receipt.considered == 2
    assert any("60 pictures of" in warning.message for warning in partly.warnings)
    (record,) = await cache.read(attached_folders)
    assert not record.is_here
    ids = await cache.read(lambda db: db.execute("select picture_id from embeddings").fetchall())
    assert await cache.read(thumbnails, [row[0] for row in ids]) == {}
    # Back again, the whole library is asked anew; each answer keeps its own receipt.
    away.rename(out)
    whole = await searcher.search(request)
    assert whole.receipt.considered == 62
    assert whole.receipt.id != partly.receipt.id
    out.rename(out.with_name("unmounted"))
    assert (await searcher_of(cache, cache.home).search(request)).receipt == whole.receipt


async def test_a_shard_that_changed_is_named_with_what_to_do(cache: Cache, out: Path) -> None:
    await attach(cache, out)
    write_shard(out, 1, content_of(noise(25, seed=7), NAMES[25:50]), ENCODER.dim)
    with pytest.raises(CacheError, match=r"img_emb_1\.npy is not the file") as caught:
        await cache.read(load_matrix, ENCODER.id)
    assert "library attach" in caught.value.hint
    await attach(cache, out)
    found = await by_path(cache)
    assert found[NAMES[30]] == noise(25, seed=7)[5].tolist()
    assert len(found) == 60


async def test_repair_compaction_and_scans_leave_attached_shards_alone(
    cache: Cache, out: Path
) -> None:
    await attach(cache, out)
    await cache.write(compact, ENCODER.id)
    await cache.write(finish_scan, "/photos/a", 1.0)
    (out / "img_emb" / "img_emb_0.npy").write_bytes(b"")
    plan = await set_embeddings_aside(cache, cache.home, BuiltInCollection(cache))
    assert plan.aside is None
    assert await cache.read(count_embeddings, ENCODER.id) == 60


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda out: (out / "metadata" / "metadata_1.parquet").unlink(), "cannot be read"),
        (lambda out: (out / "thumbnails" / "starts_1.npy").unlink(), "No such file"),
        (lambda out: np.save(out / "img_emb" / "img_emb_1.npy", noise(24)), "expected embeddings"),
        (
            lambda out: np.save(out / "img_emb" / "img_emb_1.npy", 2 * noise(25)),
            "not of unit length",
        ),
        (
            lambda out: np.save(
                out / "img_emb" / "img_emb_1.npy", np.full((25, 16), np.nan, np.float32)
            ),
            "not of unit length",
        ),
    ],
)
async def test_a_damaged_shard_is_named_and_those_before_it_stay(
    cache: Cache, out: Path, spoil: object, said: str
) -> None:
    assert callable(spoil)
    spoil(out)
    jobs = Jobs(cache)
    await jobs.recover()
    job = jobs.start(Attachments(cache).job(AttachRequest(folder=out)))
    outcome = await job.wait()
    await jobs.aclose()
    assert isinstance(outcome, JobFailed)
    assert said in outcome.message
    assert await cache.read(count_embeddings, ENCODER.id) == 25


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("encoder.id", " "),
        ("encoder.id", "x" * 2000),
        ("encoder.dim", 0),
        ("encoder.dim", 10**30),
        ("shard_size", 0),
        ("planned", -1),
        ("planned", 10**39),
        ("max_pixels", -1),
        ("thumbnail_side", 10**20),
    ],
)
async def test_a_manifest_that_cannot_be_true_is_refused_and_nothing_kept(
    cache: Cache, out: Path, where: str, value: object
) -> None:
    path = out / "t2itui.json"
    written = json.loads(path.read_text())
    *outer, name = where.split(".")
    (written[outer[0]] if outer else written)[name] = value
    path.write_text(json.dumps(written))
    jobs = Jobs(cache)
    job = jobs.start(Attachments(cache).job(AttachRequest(folder=out)))
    outcome = await job.wait()
    await jobs.aclose()
    assert isinstance(outcome, JobFailed)
    assert "cannot be read as the manifest of shards" in outcome.message
    assert await cache.read(attached_folders) == []
    assert await cache.read(rows_of, "encoders") == 0


async def test_many_planned_shards_are_not_counted_one_by_one(cache: Cache, out: Path) -> None:
    path = out / "t2itui.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "planned": 10**18}))
    assert "3 shards" in await attach(cache, out)


async def test_failures_that_cannot_be_stored_are_left_out(cache: Cache, out: Path) -> None:
    usual = FailureRecord(path="/p/a.jpg", size=1, mtime_ns=1, reason="cut short", failed_at=1.0)
    lines = [asdict(usual)]
    for name in ("size", "mtime_ns", "attempts"):
        lines.append({**asdict(usual), "path": f"/p/{name}.jpg", name: 10**30})
    text = "\n".join([*map(json.dumps, lines), "{", json.dumps({**lines[0], "path": "/p/b.jpg"})])
    (out / "failures" / "failures_0.jsonl").write_text(text)
    await attach(cache, out)
    found = await cache.read(failures)
    assert [each.path for each in found] == ["/p/a.jpg", "/p/b.jpg"]


async def test_a_folder_without_shards_says_what_to_do(cache: Cache, tmp_path: Path) -> None:
    jobs = Jobs(cache)
    await jobs.recover()
    job = jobs.start(Attachments(cache).job(AttachRequest(folder=tmp_path)))
    outcome = await job.wait()
    await jobs.aclose()
    assert isinstance(outcome, JobFailed)
    assert "holds no shards" in outcome.message
