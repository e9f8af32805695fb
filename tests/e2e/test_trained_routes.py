"""A matcher trained on photos and words, in force, and where eight words go then.

The bench beside it trains as long as a person's training does, on all photos, and asks for all
eight; here one epoch on 400 photos has to do.
"""

from pathlib import Path

from engine.states import QuerySet, ScorerKind
from tests.bench.measure_trained_routes import THERE, trained_routes, words_request
from tests.shared_data import needs

pytestmark = needs("clip_vitb32")

ON_THE_LINE = "a pizza"
"""0.47 without labels, 0.40 to 0.60 with matchers that differ by their seed or photos."""


async def test_a_trained_matcher_sends_words_where_they_belong(tmp_path: Path) -> None:
    found = await trained_routes(tmp_path, words_request(epochs=1, photos=400))
    assert set(found.wrong) <= {ON_THE_LINE}, found.best
    assert found.best[ON_THE_LINE] < min(found.best[word] for word in THERE)
    assert found.gain > 0
    assert found.is_kept, "it is asked to, whatever comes of it"
    curves = {(each.scorer, each.queries): each for each in found.report.by_size}
    for queries in QuerySet:
        own, free = (curves[name, queries] for name in (ScorerKind.MATCH, ScorerKind.LABEL_FREE))
        assert [point.pictures for point in own.points] == [20, 40, 80]
        assert own.mean > 0.65
        assert own.mean > free.mean - 0.05
