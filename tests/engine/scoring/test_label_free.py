"""The label-free match is the softmax weight of the query against its background."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.results import FloatArray
from engine.scoring import label_free
from engine.scoring.columns import Columns
from engine.scoring.decision import SAME
from engine.scoring.embedding_matrix import EmbeddingMatrix, WeightedTerm
from engine.scoring.label_free import OWN_SHARE, OwnPictures
from tests.engine.search.libraries import noise, unit


def plain_log_odds(
    background: FloatArray, query: FloatArray, pictures: FloatArray, scale: float
) -> FloatArray:
    """DESIGN's formula in float64, picture by picture, over what is kept of the background."""
    kept = background[label_free.counting_against(background, query)].astype(np.float64)
    odds = []
    for picture in pictures.astype(np.float64):
        others = kept @ picture
        terms = scale * others[others < SAME]
        total = np.logaddexp.reduce(terms) if len(terms) else -scale
        odds.append(scale * float(query @ picture) - total)
    return np.array(odds)


def engine_log_odds(
    background: FloatArray, query: FloatArray, pictures: FloatArray, scale: float
) -> FloatArray:
    columns = np.ascontiguousarray(pictures.T)
    prepared = label_free.prepare(background, columns, scale)
    return label_free.softmax_logits(prepared, query, query @ columns, columns)


@given(st.integers(0, 1000), st.integers(16, 60), st.sampled_from([1.0, 10.0, 100.0]))
@settings(max_examples=40, deadline=None)
def test_it_equals_the_plain_formula(seed: int, size: int, scale: float) -> None:
    background, pictures = noise(size, seed=seed), noise(30, seed=seed + 1)
    query = noise(1, seed=seed + 2)[0]
    expected = plain_log_odds(background, query, pictures, scale)
    found = engine_log_odds(background, query, pictures, scale)
    assert found == pytest.approx(expected, abs=2e-6 * scale + 1e-5)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_a_query_of_the_background_does_not_count_against_itself(seed: int) -> None:
    background, pictures = noise(20, seed=seed), noise(30, seed=seed + 1)
    query = background[7]
    rest = np.delete(background, 7, axis=0)
    nearest = np.argsort(-(rest @ query), kind="stable")[: round(0.1 * 20) - 1]
    rest = np.delete(rest, nearest, axis=0).astype(np.float64)
    logits = 100 * (pictures.astype(np.float64) @ rest.T)
    expected = 100 * (pictures @ query) - np.logaddexp.reduce(logits, axis=1)
    assert engine_log_odds(background, query, pictures, 100) == pytest.approx(expected, abs=1e-3)


def test_what_dominates_a_picture_can_be_left_out_exactly() -> None:
    pictures = noise(5)
    background = np.concatenate(
        [pictures[:1], pictures[:1] + 0.02 * noise(1, seed=4), noise(18, seed=8)]
    )
    background = unit(background)
    expected = plain_log_odds(background, pictures[0], pictures, 300)
    found = engine_log_odds(background, pictures[0], pictures, 300)
    assert found == pytest.approx(expected, abs=2e-3)
    assert found[0] > 50


def test_a_picture_of_the_background_does_not_count_against_itself() -> None:
    pictures = noise(40)
    found = engine_log_odds(pictures, noise(1, seed=9)[0], pictures, 100)
    expected = plain_log_odds(pictures, noise(1, seed=9)[0], pictures, 100)
    assert found == pytest.approx(expected, abs=1e-3)


def test_a_library_of_one_picture_many_times_gives_numbers() -> None:
    pictures = np.repeat(noise(1), 30, axis=0)
    assert np.isfinite(engine_log_odds(pictures, pictures[0], pictures, 100)).all()


def test_the_nearest_tenth_does_not_count() -> None:
    background = noise(50)
    query = unit(background[:1] + 0.5 * noise(1, seed=3))[0]
    kept = label_free.counting_against(background, query)
    assert kept.sum() == 45
    assert (background @ query)[kept].max() <= (background @ query)[~kept].min()


@pytest.mark.parametrize("are_rivals", [False, True])
@pytest.mark.parametrize("scale", [1.0, 100.0, 3000.0])
def test_many_queries_at_once_score_as_each_by_itself(scale: float, are_rivals: bool) -> None:
    background, queries = noise(40), np.concatenate([noise(3), noise(9, seed=2)])
    columns = np.ascontiguousarray(np.concatenate([noise(30, seed=1), noise(2)]).T)
    whole = label_free.Background(vectors=background, are_rivals=are_rivals)
    found = label_free.logits_of(whole, queries, columns, scale)
    prepared = label_free.prepare(background, columns, scale)
    each = [
        label_free.softmax_logits(prepared, query, query @ columns, columns, are_rivals=are_rivals)
        for query in queries
    ]
    assert found == pytest.approx(np.stack(each), abs=2e-6 * scale + 1e-5)


@given(st.integers(0, 1000), st.sampled_from([1.0, 10.0, 100.0]))
@settings(max_examples=20, deadline=None)
def test_all_rivals_count_that_say_something_else(seed: int, scale: float) -> None:
    rivals, pictures = noise(40, seed=seed), noise(30, seed=seed + 1)
    query = unit(rivals[:1] + 0.05 * noise(1, seed=seed + 2))[0]
    columns = np.ascontiguousarray(pictures.T)
    prepared = label_free.prepare(rivals, columns, scale)
    found = label_free.softmax_logits(prepared, query, query @ columns, columns, are_rivals=True)
    between = (rivals @ rivals.T)[np.triu_indices(40, 1)]
    same = rivals @ query >= between.mean() + label_free.SYNONYM * between.std()
    assert same[0] and same.sum() <= 4
    logits = scale * (pictures.astype(np.float64) @ rivals[~same].T)
    expected = scale * (pictures @ query) - np.logaddexp.reduce(logits, axis=1)
    assert found == pytest.approx(expected, abs=2e-6 * scale + 1e-5)


def test_no_more_than_a_tenth_of_the_rivals_says_the_same() -> None:
    centre = noise(1)
    rivals = unit(np.concatenate([centre + 0.05 * noise(12, seed=1), noise(48, seed=2)]))
    columns = np.ascontiguousarray(noise(5, seed=3).T)
    prepared = label_free.prepare(rivals, columns, 100)
    assert (rivals @ centre[0] > prepared.near).sum() == 12
    kept = label_free.counting_against(rivals, centre[0], beyond=prepared.near)
    assert (~kept).sum() == 6


def test_rivals_far_from_the_query_all_count() -> None:
    rivals, columns = noise(40), np.ascontiguousarray(noise(30, seed=1).T)
    query = -rivals.sum(axis=0) / np.linalg.norm(rivals.sum(axis=0))
    prepared = label_free.prepare(rivals, columns, 100)
    found = label_free.softmax_logits(prepared, query, query @ columns, columns, are_rivals=True)
    logits = 100 * (columns.T.astype(np.float64) @ rivals.T)
    expected = 100 * (query @ columns) - np.logaddexp.reduce(logits, axis=1)
    assert found == pytest.approx(expected, abs=1e-3)


def test_without_a_background_the_order_is_that_of_the_cosine() -> None:
    cosine = np.array([0.1, 0.3, 0.2], np.float32)
    assert np.argsort(label_free.rough_logits(cosine, 100)).tolist() == [0, 2, 1]


def test_the_own_pictures_of_a_text_are_the_nearest_one_and_what_is_most_like_it() -> None:
    random = np.random.default_rng(3)
    pictures = unit(random.standard_normal((40, 16)).astype(np.float32))
    texts = unit(pictures[:6] + 0.3 * unit(random.standard_normal((6, 16)).astype(np.float32)))
    found = OwnPictures.of(texts, Columns.of(pictures.T))
    np.testing.assert_array_equal(found.vectors, pictures[:6])
    own = found.vectors @ pictures.T >= found.beyond[:, None]
    assert own[np.arange(6), np.arange(6)].all()
    assert (own.sum(axis=1) == round(OWN_SHARE * 40)).all()
    for row, near in enumerate(pictures[:6] @ pictures.T):
        assert near[own[row]].min() > near[~own[row]].max()
    alone = OwnPictures.of(texts, Columns.of(pictures[:1].T))
    assert (alone.vectors @ pictures[:1].T >= alone.beyond[:, None]).all()


def whole(matrix: EmbeddingMatrix) -> FloatArray:
    return matrix.columns.take(np.arange(matrix.count))


def test_pictures_as_queries_are_compared_as_seen_from_the_middle_of_the_library() -> None:
    pictures = noise(40) + 0.7 * noise(1, seed=8)
    pictures = unit(pictures)
    matrix = EmbeddingMatrix.of(pictures)
    query = unit(pictures[3] + 0.5 * noise(1, seed=9)[0][None])[0]
    term = WeightedTerm(weight=1.0, vector=query, is_picture=True)
    background = label_free.query_background([term], None, matrix, "en")
    logits = label_free.match_logits(background, matrix, query, query @ matrix.columns, 50.0)
    middle = pictures.mean(axis=0)
    apart, own = unit(pictures - middle), unit((query - middle)[None])[0]
    assert logits == pytest.approx(50 * (apart @ own), abs=1e-3)
    each = label_free.logits_of(background, pictures[:5], whole(matrix), 50.0)
    assert each == pytest.approx(50 * (apart[:5] @ apart.T), abs=1e-3)
    alike = EmbeddingMatrix.of(np.repeat(pictures[:1], 20, axis=0))
    background = label_free.query_background([term], None, alike, "en")
    assert np.isfinite(label_free.logits_of(background, query[None], whole(alike), 50.0)).all()
