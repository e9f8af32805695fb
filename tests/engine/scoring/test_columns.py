"""Columns in blocks score as one matrix does, whatever the block, the order and the width."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from engine.results import FloatArray, IdArray
from engine.scoring import columns as module
from engine.scoring import cores
from engine.scoring.columns import Block, Columns
from tests.engine.search.libraries import noise

COUNT, DIM, SIZE = 47, 12, 10


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", SIZE)


@pytest.fixture
def rows() -> FloatArray:
    return noise(COUNT, DIM)


def halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HALF_FROM", COUNT)


def scattered(rows: FloatArray) -> Iterator[tuple[IdArray, FloatArray]]:
    """Parts in no order, as a cache stores what was deleted from and joined."""
    order = np.random.default_rng(0).permutation(len(rows))
    for part in np.array_split(order, 4):
        yield part, rows[part]


def test_products_and_what_is_computed_of_each_picture_are_those_of_the_matrix(
    rows: FloatArray,
) -> None:
    columns, texts = Columns.of(rows.T), noise(3, DIM, seed=1)
    assert (columns.shape, len(columns.blocks)) == ((DIM, COUNT), 5)
    np.testing.assert_allclose(texts @ columns, texts @ rows.T, atol=1e-6)
    np.testing.assert_allclose(texts[0] @ columns, rows @ texts[0], atol=1e-6)
    np.testing.assert_allclose(
        columns.each(lambda block: np.abs(block).sum(axis=0)), np.abs(rows).sum(axis=1), atol=1e-6
    )


def test_vectors_come_out_by_any_positions_in_their_order(rows: FloatArray) -> None:
    columns = Columns.of(rows.T)
    for asked in ([], [3], [9, 10], [46, 0, 46, 12], list(range(COUNT))):
        positions = np.array(asked, np.int64)
        np.testing.assert_array_equal(columns.take(positions), rows[positions].T)
    np.testing.assert_array_equal(columns.row(-1), rows[:, -1])


def test_rows_in_any_order_fill_the_blocks(rows: FloatArray) -> None:
    columns = Columns.of_rows(scattered(rows), COUNT, DIM)
    np.testing.assert_array_equal(columns.take(np.arange(COUNT)), rows.T)
    assert {block.values.dtype for block in columns.blocks} == {np.dtype(np.float32)}
    with pytest.raises(ValueError, match="read-only"):
        columns.blocks[0].values[0, 0] = 1


def test_nothing_is_a_library_too() -> None:
    empty = Columns.of_rows(iter([]), 0, DIM)
    assert (np.ones(DIM, np.float32) @ empty).shape == (0,)
    assert empty.take(np.empty(0, np.int64)).shape == (DIM, 0)
    assert Columns.of(np.zeros((DIM, 0), np.float32)).mapped(np.abs).shape == (DIM, 0)


def test_a_large_library_takes_half_of_the_memory_and_scores_almost_the_same(
    rows: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows[:, 0] *= 8
    whole = Columns.of_rows(scattered(rows), COUNT, DIM)
    halves(monkeypatch)
    half = Columns.of_rows(scattered(rows), COUNT, DIM)
    assert half.bytes * 2 == whole.bytes
    texts = noise(3, DIM, seed=1)
    step = np.abs(rows).max(axis=0) / 65534
    error = (np.abs(texts) * step).sum(axis=1, keepdims=True) + 1e-6
    found, exact = texts @ half, texts @ whole
    assert found.dtype == np.float32
    assert (np.abs(found - exact) <= error).all()
    assert (found != exact).any()
    everything = np.arange(COUNT)
    np.testing.assert_allclose(texts @ half.take(everything), found, atol=1e-6)
    np.testing.assert_array_equal(half.row(3), half.take(everything)[3])


def test_a_row_of_zeros_and_hostile_extremes_survive_the_halving() -> None:
    columns = np.array([[0, 0, 0], [1e-38, -1e-38, 0], [3e38, -3e38, 1]], np.float32)
    back = Block.halved(columns).columns()
    assert np.isfinite(back).all()
    np.testing.assert_allclose(back[2], columns[2], rtol=1e-6, atol=1e34)
    assert not back[0].any()


@pytest.mark.parametrize("is_half", [False, True])
def test_what_a_head_sees_keeps_the_width_and_is_no_copy_where_nothing_is_computed(
    rows: FloatArray, monkeypatch: pytest.MonkeyPatch, is_half: bool
) -> None:
    if is_half:
        halves(monkeypatch)
    columns = Columns.of_rows(scattered(rows), COUNT, DIM)
    same = columns.mapped(lambda block: block)
    assert all(one is other for one, other in zip(columns.blocks, same.blocks, strict=True))
    doubled = columns.mapped(lambda block: np.concatenate([block, block]))
    assert doubled.dim == 2 * DIM
    assert doubled.bytes == 2 * columns.bytes
    everything = np.arange(COUNT)
    taken = columns.take(everything)
    np.testing.assert_allclose(doubled.take(everything)[DIM:], taken, atol=1e-6)


def test_other_vectors_of_some_pictures_leave_the_first_ones_alone(rows: FloatArray) -> None:
    columns, new = Columns.of(rows.T), noise(3, DIM, seed=9)
    at = np.array([2, 19, 20])
    other = columns.replaced(at, new)
    np.testing.assert_array_equal(other.take(at), new.T)
    np.testing.assert_array_equal(columns.take(np.arange(COUNT)), rows.T)
    rest = np.setdiff1d(np.arange(COUNT), at)
    np.testing.assert_array_equal(other.take(rest), rows[rest].T)


def blas_threads() -> int:
    return max(int(each["num_threads"]) for each in cores._threads().info())


def test_products_get_their_cores_back_in_whatever_order_they_were_asked_for() -> None:
    before = blas_threads()
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with cores.products_on_one_core():
            entered.set()
            leave.wait(10)

    with cores.products_on_one_core():
        other = threading.Thread(target=hold)
        other.start()
        assert entered.wait(10)
        assert blas_threads() == 1
    assert blas_threads() == 1
    leave.set()
    other.join()
    assert blas_threads() == before


def test_an_error_in_a_block_reaches_who_asked(rows: FloatArray) -> None:
    def fail(block: FloatArray) -> FloatArray:
        raise ZeroDivisionError

    before = blas_threads()
    with pytest.raises(ZeroDivisionError):
        Columns.of(rows.T).each(fail)
    assert blas_threads() == before
