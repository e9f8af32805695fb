"""Searches ranked by the words of a text against the patches of pictures, through a real model."""

from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
import pytest_asyncio

from engine.engine import Engine
from engine.errors import OfflineError, PictureError
from engine.local.phrases import content_tokens
from engine.requests import IndexRequest, SearchRequest
from engine.scoring import late_interaction
from engine.search.searcher import Searcher
from engine.settings import EngineSettings
from engine.states import ScorerKind
from tests.engine.local.test_states import paint
from tests.engine.scoring.test_late_interaction import by_loops
from tests.tiny_models import save_tiny_clip

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = 12
LATE = SearchRequest(query="a red dog in the snow", scorer=ScorerKind.MAXSIM)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    place = tmp_path_factory.mktemp("late")
    model = save_tiny_clip(place / "clip")
    paint(place / "pictures", COUNT)
    settings = EngineSettings(
        home=place / "home", encoder=str(model), device="cpu", dtype="fp32", decoders=1
    )
    async with Engine.open(settings) as engine:
        await engine.index(IndexRequest(folders=(place / "pictures",))).wait()
        yield engine


async def test_offline_it_needs_states_in_the_cache(engine: Engine) -> None:
    await engine.search(SearchRequest(query=LATE.query))
    with pytest.raises(OfflineError, match="its model would have to start") as caught:
        await engine.searcher.scored(
            SearchRequest(query=LATE.query, scorer=ScorerKind.MAXSIM, offline=True)
        )
    assert "--offline" in caught.value.hint


async def test_pictures_are_ranked_by_what_three_loops_give(engine: Engine) -> None:
    found = await engine.searcher.scored(LATE)
    scores = found.scores
    assert scores is not None
    assert found.receipt.ranked_by == ScorerKind.MAXSIM
    encoder = (await engine.encoders.describe(engine.settings.encoder)).record
    patches = await engine.local_states.of_pictures(
        encoder, scores.picture_ids.tolist(), offline=True
    )
    tokens, _ = await engine.local_states.of_texts(encoder, [LATE.query], offline=True)
    states = tokens[LATE.query]
    words = states.vectors[content_tokens(states.text, states.spans)].astype(np.float32)
    assert len(words) == 3
    expected = by_loops(
        words,
        np.stack([patches.states[int(at)].vectors for at in scores.picture_ids]).astype(np.float32),
    )
    np.testing.assert_allclose(scores.others[ScorerKind.MAXSIM], expected, atol=1e-6)
    values = [row.others[ScorerKind.MAXSIM] for row in found.rows]
    assert values == sorted(values, reverse=True)
    placed = [row.placed[ScorerKind.MAXSIM] for row in found.rows]
    assert placed == sorted(placed, reverse=True)
    assert all(0 <= each <= 1 for each in placed)


async def test_the_same_comes_from_the_cache_and_from_the_receipt(engine: Engine) -> None:
    first = await engine.searcher.scored(LATE)
    await engine.encoders.unload()
    offline = SearchRequest(query=LATE.query, scorer=ScorerKind.MAXSIM, offline=True)
    again = await engine.searcher.scored(offline)
    assert again.cached
    assert [row.others for row in again.rows] == [row.others for row in first.rows]
    replayed = await engine.history.replay(first.receipt.id)
    assert replayed.rows == first.rows


async def test_other_scorers_do_not_pay_for_it(engine: Engine) -> None:
    found = await engine.searcher.scored(SearchRequest(query="a cat"))
    assert found.scores is not None
    assert found.scores.others == {}
    assert found.rows[0].others == {}


async def test_the_best_of_a_large_library_are_reranked_and_the_rest_stay_below(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_interaction, "SMALL", 4)
    searcher = Searcher(
        engine.cache,
        engine.encoders,
        replace(engine.settings, rerank=5),
        states=lambda: engine.local_states,
    )
    found = await searcher.scored(SearchRequest(query="a horse", scorer=ScorerKind.MAXSIM, top=0))
    assert [bool(row.others) for row in found.rows] == [True] * 5 + [False] * (COUNT - 5)
    by_cosine = sorted(found.rows, key=lambda row: -row.cosine)
    assert {row.picture_id for row in found.rows[:5]} == {row.picture_id for row in by_cosine[:5]}
    assert [row.picture_id for row in found.rows[5:]] == [row.picture_id for row in by_cosine[5:]]


async def test_mixes_and_pictures_are_compared_by_their_parts(engine: Engine) -> None:
    folder = engine.settings.home.parent / "pictures"
    like = await engine.searcher.like(
        folder / "03.png", SearchRequest(query="", scorer=ScorerKind.MAXSIM)
    )
    assert like.rows[0].path == str(folder / "03.png")
    mixed = await engine.searcher.scored(
        SearchRequest(query=f'"{folder / "03.png"}" - 0.2*"a dog"', scorer=ScorerKind.MAXSIM)
    )
    assert mixed.rows[0].path == str(folder / "03.png")
    assert mixed.rows[0].placed == {}


async def test_a_picture_that_is_gone_is_told_and_ranked_by_cosine(engine: Engine) -> None:
    folder = engine.settings.home.parent / "pictures"
    await engine.local_states.clear()
    (folder / "05.png").unlink()
    found = await engine.searcher.scored(SearchRequest(query="a red cat", scorer=ScorerKind.MAXSIM))
    assert "cannot be looked at" in " ".join(each.message for each in found.warnings)
    assert found.rows[-1].path == str(folder / "05.png")
    for file in folder.iterdir():
        file.unlink()
    await engine.local_states.clear()
    with pytest.raises(PictureError, match="none of the best pictures"):
        await engine.searcher.scored(SearchRequest(query="a red snow", scorer=ScorerKind.MAXSIM))
