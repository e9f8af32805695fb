"""Real photos through a small CLIP of random weights, in its own process."""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from cache.embeddings import load_matrix
from cache.files import failures
from cache.library import counts
from cache.pictures import shown_pictures
from cache.store import Cache
from engine.events import (
    JobCancelled,
    JobEvent,
    JobFinished,
    JobProgress,
    LibraryChanged,
)
from engine.jobs.jobs import Job, Jobs
from engine.library.indexing import Indexer
from engine.models.encoder_info import EncoderInfo
from engine.models.encoders import Encoders
from engine.models.input_spec import prepare
from engine.requests import IndexRequest
from engine.settings import EngineSettings
from tests.shared_data import DATA, needs
from tests.tiny_models import save_tiny_clip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a small CLIP."""
    return str(save_tiny_clip(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture
def settings(tmp_path: Path, model: str) -> EngineSettings:
    return EngineSettings(home=tmp_path / "home", encoder=model, device="cpu", decoders=1)


class Workshop:
    """Cache, encoder process and jobs, on real photos."""

    def __init__(self, settings: EngineSettings, cache: Cache) -> None:
        self.settings = settings
        self.cache = cache
        self.jobs = Jobs(cache)
        self.encoders = Encoders(settings)
        self.indexer = Indexer(cache, self.encoders, settings)
        self.events: list[JobEvent] = []
        self.jobs.subscribe(self.events.append)

    def start(self, *roots: Path, per_class: int | None = None) -> Job:
        request = IndexRequest(folders=roots, per_class=per_class, seed=7)
        return self.jobs.start(self.indexer.job(request))

    async def index(self, *roots: Path, per_class: int | None = None) -> str:
        outcome = await self.start(*roots, per_class=per_class).wait()
        assert isinstance(outcome, JobFinished), outcome
        return outcome.message

    async def first(self, kind: type[JobEvent]) -> None:
        """Wait for the first event of a kind."""
        heard = asyncio.Event()
        stop = self.jobs.subscribe(lambda event: heard.set() if isinstance(event, kind) else None)
        await heard.wait()
        stop()

    async def facts(self) -> EncoderInfo:
        return await self.encoders.describe(self.settings.encoder)

    async def aclose(self) -> None:
        await self.jobs.aclose()
        await self.indexer.aclose()
        await self.encoders.aclose()
        await self.cache.aclose()


@pytest_asyncio.fixture
async def workshop(settings: EngineSettings) -> AsyncIterator[Workshop]:
    workshop = Workshop(settings, await Cache.open(settings.home))
    yield workshop
    await workshop.aclose()


@needs("animals10")
@needs("flickr8k")
async def test_all_photos_are_sampled_indexed_cancelled_and_gone_on_with(
    workshop: Workshop,
) -> None:
    roots = (DATA / "animals10", DATA / "flickr8k" / "images")
    assert "30 new" in await workshop.index(roots[0], per_class=3)
    assert await classes(workshop) == [3] * 10
    job = workshop.start(*roots)
    await workshop.first(LibraryChanged)
    job.cancel()
    outcome = await job.wait()
    assert isinstance(outcome, JobCancelled)
    assert outcome.seconds < 3
    before = await workshop.cache.read(counts)
    assert 62 <= before.pictures < 970

    message = await workshop.index(*roots)
    assert message.startswith("970 files")
    assert f"{before.pictures} unchanged" in message
    after = await workshop.cache.read(counts)
    assert (after.present, after.failures, after.partial) == (970, 0, 0)
    assert list(after.embedded.values()) == [970]
    progress = [event for event in workshop.events if isinstance(event, JobProgress)]
    assert {event.stage for event in progress} == {"walking", "loading the encoder", "indexing"}
    assert any(event.rate > 0 and event.eta_s for event in progress)

    assert "970 unchanged" in await workshop.index(*roots)
    await check_vectors(workshop)


async def classes(workshop: Workshop) -> list[int]:
    """How many photos of each class are in the library."""
    ids, _ = await workshop.cache.read(load_matrix, (await workshop.facts()).id)
    shown = await workshop.cache.read(shown_pictures, ids.tolist())
    return list(Counter(Path(one.file.path).parent.name for one in shown if one.file).values())


async def check_vectors(workshop: Workshop) -> None:
    """The embedding of a photo is what the encoder says of it when asked directly."""
    facts = await workshop.facts()
    ids, matrix = await workshop.cache.read(load_matrix, facts.id)
    some = list(range(0, len(ids), 97))
    shown = await workshop.cache.read(shown_pictures, ids[some].tolist())
    pixels = []
    for entry in shown:
        assert entry.file is not None
        with Image.open(entry.file.path) as image:
            assert (entry.picture.width, entry.picture.height) == image.size
            pixels.append(prepare(image.convert("RGB"), facts.spec))
    direct = await workshop.encoders.embed_pixels(facts.source, np.stack(pixels))
    agreement = (direct * matrix[some]).sum(axis=1)
    assert agreement.min() > 0.98


@needs("animals10")
async def test_moved_deleted_copied_and_corrupt_photos(workshop: Workshop, tmp_path: Path) -> None:
    root = tmp_path / "animals"
    for kind in ("cane", "gatto"):
        shutil.copytree(DATA / "animals10" / kind, root / kind)
    await workshop.index(root)
    dog, second, third, fourth, *_ = sorted((root / "cane").iterdir())
    dog.rename(root / "gatto" / "moved.jpg")
    second.unlink()
    third.write_bytes(third.read_bytes()[: third.stat().st_size // 2])
    fourth.write_bytes(b"no photo any more")
    shutil.copytree(root / "gatto", root / "copy")
    message = await workshop.index(root)
    found = await workshop.cache.read(counts)
    assert "3 vanished" not in message
    assert "2 vanished" in message
    assert "1 cut short" in message
    assert "1 unreadable" in message
    assert (found.partial, found.failures) == (1, 1)
    ledger = await workshop.cache.read(failures, None)
    assert [record.path for record in ledger] == [str(fourth)]
