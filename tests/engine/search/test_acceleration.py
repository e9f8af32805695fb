"""A matcher over a library in the encoder's process: the answers of numpy, and what guards them."""

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
from engine.results import FloatArray, SearchResult
from engine.scoring.columns import Columns
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.match import MatchContext
from engine.scoring.matcher import read_matcher
from engine.search import acceleration
from engine.search.acceleration import Accelerator, ScoringMeasure, corrected, measures
from engine.search.searcher import Searcher
from engine.settings import EngineSettings
from engine.workers.device import Choice
from engine.workers.held_matrix import HeldMatrix
from tests.engine.matchers import random_matcher
from tests.engine.search.libraries import noise, put_space

COUNT = 9_000
PAYS = ScoringMeasure(device="cpu", dtype="bf16", pictures=COUNT, seconds=0.1, gain=2.0, error=0.01)


@pytest.fixture
def dtype() -> str:
    return "fp32"


@pytest.fixture
def settings(tmp_path: Path, model: Path, dtype: str) -> EngineSettings:
    return EngineSettings(home=tmp_path / "home", encoder=str(model), device="cpu", dtype=dtype)


@pytest.fixture
async def cache(settings: EngineSettings, encoders: Encoders, model: Path) -> AsyncIterator[Cache]:
    """A library of 9,000 pictures in the space of a real model, with a matcher."""
    opened = await Cache.open(settings.home)
    record = await put_space(opened, encoders, model)
    names = [f"/{'some' if number % 9 else 'few'}/{number}.jpg" for number in range(COUNT)]
    ids = await opened.write(add_names, names)
    await opened.write(add_embeddings, record.id, ids, noise(COUNT, dim=record.dim))
    weights = random_matcher(record.id, record.dim, hidden=64)
    await opened.write(add_matcher, record.id, weights, "{}")
    yield opened
    await opened.aclose()


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """It pays whatever it takes on a machine at work, and for so few pictures."""
    monkeypatch.setattr(acceleration, "MIN_GAIN", 0.0)
    monkeypatch.setattr(acceleration, "PAYS_FROM_S", 0.0)
    monkeypatch.setattr(acceleration, "HEAD", 500)


def request(query: str, *folders: Path) -> SearchRequest:
    return SearchRequest(query=query, filters=Filters(folders=folders))


def assert_same(ours: SearchResult, numpys: SearchResult, *, is_rounded: bool = False) -> None:
    """The receipts of two devices, but for when they were made."""
    one, other = ours.receipt, numpys.receipt
    most = 2e-3 if is_rounded else 1e-5
    assert one.id == other.id
    assert one.route == other.route
    assert [row.picture_id for row in ours.rows] == [row.picture_id for row in numpys.rows]
    found, exact = ([row.match for row in result.rows] for result in (ours, numpys))
    np.testing.assert_allclose([one.best_match, *found], [other.best_match, *exact], atol=most)
    moved = np.abs(np.subtract(one.histogram, other.histogram)).sum() / 2
    assert moved <= (0.01 * one.considered if is_rounded else 0)
    assert abs(one.passed - other.passed) <= moved


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
async def test_a_receipt_is_that_of_numpy(
    cache: Cache,
    encoders: Encoders,
    settings: EngineSettings,
    monkeypatch: pytest.MonkeyPatch,
    dtype: str,
) -> None:
    accelerator = Accelerator(encoders, settings)
    searcher = Searcher(cache, encoders, settings, accelerator=lambda: accelerator)
    plain = Searcher(cache, encoders, settings)
    given: list[FloatArray | None] = []
    ask = accelerator.logits

    async def asked(*about: object) -> FloatArray | None:
        given.append(await ask(*about))  # type: ignore[arg-type]
        return given[-1]

    monkeypatch.setattr(accelerator, "logits", asked)
    first = await searcher.preview(request("a dog"))
    assert given == [None], "nobody waits for what is handed over"
    await accelerator.handed_over()
    (found,) = measures(settings)
    assert (found.device, found.dtype, found.pictures) == ("cpu", dtype, COUNT)
    assert found.gain > 0 and found.error < (1e-5 if dtype == "fp32" else acceleration.MOST_ERROR)
    assert_same(first, await plain.preview(request("a dog")))
    for query, folders in (("a cat in the snow", ()), ("a red horse", (Path("/few"),))):
        accelerated = await searcher.preview(request(query, *folders))
        assert given[-1] is not None and len(given[-1]) == COUNT
        numpys = await plain.preview(request(query, *folders))
        assert_same(accelerated, numpys, is_rounded=dtype == "bf16")
    asked_so_far = len(given)
    assert accelerated.scores is not None
    worst = int(accelerated.scores.picture_ids[accelerated.scores.match_logit.argmin()])
    score = await searcher.prompt_scorer.scores(
        "a cat in the snow", [worst], encoder_id=accelerated.receipt.encoder, folders=()
    )
    await searcher.compare(request("a cat in the snow"))
    assert len(given) == asked_so_far and worst in score, "single pictures are scored by numpy"
    await encoders.unload()
    await searcher.preview(request("a cat in the snow"))
    assert given[-1] is None, "no process is started for it"
    await searcher.aclose()
    await accelerator.aclose()


@pytest.mark.usefixtures("eager")
async def test_other_pictures_are_handed_over_anew(
    cache: Cache, encoders: Encoders, settings: EngineSettings, model: Path
) -> None:
    accelerator = Accelerator(encoders, settings)
    searcher = Searcher(cache, encoders, settings, accelerator=lambda: accelerator)
    await searcher.preview(request("a dog"))
    await accelerator.handed_over()
    held = accelerator._held
    facts = await encoders.describe(str(model))
    (new,) = await cache.write(add_names, ["/new.jpg"])
    await cache.write(add_embeddings, facts.id, [new], noise(1, dim=facts.dim, seed=9))
    result = await searcher.preview(request("a dog"))
    assert result.receipt.considered == COUNT + 1
    await accelerator.handed_over()
    assert accelerator._held is not held
    assert_same(
        await searcher.preview(request("a dog")),
        await Searcher(cache, encoders, settings).preview(request("a dog")),
    )
    await searcher.aclose()
    await accelerator.aclose()


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("why", ["slower", "wrong", "no room"])
async def test_numpy_scores_where_it_does_not_pay(
    cache: Cache,
    encoders: Encoders,
    settings: EngineSettings,
    monkeypatch: pytest.MonkeyPatch,
    why: str,
) -> None:
    if why == "slower":
        monkeypatch.setattr(acceleration, "MIN_GAIN", 1e9)
    elif why == "wrong":
        monkeypatch.setattr(acceleration, "MOST_ERROR", -1.0)
    else:
        monkeypatch.setattr(acceleration, "ROOM", 1e12)
    accelerator = Accelerator(encoders, settings)
    searcher = Searcher(cache, encoders, settings, accelerator=lambda: accelerator)
    await searcher.preview(request("a dog"))
    await accelerator.handed_over()
    held = accelerator._held
    assert held is not None and not held.pays
    await searcher.preview(request("a cat"))
    assert accelerator._held is held, "and it is not tried again with these pictures"
    if why == "slower":
        assert "by numpy, not on cpu" in measures(settings)[0].sentence()
    await searcher.aclose()
    await accelerator.aclose()


@pytest.mark.usefixtures("eager")
async def test_what_was_measured_before_is_not_measured_again(
    cache: Cache, encoders: Encoders, settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Accelerator(encoders, settings)
    searcher = Searcher(cache, encoders, settings, accelerator=lambda: first)
    await searcher.preview(request("a dog"))
    await first.handed_over()
    monkeypatch.setattr(acceleration, "measure", None)
    second = Accelerator(encoders, settings)
    searcher = Searcher(cache, encoders, settings, accelerator=lambda: second)
    await searcher.preview(request("a dog"))
    await second.handed_over()
    assert second._held is not None and second._held.pays
    assert [each.message for each in _scoring(settings)] == [measures(settings)[0].sentence()]
    await searcher.aclose()


@pytest.mark.parametrize(("dtype", "most"), [("fp32", 1e-5), ("bf16", 0.05)])
def test_a_held_matrix_scores_as_numpy_does(tmp_path: Path, dtype: str, most: float) -> None:
    vectors, matcher = noise(5_000, dim=32), read_matcher(random_matcher("e", 32, hidden=64), "e")
    columns = Columns.of(np.ascontiguousarray(vectors.T))
    with (tmp_path / "matrix").open("wb") as file:
        acceleration._write(columns, file)
    counts = [block.count for block in columns.blocks]
    choice = Choice(device="cpu", dtype=dtype, name="")
    held = HeldMatrix.read(str(tmp_path / "matrix"), counts, 32, choice)
    assert held.choice.dtype == dtype
    text = noise(1, dim=32, seed=5)[0]
    ours, exact = held.logits(matcher.head.arrays(), text), matcher.logits(text, vectors.T)
    assert np.abs(ours - exact).max() / exact.std() < most


def test_the_best_and_what_all_have_in_common_are_float32s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceleration, "HEAD", 100)
    vectors, matcher = noise(8_000, dim=32), read_matcher(random_matcher("e", 32, hidden=64), "e")
    context = MatchContext(matrix=EmbeddingMatrix.of(vectors), logit_scale=1.0, matcher=matcher)
    text = noise(1, dim=32, seed=5)[0]
    exact = matcher.logits(text, vectors.T)
    error = np.random.default_rng(0).uniform(0.2, 0.4, len(exact)).astype(np.float32)
    scope = np.flatnonzero(np.arange(len(exact)) % 3 == 1)
    found = corrected(context, text, exact + error, scope)
    best = scope[np.argsort(-exact[scope])[:50]]
    np.testing.assert_allclose(found[best], exact[best], atol=1e-4)
    assert abs(float((found - exact).mean())) < 0.005, "the error that all have is gone"
    assert float(np.abs(found - exact).max()) < 0.15


def test_a_file_is_handed_over_without_a_name(tmp_path: Path) -> None:
    with acceleration.shared_file(tmp_path) as (file, path):
        file.write(b"matrix")
        file.flush()
        assert Path(path).read_bytes() == b"matrix"
        assert not [*tmp_path.iterdir()]
    assert not Path(path).exists()


def test_it_is_said_what_was_measured() -> None:
    assert "scored on cpu in bf16: 2.0 times as fast as numpy" in PAYS.sentence()
    assert "by numpy, not on cpu in bf16" in replace(PAYS, gain=1.0).sentence()
