"""Index runs over real files and real decoder processes, with a stand-in for the encoder."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from cache.embeddings import EncoderRecord, add_embeddings, load_matrix, put_encoder
from cache.files import failures, folders, known_files
from cache.library import LibraryCounts, counts
from cache.pictures import add_names, find_by_sha, shown_pictures, thumbnails
from cache.store import Cache
from engine.errors import ModelMissingError
from engine.events import (
    JobCancelled,
    JobEvent,
    JobFailed,
    JobFinished,
    JobNote,
    JobProgress,
    LibraryChanged,
)
from engine.jobs.jobs import Job, Jobs, Outcome
from engine.library.indexing import Indexer
from engine.requests import IndexRequest
from engine.settings import EngineSettings
from tests.engine.library.pictures import SPEC, FakeEncoders, fill, pattern, save


@dataclass
class Shop:
    """An indexer with everything around it."""

    cache: Cache
    encoders: FakeEncoders
    jobs: Jobs
    indexer: Indexer
    root: Path
    events: list[JobEvent] = field(default_factory=list)

    def start(self, *roots: Path, per_class: int | None = None, batch_size: int = 8) -> Job:
        request = IndexRequest(
            folders=roots or (self.root,),
            encoder=self.encoders.id,
            per_class=per_class,
            batch_size=batch_size,
        )
        return self.jobs.start(self.indexer.job(request))

    async def index(self, *roots: Path, per_class: int | None = None) -> str:
        outcome = await self.start(*roots, per_class=per_class).wait()
        assert isinstance(outcome, JobFinished), outcome
        return outcome.message

    async def counts(self) -> LibraryCounts:
        return await self.cache.read(counts)

    async def reasons(self) -> dict[str, str]:
        ledger = await self.cache.read(failures, None)
        return {Path(record.path).name: record.reason for record in ledger}

    def of(self, kind: type[JobEvent]) -> list[JobEvent]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    settings = EngineSettings(home=tmp_path / "home", max_pixels=1_000_000, decoders=1)
    cache = await Cache.open(settings.home)
    encoders, jobs = FakeEncoders(), Jobs(cache)
    await jobs.recover()
    root = tmp_path / "pictures"
    root.mkdir()
    shop = Shop(cache, encoders, jobs, Indexer(cache, encoders, settings), root)
    jobs.subscribe(shop.events.append)
    yield shop
    await jobs.aclose()
    await shop.indexer.aclose()
    await cache.aclose()


async def test_a_first_run_brings_every_picture_in(shop: Shop) -> None:
    paths = fill(shop.root / "a", 12) + fill(shop.root / "b" / "c", 5, first=100)
    message = await shop.index()
    assert message.startswith("17 files in ")
    assert "17 new" in message
    found = await shop.counts()
    assert (found.pictures, found.present, found.embedded) == (17, 17, {"fake": 17})
    ids, matrix = await shop.cache.read(load_matrix, "fake")
    assert np.allclose(np.linalg.norm(matrix, axis=1), 1)
    shown = await shop.cache.read(shown_pictures, ids.tolist())
    assert {entry.file.path for entry in shown if entry.file} == {str(path) for path in paths}
    assert {(entry.picture.width, entry.picture.height) for entry in shown} == {(64, 48)}
    small = await shop.cache.read(thumbnails, ids.tolist())
    assert all(data[8:12] == b"WEBP" for data in small.values())
    assert len(small) == 17
    (folder,) = await shop.cache.read(folders)
    assert (folder.path, folder.pictures, folder.scanned_at > 0) == (str(shop.root), 17, True)


async def test_each_embedding_belongs_to_its_own_picture(shop: Shop) -> None:
    for number, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        Image.new("RGB", (40, 40), colour).save(shop.root / f"{number}.png")
    await shop.index()
    ids, matrix = await shop.cache.read(load_matrix, "fake")
    shown = await shop.cache.read(shown_pictures, ids.tolist())
    for entry, vector in zip(shown, matrix, strict=True):
        assert entry.file is not None
        assert int(np.argmax(vector[:3])) == int(Path(entry.file.path).stem)


async def test_unchanged_files_are_not_opened_again(shop: Shop) -> None:
    for path in fill(shop.root, 6):
        os.utime(path, ns=(1, path.stat().st_mtime_ns))
    await shop.index()
    before = {path: path.stat().st_atime_ns for path in shop.root.iterdir()}
    for path in shop.root.iterdir():
        stamp = path.stat().st_mtime_ns
        path.write_bytes(b"x" * path.stat().st_size)
        os.utime(path, ns=(before[path], stamp))
    message = await shop.index()
    assert "6 unchanged" in message
    assert (await shop.counts()).failures == 0
    assert shop.encoders.embedded == 6


async def test_moved_and_copied_files_reuse_their_embedding(shop: Shop) -> None:
    first, second, *_ = fill(shop.root, 6)
    await shop.index()
    shop.encoders.embedded = 0
    first.rename(shop.root / "moved.png")
    shutil.copy(second, shop.root / "copy.png")
    message = await shop.index()
    assert "2 moved" in message
    assert "1 vanished" in message
    assert shop.encoders.embedded == 0
    found = await shop.counts()
    assert (found.pictures, found.present) == (6, 6)
    files = await shop.cache.read(known_files, str(shop.root))
    assert not files[str(first)][3]
    assert files[str(shop.root / "moved.png")][2] == files[str(first)][2]


async def test_two_files_of_one_content_are_one_picture_embedded_once(shop: Shop) -> None:
    for name in ("a", "b", "c"):
        save(shop.root / f"{name}.png", 5)
    await shop.index()
    assert (await shop.counts()).pictures == 1
    assert shop.encoders.embedded == 1


async def test_a_vanished_file_is_marked_and_comes_back_unread(shop: Shop) -> None:
    path, *_ = fill(shop.root, 3)
    await shop.index()
    aside = shop.root.parent / "aside.png"
    path.rename(aside)
    assert "1 vanished" in await shop.index()
    assert (await shop.counts()).vanished == 1
    aside.rename(path)
    await shop.index()
    found = await shop.counts()
    assert (found.vanished, found.present, shop.encoders.embedded) == (0, 3, 3)


async def test_a_picture_that_one_encoder_cannot_take_is_taken_by_another(shop: Shop) -> None:
    """A known picture stays present, and the encoder is not asked again until it changes."""
    fill(shop.root, 2)
    shop.encoders.spec = replace(SPEC, shortest_edge=0)
    assert "2 unreadable" in await shop.index()
    assert "2 known to be bad" in await shop.index()
    assert {record.cause for record in await shop.cache.read(failures, None)} == {"model"}
    shop.encoders.id, shop.encoders.spec = "other", SPEC
    assert "2 new" in await shop.index()
    assert (await shop.counts()).failures == 0
    shop.encoders.id, shop.encoders.spec = "fake", replace(SPEC, shortest_edge=0)
    assert "2 unreadable" in await shop.index()
    assert (await shop.counts()).present == 2
    assert "2 known to be bad" in await shop.index()
    shop.encoders.spec = SPEC
    await shop.index()
    found = await shop.counts()
    assert (found.failures, found.embedded) == (0, {"fake": 2, "other": 2})


async def test_folders_are_left_out_as_asked_and_counted(shop: Shop) -> None:
    fill(shop.root, 2)
    fill(shop.root / "raw", 3, first=10)
    fill(shop.root / "@eaDir", 3, first=20)
    assert "5 new, 1 left out" in await shop.index()
    request = IndexRequest(folders=(shop.root,), encoder="fake", exclude=("raw/",))
    outcome = await shop.jobs.start(shop.indexer.job(request)).wait()
    assert "2 unchanged, 2 left out" in outcome.message
    found = await shop.counts()
    assert (found.pictures, found.vanished) == (2, 0)


async def test_a_changed_file_is_read_again(shop: Shop) -> None:
    path, *_ = fill(shop.root, 3)
    await shop.index()
    save(path, 77)
    os.utime(path, ns=(1, 1))
    assert "1 new" in await shop.index()
    assert shop.encoders.embedded == 4


async def test_an_unreadable_folder_keeps_its_rows_and_is_named(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(shop.root / "open", 2)
    fill(shop.root / "shut", 3, first=10)
    await shop.index()
    real = os.scandir

    def scandir(path: str) -> Iterator[os.DirEntry[str]]:
        if path == str(shop.root / "shut"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    # Not by its mode: the superuser, whom tests may run as, can read every folder.
    monkeypatch.setattr(os, "scandir", scandir)
    message = await shop.index()
    assert "1 folder could not be read" in message
    notes = [event.message for event in shop.events if isinstance(event, JobNote)]
    assert f"{shop.root / 'shut'} could not be read (Permission denied)" in notes[-1]
    assert (await shop.counts()).present == 5


async def test_bad_files_are_listed_once_with_their_reason(shop: Shop) -> None:
    fill(shop.root, 2)
    (shop.root / "empty.jpg").touch()
    (shop.root / "text.jpg").write_text("this is no picture")
    (shop.root / "folder.jpg").mkdir()
    save(shop.root / "folder.jpg" / "inside.png", 9)
    os.mkfifo(shop.root / "pipe.png")
    (shop.root / "broken.png").symlink_to("nowhere")
    pattern(1, 1200, 1000).save(shop.root / "huge.png")
    strange = os.fsencode(shop.root) + b"/caf\xe9.png"
    shutil.copy(os.fsencode(shop.root / "0000.png"), strange)
    message = await shop.index()
    reasons = await shop.reasons()
    assert reasons == {
        "empty.jpg": "the file is empty",
        "text.jpg": "it is no picture of a known format",
        "pipe.png": "it is neither a file nor a folder",
        "broken.png": "it is a link that leads nowhere",
        "huge.png": "it has 1200 x 1000 pixels; the limit is 1 megapixels",
        "caf\\xe9.png": "its name is not valid UTF-8: rename it",
    }
    assert "3 new" in message
    assert "6 unreadable" in message
    assert (await shop.counts()).present == 3
    again = await shop.index()
    assert "6 known to be bad" in again
    assert "unreadable and listed" not in again


async def test_a_bad_file_is_tried_again_when_it_changes(shop: Shop) -> None:
    path = shop.root / "late.png"
    path.write_bytes(b"not yet")
    await shop.index()
    save(path, 3)
    assert "1 new" in await shop.index()
    assert await shop.reasons() == {}


async def test_a_good_file_that_turned_bad_is_listed_and_no_longer_present(shop: Shop) -> None:
    path = save(shop.root / "a.png", 1)
    await shop.index()
    path.write_bytes(b"overwritten")
    await shop.index()
    assert list(await shop.reasons()) == ["a.png"]
    assert (await shop.counts()).present == 0
    path.unlink()
    await shop.index()
    assert await shop.reasons() == {}


async def test_a_truncated_picture_is_indexed_and_marked_partial(shop: Shop) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    path = shop.root / "cut.jpg"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    message = await shop.index()
    assert "1 cut short" in message
    found = await shop.counts()
    assert (found.partial, found.embedded) == (1, {"fake": 1})


async def test_cancel_stops_now_and_the_next_run_goes_on(shop: Shop) -> None:
    fill(shop.root, 60)
    shop.encoders.allowed = 20
    job = shop.start(batch_size=4)
    await shop.encoders.waiting.wait()
    job.cancel()
    outcome = await job.wait()
    assert isinstance(outcome, JobCancelled)
    assert outcome.seconds < 2
    kept = (await shop.counts()).embedded["fake"]
    assert kept >= 20 - 8
    shop.encoders.allowed = None
    assert f"{60 - kept} new" in await shop.index()
    assert (await shop.counts()).embedded == {"fake": 60}


async def test_progress_has_rate_and_time_left_and_searches_hear_of_every_batch(
    shop: Shop,
) -> None:
    fill(shop.root, 40)
    await shop.start(batch_size=8).wait()
    progress = [event for event in shop.events if isinstance(event, JobProgress)]
    assert [event.stage for event in progress if event.stage == "walking"]
    last = progress[-1]
    assert (last.stage, last.done, last.total) == ("indexing", 40, 40)
    assert last.rate > 0
    assert last.eta_s == 0
    added = [event.added for event in shop.events if isinstance(event, LibraryChanged)]
    assert sum(added) == 40
    assert len(added) >= 4
    assert [event.message for event in shop.events if isinstance(event, JobNote)] == [
        "a note of the encoder"
    ]


async def test_a_folder_per_class_is_sampled_evenly_and_the_same_way_each_time(shop: Shop) -> None:
    for number, name in enumerate(("cats", "dogs", "few")):
        fill(shop.root / name, 12 if name != "few" else 2, first=20 * number)
    await shop.index(per_class=4)
    files = await shop.cache.read(known_files, str(shop.root))
    taken = sorted(Path(path).parent.name for path in files)
    assert taken == ["cats"] * 4 + ["dogs"] * 4 + ["few"] * 2
    assert "10 unchanged" in await shop.index(per_class=4)
    assert "26 files" in await shop.index()
    assert (await shop.counts()).present == 26


async def test_another_encoder_embeds_what_is_unchanged(shop: Shop) -> None:
    fill(shop.root, 5)
    await shop.index()
    shop.encoders.id = "other"
    await shop.index()
    found = await shop.counts()
    assert (found.pictures, found.embedded) == (5, {"fake": 5, "other": 5})


async def test_a_picture_back_from_the_dead_is_embedded_under_a_new_encoder(shop: Shop) -> None:
    path, *_ = fill(shop.root, 3)
    await shop.index()
    aside = shop.root.parent / "aside.png"
    path.rename(aside)
    shop.encoders.id = "other"
    await shop.index()
    aside.rename(path)
    await shop.index()
    assert (await shop.counts()).embedded == {"fake": 3, "other": 3}


async def test_without_a_model_nothing_is_walked_and_the_error_says_what_to_do(
    shop: Shop,
) -> None:
    fill(shop.root, 2)
    shop.encoders.error = ModelMissingError("no weights", hint="t2itui models get fake")
    outcome = await shop.start().wait()
    assert isinstance(outcome, JobFailed)
    assert outcome.message == "no weights"
    assert outcome.hint.startswith("t2itui models get fake\n")
    assert "photographs" in outcome.hint
    assert outcome.hint.endswith("t2itui index DIR --encoder storybook")
    assert not shop.of(JobProgress)
    assert (await shop.counts()).pictures == 0


RECORD = EncoderRecord(id="fake", dim=6, logit_scale=100.0, source="")


async def import_names(shop: Shop, paths: list[Path]) -> None:
    def write(db: object) -> None:
        from sqlite_utils import Database

        assert isinstance(db, Database)
        put_encoder(db, RECORD)
        ids = add_names(db, [str(path) for path in paths])
        add_embeddings(db, "fake", ids, np.eye(6, dtype=np.float32)[: len(ids)])

    await shop.cache.write(write)


async def test_imported_names_are_adopted_without_a_model(shop: Shop) -> None:
    paths = fill(shop.root, 4)
    await import_names(shop, paths)
    shop.encoders.error = ModelMissingError("no weights")
    await shop.index()
    found = await shop.counts()
    assert (found.pictures, found.present, found.embedded) == (4, 4, {"fake": 4})
    ids, matrix = await shop.cache.read(load_matrix, "fake")
    assert (matrix == np.eye(6, dtype=np.float32)[:4]).all()
    assert len(await shop.cache.read(thumbnails, ids.tolist())) == 4
    paths[0].rename(shop.root / "moved.png")
    assert "1 moved" in await shop.index()


async def test_an_imported_vector_is_not_computed_again_where_a_model_is_at_hand(
    shop: Shop,
) -> None:
    await import_names(shop, fill(shop.root, 3))
    save(shop.root / "new.png", 50)
    await shop.index()
    assert shop.encoders.embedded == 1
    assert (await shop.counts()).embedded == {"fake": 4}


async def test_with_imported_vectors_for_some_the_others_are_left_out_with_a_reason(
    shop: Shop,
) -> None:
    paths = fill(shop.root, 5)
    await import_names(shop, paths[:3])
    shop.encoders.error = ModelMissingError("no weights", hint="t2itui models get fake")
    outcome = await shop.start().wait()
    assert isinstance(outcome, JobFailed)
    assert outcome.message.startswith("2 of 5 pictures have no embedding of fake")
    assert outcome.hint == "t2itui models get fake"
    assert (await shop.counts()).present == 3
    shop.encoders.error = None
    await shop.index()
    assert (await shop.counts()).embedded == {"fake": 5}
    assert shop.encoders.embedded == 2


async def test_wrong_folders_are_refused_before_anything_is_done(shop: Shop) -> None:
    file = save(shop.root / "a.png")
    for path, message in ((shop.root / "gone", "There is no folder"), (file, "is a file")):
        outcome = await shop.start(path).wait()
        assert isinstance(outcome, JobFailed)
        assert message in outcome.message


async def test_a_folder_inside_another_is_walked_once(shop: Shop) -> None:
    fill(shop.root / "in", 3)
    assert (await shop.index(shop.root / "in", shop.root)).startswith("3 files")


async def test_links_to_folders_are_followed_but_never_in_a_circle(shop: Shop) -> None:
    fill(shop.root / "real", 2)
    outside = shop.root.parent / "outside"
    fill(outside, 3, first=50)
    (shop.root / "real" / "loop").symlink_to(shop.root)
    (shop.root / "again").symlink_to(shop.root / "real")
    (shop.root / "elsewhere").symlink_to(outside)
    (outside / "up").symlink_to(outside.parent)
    save(shop.root / ".hidden" / "no.png", 99)
    assert (await shop.index()).startswith("5 files")


async def test_reading_stops_when_the_cache_cannot_be_written(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cache.errors import CacheFullError

    fill(shop.root, 20)
    write = shop.cache.write

    async def full(fn: Callable[..., object], *args: object, **kw: object) -> object:
        if fn.__name__ == "write_batch":
            raise CacheFullError("no room", hint="free some")
        return await write(fn, *args, **kw)

    monkeypatch.setattr(shop.cache, "write", full)
    outcome: Outcome = await asyncio.wait_for(shop.start().wait(), 30)
    assert isinstance(outcome, JobFailed)
    assert (outcome.message, outcome.hint) == ("no room", "free some")


async def test_a_cache_that_cannot_be_written_is_told_before_anything_is_walked(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(shop.root, 2)
    reader = await Cache.open(shop.cache.home, read_only=True)
    settings = EngineSettings(home=shop.cache.home)
    monkeypatch.setattr(shop, "indexer", Indexer(reader, shop.encoders, settings))
    outcome = await shop.start().wait()
    assert isinstance(outcome, JobFailed)
    assert "reading only" in outcome.message
    assert not shop.of(JobProgress)
    await shop.indexer.aclose()
    await reader.aclose()


async def test_known_content_is_found_by_its_hash(shop: Shop) -> None:
    save(shop.root / "a.png", 1)
    await shop.index()
    import hashlib

    sha = hashlib.sha256((shop.root / "a.png").read_bytes()).hexdigest()
    assert sha in await shop.cache.read(find_by_sha, [sha])
