"""A large library in two passes: what is shown is exact, and what is not is said to be a guess."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cache.embeddings import add_embeddings
from cache.matchers import add_matcher
from cache.pictures import add_names
from cache.store import Cache
from engine.doctor import _scoring
from engine.models.encoders import Encoders
from engine.requests import Filters, SearchRequest
from engine.results import SearchResult
from engine.scoring import narrow as first_pass
from engine.scoring import ranking
from engine.scoring.columns import Columns
from engine.scoring.narrow import NarrowSpace, codes_of
from engine.search import narrow, narrow_codes, narrow_scores
from engine.search.narrow import NarrowPass, measures
from engine.search.searcher import Searcher
from engine.settings import EngineSettings
from tests.engine.matchers import random_matcher
from tests.engine.search.libraries import noise, put_space, unit

COUNT = 6_000


@pytest.fixture
async def cache(settings: EngineSettings, encoders: Encoders, model: Path) -> AsyncIterator[Cache]:
    opened = await Cache.open(settings.home)
    record = await put_space(opened, encoders, model)
    await add(opened, record.id, 0, COUNT, record.dim)
    yield opened
    await opened.aclose()


async def add(cache: Cache, encoder_id: str, start: int, count: int, dim: int) -> None:
    """Pictures with made-up vectors; every fourth lies in a folder of its own."""
    names = [f"/{'few' if at % 4 == 0 else 'some'}/{at}.jpg" for at in range(start, start + count)]
    ids = await cache.write(add_names, names)
    await cache.write(add_embeddings, encoder_id, ids, noise(count, dim=dim, seed=start + 1))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """For so few pictures, and whatever it takes on a machine at work."""
    monkeypatch.setattr(narrow, "NARROW_FROM", 1_200)
    monkeypatch.setattr(narrow, "SAMPLE", 3_500)
    monkeypatch.setattr(narrow_scores, "SURELY", 100)
    monkeypatch.setattr(narrow, "MIN_GAIN", 0.0)
    monkeypatch.setattr(narrow, "CANDIDATES", (400, 800))


def request(query: str, *folders: Path, **how: object) -> SearchRequest:
    return SearchRequest(query=query, filters=Filters(folders=folders), **how)  # type: ignore[arg-type]


def assert_best_are_exact(ours: SearchResult, exact: SearchResult) -> None:
    """The same pictures with the same scores are shown, and counts are about the same."""
    one, other = ours.receipt, exact.receipt
    assert (one.route, one.considered) == (other.route, other.considered)
    assert [row.picture_id for row in ours.rows] == [row.picture_id for row in exact.rows]
    np.testing.assert_allclose(
        [row.cosine for row in ours.rows], [row.cosine for row in exact.rows], atol=1e-5
    )
    # Where the query is placed hangs on the mean of all, which a sample tells.
    np.testing.assert_allclose(
        [row.match for row in ours.rows], [row.match for row in exact.rows], atol=0.05
    )
    moved = np.abs(np.subtract(one.histogram, other.histogram)).sum() / 2
    assert moved <= 0.06 * one.considered
    assert sum(one.histogram) == one.considered


def assert_rows_are_exact(ours: SearchResult, exact: SearchResult) -> None:
    """What is shown has the logits that scoring all gives it, but for where the query stands."""
    assert exact.scores is not None
    at = np.searchsorted(exact.scores.picture_ids, [row.picture_id for row in ours.rows])
    assert ours.scores is not None and ours.scores.estimated is not None
    mine = np.searchsorted(ours.scores.picture_ids, [row.picture_id for row in ours.rows])
    assert not ours.scores.estimated[mine].any()
    one, other = ours.scores.match_logit[mine], exact.scores.match_logit[at]
    np.testing.assert_allclose(one - one[0], other - other[0], rtol=0.06, atol=0.02)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("has_matcher", [False, True])
async def test_what_is_shown_is_what_scoring_all_shows(
    cache: Cache,
    encoders: Encoders,
    settings: EngineSettings,
    monkeypatch: pytest.MonkeyPatch,
    has_matcher: bool,
) -> None:
    if has_matcher:
        # What a random matcher finds best is not near by.
        monkeypatch.setattr(narrow, "MIN_RECALL", 0.0)
        facts = await encoders.describe(settings.encoder)
        weights = random_matcher(facts.id, facts.dim, hidden=16)
        await cache.write(add_matcher, facts.id, weights, "{}")
    passes = NarrowPass(settings, learns=True)
    searcher = Searcher(cache, encoders, settings, narrow=lambda: passes)
    plain = Searcher(cache, encoders, settings)
    first = await searcher.preview(request("a dog"))
    assert first.receipt.candidates == 0, "nobody waits for what is learned"
    await passes.prepared()
    (measured,) = measures(settings)
    assert measured.pictures == COUNT and measured.candidates in (400, 800)
    assert narrow.MIN_RECALL <= measured.recall < (0.9 if has_matcher else 1.01)
    assert measured.gain > 0
    for scorer in ("match", "cosine"):
        for query, folders in (("a cat in the snow", ()), ("a red horse", (Path("/few"),))):
            asked = request(query, *folders, scorer=scorer)
            ours = await searcher.preview(asked)
            exact = await plain.preview(asked)
            assert ours.receipt.candidates == measured.candidates
            assert ours.receipt.recall == measured.recall
            assert any("recall@100" in each.message for each in ours.warnings)
            assert ours.scores is not None and ours.scores.estimated is not None
            if has_matcher:
                assert_rows_are_exact(ours, exact)
                continue
            assert_best_are_exact(ours, exact)
    exactly = await searcher.preview(request("a cat in the snow", exact=True))
    assert exactly.receipt.candidates == 0
    whole = await searcher.preview(request("a cat in the snow", top=0))
    assert whole.receipt.candidates == 0, "all rows are kept, so all are scored"
    assert any("narrow first pass" in each.message for each in _scoring(settings))
    if has_matcher:
        other = random_matcher(facts.id, facts.dim, hidden=16, seed=5)
        await cache.write(add_matcher, facts.id, other, "{}")
        await searcher.preview(request("a dog"))
        await passes.prepared()
        assert len(measures(settings)) == 2, "what one matcher finds best says nothing of another"
    await passes.aclose()
    await searcher.aclose()


@pytest.mark.usefixtures("small")
async def test_a_decision_comes_back_byte_for_byte_and_an_exact_one_is_another(
    cache: Cache, encoders: Encoders, settings: EngineSettings
) -> None:
    passes = NarrowPass(settings, learns=True)
    searcher = Searcher(cache, encoders, settings, narrow=lambda: passes)
    facts = await encoders.describe(settings.encoder)
    await searcher.measure(facts.id, 0, lambda _: None)
    await searcher.search(request("a cat in the snow"))
    again = Searcher(cache, encoders, settings)
    found = await again.search(request("a cat in the snow"))
    assert found.scores is None and found.receipt.candidates == 400
    exact = await again.search(request("a cat in the snow", exact=True))
    assert exact.scores is not None and exact.receipt.id != found.receipt.id
    best = await searcher.search(request("a cat in the snow"))
    assert best.receipt == exact.receipt, "an exact decision is the better one"
    await passes.aclose()
    await searcher.aclose()


@pytest.mark.usefixtures("small")
async def test_a_command_takes_what_was_learned_and_added_pictures_join(
    cache: Cache,
    encoders: Encoders,
    settings: EngineSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts = await encoders.describe(settings.encoder)
    command = NarrowPass(settings, learns=False)
    asking = Searcher(cache, encoders, settings, narrow=lambda: command)
    assert (await asking.preview(request("a dog"))).receipt.candidates == 0
    assert not (settings.home / "narrow").exists(), "a command learns nothing beside an answer"
    learning = NarrowPass(settings, learns=True)
    searcher = Searcher(cache, encoders, settings, narrow=lambda: learning)
    await searcher.preview(request("a dog"))
    await learning.prepared()
    command = NarrowPass(settings, learns=False)
    assert (await asking.preview(request("a dog"))).receipt.candidates == 400

    exactly = NarrowPass(replace(settings, exact=True), learns=False)
    whole = Searcher(cache, encoders, replace(settings, exact=True), narrow=lambda: exactly)
    assert (await whole.preview(request("a dog"))).receipt.candidates == 0
    await whole.aclose()

    await add(cache, facts.id, COUNT, 1_000, facts.dim)
    monkeypatch.setattr(NarrowSpace, "learn", None)
    grown = await asking.preview(request("a dog"))
    assert grown.receipt.candidates == 400 and grown.receipt.considered == COUNT + 1_000
    exact = await asking.preview(request("a dog", exact=True))
    assert [row.picture_id for row in grown.rows] == [row.picture_id for row in exact.rows]
    for passes in (learning, command):
        await passes.aclose()
    await searcher.aclose()
    await asking.aclose()


@pytest.mark.usefixtures("small")
async def test_codes_of_other_embeddings_are_learned_anew(
    cache: Cache, encoders: Encoders, settings: EngineSettings
) -> None:
    passes = NarrowPass(settings, learns=True)
    searcher = Searcher(cache, encoders, settings, narrow=lambda: passes)
    await searcher.preview(request("a dog"))
    await passes.prepared()
    (file,) = (settings.home / "narrow").iterdir()
    before = file.read_bytes()
    await passes.aclose()
    stored = narrow_codes.unpack(file)
    others = narrow_codes.pack(stored.ids, stored.space, (-stored.codes,), stored.offsets)
    for damaged in (others, b"no archive at all", before[:-50]):
        file.write_bytes(damaged)
        fresh = NarrowPass(settings, learns=True)
        other = Searcher(cache, encoders, settings, narrow=lambda: fresh)  # noqa: B023
        await other.preview(request("a dog"))
        await fresh.prepared()
        assert file.read_bytes() != damaged, len(damaged)
        assert (await other.preview(request("a dog"))).receipt.candidates == 400
        await fresh.aclose()
        await other.aclose()
    await searcher.aclose()


@pytest.mark.usefixtures("small")
async def test_it_is_left_alone_where_it_does_not_pay(
    cache: Cache,
    encoders: Encoders,
    settings: EngineSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(narrow, "MIN_RECALL", 1.1)
    passes = NarrowPass(settings, learns=True)
    searcher = Searcher(cache, encoders, settings, narrow=lambda: passes)
    await searcher.preview(request("a dog"))
    await passes.prepared()
    assert (await searcher.preview(request("a dog"))).receipt.candidates == 0
    (said,) = _scoring(settings)
    assert "are all scored" in said.message
    await passes.aclose()
    await searcher.aclose()


def test_few_directions_find_what_texts_are_near_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures vary most where texts do not: directions of their own would find little."""
    random = np.random.default_rng(0)
    loud = np.concatenate([np.full(32, 1.5), np.full(32, 0.5)])
    pictures = unit((random.standard_normal((5_000, 64)) * loud).astype(np.float32))
    texts = unit((random.standard_normal((200, 64)) * loud[::-1] ** 2).astype(np.float32))
    columns = Columns.of(pictures.T)
    monkeypatch.setattr(first_pass, "DIRECTIONS", 32)
    space = NarrowSpace.learn(pictures[:2_000].T, texts[:100])
    codes = codes_of(space, columns)
    assert codes[0].dtype == np.int8 and codes[0].shape[0] == 32
    found, by_loudest = [], []
    for text in texts[100:110]:
        nearest = np.argsort(-(text @ pictures.T))[:100]
        best = np.argsort(-space.estimates(text, codes))[:500]
        found.append(np.isin(nearest, best).mean())
        loudest = np.argsort(-(text[:32] @ pictures[:, :32].T))[:500]
        by_loudest.append(np.isin(nearest, loudest).mean())
    assert np.mean(found) > 0.85 and np.mean(by_loudest) < 0.4


def test_estimates_rank_below_what_was_scored() -> None:
    values = np.array([0.1, 0.9, 0.5, 0.3], np.float32)
    scores = ranking.make_scores(np.arange(4), values, values)
    assert ranking.order(scores, "cosine").tolist() == [1, 2, 3, 0]
    guessed = replace(scores, estimated=np.array([False, True, False, True]))
    assert ranking.order(guessed, "cosine").tolist() == [2, 0, 1, 3]
    assert ranking.rank_of(guessed, "match", 1) == 3
    assert "about" not in ranking.route(scores, 0.5).reason
    assert ranking.route(guessed, 0.5).reason.startswith("about ")
