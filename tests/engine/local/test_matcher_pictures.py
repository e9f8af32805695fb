"""A head that reads patches: trained, kept, searched with, and its pictures seen once."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from sqlite_utils import Database

from cache.embeddings import vectors_of
from cache.matchers import matcher_pictures, newest_matcher
from cache.sql import bump
from engine.engine import Engine
from engine.errors import RequestError
from engine.evaluation.embeddings import EmbeddedData
from engine.events import JobFailed, JobFinished
from engine.jobs.progress import ProgressReporter
from engine.requests import EvaluateRequest, IndexRequest, SearchRequest, TrainRequest
from engine.scoring.local_global import LocalGlobal
from engine.scoring.matcher import read_matcher
from engine.settings import EngineSettings
from engine.states import HeadKind
from engine.training.patches import with_states
from tests.engine.evaluation.libraries import evaluated, opened, write_data
from tests.engine.local.test_states import encoder_of, ids_of, paint
from tests.tiny_models import save_tiny_clip

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = 24
ANY = SearchRequest(query="a red dog")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    """Twenty-four pictures, and a matcher that was trained on them and their patches."""
    place = tmp_path_factory.mktemp("library")
    model = save_tiny_clip(place / "clip")
    paint(place / "pictures", COUNT)
    lines = [f"{number:02}.png#0\ta red dog number {number}" for number in range(COUNT)]
    data = place / "captions.token"
    data.write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = EngineSettings(
        home=place / "home", encoder=str(model), device="cpu", dtype="fp32", decoders=1
    )
    async with Engine.open(settings) as engine:
        await engine.index(IndexRequest(folders=(place / "pictures",))).wait()
        request = TrainRequest(
            data=str(data),
            images=place / "pictures",
            head=HeadKind.LOCAL_GLOBAL,
            loss="triangle",
            hidden=8,
            epochs=2,
            force=True,
            resamples=10,
        )
        end = await engine.train(request).wait()
        assert isinstance(end, JobFinished), end
        yield engine


def forget(db: Database, picture_id: int) -> None:
    db.execute("delete from matcher_pictures where picture_id = ?", [picture_id])
    bump(db)


async def test_all_pictures_are_seen_with_their_patches_and_ranked_so(engine: Engine) -> None:
    encoder, ids = await encoder_of(engine), await ids_of(engine)
    record = await engine.cache.read(newest_matcher, encoder.id)
    assert record is not None
    matcher = read_matcher(record.weights, encoder.id)
    assert isinstance(matcher.head, LocalGlobal)
    known, vectors = await engine.cache.read(matcher_pictures, record.id, encoder.dim)
    assert known.tolist() == ids
    found = await engine.search(ANY)
    assert found.receipt.matcher == f"matcher {record.id}"
    assert not [each for each in found.warnings if "patches" in each.message]
    states = (await engine.local_states.of_pictures(encoder, ids, offline=True)).states
    embedded = await engine.cache.read(vectors_of, encoder.id, ids)
    columns = np.ascontiguousarray(np.stack([embedded[each] for each in ids]).T)
    seen = matcher.head.see(columns, np.stack([states[each].vectors for each in ids]))
    np.testing.assert_allclose(vectors.T, seen, atol=1e-5)


async def test_an_evaluation_sees_what_a_search_sees(engine: Engine) -> None:
    place = Path(engine.settings.home).parent
    asked = EvaluateRequest(
        data=str(place / "captions.token"),
        images=place / "pictures",
        scorers=("match",),
        resamples=0,
        swaps=False,
    )
    evaluation, _ = await evaluated(engine, asked)
    assert evaluation.match.startswith("matcher ")


async def test_a_new_picture_is_seen_at_the_end_of_its_index(engine: Engine) -> None:
    encoder = await encoder_of(engine)
    place = Path(engine.settings.home).parent
    await engine.cache.write(forget, (await ids_of(engine))[0])
    before = await engine.search(SearchRequest(query="a dog that nobody asked for"))
    assert [each for each in before.warnings if "1 of 24 pictures without" in each.message]
    paint(place / "pictures", COUNT + 1)
    await engine.index(IndexRequest(folders=(place / "pictures",))).wait()
    record = await engine.cache.read(newest_matcher, encoder.id)
    assert record is not None
    known, _ = await engine.cache.read(matcher_pictures, record.id, encoder.dim)
    assert known.tolist() == await ids_of(engine)
    assert len(known) == COUNT + 1


async def test_too_many_patches_are_refused_with_a_way_out(engine: Engine) -> None:
    encoder, ids = await encoder_of(engine), await ids_of(engine)
    material = object.__new__(EmbeddedData)
    object.__setattr__(material, "encoder", encoder)
    object.__setattr__(material, "picture_ids", np.array(ids, np.int64))
    progress = ProgressReporter(1, lambda _: None)
    with pytest.raises(RequestError, match="more memory") as told:
        await with_states(material, engine.local_states, TrainRequest(data=""), progress, 10_000)
    assert "--limit" in told.value.hint


async def test_vectors_without_pictures_have_no_patches(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    async with opened(tmp_path) as engine:
        end = await engine.train(TrainRequest(data=str(data), head=HeadKind.LOCAL_GLOBAL)).wait()
    assert isinstance(end, JobFailed)
    assert "two-branch" in end.hint
