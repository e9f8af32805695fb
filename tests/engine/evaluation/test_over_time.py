"""What was measured on the same data again and again."""

from dataclasses import replace

from engine.evaluation.over_time import MEASURES, figures_of, over_time
from engine.evaluation.request import EvaluateRequest
from engine.evaluation.results import Evaluation
from tests.t2itui.made_up_evaluations import evaluation


def asked(found: Evaluation, request: EvaluateRequest) -> Evaluation:
    return replace(found, request=request.as_json())


def test_evaluations_of_the_same_texts_and_pictures_stand_in_the_order_they_were_made() -> None:
    plain = EvaluateRequest(data="storybook")
    one, two, three = (asked(evaluation(number, cosine=number / 10), plain) for number in (1, 2, 3))
    others = [
        asked(evaluation(4), replace(plain, language="zh")),
        asked(evaluation(5), replace(plain, queries="words")),
        asked(evaluation(6), replace(plain, limit=9, seed=1)),
        replace(asked(evaluation(7), plain), texts=4999),
        asked(evaluation(8, "other"), plain),
    ]
    found = over_time(two, [three, *others, two, one])
    assert [moment.id for moment in found.moments] == [1, 2, 3]
    times = [1.7e9 + 3600 * number for number in (1, 2, 3)]
    assert found.series("r@1")["cosine"] == list(zip(times, (0.1, 0.2, 0.3), strict=True))
    assert list(found.series("calibration")) == ["match"]


def test_what_only_concerns_how_it_is_measured_leaves_the_data_the_same() -> None:
    plain = EvaluateRequest(data="storybook")
    other = replace(plain, threshold=0.7, resamples=20, seed=3, scorers=("cosine",), encoder="e")
    found = over_time(asked(evaluation(1), plain), [asked(evaluation(2), other)])
    assert [moment.id for moment in found.moments] == [1, 2]


def test_an_evaluation_that_is_not_in_the_list_is_there_all_the_same() -> None:
    assert [moment.id for moment in over_time(evaluation(9), []).moments] == [9]


def test_every_figure_has_a_name_and_only_what_was_measured_is_offered() -> None:
    found = evaluation(1)
    assert {measure for _, measure in figures_of(found)} == set(MEASURES)
    assert over_time(found, []).measures == tuple(MEASURES)
    bare = replace(found, swaps=(), calibration=())
    assert "swaps-auc" not in over_time(bare, []).measures
    assert figures_of(found)["match", "routing"] == 0.81
    assert figures_of(found)["match", "back-map"] == found.retrieval[3].average_precision.value
