"""A search is decided by what background texts reach in its scope, and that is kept."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import astuple, replace
from math import log
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import safetensors.numpy
from sqlite_utils import Database

from cache.matchers import add_matcher
from cache.receipts import get_receipt
from cache.store import Cache
from cache.zeros import all_zeros
from engine.requests import Filters, SearchRequest
from engine.results import Chance, FloatArray, Scores
from engine.scoring.decision import Surroundings, Zero
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.evidence import Tally, evidence_of
from engine.scoring.label_free import Background
from engine.scoring.match import MatchContext, background_logits
from engine.search import zeros
from engine.search.receipts import unpack
from engine.search.searcher import Searcher
from engine.search.stored_zeros import Asked, StoredZero
from engine.search.text_embedder import random_prompts
from engine.states import Route, ZeroState
from tests.engine.matchers import random_matcher, two_branch_matcher
from tests.engine.search.libraries import ENCODER, fill, noise, searcher_of, unit

T = TypeVar("T")
BANK = random_prompts()["en"][:60]
DOG = SearchRequest(query="a dog", offline=True)
YETI = SearchRequest(query="a yeti", offline=True)


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cache]:
    """Eighty pictures, six of them of a dog, and a bank of sixty texts that none of them shows."""
    opened = await Cache.open(tmp_path / "home")
    vectors, pictures = texts(), library()
    names = [f"/photos/{'a' if n < 40 else 'b'}/{n:02}.jpg" for n in range(80)]
    await fill(opened, names, pictures, ["a dog", "a yeti", *BANK], vectors)
    yield opened
    await opened.aclose()


def texts() -> FloatArray:
    """A dog, a yeti that is unlike every picture, and the bank."""
    vectors = noise(2 + len(BANK), seed=2)
    vectors[1] = unit(-noise(80, seed=1).sum(axis=0, keepdims=True))[0]
    return vectors


def library() -> FloatArray:
    """The pictures."""
    pictures = noise(80, seed=1)
    pictures[:6] = unit(texts()[0] + 0.5 * noise(6, seed=3))
    return pictures


@pytest.fixture
def searcher(cache: Cache) -> Searcher:
    return searcher_of(cache, cache.home)


async def scores_of(searcher: Searcher, request: SearchRequest, *, pairs: bool = False) -> Scores:
    result = await (searcher.compare if pairs else searcher.scored)(request)
    assert result.scores is not None
    return result.scores


async def after_answer(cache: Cache, call: Callable[[Database], T]) -> T:
    """What a call on the writer's thread returns, after what an answer left to be written."""
    await asyncio.sleep(0)
    return await cache.write(call)


async def count(cache: Cache) -> int:
    """How many zeros are kept."""
    return await after_answer(
        cache, lambda db: int(db.execute("select count(*) from zeros").fetchone()[0])
    )


async def test_match_is_the_pairs_logit_placed_by_what_the_bank_reaches(
    searcher: Searcher,
) -> None:
    pairs = (await scores_of(searcher, DOG, pairs=True)).match_logit
    scores = await scores_of(searcher, DOG)
    dog, bank = texts()[0], texts()[2:]
    order = np.argsort([*BANK], kind="stable")
    bank_pairs = np.stack(
        [
            (
                await scores_of(searcher, replace(DOG, query=f'"{BANK[index]}"'), pairs=True)
            ).match_logit
            for index in order
        ]
    )
    zero = Zero.measure(
        Surroundings.of(bank[order], bank[order]),
        evidence_of(bank_pairs),
        pictures=80,
        sampled=80,
    )
    assert zero is not None
    among = Surroundings.of(bank[order], dog[None])
    assert scores.match_logit == pytest.approx(zero.placement(among, pairs)(pairs), abs=2e-3)
    assert scores.chance is not None
    by_chance = 1 / (1 + np.exp(-np.array(zero.by_chance)))
    assert [scores.chance.half, scores.chance.high] == pytest.approx(by_chance, abs=1e-3)


async def test_what_is_there_is_retrieved_and_what_is_not_is_generated(
    searcher: Searcher,
) -> None:
    there, absent = [(await searcher.search(request)).receipt for request in (DOG, YETI)]
    assert (there.route, absent.route) == (Route.RETRIEVE, Route.GENERATE)
    for receipt in (there, absent):
        assert (receipt.route == Route.RETRIEVE) == (receipt.best_match >= receipt.threshold)
        assert receipt.chance is not None and 0 < receipt.chance < 0.5
        assert receipt.chance_high is not None and receipt.chance < receipt.chance_high < 1
        assert f"; by chance {receipt.chance:.2f}" in receipt.reason
        assert receipt.uncertain == receipt.reason.endswith("; uncertain: the odds are near even")
        assert receipt.uncertain == (abs(log(receipt.best_match / (1 - receipt.best_match))) < 1)
    assert there.reason.startswith(f"{there.passed} of 80 pictures have a match of 0.50 or more: ")
    assert f"the best {there.best_match:.2f}" in there.reason


async def test_order_stays_that_of_the_pairs(searcher: Searcher) -> None:
    pairs = (await scores_of(searcher, YETI, pairs=True)).match_logit
    placed = (await scores_of(searcher, YETI)).match_logit
    assert np.argsort(placed).tolist() == np.argsort(pairs).tolist()


async def test_a_zero_is_measured_once_and_later_read(
    cache: Cache, searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await searcher.search(DOG)
    assert await count(cache) == 1
    await cache.write(lambda db: db.execute("delete from receipts"))
    monkeypatch.setattr(zeros, "background_logits", None)
    again = await searcher_of(cache, cache.home).search(DOG)
    assert again.scores is not None  # no receipt answered
    assert replace(again.receipt, created_at=0) == replace(first.receipt, created_at=0)
    assert again.rows == first.rows


async def test_the_stored_zero_is_the_one_in_force(cache: Cache, searcher: Searcher) -> None:
    before = await scores_of(searcher, DOG)

    def shift(db: object) -> None:
        key, body = db.execute("select key, body from zeros").fetchone()  # type: ignore[attr-defined]
        zero = json.loads(json.loads(body)["zero"])
        zero["centre"] += 5
        moved = json.dumps(json.loads(body) | {"zero": json.dumps(zero)})
        db.execute("update zeros set body = ? where key = ?", [moved, key])  # type: ignore[attr-defined]

    await after_answer(cache, shift)
    after = await scores_of(searcher_of(cache, cache.home), DOG)
    assert after.match.max() < before.match.max()


async def test_a_scope_has_its_own_zero_and_pictures_outside_leave_it_alone(
    cache: Cache, searcher: Searcher
) -> None:
    filtered = replace(DOG, filters=Filters(folders=(Path("/photos/b"),)))
    whole, part = await scores_of(searcher, DOG), await scores_of(searcher, filtered)
    assert part.chance != whole.chance
    assert await count(cache) == 2
    await fill(cache, ["/photos/a/new.jpg"], noise(1, seed=9), [], noise(0))
    assert (await scores_of(searcher, filtered)).chance == part.chance
    assert await count(cache) == 2
    assert (await scores_of(searcher, DOG)).chance != whole.chance
    assert await count(cache) == 3


async def test_another_embedding_under_the_same_id_asks_for_another_zero(
    cache: Cache, searcher: Searcher
) -> None:
    await scores_of(searcher, DOG)
    matrix = await searcher._scoring._matrices.get(ENCODER.id, 0)
    context = matrix.columns.take(np.arange(matrix.count))
    other = context.copy()
    other[0, 3] += np.float32(0.1)
    assert other.shape == context.shape
    keys = {
        Asked(
            context=MatchContext(matrix=EmbeddingMatrix.of(columns.T), logit_scale=100.0),
            rows=np.arange(80),
            base="",
            scope="",
        ).key
        for columns in (context, other)
    }
    assert len(keys) == 2


async def test_a_matchers_bias_changes_no_decision(cache: Cache, searcher: Searcher) -> None:
    found = []
    for bias in (0.0, 40.0):
        arrays = safetensors.numpy.load(random_matcher(ENCODER.id, 16))
        arrays["b2"] = arrays["b2"] + np.float32(bias)
        weights = safetensors.numpy.save(arrays, {"encoder_id": ENCODER.id})
        await cache.write(add_matcher, ENCODER.id, weights, "{}")
        found.append(await scores_of(searcher, DOG))
    assert found[0].match == pytest.approx(found[1].match, abs=1e-3)
    one, other = (each.chance for each in found)
    assert one is not None and other is not None
    assert one.half == pytest.approx(other.half, abs=1e-3)


async def test_a_two_branch_matcher_is_placed_like_any_other(
    cache: Cache, searcher: Searcher
) -> None:
    found = []
    for bias in (0.0, -300.0):
        weights = two_branch_matcher(ENCODER.id, 16, bias)
        matcher_id = await cache.write(add_matcher, ENCODER.id, weights, "{}")
        there, absent = [(await searcher.search(each)).receipt for each in (DOG, YETI)]
        assert str(matcher_id) in there.matcher
        assert (there.route, absent.route) == (Route.RETRIEVE, Route.GENERATE)
        found.append(await scores_of(searcher, DOG))
    assert found[0].match == pytest.approx(found[1].match, abs=1e-3)


async def test_a_matcher_is_added_to_the_label_free_logits_unless_it_stands_alone(
    cache: Cache, searcher: Searcher
) -> None:
    free = (await scores_of(searcher, DOG, pairs=True)).match_logit
    found = {}
    for alone in (False, True):
        arrays = safetensors.numpy.load(random_matcher(ENCODER.id, 16))
        about = {"encoder_id": ENCODER.id}
        if alone:
            about |= {"label_free": "0", "pair_floor": "0.0"}
        await cache.write(add_matcher, ENCODER.id, safetensors.numpy.save(arrays, about), "{}")
        found[alone] = (await scores_of(searcher, DOG, pairs=True)).match_logit
    assert found[False] - found[True] == pytest.approx(free, abs=1e-3)


async def test_nothing_passes_below_the_floor_of_pairs(cache: Cache, searcher: Searcher) -> None:
    assert (await searcher.search(DOG)).receipt.route == Route.RETRIEVE
    arrays = safetensors.numpy.load(random_matcher(ENCODER.id, 16))
    arrays["b2"] = arrays["b2"] - np.float32(1000)
    about = {"encoder_id": ENCODER.id, "label_free": "0", "pair_floor": "0.0"}
    await cache.write(add_matcher, ENCODER.id, safetensors.numpy.save(arrays, about), "{}")
    receipt = (await searcher.search(DOG)).receipt
    assert receipt.route == Route.GENERATE
    assert receipt.chance == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    "query", ['"a dog" + "a yeti"', '"/photos/a/03.jpg"', '"/photos/a/03.jpg" + 0.5*"a yeti"']
)
async def test_mixes_and_pictures_have_a_zero_of_their_own_which_is_not_kept(
    cache: Cache, searcher: Searcher, query: str
) -> None:
    receipt = (await searcher.search(replace(DOG, query=query))).receipt
    assert receipt.chance is not None
    assert receipt.zero == ZeroState.CURRENT
    assert await count(cache) == 0


async def test_a_picture_says_nothing_of_the_others_and_is_sure_itself(
    cache: Cache, searcher: Searcher
) -> None:
    """Those of a dog find others of a dog, and noise finds hardly any other."""
    dogs, found_by_noise = {f"/photos/a/{n:02}.jpg" for n in range(6)}, 0
    for name in (*sorted(dogs), *(f"/photos/b/{n}.jpg" for n in range(60, 80))):
        result = await searcher.like(Path(name), DOG)
        assert result.rows[0].path == name
        assert result.rows[0].match > 0.98
        alike = {row.path for row in result.rows if row.match >= 0.5} - {name}
        if name in dogs:
            assert alike <= dogs
            assert len(alike) > 1
        else:
            found_by_noise += len(alike)
    assert found_by_noise < 1.5 * 20
    found = await searcher.scored(replace(DOG, query='"/photos/a/03.jpg"'))
    assert found.scores is not None
    others = np.delete(found.scores.match_logit, 3)
    pictures = library()
    context = MatchContext(
        matrix=EmbeddingMatrix.of(pictures),
        logit_scale=100.0,
        backgrounds={
            "": Background(
                vectors=pictures,
                random=pictures,
                pictures=(pictures,),
                middle=pictures.mean(axis=0),
            )
        },
    )
    logits = background_logits(context, "match", "", np.arange(80))
    assert np.isneginf(np.diagonal(logits)).all()
    assert np.isfinite(logits).sum() == 80 * 79
    zero = Zero.measure(
        Surroundings.unknown(80),
        Tally.empty(80).joined(logits).evidence(80),
        pictures=80,
        sampled=80,
    )
    assert zero is not None
    query = replace(DOG, query='"/photos/a/03.jpg"')
    pairs = np.delete((await scores_of(searcher, query, pairs=True)).match_logit, 3)
    assert others == pytest.approx(zero.placement(Surroundings.unknown(1), pairs)(pairs), abs=2e-3)


async def test_imported_texts_are_a_level_without_their_own_pictures(tmp_path: Path) -> None:
    """Captions are in the library: by what they reach there, everything would be generated."""
    cache = await Cache.open(tmp_path / "other")
    pictures, lacking = noise(60), noise(20, seed=6)
    pictures[:, 10:] = lacking[:, :10] = 0
    pictures, lacking = unit(pictures), unit(unit(lacking) + 0.3 * noise(20, seed=7))
    captions = [f"caption {number}" for number in range(60)]
    others = [f"other {number}" for number in range(20)]
    vectors = np.concatenate([unit(pictures + 0.4 * noise(60, seed=5)), lacking])
    names = [f"{number}.jpg" for number in range(60)]
    await fill(cache, names, pictures, [*captions, *others], vectors)
    searcher = searcher_of(cache, tmp_path / "other")
    for asked, route in ((captions, Route.RETRIEVE), (others, Route.GENERATE)):
        receipts = [
            (await searcher.search(replace(DOG, query=text))).receipt for text in asked[:10]
        ]
        assert all(receipt.chance is not None for receipt in receipts)
        assert sum(receipt.route == route for receipt in receipts) >= 9
    assert await count(cache) == 1
    # Others come with other pictures.
    await fill(cache, ["new.jpg"], vectors[:1], [], vectors[:0])
    await searcher.search(replace(DOG, query=captions[1]))
    assert await count(cache) == 2
    await cache.aclose()


async def test_few_or_equal_pictures_with_imported_texts_are_decided_by_pairs(
    tmp_path: Path,
) -> None:
    """Without a text's own pictures there is none left that could say anything."""
    for number, pictures in enumerate((noise(1), np.repeat(noise(1), 9, axis=0))):
        cache = await Cache.open(tmp_path / str(number))
        names = [f"{each}.jpg" for each in range(len(pictures))]
        captions = [f"caption {each}" for each in range(40)]
        await fill(cache, names, pictures, captions, noise(40, seed=3))
        result = await searcher_of(cache, cache.home).search(replace(DOG, query="caption 3"))
        assert result.receipt.chance is None
        await cache.aclose()


async def test_a_receipt_from_before_replays(cache: Cache, searcher: Searcher) -> None:
    receipt = (await searcher.search(DOG)).receipt
    record = await cache.read(get_receipt, receipt.id)
    assert record is not None
    body = json.loads(record.body)
    for name in ("chance", "chance_high", "uncertain"):
        del body["receipt"][name]
    old = unpack(replace(record, body=json.dumps(body))).receipt
    assert old == replace(receipt, chance=None, chance_high=None, uncertain=False)
    assert old.by_chance is None
    single = replace(old, chance=0.3)
    assert single.by_chance == Chance(half=0.3, high=0.3)


async def test_a_cache_that_cannot_be_written_measures_all_the_same(
    cache: Cache, searcher: Searcher
) -> None:
    reader = await Cache.open(cache.home, read_only=True)
    try:
        result = await searcher_of(reader, cache.home).search(DOG)
        assert result.receipt.chance is not None
    finally:
        await reader.aclose()
    assert await count(cache) == 0


async def test_labels_move_the_zero_and_may_turn_the_route(
    cache: Cache, searcher: Searcher
) -> None:
    """What labels do comes on top: to pictures and to what is reached by chance alike."""
    asked = replace(DOG, threshold=0.9)
    before = await searcher.search(asked)
    assert before.scores is not None and before.scores.chance is not None
    assert before.receipt.route == Route.RETRIEVE
    for row in before.rows:
        await searcher.labels.put("a dog", row.picture_id, fits=False, encoder_id=ENCODER.id)
    after = await searcher.search(asked)
    assert after.scores is not None and after.scores.chance is not None
    assert after.receipt.route == Route.GENERATE
    (fitted,) = (await searcher.labels.state(ENCODER.id)).calibrations
    placed = before.scores.match_logit * np.float32(fitted.scale) + np.float32(fitted.shift)
    assert after.scores.match_logit == pytest.approx(placed, abs=1e-5)
    moved = [logit(each) * fitted.scale + fitted.shift for each in astuple(before.scores.chance)]
    assert [logit(each) for each in astuple(after.scores.chance)] == pytest.approx(moved, abs=1e-3)
    assert after.receipt.chance is not None and before.receipt.chance is not None
    assert after.receipt.chance < before.receipt.chance
    # The zero itself is that of the library, and stays.
    assert await count(cache) == 1
    assert after.receipt.zero == ZeroState.CURRENT


def logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


async def test_chinese_queries_are_placed_by_the_chinese_texts(
    cache: Cache, searcher: Searcher
) -> None:
    chinese = random_prompts()["zh"][: len(BANK)]
    vectors = noise(len(chinese), seed=20)
    both = replace(ENCODER, languages=("en", "zh"))
    dog = texts()[:1]
    await fill(cache, [], noise(0), ["一只狗", *chinese], np.concatenate([dog, vectors]), both)
    english = await scores_of(searcher, DOG)
    found = await scores_of(searcher, replace(DOG, query="一只狗"))
    assert await count(cache) == 2
    assert english.chance != found.chance
    kept = [StoredZero.from_json(body) for body in (await cache.read(all_zeros)).values()]
    centres = [each.zero.near.centre for each in kept if each is not None]
    expected = [np.median(Surroundings.of(bank, bank).near) for bank in (texts()[2:], vectors)]
    assert centres == pytest.approx(expected, abs=1e-6)
