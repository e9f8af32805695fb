"""The list of encoders."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from sqlite_utils import Database

from cache.embeddings import EncoderRecord, add_embeddings, put_encoder
from cache.matchers import add_matcher
from cache.pictures import NewPicture, add_picture
from cache.store import Cache
from engine.collections import BUILT_IN
from engine.models.catalog import KNOWN_ENCODERS, encoder_statuses, known_encoder
from engine.models.encoders import Encoders
from engine.settings import CHINESE_ENCODER, DEFAULT_ENCODER, EngineSettings


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, in use."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest_asyncio.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cache]:
    cache = await Cache.open(tmp_path / "home")
    yield cache
    await cache.aclose()


def embed_one(db: Database, encoder_id: str, source: str) -> None:
    """Enter a picture with a vector of the encoder."""
    put_encoder(db, EncoderRecord(id=encoder_id, dim=2, logit_scale=100, source=source))
    sha = encoder_id.encode().hex().ljust(64, "0")[:64]
    new = NewPicture(
        sha256=sha, width=1, height=1, format="PNG", partial=False, thumbnail=b"thumbnail"
    )
    add_embeddings(db, encoder_id, [add_picture(db, new)], np.array([[1, 0]], np.float32))


async def test_an_empty_machine_lists_what_is_known(cache: Cache, tmp_path: Path) -> None:
    found = await encoder_statuses(cache, Encoders(EngineSettings(home=tmp_path / "home")))
    builtin, *others = found
    assert [status.id for status in others] == [model.id for model in KNOWN_ENCODERS]
    assert not any(status.location or status.indexed for status in others)
    assert (builtin.id, builtin.location) == ("storybook", str(BUILT_IN.encoder))
    assert "not photographs" in builtin.note
    assert known_encoder(f"{CHINESE_ENCODER}@main") is not None


async def test_what_is_indexed_comes_first_and_what_is_here_second(
    cache: Cache, tiny: Path, hub: Path, tmp_path: Path
) -> None:
    model = hub / "models--OFA-Sys--chinese-clip-vit-base-patch16"
    shutil.copytree(tiny / "chinese", model / "snapshots" / "abc")
    await cache.write(embed_one, DEFAULT_ENCODER, "")
    await cache.write(add_matcher, DEFAULT_ENCODER, b"weights", "{}")
    await cache.write(embed_one, "clip@01234567", str(tiny / "clip"))
    settings = EngineSettings(home=tmp_path / "home", encoder=str(tiny / "siglip"))
    found = await encoder_statuses(cache, Encoders(settings))
    ids = [status.id for status in found]
    assert set(ids[:2]) == {DEFAULT_ENCODER, "clip@01234567"}
    (of_settings,) = [name for name in ids if name.startswith("siglip@")]
    assert set(ids[2:4]) == {CHINESE_ENCODER, of_settings}
    assert len(ids) == len(set(ids)) == len(KNOWN_ENCODERS) + 3

    by_id = {status.id: status for status in found}
    assert (by_id[DEFAULT_ENCODER].matcher, by_id[DEFAULT_ENCODER].location) == ("matcher 1", "")
    assert by_id["clip@01234567"].matcher == "label-free"
    assert by_id["clip@01234567"].location == str(tiny / "clip")
    assert by_id[CHINESE_ENCODER].location == str(model / "snapshots" / "abc")


async def test_a_configured_encoder_that_cannot_be_used_says_why(
    cache: Cache, tmp_path: Path
) -> None:
    settings = EngineSettings(home=tmp_path / "home", encoder=str(tmp_path / "nothing"))
    found = {status.id: status for status in await encoder_statuses(cache, Encoders(settings))}
    assert "there is no model" in found[settings.encoder].note
