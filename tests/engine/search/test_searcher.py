"""Answers are exact over every picture, routed, kept as receipts, and repeat from them."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from cache.embeddings import vectors_of
from cache.matchers import add_matcher
from cache.pictures import add_names
from cache.receipts import get_receipt, list_receipts
from cache.store import Cache
from cache.texts import get_texts
from engine.errors import (
    EmptyLibraryError,
    ModelMissingError,
    ModelUnusableError,
    OfflineError,
    RequestError,
)
from engine.requests import Filters, SearchRequest
from engine.results import FloatArray, Scores, SearchResult
from engine.scoring import ranking
from engine.search.searcher import Searcher
from engine.search.text_embedder import rival_prompts
from engine.states import Route
from tests.engine.search.libraries import ENCODER, fill, noise, searcher_of

DOG = SearchRequest(query="a dog", offline=True)


def scores_of(result: SearchResult) -> Scores:
    assert result.scores is not None
    return result.scores


async def text_vector(cache: Cache, text: str) -> FloatArray:
    return (await cache.read(get_texts, ENCODER.id, [text]))[text].vector


async def test_the_cosines_are_those_of_every_picture(
    searcher: Searcher, cache: Cache, ids: list[int]
) -> None:
    scores = scores_of(await searcher.scored(DOG))
    vectors = await cache.read(vectors_of, ENCODER.id, ids)
    dog = await text_vector(cache, "a dog")
    assert scores.picture_ids.tolist() == sorted(ids)
    assert scores.cosine == pytest.approx([vectors[i] @ dog for i in sorted(ids)], abs=1e-6)


async def test_rows_and_receipt_follow_from_the_scores(searcher: Searcher) -> None:
    result = await searcher.scored(replace(DOG, top=7))
    scores, receipt = scores_of(result), result.receipt
    order = ranking.order(scores, "match")[:7]
    assert [row.picture_id for row in result.rows] == scores.picture_ids[order].tolist()
    assert [row.rank for row in result.rows] == list(range(1, 8))
    assert [row.match for row in result.rows] == scores.match[order].tolist()
    assert receipt.histogram == ranking.histogram(scores)
    assert receipt.considered == 60
    assert receipt.passed == sum(match >= 0.5 for match in scores.match)
    assert receipt.route == (Route.RETRIEVE if receipt.passed else Route.GENERATE)
    assert receipt.matcher == "label-free (43 background texts)"


async def test_the_same_question_is_answered_by_its_receipt(searcher: Searcher) -> None:
    first = await searcher.search(DOG)
    again = await searcher.search(DOG)
    assert first.scores is not None
    assert again.scores is None
    assert (again.receipt, again.rows, again.warnings) == (
        first.receipt,
        first.rows,
        first.warnings,
    )
    assert again.cached


async def test_an_answer_with_scores_has_the_stored_receipt(searcher: Searcher) -> None:
    first = await searcher.search(DOG)
    again = await searcher.scored(replace(DOG, query="  a   dog "))
    assert again.receipt == first.receipt
    assert scores_of(again).cosine.tolist() == scores_of(first).cosine.tolist()


async def test_a_changed_library_is_asked_anew(searcher: Searcher, cache: Cache) -> None:
    first = await searcher.search(DOG)
    dog = await text_vector(cache, "a dog")
    await fill(cache, ["/photos/b/new.jpg"], dog[None], [], noise(0))
    again = await searcher.search(DOG)
    assert again.receipt.id != first.receipt.id
    assert again.receipt.considered == 61
    assert again.rows[0].path == "/photos/b/new.jpg"
    assert again.rows[0].cosine == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "other",
    [
        replace(DOG, query="snow"),
        replace(DOG, threshold=0.6),
        replace(DOG, scorer="cosine"),
        replace(DOG, top=3),
        replace(DOG, filters=Filters(folders=(Path("/photos/b"),))),
    ],
)
async def test_whatever_the_decision_depends_on_names_another_receipt(
    searcher: Searcher, other: SearchRequest
) -> None:
    first = await searcher.search(DOG)
    assert (await searcher.search(other)).receipt.id != first.receipt.id


async def test_moving_the_threshold_keeps_a_new_receipt(searcher: Searcher, cache: Cache) -> None:
    result = await searcher.scored(DOG)
    best = result.receipt.best_match
    moved = await searcher.record(result, threshold=best, scorer="cosine", top=5)
    assert moved.receipt.route == Route.RETRIEVE
    assert moved.receipt.ranked_by == "cosine"
    assert len(moved.rows) == 5
    assert moved.rows[0].cosine == moved.receipt.best_cosine
    assert moved.scores is result.scores
    asked = await searcher.search(replace(DOG, threshold=best, scorer="cosine", top=5))
    assert asked.receipt == moved.receipt
    assert len(await cache.read(list_receipts, limit=10)) == 2


async def test_a_result_without_scores_cannot_be_routed_anew(searcher: Searcher) -> None:
    await searcher.search(DOG)
    replayed = await searcher.search(DOG)
    with pytest.raises(RequestError, match="no longer"):
        await searcher.record(replayed, threshold=0.1, scorer="match")


async def test_pages_join_into_the_whole_order(searcher: Searcher) -> None:
    result = await searcher.scored(DOG)
    pages = [await searcher.rows(result, "cosine", start, start + 25) for start in (0, 25, 50)]
    rows = [row for page in pages for row in page]
    order = ranking.order(scores_of(result), "cosine")
    assert [row.picture_id for row in rows] == scores_of(result).picture_ids[order].tolist()
    assert [row.rank for row in rows] == list(range(1, 61))
    assert await searcher.rows(result, "match", 5, 5) == ()


async def test_all_rows_are_kept_when_top_is_zero(searcher: Searcher) -> None:
    assert len((await searcher.search(replace(DOG, top=0))).rows) == 60


async def test_a_mix_is_the_weighted_sum_of_its_terms(searcher: Searcher, cache: Cache) -> None:
    mixed = await searcher.scored(replace(DOG, query='"a dog" + 0.5*"snow" - "grass"'))
    parts = [await text_vector(cache, text) for text in ("a dog", "snow", "grass")]
    vector = parts[0] + 0.5 * parts[1] - parts[2]
    alone = [scores_of(await searcher.scored(replace(DOG, query=text))).cosine for text in TERMS]
    expected = (alone[0] + 0.5 * alone[1] - alone[2]) / np.linalg.norm(vector)
    assert scores_of(mixed).cosine == pytest.approx(expected, abs=1e-6)
    assert mixed.receipt.matcher == "label-free (43 background mixes)"


TERMS = ("a dog", "snow", "grass")


async def test_terms_that_cancel_each_other_out_are_refused(searcher: Searcher) -> None:
    with pytest.raises(RequestError, match="cancel"):
        await searcher.search(replace(DOG, query='"a dog" - "a dog"'))


async def test_more_like_a_picture_starts_with_the_picture(
    searcher: Searcher, ids: list[int]
) -> None:
    result = await searcher.like(ids[4], DOG)
    assert result.rows[0].picture_id == ids[4]
    assert result.rows[0].cosine == pytest.approx(1, abs=1e-6)
    assert result.rows[0].match > 0.99
    assert result.receipt.query == '"/photos/a/04.jpg"'
    assert result.receipt.matcher == "label-free (60 background pictures)"
    again = await searcher.search(replace(DOG, query=result.receipt.query))
    assert again.receipt == result.receipt
    by_path = await searcher.like(Path("/photos/a/04.jpg"), DOG)
    assert by_path.receipt == result.receipt


async def test_a_picture_and_a_text_can_be_mixed(searcher: Searcher, ids: list[int]) -> None:
    mixed = await searcher.scored(replace(DOG, query='"/photos/a/04.jpg" + "snow"'))
    alone = scores_of(await searcher.like(ids[4], DOG)).cosine
    snow = scores_of(await searcher.scored(replace(DOG, query="snow"))).cosine
    total = alone + snow
    found = scores_of(mixed).cosine
    assert found / found[4] == pytest.approx(total / total[4], abs=1e-4)


@pytest.mark.parametrize(
    "name",
    ["photo", "photo.jpg_large", "photo.jpg?w=200", "100%", "a\nb.jpg", "a\u202eb", "b\udcff"],
)
async def test_a_file_is_read_as_a_picture_whatever_its_name(
    cache: Cache, searcher: Searcher, ids: list[int], tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(b"the fifth picture")
    sha256 = hashlib.sha256(b"the fifth picture").hexdigest()
    await cache.write(
        lambda db: db.execute("update pictures set sha256 = ? where id = ?", [sha256, ids[4]])
    )
    result = await searcher.like(path, DOG)
    assert result.rows[0].picture_id == ids[4]
    assert result.rows[0].cosine == pytest.approx(1, abs=1e-6)
    again = await searcher.search(replace(DOG, query=result.receipt.query))
    assert again.receipt == result.receipt


async def test_what_is_no_file_is_no_picture(searcher: Searcher, tmp_path: Path) -> None:
    for path in (Path("/dev/null"), tmp_path, tmp_path / "nothing"):
        with pytest.raises(RequestError, match="there is no picture"):
            await searcher.like(path, DOG)


async def test_a_picture_that_is_nowhere_is_an_error(searcher: Searcher) -> None:
    with pytest.raises(RequestError, match=r"column 11: there is no picture /nowhere/x\.jpg"):
        await searcher.search(replace(DOG, query='"a dog" + "/nowhere/x.jpg"'))


async def test_a_picture_that_may_not_be_looked_at_is_no_text(
    searcher: Searcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(tmp_path / "locked" / "x.jpg")
    monkeypatch.setattr("engine.disk.is_denied", lambda path: path == name)
    monkeypatch.setattr("engine.disk.absence", lambda path, otherwise: f"{path}: denied")
    with pytest.raises(RequestError, match=r"x\.jpg: denied"):
        await searcher.search(replace(DOG, query=name))


async def test_a_name_that_is_too_long_for_a_file_is_text(searcher: Searcher) -> None:
    with pytest.raises(OfflineError):
        await searcher.search(replace(DOG, query="n" * 300 + ".png", offline=True))


async def test_an_unknown_picture_on_the_disk_needs_a_model(
    searcher: Searcher, tmp_path: Path
) -> None:
    path = tmp_path / "new.png"
    path.write_bytes(b"not looked at")
    with pytest.raises(OfflineError, match=r"new\.png has no embedding of made-up/clip"):
        await searcher.like(path, DOG)


async def test_an_unknown_text_needs_a_model(searcher: Searcher) -> None:
    with pytest.raises(OfflineError, match="'a cat' is new to made-up/clip"):
        await searcher.search(replace(DOG, query="a cat"))


async def test_an_absent_model_is_named_with_what_can_be_asked(searcher: Searcher) -> None:
    with pytest.raises(ModelMissingError, match="made-up/clip is not on this machine") as caught:
        await searcher.search(SearchRequest(query="a cat"))
    assert "t2itui models get made-up/clip" in caught.value.hint
    assert "43 imported texts" in caught.value.hint


async def test_chinese_is_answered_with_the_command_that_adds_an_encoder(
    searcher: Searcher, cache: Cache
) -> None:
    await fill(cache, [], noise(0), ["一只狗"], noise(1, seed=5))
    result = await searcher.search(replace(DOG, query="一只狗"))
    assert result.warnings[0].message.startswith("made-up/clip does not read Chinese")
    assert "t2itui models get OFA-Sys/chinese-clip-vit-base-patch16" in result.warnings[0].hint
    assert (await searcher.search(replace(DOG, query="一只狗"))).warnings == result.warnings


async def test_new_chinese_text_names_the_encoder_that_is_lacking(searcher: Searcher) -> None:
    for request in (replace(DOG, query="雪"), SearchRequest(query="雪")):
        with pytest.raises((OfflineError, ModelMissingError)) as caught:
            await searcher.search(request)
        assert "t2itui models get OFA-Sys/chinese-clip-vit-base-patch16" in caught.value.hint


async def test_an_encoder_that_reads_chinese_answers_chinese(
    searcher: Searcher, cache: Cache
) -> None:
    other = replace(ENCODER, id="made-up/chinese", languages=("zh",))
    names = [f"/photos/a/{n:02}.jpg" for n in range(20)]
    await fill(cache, names, noise(20, seed=7), ["一只狗"], noise(1, seed=5), other)
    chinese = await searcher.search(replace(DOG, query="一只狗"))
    assert chinese.receipt.encoder == "made-up/chinese"
    assert any("40 of 60 pictures are not indexed" in note.message for note in chinese.warnings)
    assert (await searcher.search(DOG)).receipt.encoder == "made-up/clip"


async def test_offline_the_encoder_that_knows_the_text_answers(
    searcher: Searcher, cache: Cache
) -> None:
    other = replace(ENCODER, id="made-up/small")
    await fill(cache, ["/photos/a/00.jpg"], noise(1), ["a cat"], noise(1, seed=5), other)
    result = await searcher.search(replace(DOG, query="a cat"))
    assert result.receipt.encoder == "made-up/small"


async def test_a_folder_narrows_the_search(searcher: Searcher) -> None:
    inside = Filters(folders=(Path("/photos/b"),))
    result = await searcher.search(replace(DOG, filters=inside))
    assert result.receipt.considered == 10
    assert {row.path[:10] for row in result.rows} == {"/photos/b/"}
    assert result.receipt.filters == {"folders": ["/photos/b"]}


async def test_filters_that_let_nothing_in_are_told(searcher: Searcher) -> None:
    with pytest.raises(EmptyLibraryError, match="let none of 60 pictures in"):
        await searcher.search(replace(DOG, filters=Filters(folders=(Path("/elsewhere"),))))


async def test_an_empty_library_says_what_to_do(cache: Cache) -> None:
    searcher = searcher_of(cache, cache.home)
    with pytest.raises(EmptyLibraryError) as caught:
        await searcher.search(DOG)
    assert "t2itui index DIR" in caught.value.hint
    assert "t2itui library --storybook on" in caught.value.hint


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", 1.5),
        ("threshold", float("nan")),
        ("scorer", "bm25"),
        ("scorer", "fusion"),
        ("top", -1),
        ("query", ""),
        ("query", '"a dog" + snow'),
        ("query", '"a dog" - "a dog"'),
        ("query", '"nowhere.jpg"'),
        ("encoder_id", "nobody/knows"),
    ],
)
async def test_a_senseless_request_is_refused_with_the_field_at_fault(
    searcher: Searcher, field: str, value: object
) -> None:
    request = replace(DOG, **{field: value})  # type: ignore[arg-type]
    with pytest.raises(RequestError) as caught:
        await searcher.search(request)
    assert caught.value.field == field


async def test_few_background_texts_make_a_rough_match_and_are_told(cache: Cache) -> None:
    await fill(cache, ["a.jpg", "b.jpg"], noise(2), ["a dog", "a cat"], noise(2, seed=1))
    searcher = searcher_of(cache, cache.home)
    result = await searcher.search(DOG)
    assert result.receipt.matcher == "label-free (rough)"
    assert result.warnings[-1].message == (
        "match is rough: it needs 16 texts or pictures to compare with, and 2 are known."
    )
    await fill(cache, [], noise(0), [f"thing {n}" for n in range(30)], noise(30, seed=3))
    assert (await searcher.search(DOG)).receipt.matcher == "label-free (32 background texts)"


async def test_rivals_are_found_by_name_among_imported_texts(cache: Cache) -> None:
    texts = ["a dog", *rival_prompts()["en"][:20], *(f"thing {n}" for n in range(30))]
    names = [f"{number}.jpg" for number in range(30)]
    await fill(cache, names, noise(30), texts, noise(51, seed=1))
    searcher = searcher_of(cache, cache.home)
    result = await searcher.scored(DOG)
    assert result.receipt.matcher == "label-free (20 rival texts)"
    dog = await text_vector(cache, "a dog")
    rivals = [await text_vector(cache, text) for text in texts[1:21]]
    logits = 100 * noise(30) @ np.stack(rivals).T.astype(np.float64)
    expected = 100 * noise(30) @ dog - np.logaddexp.reduce(logits, axis=1)
    pairs = scores_of(await searcher.compare(DOG))
    assert pairs.match_logit == pytest.approx(expected, abs=1e-3)
    assert pairs.chance is None
    assert (await searcher.search(DOG)).cached
    few = replace(DOG, query='"a dog" + "thing 3"')
    assert (await searcher.search(few)).receipt.matcher == "label-free (51 background mixes)"


def saved_matcher(encoder_id: str, dim: int = 16) -> bytes:
    rng = np.random.default_rng(0)
    shapes = {"w1": (8, 4 * dim), "b1": (8,), "w2": (1, 8), "b2": (1,)}
    weights = {name: rng.standard_normal(shape).astype("f4") for name, shape in shapes.items()}
    return safetensors.numpy.save(weights, {"encoder_id": encoder_id})


async def test_a_trained_matcher_scores_texts_and_not_pictures(
    searcher: Searcher, cache: Cache, ids: list[int]
) -> None:
    before = await searcher.search(DOG)
    number = await cache.write(add_matcher, ENCODER.id, saved_matcher(ENCODER.id), "{}")
    after = await searcher.search(DOG)
    assert after.receipt.matcher == f"matcher {number}"
    assert after.receipt.id != before.receipt.id
    assert [row.match for row in after.rows] != [row.match for row in before.rows]
    assert (await searcher.like(ids[0], DOG)).receipt.matcher.startswith("label-free")


@pytest.mark.parametrize(("most", "matcher"), [(60, "matcher 1"), (59, "label-free")])
async def test_a_first_look_is_by_cosine_without_a_slow_matcher_and_leaves_nothing(
    searcher: Searcher, cache: Cache, monkeypatch: pytest.MonkeyPatch, most: int, matcher: str
) -> None:
    monkeypatch.setattr("engine.search.searcher.MATCHED_AT_ONCE", most)
    await cache.write(add_matcher, ENCODER.id, saved_matcher(ENCODER.id), "{}")
    by_cosine = replace(DOG, scorer="cosine")
    unkept = await searcher.first_look(DOG)
    assert await cache.read(get_receipt, unkept.receipt.id) is None
    kept = await searcher.scored(by_cosine)
    looked = await searcher.first_look(DOG)
    assert looked.receipt.matcher.startswith(matcher)
    assert looked.receipt.ranked_by == "cosine"
    assert [row.picture_id for row in looked.rows] == [row.picture_id for row in kept.rows]
    is_same = [row.match for row in looked.rows] == [row.match for row in kept.rows]
    assert is_same == (looked.receipt.id == kept.receipt.id) == (matcher == "matcher 1")


@pytest.mark.parametrize("weights", [saved_matcher("other/clip"), saved_matcher(ENCODER.id, 8)])
async def test_a_matcher_that_does_not_fit_never_scores(
    searcher: Searcher, cache: Cache, weights: bytes
) -> None:
    await cache.write(add_matcher, ENCODER.id, weights, "{}")
    with pytest.raises(ModelUnusableError):
        await searcher.search(DOG)


async def test_a_cache_that_cannot_be_written_still_answers(
    searcher: Searcher, cache: Cache
) -> None:
    kept = await searcher.search(DOG)
    reader = await Cache.open(cache.home, read_only=True)
    try:
        readonly = searcher_of(reader, cache.home)
        assert (await readonly.search(DOG)).receipt == kept.receipt
        snow = await readonly.search(replace(DOG, query="snow"))
        assert snow.warnings[-1].message.startswith("No receipt was kept")
        assert len(snow.rows) == 20
    finally:
        await reader.aclose()


async def test_a_picture_without_an_embedding_takes_no_part(
    searcher: Searcher, cache: Cache
) -> None:
    await cache.write(add_names, ["/photos/a/later.jpg"])
    result = await searcher.search(DOG)
    assert result.receipt.considered == 60
    assert "1 of 61 pictures are not indexed" in result.warnings[0].message
