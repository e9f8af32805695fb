"""The storybook in a cache: entered, left out, renewed, kept apart from a person's own pictures."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from sqlite_utils import Database

from cache.connection import quick_check
from cache.embeddings import EncoderRecord, add_embeddings, put_encoder
from cache.errors import CacheReadOnlyError
from cache.files import SeenFile, put_files
from cache.library import LibraryCounts, counts
from cache.matchers import add_matcher, newest_matcher
from cache.pictures import add_picture
from cache.store import Cache
from cache.texts import get_texts
from engine.collections import Collection
from engine.errors import EngineError, RequestError
from engine.library.collections import BuiltInCollection
from engine.models.encoders import Encoders
from engine.requests import Filters, SearchRequest
from engine.search.receipts import History
from engine.search.searcher import Searcher
from engine.settings import EngineSettings
from engine.states import ZeroState
from engine.storybook.suggestions import SUGGESTIONS
from tests.cache.rows import new_picture
from tests.engine.library.packages import DIM, make_matcher, make_package, unit

HORSE = SearchRequest(query="a horse", offline=True)


@pytest.fixture
def package(tmp_path: Path) -> Collection:
    return make_package(tmp_path / "one")


@pytest_asyncio.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cache]:
    cache = await Cache.open(tmp_path / "home")
    yield cache
    await cache.aclose()


def searcher_over(cache: Cache, package: Collection) -> Searcher:
    settings = EngineSettings(home=cache.home)
    return Searcher(cache, Encoders(settings), settings, BuiltInCollection(cache, package))


def add_own(db: Database, encoder_id: str, number: int = 0) -> int:
    """Enter a picture of the person's own with a vector of an encoder."""
    put_encoder(
        db, EncoderRecord(id=encoder_id, dim=DIM, logit_scale=20, source="", languages=("en",))
    )
    picture_id = add_picture(db, new_picture(1000 + number))
    put_files(db, [(SeenFile(path=f"/own/{number}.jpg", size=1, mtime_ns=1), picture_id)])
    vector = unit(np.random.default_rng(number).normal(size=(1, DIM)))
    add_embeddings(db, encoder_id, [picture_id], vector)
    return picture_id


async def counted(cache: Cache) -> LibraryCounts:
    return await cache.read(counts)


async def test_an_empty_cache_gets_it_once_with_thumbnails_vectors_texts_and_matcher(
    cache: Cache, package: Collection
) -> None:
    book = BuiltInCollection(cache, package)
    state = await book.prepare()
    assert (state.folder, state.pictures, state.is_alone) == (package.folder, 4, True)
    held = await counted(cache)
    assert (held.pictures, held.built_in, held.own) == (4, 4, 0)
    assert held.embedded == {"book@1": 4}
    assert await cache.read(lambda db: len(get_texts(db, "book@1", ["a horse", "a cow"]))) == 2
    revision = await cache.read(lambda db: db.execute("select value from counters").fetchone())
    await book.prepare()
    assert revision == await cache.read(
        lambda db: db.execute("select value from counters").fetchone()
    )


async def test_a_query_on_an_empty_cache_is_answered_by_it_without_a_model(
    cache: Cache, package: Collection
) -> None:
    result = await searcher_over(cache, package).search(HORSE)
    assert result.receipt.encoder == "book@1"
    assert result.receipt.considered == 4
    assert result.cached
    assert Path(result.rows[0].path).parent == package.folder


async def test_left_out_it_stays_out_until_it_is_taken_back(
    cache: Cache, package: Collection
) -> None:
    book = BuiltInCollection(cache, package)
    await book.prepare()
    assert await book.leave_out() == 4
    assert (await book.prepare()).is_left_out
    held = await counted(cache)
    assert (held.pictures, held.embedded) == (0, {})
    with pytest.raises(RequestError, match="left out") as caught:
        await searcher_over(cache, package).search(
            replace(HORSE, filters=Filters(folders=(package.folder,)))
        )
    assert "t2itui library --storybook on" in caught.value.hint
    assert (await book.bring_back()).pictures == 4


@pytest.mark.parametrize("own_encoder", ["own/clip", "book@1"])
async def test_beside_own_pictures_it_answers_only_when_named(
    cache: Cache, package: Collection, own_encoder: str
) -> None:
    book, searcher = BuiltInCollection(cache, package), searcher_over(cache, package)
    await book.prepare()
    own = await cache.write(add_own, own_encoder)
    like_own = await searcher.like(own, SearchRequest(query=""))
    assert [row.path for row in like_own.rows] == ["/own/0.jpg"]
    assert not any("took no part" in note.message for note in like_own.warnings)
    named = replace(HORSE, filters=Filters(folders=(package.folder,)))
    answer = await searcher.search(named)
    assert answer.receipt.considered == 4
    assert answer.receipt.encoder == "book@1"
    assert not any(row.path == "/own/0.jpg" for row in answer.rows)
    assert not answer.warnings


async def test_a_cache_with_own_pictures_gets_it_only_when_it_is_named(
    cache: Cache, package: Collection
) -> None:
    await cache.write(add_own, "own/clip")
    book = BuiltInCollection(cache, package)
    assert (await book.prepare()).folder is None
    named = replace(HORSE, filters=Filters(folders=(package.folder,)))
    assert (await searcher_over(cache, package).search(named)).receipt.considered == 4


async def test_other_weights_replace_vectors_texts_and_matcher_and_keep_the_pictures(
    cache: Cache, package: Collection, tmp_path: Path
) -> None:
    await BuiltInCollection(cache, package).prepare()
    before = await cache.read(lambda db: db.execute("select id, sha256 from pictures").fetchall())
    newer = make_package(tmp_path / "two", encoder_id="book@22")
    state = await BuiltInCollection(cache, newer).prepare()
    assert (state.folder, state.encoder_id) == (newer.folder, "book@22")
    assert before == await cache.read(
        lambda db: db.execute("select id, sha256 from pictures").fetchall()
    )
    held = await counted(cache)
    assert (held.pictures, held.vanished, held.embedded) == (4, 0, {"book@22": 4})
    result = await searcher_over(cache, newer).search(HORSE)
    assert result.receipt.encoder == "book@22"
    assert await cache.read(newest_matcher, "book@1") is None
    shutil.rmtree(tmp_path / "one")


async def test_own_pictures_keep_their_vectors_when_the_weights_change(
    cache: Cache, package: Collection, tmp_path: Path
) -> None:
    await BuiltInCollection(cache, package).prepare()
    await cache.write(add_own, "book@1")
    newer = make_package(tmp_path / "two", encoder_id="book@22")
    await BuiltInCollection(cache, newer).prepare()
    assert (await counted(cache)).embedded == {"book@1": 1, "book@22": 4}
    assert await cache.read(newest_matcher, "book@1") is not None


async def test_fewer_pictures_in_a_newer_one_leave_none_behind(
    cache: Cache, package: Collection, tmp_path: Path
) -> None:
    await BuiltInCollection(cache, package).prepare()
    newer = make_package(tmp_path / "two", count=3)
    assert (await BuiltInCollection(cache, newer).prepare()).pictures == 3
    assert (await counted(cache)).embedded == {"book@1": 3}


async def test_a_matcher_that_a_person_trained_stays_in_force(
    cache: Cache, package: Collection, tmp_path: Path
) -> None:
    await BuiltInCollection(cache, package).prepare()
    trained = await cache.write(add_matcher, "book@1", make_matcher("book@1", seed=5), "{}")
    moved = make_package(tmp_path / "two")
    await BuiltInCollection(cache, moved).prepare()
    newest = await cache.read(newest_matcher, "book@1")
    assert newest is not None
    assert newest.id == trained


async def test_receipts_name_the_matcher_that_ships_and_number_a_trained_one(
    cache: Cache, package: Collection
) -> None:
    searcher = searcher_over(cache, package)
    asked = SearchRequest(query="a horse", offline=True)
    first = await searcher.search(asked)
    assert first.receipt.matcher == "storybook's matcher"
    trained = await cache.write(add_matcher, "book@1", make_matcher("book@1", seed=5), "{}")
    assert (await searcher.search(asked)).receipt.matcher == f"matcher {trained}"
    replayed = await History(cache).replay(first.receipt.id)
    assert (replayed.receipt, replayed.rows) == (first.receipt, first.rows)


async def test_a_cache_that_cannot_be_written_answers_with_what_it_has(
    package: Collection, tmp_path: Path
) -> None:
    empty = await Cache.open(tmp_path / "empty")
    await empty.aclose()
    reader = await Cache.open(tmp_path / "empty", read_only=True)
    with pytest.raises(CacheReadOnlyError):
        await searcher_over(reader, package).search(HORSE)
    await reader.aclose()

    cache = await Cache.open(tmp_path / "home")
    await BuiltInCollection(cache, package).prepare()
    await cache.aclose()
    reader = await Cache.open(tmp_path / "home", read_only=True)
    newer = make_package(tmp_path / "two", encoder_id="book@22")
    result = await searcher_over(reader, newer).search(HORSE)
    assert (result.receipt.encoder, result.receipt.considered) == ("book@1", 4)
    await reader.aclose()


async def test_damaged_files_are_an_error_on_an_empty_cache_and_nothing_beside_own_pictures(
    cache: Cache, package: Collection
) -> None:
    package.vectors.write_bytes(b"no vectors")
    with pytest.raises(EngineError, match="cannot be used") as caught:
        await searcher_over(cache, package).search(HORSE)
    assert "Install t2itui again" in caught.value.hint
    assert (await counted(cache)).pictures == 0
    own = await cache.write(add_own, "own/clip")
    result = await searcher_over(cache, package).like(own, SearchRequest(query=""))
    assert result.receipt.considered == 1


ENTER = """
import asyncio, sys
from pathlib import Path
from cache.store import Cache
from engine.library.collections import BuiltInCollection

async def main():
    cache = await Cache.open(Path(sys.argv[1]))
    def stop(sql):
        if "embeddings" in sql:
            print("half way", flush=True)
            import time; time.sleep(600)
    await cache.read(lambda db: None)
    await cache.write(lambda db: db.conn.set_trace_callback(stop))
    await BuiltInCollection(cache).prepare()

asyncio.run(main())
"""


def kill_half_way(home: Path) -> None:
    """Let another process begin to enter the storybook that ships, and kill it."""
    process = subprocess.Popen(
        [sys.executable, "-c", ENTER, str(home)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "half way\n"
    process.send_signal(signal.SIGKILL)
    process.wait()


async def test_a_kill_in_the_middle_leaves_nothing_and_the_next_start_enters_it(
    tmp_path: Path, package: Collection
) -> None:
    home = tmp_path / "home"
    await asyncio.to_thread(kill_half_way, home)
    cache = await Cache.open(home)
    assert (await counted(cache)).pictures == 0
    assert await cache.read(quick_check) == ""
    assert (await BuiltInCollection(cache, package).prepare()).pictures == 4
    await cache.aclose()


async def test_what_its_queries_are_placed_by_ships(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it does not any more: python -m tools.storybook.gallery measure."""
    monkeypatch.setattr("engine.search.zeros.background_logits", None)
    settings = EngineSettings(home=cache.home)
    searcher = Searcher(cache, Encoders(settings), settings, BuiltInCollection(cache))
    for suggestion in SUGGESTIONS[:4]:
        for text in (suggestion.english, suggestion.chinese):
            result = await searcher.search(SearchRequest(query=text, offline=True))
            assert result.receipt.zero == ZeroState.CURRENT
