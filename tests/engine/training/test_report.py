"""Why a matcher is not kept by itself."""

from dataclasses import replace

import pytest

from engine.evaluation.measure import ROUTING
from engine.training.report import SHIPPED, TrainingReport
from tests.t2itui.made_up_evaluations import interval, retrieval
from tests.t2itui.made_up_trainings import training_report


def routed(report: TrainingReport, difference: float, p: float) -> TrainingReport:
    """The report with another difference in routing."""
    routes = replace(
        report.against_label_free[0], measure=ROUTING, difference=interval(difference), p=p
    )
    return replace(report, against_label_free=(*report.against_label_free, routes))


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (training_report(), ""),
        (training_report(match=0.5), "does no better than the match without labels"),
        (
            replace(routed(training_report(), -0.1, 0.01), is_better=False),
            "routes worse than the match without labels",
        ),
        (
            replace(
                routed(training_report(), -0.1, 0.6),
                is_better=False,
                retrieval=(
                    *training_report().retrieval,
                    retrieval(SHIPPED, "text_to_picture", 0.7),
                ),
            ),
            "ranks worse than the matcher that ships",
        ),
    ],
)
def test_the_reason_says_what_is_worse(report: TrainingReport, expected: str) -> None:
    assert report.shortfall == expected
