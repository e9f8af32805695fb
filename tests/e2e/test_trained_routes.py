"""A matcher trained on photos and words, in force, and where eight words go then.

The bench beside it trains as long as a person's training does and asks for all eight; here one
epoch has to do.
"""

from pathlib import Path

from engine.states import QuerySet, ScorerKind
from tests.bench.measure_trained_routes import GAIN, THERE, trained_routes, words_request
from tests.shared_data import needs

pytestmark = needs("clip_vitb32")

ON_THE_LINE = "a pizza"
"""0.47 without labels and 0.40 to 0.57 with matchers: one photo is hard to tell from one."""


async def test_a_trained_matcher_sends_words_where_they_belong(tmp_path: Path) -> None:
    found = await trained_routes(tmp_path, words_request(epochs=1))
    assert set(found.wrong) <= {ON_THE_LINE}, found.best
    assert found.best[ON_THE_LINE] < min(found.best[word] for word in THERE)
    assert found.gain >= GAIN
    assert found.is_kept, found.report.shortfall
    curves = {(each.scorer, each.queries): each for each in found.report.by_size}
    for queries in QuerySet:
        own, free = (curves[name, queries] for name in (ScorerKind.MATCH, ScorerKind.LABEL_FREE))
        assert len(own.points) == 3
        assert own.mean > 0.75
        assert own.mean > free.mean - 0.05
