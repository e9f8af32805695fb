"""Routing in samples of the pictures: who is absent there, and that a search would route so."""

from dataclasses import replace

import numpy as np
import pytest

from cache.embeddings import EncoderRecord
from cache.labels import CalibrationRecord
from engine.evaluation.by_size import (
    SEEDS,
    SizedQueries,
    SizedRouting,
    quarters_of,
    sizes_up_to,
)
from engine.evaluation.data import Data, LabelledQuery
from engine.evaluation.embeddings import EmbeddedData
from engine.evaluation.measure import Measuring, score_texts
from engine.requests import EvaluateRequest
from engine.scoring.calibration import probability
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.label_free import Background
from engine.scoring.match import MatchContext, placed, with_zeros
from engine.scoring.matcher import read_matcher
from engine.scoring.metrics import RightPairs
from engine.scoring.perceptron import Perceptron
from engine.scoring.registry import find_scorer
from engine.states import DataKind, PairedMeasure, QueryKind, QuerySet, ScorerKind
from tests.engine.evaluation.libraries import unit
from tests.engine.matchers import random_matcher

PICTURES, DIM, THERE, LACKING = 200, 32, 40, 25
ENCODER = EncoderRecord(id="e", dim=DIM, logit_scale=30.0, source="")
LABEL_FREE, MATCH = ScorerKind.LABEL_FREE, ScorerKind.MATCH


def library(*, labelled: bool = True) -> EmbeddedData:
    """Words that four pictures each lie near; labelled, also words that none lies near."""
    random = np.random.default_rng(0)
    pictures = unit(random.standard_normal((PICTURES, DIM)).astype(np.float32))
    names = tuple(f"word {number}" for number in range(THERE))
    answers = [tuple(range(4 * number, 4 * number + 4)) for number in range(THERE)]
    words = unit(random.standard_normal((THERE + LACKING, DIM)).astype(np.float32))
    for number, own in enumerate(answers):
        for picture in own:
            pictures[picture] += 1.1 * words[number]
    pictures = unit(pictures)
    missing = tuple(f"nothing {number}" for number in range(LACKING))
    queries = (
        *(
            LabelledQuery(text=t, answers=a, kind=QueryKind.PRESENT)
            for t, a in zip(names, answers, strict=True)
        ),
        *(LabelledQuery(text=text, answers=(), kind=QueryKind.ABSENT) for text in missing),
    )
    right = RightPairs.of(
        [number for number, own in enumerate(answers) for _ in own],
        [picture for own in answers for picture in own],
    )
    data = Data(
        name="words",
        kind=DataKind.WORDS,
        pictures=tuple(f"{number}.jpg" for number in range(PICTURES)),
        texts=names,
        right=right,
        queries=queries if labelled else (),
    )
    return EmbeddedData(
        encoder=ENCODER,
        data=data,
        texts=words[:THERE],
        languages=("en",) * THERE,
        pictures=pictures,
        spoken=dict(zip((*names, *missing), words, strict=True)),
    )


def context_of(material: EmbeddedData) -> MatchContext:
    random = unit(np.random.default_rng(1).standard_normal((60, DIM)).astype(np.float32))
    background = Background(
        vectors=random, random=random, has_surroundings=True, scorer="label-free, random"
    )
    return MatchContext(
        matrix=EmbeddingMatrix.of(material.pictures),
        logit_scale=ENCODER.logit_scale,
        backgrounds={"": background},
    )


def routing(
    material: EmbeddedData, sizes: tuple[int, ...], context: MatchContext | None = None
) -> SizedRouting:
    return SizedRouting(
        queries=SizedQueries.of(material, seed=0),
        context=context or context_of(material),
        sizes=sizes,
        threshold=0.5,
        resamples=300,
        seed=0,
    )


def test_sizes_end_with_all_pictures_and_leave_out_what_is_nearly_all() -> None:
    assert sizes_up_to(1828) == (100, 300, 600, 1200, 1828)
    assert sizes_up_to(600) == (100, 300, 600)
    assert sizes_up_to(700) == (100, 300, 700)
    assert sizes_up_to(30) == (7, 15, 30)
    assert quarters_of(366) == (91, 183, 366)
    assert quarters_of(5) == (5,)


def test_a_query_is_absent_where_none_of_its_pictures_is() -> None:
    queries = SizedQueries.of(library(), seed=0)
    assert queries.present(np.arange(PICTURES), PICTURES).sum() == THERE
    some = queries.present(np.array([3, 4, 5, 11, 190]), PICTURES)
    assert [queries.texts[i] for i in np.flatnonzero(some)] == ["word 0", "word 1", "word 2"]
    assert queries.own(1).tolist() == [4, 5, 6, 7]
    assert queries.own(THERE).tolist() == []


def test_of_many_queries_some_are_asked_with_their_own_answers() -> None:
    material = library()
    few = SizedQueries.of(material, seed=3, most=12)
    assert len(few.texts) == 12
    numbers = {f"word {number}": list(range(4 * number, 4 * number + 4)) for number in range(THERE)}
    for row, text in enumerate(few.texts):
        assert few.own(row).tolist() == numbers.get(text, [])
        np.testing.assert_array_equal(few.vectors[row], material.spoken[text])


def test_samples_are_seeded_and_a_larger_one_holds_the_smaller() -> None:
    sized = routing(library(), (20, 50, PICTURES))
    by_size = {
        size: [each for each in sized.libraries if each.size == size] for size in sized.sizes
    }
    assert [len(some) for some in by_size.values()] == [SEEDS, SEEDS, 1]
    for small, large in zip(by_size[20], by_size[50], strict=True):
        assert set(small.pictures) < set(large.pictures)
    assert len({tuple(each.pictures) for each in by_size[20]}) == SEEDS
    again = routing(library(), (20, 50, PICTURES))
    for one, other in zip(sized.libraries, again.libraries, strict=True):
        np.testing.assert_array_equal(one.pictures, other.pictures)


@pytest.mark.parametrize(
    ("scorer", "with_matcher"), [(LABEL_FREE, False), (MATCH, False), (MATCH, True)]
)
def test_queries_are_routed_as_a_search_of_the_sample_would(
    scorer: ScorerKind, with_matcher: bool
) -> None:
    material = library()
    context = context_of(material)
    labels = CalibrationRecord(
        id=1, encoder_id="e", scorer="label-free, random", scale=0.5, shift=1.0, labels=9
    )
    context = replace(context, calibrations=[labels])
    if with_matcher:
        matcher = read_matcher(random_matcher("e", DIM), "e")
        context = replace(context, matcher=matcher)
    sized = routing(material, (50, PICTURES), context)
    sized.measure(scorer)
    for size in sized.sizes:
        expected = np.zeros((2, len(sized.queries.rows)))
        for each in (each for each in sized.libraries if each.size == size):
            own = replace(context, matrix=EmbeddingMatrix.of(material.pictures[each.pictures]))
            own = with_zeros(own, [scorer])
            assert own.zeros
            vectors, languages = sized.queries.vectors, sized.queries.languages
            scores = score_texts(find_scorer(scorer), own, vectors, languages)
            for row, (text, logits) in enumerate(zip(vectors, scores, strict=True)):
                there = placed(own, scorer, text, logits, "en")
                retrieves = bool((probability(there) >= 0.5).any())
                expected[0, row] += each.present[row] and retrieves
                expected[1, row] += not each.present[row] and not retrieves
        found = sized.outcomes[scorer][size]
        np.testing.assert_array_equal(found.retrieved, expected[0])
        np.testing.assert_array_equal(found.generated, expected[1])
        assert (found.present + found.absent == (1 if size == PICTURES else SEEDS)).all()
    assert 0.6 < sized.curve(scorer).mean < 1 or with_matcher
    if scorer == MATCH and not with_matcher:
        sized.measure(LABEL_FREE)
        assert sized.curve(LABEL_FREE).points != sized.curve(MATCH).points, "labels move match"


def test_scores_at_hand_are_taken_as_they_are() -> None:
    material = library()
    sized = routing(material, (50, PICTURES))
    request = EvaluateRequest(data="words", scorers=(LABEL_FREE,), resamples=0)
    rows = sized.queries.rows
    measuring = Measuring(material, sized.context, request, lambda _: None, rows)
    measuring.run(request.scorers)
    sized.measure(LABEL_FREE)
    made = sized.curve(LABEL_FREE)
    sized.measure(LABEL_FREE, measuring.kept_scores[LABEL_FREE])
    assert sized.curve(LABEL_FREE) == made
    sized.measure(LABEL_FREE, np.zeros_like(measuring.kept_scores[LABEL_FREE]))
    assert sized.curve(LABEL_FREE) != made


def test_where_no_query_is_absent_the_present_ones_are_asked_without_their_pictures() -> None:
    sized = routing(library(labelled=False), (20, PICTURES))
    sized.measure(LABEL_FREE)
    whole, small = sized.outcomes[LABEL_FREE][PICTURES], sized.outcomes[LABEL_FREE][20]
    assert whole.present.tolist() == whole.absent.tolist() == [1] * THERE
    assert (small.present + small.absent == SEEDS).all(), "enough are absent as it is"
    # Their own pictures are what they are retrieved for.
    assert 1 - whole.generated.mean() < whole.retrieved.mean() - 0.2


def test_captions_of_one_picture_are_drawn_together() -> None:
    material = library(labelled=False)
    pairs = RightPairs.of(list(range(THERE)), [number // 2 for number in range(THERE)])
    captions = replace(material, data=replace(material.data, right=pairs))
    assert SizedQueries.of(captions, seed=0).cluster.tolist() == [n // 2 for n in range(THERE)]
    assert SizedQueries.of(material, seed=0).cluster.tolist() == list(range(THERE))


def test_figures_have_intervals_and_equal_scorers_do_not_differ() -> None:
    material = library()
    sized = routing(material, (50, PICTURES))
    for name in (LABEL_FREE, MATCH):
        sized.measure(name)
    curve = sized.curve(MATCH)
    assert [point.pictures for point in curve.points] == [50, PICTURES]
    assert curve.points[1].present == THERE
    assert curve.points[1].absent == LACKING
    for point in curve.points:
        for rate in (point.balanced, point.retrieved, point.generated):
            assert rate.low <= rate.value <= rate.high
        assert point.balanced.low < point.balanced.high
        both = (point.retrieved.value + point.generated.value) / 2
        assert point.balanced.value == pytest.approx(both)
        values = sized.outcomes[MATCH][point.pictures].values()
        assert values.mean() == pytest.approx(point.balanced.value)
    difference = sized.against(MATCH, LABEL_FREE)
    assert difference is not None
    assert (difference.measure, difference.difference.value) == (PairedMeasure.ROUTING, 0)


def test_a_matcher_of_noise_is_found_to_route_worse() -> None:
    material = library()
    context = context_of(material)
    noise = read_matcher(random_matcher("e", DIM), "e")
    assert isinstance(noise.head, Perceptron)
    noise = replace(noise, head=replace(noise.head, w2=40 * noise.head.w2))
    sized = routing(material, (50, PICTURES), replace(context, matcher=noise))
    for name in (LABEL_FREE, MATCH):
        sized.measure(name)
    for chosen in (None, np.arange(len(sized.queries.rows)) % 2 == 0):
        difference = sized.against(MATCH, LABEL_FREE, chosen)
        assert difference is not None
        assert difference.difference.high < 0
        assert difference.p < 0.05
        part = sized.curve(MATCH, chosen)
        assert part.queries == (QuerySet.ALL if chosen is None else QuerySet.UNSEEN)
        gap = part.mean - sized.curve(LABEL_FREE, chosen).mean
        assert difference.difference.value == pytest.approx(gap)


def test_every_library_is_told_and_may_be_the_last() -> None:
    sized = routing(library(), (50, PICTURES))
    heard: list[int] = []
    sized = replace(sized, step=heard.append)
    sized.measure(LABEL_FREE)
    assert sum(heard) == sized.steps == SEEDS + 1

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(sized, step=stop).measure(LABEL_FREE)
