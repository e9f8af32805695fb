"""Why a matcher is not kept by itself, and what is made of reports of whatever make."""

import json
from dataclasses import replace

import pytest

from engine.states import PairedMeasure
from engine.training.report import SHIPPED, TrainingReport, is_better, read_report, summary
from tests.t2itui.made_up_evaluations import interval, retrieval
from tests.t2itui.made_up_trainings import training_report


def routed(report: TrainingReport, difference: float, p: float) -> TrainingReport:
    """The report with another difference in routing."""
    routes = replace(
        report.against_label_free[0],
        measure=PairedMeasure.ROUTING,
        difference=interval(difference),
        p=p,
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


@pytest.mark.parametrize(
    ("measure", "difference", "p", "kept"),
    [
        (PairedMeasure.ROUTING, -0.05, 0.01, False),
        (PairedMeasure.UNSEEN_ROUTING, -0.05, 0.01, False),
        (PairedMeasure.ROUTING, -0.05, 0.5, True),
        (PairedMeasure.ROUTING, 0.05, 0.01, True),
        (PairedMeasure.MAP, -0.05, 0.01, True),
    ],
)
def test_a_matcher_that_ranks_better_is_kept_unless_it_routes_worse_by_no_accident(
    measure: PairedMeasure, difference: float, p: float, kept: bool
) -> None:
    (some, *_) = training_report().against_label_free
    routes = replace(some, measure=measure, difference=interval(difference), p=p)
    precision = {"match": 0.5, "label-free": 0.4}
    assert is_better(precision, [routes]) is kept
    assert not is_better({"match": 0.4, "label-free": 0.4}, [])
    assert not is_better(precision | {SHIPPED: 0.6}, [])


def test_the_summary_tells_ranking_and_routing_and_an_old_report_ranking_alone() -> None:
    report = training_report()
    assert "routing 0.895 (label-free 0.865) on 100 held-out" in summary(report.as_json())
    old = summary(replace(report, by_size=()).as_json())
    assert old.startswith("mAP 0.680 (label-free 0.620, cosine 0.600) on 100")


def changed(**values: object) -> str:
    """The JSON of a whole report with other values in it."""
    return json.dumps({**json.loads(training_report().as_json()), **values})


def test_a_report_comes_back_as_it_was() -> None:
    assert read_report(training_report().as_json()) == training_report()
    assert read_report('{"made": "elsewhere"}') is None
    assert summary('{"made": "elsewhere"}') == "shipped or made elsewhere"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON"),
        ("[]", "no JSON object"),
        ("[" * 100_000, "nested"),
        ('{"version": 1}', "incomplete"),
        (changed(retrieval=[]), "no figures of match and label-free and cosine"),
        (changed(pictures=[1]), "shorter"),
        (changed(pictures="none"), "pictures"),
        (changed(encoder=5), "encoder"),
        (changed(seconds="long"), "no number"),
        (changed(texts=[1, 2, 10**100]), "digits"),
        (changed(retrieval=[{"scorer": "match", "direction": "text_to_picture"}]), "incomplete"),
        (changed(seconds=float("nan")), "NaN"),
    ],
    ids=range(12),
)
def test_a_report_that_lacks_its_figures_is_unreadable(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_report(text)
    assert summary(text).startswith("unreadable: ")
