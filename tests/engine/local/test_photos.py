"""Real photos through a tiny model of random weights: the whole path, within a limit of memory."""

import itertools
import resource
import shutil
from pathlib import Path

import pytest

from engine import (
    Engine,
    EngineSettings,
    IndexRequest,
    JobFinished,
    SearchRequest,
    TrainRequest,
    WhereRequest,
)
from engine.local.drawing import draw_where
from engine.requests import TagRequest
from engine.states import HeadKind, LossKind, ScorerKind
from tests.shared_data import DATA, needs
from tests.tiny_models import save_tiny_clip

PHOTOS = 48
ROOM = 300 * 1024
"""KiB that the program's own process may grow by; what models take is in processes of theirs."""


@needs("flickr8k")
@pytest.mark.asyncio
async def test_photos_are_looked_at_and_ranked_by_their_patches(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    found = sorted((DATA / "flickr8k" / "images").iterdir())
    for file in itertools.islice(found, PHOTOS):
        shutil.copy(file, photos)
    settings = EngineSettings(
        home=tmp_path / "home",
        encoder=str(save_tiny_clip(tmp_path / "clip", image_size=64)),
        device="cpu",
        dtype="fp32",
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with Engine.open(settings) as engine:
        await engine.index(IndexRequest(folders=(photos,))).wait()
        request = SearchRequest(query="a dog in the snow", scorer=ScorerKind.MAXSIM)
        result = await engine.search(request)
        assert len(result.rows) == 20
        assert all(ScorerKind.MAXSIM in row.others for row in result.rows)
        where = await engine.where(
            WhereRequest(picture=result.rows[0].path, text="a dog and a horse")
        )
        assert [word.word for word in where.words] == ["dog", "horse"]
        left, top, right, bottom = where.seen
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
        draw_where(where, await engine.words.thumbnail(where), tmp_path / "words.png")
        (usage,) = await engine.local_states.usage()
        assert usage.pictures == PHOTOS
        await learn_and_ask(engine, tmp_path, photos)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < ROOM


async def learn_and_ask(engine: Engine, place: Path, photos: Path) -> None:
    """Train the head that reads patches on the photos' captions, rank by it, and tag a photo."""
    held = {file.name for file in photos.iterdir()}
    lines = (DATA / "flickr8k" / "results.token").read_text(encoding="utf-8").splitlines()
    captions = place / "captions.token"
    some = [line for line in lines if line.partition("#")[0] in held]
    captions.write_text("\n".join(some) + "\n", encoding="utf-8")
    training = TrainRequest(
        data=str(captions),
        images=photos,
        head=HeadKind.LOCAL_GLOBAL,
        loss=LossKind.TRIANGLE,
        hidden=8,
        epochs=1,
        force=True,
        resamples=10,
    )
    assert isinstance(await engine.train(training).wait(), JobFinished)
    result = await engine.search(SearchRequest(query="a child on a swing"))
    assert result.receipt.matcher.startswith("matcher ")
    assert not [each for each in result.warnings if "patches" in each.message]
    best = result.rows[0].path
    tagged = await engine.searcher.tagger.tag(TagRequest(pictures=(best,), top=0))
    assert [each.path for each in tagged.pictures] == [best]
