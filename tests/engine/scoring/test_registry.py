"""The table of scorers, and that an entry more is all that another scorer takes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from cache.store import Cache
from engine.errors import RequestError
from engine.requests import EvaluateRequest, SearchRequest
from engine.results import FloatArray
from engine.scoring import ranking, registry
from engine.scoring.match import MatchContext
from engine.scoring.registry import Scorer
from engine.search.receipts import History
from engine.states import ScorerKind
from tests.engine.evaluation.libraries import evaluated, opened, write_data
from tests.engine.search.libraries import fill, noise, searcher_of

TEXTS = ["a dog", "snow", *(f"thing {number}" for number in range(30))]
DOG = SearchRequest(query="a dog", scorer="reversed", offline=True)


def reversed_cosine(
    _context: MatchContext, _text: FloatArray, cosine: FloatArray, _language: str
) -> FloatArray:
    return -cosine


@pytest.fixture
def another(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A scorer that turns the order around, as one more entry."""
    scorer = Scorer(name="reversed", logits=reversed_cosine, ranks_searches=True, is_evaluated=True)
    table = MappingProxyType({**registry.SCORERS, scorer.name: scorer})
    monkeypatch.setattr(registry, "SCORERS", table)
    yield


def test_searches_rank_by_match_unless_told_otherwise() -> None:
    assert registry.search_scorers() == ("match", "cosine", "maxsim")
    assert registry.scored_at_once() == ("match", "cosine")
    assert SearchRequest(query="a dog").scorer == registry.search_scorers()[0]


def test_what_can_be_evaluated_has_scores_or_fuses_them() -> None:
    names = registry.evaluated_scorers()
    assert names == ("cosine", "match", "label-free", "hamming", "fusion")
    for name in names:
        scorer = registry.find_scorer(name)
        assert (scorer.logits is None) == bool(scorer.fuses)
        assert all(registry.find_scorer(part).logits for part in scorer.fuses)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cosine"], False),
        (["match"], True),
        (["cosine", "fusion"], True),
        (["label-free"], True),
    ],
)
def test_a_background_is_asked_for_only_where_it_is_weighed_against(
    names: Sequence[str], expected: bool
) -> None:
    assert registry.need_background(names) is expected


def test_an_unknown_scorer_is_refused_with_those_there_are() -> None:
    with pytest.raises(RequestError, match="no scorer is called 'bm25'") as caught:
        registry.find_scorer("bm25")
    assert caught.value.field == "scorer"
    assert "cosine, match, label-free" in caught.value.hint


async def test_another_scorer_ranks_searches(tmp_path: Path, another: None) -> None:
    cache = await Cache.open(tmp_path)
    await fill(cache, [f"{n}.jpg" for n in range(25)], noise(25), TEXTS, noise(len(TEXTS), seed=2))
    searcher = searcher_of(cache, tmp_path)
    result = await searcher.scored(DOG)
    assert result.scores is not None
    by_cosine = ranking.order(result.scores, ScorerKind.COSINE)
    assert ranking.order(result.scores, "reversed").tolist() == by_cosine[::-1].tolist()
    assert result.receipt.ranked_by == "reversed"
    cosines = [row.cosine for row in result.rows]
    assert cosines == sorted(cosines)
    plain = await searcher.scored(replace(DOG, scorer="match"))
    assert plain.receipt.id != result.receipt.id
    assert plain.receipt.histogram == result.receipt.histogram
    replayed = await History(cache).replay(result.receipt.id)
    assert (replayed.receipt, replayed.rows) == (result.receipt, result.rows)
    await cache.aclose()


async def test_another_scorer_is_evaluated(tmp_path: Path, another: None) -> None:
    data = write_data(tmp_path)
    request = EvaluateRequest(data=str(data), scorers=("cosine", "reversed"), resamples=0)
    async with opened(tmp_path) as engine:
        found, _ = await evaluated(engine, request)
    best, worst = (each for each in found.retrieval if each.direction == "text_to_picture")
    assert (best.scorer, worst.scorer) == ("cosine", "reversed")
    assert best.r1.value > 0.5 > worst.r1.value
    assert [each.scorer for each in found.routing] == ["cosine", "reversed"]


def test_scores_that_are_no_numbers_rank_last_for_every_scorer() -> None:
    values = np.array([0.1, np.nan, 0.3], np.float32)
    scores = ranking.make_scores(np.arange(3), values, values, {"other": values})
    for name in ranking.scorers_of(scores):
        assert ranking.order(scores, name).tolist() == [2, 0, 1]
