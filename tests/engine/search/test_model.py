"""What the cache does not know is asked of a real model in its process, and then known."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cache.embeddings import EncoderRecord, add_embeddings, put_encoder
from cache.pictures import add_names
from cache.store import Cache
from cache.texts import TextRecord, get_texts, put_texts
from engine.errors import ModelUnusableError, PictureError
from engine.models.encoders import Encoders
from engine.requests import SearchRequest
from engine.scoring.decision import ENOUGH
from engine.search.searcher import Searcher
from engine.search.text_embedder import random_prompts, rival_prompts
from engine.settings import EngineSettings
from tests.engine.search.libraries import noise, put_space


@pytest.fixture
async def cache(settings: EngineSettings) -> AsyncIterator[Cache]:
    opened = await Cache.open(settings.home)
    yield opened
    await opened.aclose()


@pytest.fixture
async def space(cache: Cache, encoders: Encoders, model: Path) -> EncoderRecord:
    """40 pictures with made-up vectors in the space of the real model."""
    record = await put_space(cache, encoders, model)
    ids = await cache.write(add_names, [f"{number}.jpg" for number in range(40)])
    await cache.write(add_embeddings, record.id, ids, noise(40, dim=record.dim))
    return record


async def test_a_new_text_starts_the_model_once_and_then_never(
    cache: Cache, encoders: Encoders, settings: EngineSettings, space: EncoderRecord
) -> None:
    searcher = Searcher(cache, encoders, settings)
    await searcher.warm_up(SearchRequest(query="a", offline=True))
    assert not any(state.pid for state in encoders.state())
    await searcher.warm_up(SearchRequest(query='a red "hor'))
    (warm,) = encoders.state()
    assert warm.state == "ready"
    first = await searcher.scored(SearchRequest(query="a red horse in the snow"))
    assert not first.cached
    assert encoders.state()[0].pid == warm.pid
    rivals = rival_prompts()["en"]
    assert first.receipt.matcher == f"label-free ({len(rivals)} rival texts)"
    bank = {*random_prompts()["en"], *rivals}
    assert len(await cache.read(get_texts, space.id, sorted(bank))) == len(bank)
    await encoders.unload()
    again = await searcher.scored(SearchRequest(query="a red horse in the snow", offline=True))
    assert again.cached
    assert again.receipt == first.receipt
    assert {state.state for state in encoders.state()} == {"off"}


async def test_an_answer_for_want_of_texts_does_not_stand_for_later_ones(
    cache: Cache, encoders: Encoders, settings: EngineSettings, space: EncoderRecord
) -> None:
    async def learn(texts: Sequence[str], seed: int) -> None:
        records = [
            TextRecord(text=text, vector=vector, tokens=3, lost="", imported=False)
            for text, vector in zip(texts, noise(len(texts), dim=space.dim, seed=seed), strict=True)
        ]
        await cache.write(put_texts, space.id, records)

    async def asked() -> str:
        result = await Searcher(cache, encoders, settings).search(request)
        assert {state.state for state in encoders.state()} <= {"off"}
        return result.receipt.matcher

    request = SearchRequest(query="a red horse in the snow", offline=True)
    random, rivals = random_prompts()["en"], rival_prompts()["en"]
    await learn(["a red horse in the snow"], 1)
    assert await asked() == "label-free (rough)"
    await learn(random, 2)
    assert len({*random} & {*rivals}) < ENOUGH
    assert await asked() == f"label-free ({len(random)} background texts)"
    await learn([text for text in rivals if text not in random], 3)
    assert await asked() == f"label-free ({len(rivals)} rival texts)"


async def test_words_beyond_the_tower_are_named(
    cache: Cache, encoders: Encoders, settings: EngineSettings, space: EncoderRecord
) -> None:
    searcher = Searcher(cache, encoders, settings)
    result = await searcher.search(SearchRequest(query="a dog " * 10 + "zebra"))
    assert result.warnings[0].message.endswith("zebra")
    assert "lost" in result.warnings[0].message


async def test_a_picture_on_the_disk_is_read_by_the_model(
    cache: Cache,
    encoders: Encoders,
    settings: EngineSettings,
    space: EncoderRecord,
    tmp_path: Path,
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    path = tmp_path / "on disk.png"
    Image.fromarray(pixels).save(path)
    result = await Searcher(cache, encoders, settings).like(path, SearchRequest(query=""))
    assert not result.cached
    assert result.receipt.query == f'"{path}"'
    assert result.receipt.considered == 40
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(PictureError, match=r"broken\.png"):
        await Searcher(cache, encoders, settings).like(broken, SearchRequest(query=""))
    # Opening and closing it beside SQLite would take its locks away.
    with pytest.raises(PictureError, match="the cache of a library"):
        await Searcher(cache, encoders, settings).like(cache.path, SearchRequest(query=""))


async def test_a_model_that_changed_since_indexing_is_refused(
    cache: Cache, encoders: Encoders, settings: EngineSettings, model: Path
) -> None:
    facts = await encoders.describe(str(model))
    record = EncoderRecord(
        id="tiny-clip@00000000", dim=facts.dim, logit_scale=100.0, source=str(model)
    )
    await cache.write(put_encoder, record)
    ids = await cache.write(add_names, ["a.jpg"])
    await cache.write(add_embeddings, record.id, ids, noise(1, dim=record.dim))
    with pytest.raises(ModelUnusableError, match="by now"):
        await Searcher(cache, encoders, settings).search(SearchRequest(query="a dog"))
