"""Judgements of a person, and what they do to `match` and to receipts."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cache.matchers import add_matcher
from cache.store import Cache
from engine.errors import RequestError
from engine.requests import SearchRequest
from engine.results import SearchResult
from engine.search.receipts import History
from engine.search.searcher import Searcher
from tests.engine.matchers import random_matcher
from tests.engine.search.libraries import ENCODER

DOG = SearchRequest(query="a dog", offline=True, encoder_id=ENCODER.id)


def best(result: SearchResult, count: int) -> list[int]:
    return [row.picture_id for row in result.rows[:count]]


async def judge(
    searcher: Searcher, pictures: list[int], *, fits: bool, text: str = "a dog"
) -> None:
    for picture in pictures:
        await searcher.labels.put(text, picture, fits=fits, encoder_id=ENCODER.id)


@pytest.mark.parametrize("trained", [False, True])
async def test_labels_move_match_keep_cosine_and_order_and_are_told(
    cache: Cache, searcher: Searcher, trained: bool
) -> None:
    if trained:
        await cache.write(add_matcher, ENCODER.id, random_matcher(ENCODER.id, 16), "{}")
    before = await searcher.scored(DOG)
    assert before.scores is not None
    await judge(searcher, best(before, 3), fits=False)
    state = await searcher.labels.state(ENCODER.id)
    assert (state.fitting, state.not_fitting) == (0, 3)
    after = await searcher.scored(DOG)
    assert after.scores is not None
    assert after.receipt.matcher == f"{before.receipt.matcher}, calibrated by 3 labels"
    assert after.receipt.id != before.receipt.id
    (fitted,) = state.calibrations
    expected = before.scores.match_logit * np.float32(fitted.scale) + np.float32(fitted.shift)
    np.testing.assert_array_equal(after.scores.match_logit, expected)
    np.testing.assert_array_equal(after.scores.cosine, before.scores.cosine)
    assert best(after, 20) == best(before, 20)
    assert after.receipt.best_match < before.receipt.best_match


async def test_a_receipt_made_before_labels_replays_as_it_was(
    cache: Cache, searcher: Searcher
) -> None:
    before = await searcher.search(DOG)
    await judge(searcher, best(before, 4), fits=True)
    replayed = await History(cache).replay(before.receipt.id)
    assert (replayed.receipt, replayed.rows) == (before.receipt, before.rows)
    after = await searcher.search(DOG)
    again = await searcher.search(DOG)
    assert again.cached
    assert (again.receipt, again.rows) == (after.receipt, after.rows)
    assert "calibrated by 4 labels" in again.receipt.matcher


async def test_what_was_taken_back_changes_nothing_any_more(searcher: Searcher) -> None:
    before = await searcher.scored(DOG)
    assert before.scores is not None
    one, other = best(before, 2)
    await judge(searcher, [one, other], fits=False)
    assert await searcher.labels.said("a dog", encoder_id=ENCODER.id) == {one: False, other: False}
    await searcher.labels.drop("a dog", one, encoder_id=ENCODER.id)
    assert [each.picture_id for each in await searcher.labels.entries()] == [other]
    assert await searcher.labels.forget(ENCODER.id) == 1
    after = await searcher.scored(DOG)
    assert after.scores is not None
    assert after.receipt.matcher == before.receipt.matcher
    np.testing.assert_array_equal(after.scores.match_logit, before.scores.match_logit)


async def test_a_calibration_is_bound_to_its_scorer_and_fitted_anew_for_another(
    cache: Cache, searcher: Searcher
) -> None:
    before = await searcher.scored(DOG)
    await judge(searcher, best(before, 5), fits=False)
    kept = await cache.write(add_matcher, ENCODER.id, random_matcher(ENCODER.id, 16), "{}")
    assert (await searcher.scored(DOG)).receipt.matcher == f"matcher {kept}"
    await searcher.labels.refit(ENCODER.id)
    assert (await searcher.scored(DOG)).receipt.matcher == f"matcher {kept}, calibrated by 5 labels"


async def test_pictures_and_mixes_are_neither_judged_by_nor_calibrated(
    searcher: Searcher, ids: list[int]
) -> None:
    with pytest.raises(RequestError, match="plain description"):
        await searcher.labels.resolve('"a dog" + "snow"', ids[0], offline=True)
    with pytest.raises(RequestError, match="plain description"):
        await searcher.labels.resolve('"/photos/a/01.jpg"', ids[0], offline=True)
    case = await searcher.labels.resolve("  a   dog ", ids[0], offline=True)
    assert case.texts == ("a dog",)
    await judge(searcher, ids[:3], fits=True)
    mixed = await searcher.scored(replace(DOG, query='"a dog" + "snow"'))
    liked = await searcher.like(ids[0], DOG)
    assert "calibrated" not in mixed.receipt.matcher
    assert "calibrated" not in liked.receipt.matcher


async def test_a_picture_is_named_by_its_path_and_must_be_known(
    searcher: Searcher, ids: list[int]
) -> None:
    assert await searcher.labels.picture("/photos/a/00.jpg") == ids[0]
    for name in ("/photos/zz.jpg", "no picture"):
        with pytest.raises(RequestError):
            await searcher.labels.picture(name)


async def test_a_copy_is_the_picture_of_the_library_whatever_its_name(
    cache: Cache, searcher: Searcher, ids: list[int], tmp_path: Path
) -> None:
    copy = tmp_path / "photo"
    copy.write_bytes(b"the third picture")
    sha256 = hashlib.sha256(b"the third picture").hexdigest()
    await cache.write(
        lambda db: db.execute("update pictures set sha256 = ? where id = ?", [sha256, ids[2]])
    )
    assert await searcher.labels.picture(str(copy)) == ids[2]
