"""Local states of a library: computed once, kept, and answered without a model from then on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from cache.embeddings import EncoderRecord
from cache.states import picture_states
from engine.engine import Engine
from engine.errors import OfflineError, PictureError
from engine.requests import IndexRequest
from engine.settings import EngineSettings
from tests.tiny_models import save_tiny_clip

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = 19


def paint(folder: Path, count: int, side: int = 48) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{number:02}.png")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("model") / "clip")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory, model: Path) -> AsyncIterator[Engine]:
    place = tmp_path_factory.mktemp("library")
    paint(place / "pictures", COUNT)
    settings = EngineSettings(
        home=place / "home", encoder=str(model), device="cpu", dtype="fp32", decoders=1
    )
    async with Engine.open(settings) as engine:
        await engine.index(IndexRequest(folders=(place / "pictures",))).wait()
        yield engine


async def encoder_of(engine: Engine) -> EncoderRecord:
    return (await engine.encoders.describe(engine.settings.encoder)).record


async def ids_of(engine: Engine) -> list[int]:
    rows = await engine.cache.read(
        lambda db: db.execute("select id from pictures order by id").fetchall()
    )
    return [int(row[0]) for row in rows]


async def test_states_are_computed_once_with_progress_and_then_come_from_the_cache(
    engine: Engine,
) -> None:
    encoder, ids = await encoder_of(engine), await ids_of(engine)
    with pytest.raises(OfflineError, match="19 pictures are not in the cache"):
        await engine.local_states.of_pictures(encoder, ids, offline=True)
    seen: list[tuple[int, int]] = []
    first = await engine.local_states.of_pictures(
        encoder, ids, on_progress=lambda done, of: seen.append((done, of))
    )
    assert first.used_model
    assert seen == [(0, COUNT), (16, COUNT), (COUNT, COUNT)]
    assert set(first.states) == set(ids)
    again = await engine.local_states.of_pictures(encoder, ids, offline=True)
    assert not again.used_model
    for at in ids:
        assert first.states[at].vectors.dtype == np.float16
        np.testing.assert_array_equal(first.states[at].vectors, again.states[at].vectors)
        assert (again.states[at].rows, again.states[at].columns) == (4, 4)


async def test_a_file_outside_the_library_has_the_same_states_and_is_not_kept(
    engine: Engine, tmp_path: Path
) -> None:
    encoder, ids = await encoder_of(engine), await ids_of(engine)
    paint(tmp_path / "others", 1)
    file = str(tmp_path / "others" / "00.png")
    found = await engine.local_states.of_file(encoder, file)
    known = await engine.local_states.of_pictures(encoder, ids[:1])
    np.testing.assert_allclose(found.states.vectors, known.states[ids[0]].vectors, atol=2e-3)
    with pytest.raises(OfflineError, match="not in the library"):
        await engine.local_states.of_file(encoder, file, offline=True)
    (tmp_path / "others" / "bad.png").write_bytes(b"no picture")
    with pytest.raises(PictureError):
        await engine.local_states.of_file(encoder, str(tmp_path / "others" / "bad.png"))


async def test_damaged_states_are_computed_anew_and_a_changed_file_is_told(engine: Engine) -> None:
    encoder, ids = await encoder_of(engine), await ids_of(engine)
    before = (await engine.local_states.of_pictures(encoder, ids)).states
    await engine.cache.write(
        lambda db: db.execute(
            "update picture_states set vectors = ? where picture_id in (?, ?)", [b"x", *ids[:2]]
        )
    )
    folder = Path(engine.settings.home).parent / "pictures"
    (folder / "01.png").write_bytes((folder / "02.png").read_bytes())
    found = await engine.local_states.of_pictures(encoder, ids)
    assert found.used_model
    assert "another picture by now" in found.failed[ids[1]]
    np.testing.assert_array_equal(found.states[ids[0]].vectors, before[ids[0]].vectors)
    (folder / "01.png").unlink()
    found = await engine.local_states.of_pictures(encoder, ids)
    assert set(found.failed) == {ids[1]}


async def test_a_look_that_is_cancelled_keeps_what_it_came_to(engine: Engine) -> None:
    encoder, ids = await encoder_of(engine), await ids_of(engine)
    await engine.local_states.clear()
    seen: list[object] = []

    def stop_after_a_batch(done: int, of: int) -> None:
        seen.append(engine.patch_progress)
        if done:
            task.cancel()

    task = asyncio.ensure_future(
        engine.local_states.of_pictures(encoder, ids, on_progress=stop_after_a_batch)
    )
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == [(0, COUNT), (16, COUNT)]
    assert engine.patch_progress is None
    (usage,) = await engine.local_states.usage()
    assert usage.pictures in (15, 16), "one of them could not be read"


async def test_texts_have_states_that_are_kept(engine: Engine) -> None:
    encoder = await encoder_of(engine)
    with pytest.raises(OfflineError, match="'a red dog'"):
        await engine.local_states.of_texts(encoder, ["a red dog"], offline=True)
    first, used_model = await engine.local_states.of_texts(encoder, ["a red dog", "a cat"])
    assert used_model
    assert first["a red dog"].pieces == ("a", "red", "dog")
    again, used_model = await engine.local_states.of_texts(encoder, ["a red dog"], offline=True)
    assert not used_model
    np.testing.assert_array_equal(again["a red dog"].vectors, first["a red dog"].vectors)


async def test_the_limit_holds_and_what_is_kept_can_be_cleared(engine: Engine) -> None:
    encoder, ids = await encoder_of(engine), await ids_of(engine)
    (usage,) = await engine.local_states.usage()
    assert usage.bytes > usage.pictures * 2 * 16 * encoder.dim
    assert (await engine.local_states.clear()).pictures == usage.pictures
    assert await engine.local_states.usage() == []
    room = 5 * 2 * 16 * encoder.dim
    object.__setattr__(engine.settings, "states_gib", room / 2**30)
    found = await engine.local_states.of_pictures(encoder, ids)
    assert len(found.states) == COUNT - 1
    way = (await engine.encoders.describe(engine.settings.encoder)).local_way
    assert len(await engine.cache.read(picture_states, encoder.id, way, ids)) == 5
