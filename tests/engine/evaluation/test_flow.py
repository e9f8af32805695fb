"""Evaluations from the request to the row in the cache, on imported vectors, without a model."""

import json
from pathlib import Path

import numpy as np
import pytest

from cache.embeddings import find_encoder, load_matrix
from cache.matchers import add_matcher
from cache.texts import TextRecord, get_texts, put_texts
from engine.errors import EngineError, RequestError
from engine.evaluation import measure
from engine.evaluation.context import text_backgrounds
from engine.evaluation.measure import STEP, score_pairs, score_texts
from engine.evaluation.results import EvaluationHead, records
from engine.events import JobCancelled, JobFailed, JobFinished, JobProgress
from engine.jobs.codec import request_from_json, request_to_json
from engine.requests import EvaluateRequest, ImportRequest, SearchRequest
from engine.results import FloatArray, IdArray
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.match import MatchContext, background_logits, placed, with_zeros
from engine.scoring.ranking import fused
from engine.scoring.registry import find_scorer
from engine.search.text_embedder import TextEmbedder, random_prompts
from engine.states import ScorerKind
from tests.engine.evaluation.libraries import (
    CAPTIONS,
    ENCODER,
    PICTURES,
    evaluated,
    opened,
    unit,
    write_data,
)
from tests.engine.matchers import random_matcher


def bank() -> list[TextRecord]:
    """Forty background texts that no picture shows."""
    random = np.random.default_rng(5).standard_normal((40, 48)).astype(np.float32)
    return [
        TextRecord(text=text, vector=vector, tokens=0, lost="", imported=True)
        for text, vector in zip(random_prompts()["en"][:40], unit(random), strict=True)
    ]


async def test_captions_are_evaluated_without_a_model_and_kept(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    request = EvaluateRequest(
        data=str(data), scorers=("cosine", "match", "fusion"), swaps=False, resamples=200
    )
    async with opened(tmp_path) as engine:
        found, notes = await evaluated(engine, request)
        assert await engine.evaluator.get(found.id) == found
        assert await engine.evaluator.entries() == [found]
        assert await engine.evaluator.entries(containing="nothing like it") == []
        assert await engine.evaluator.heads(9, containing="RESULTS") == [EvaluationHead.of(found)]
        assert await engine.evaluator.heads(9, 1) == []
        assert request_from_json(EvaluateRequest, found.request) == request
        await engine.evaluator.forget(found.id)
        with pytest.raises(RequestError, match="no evaluation"):
            await engine.evaluator.get(found.id)
    assert notes == []
    assert (found.texts, found.pictures) == (PICTURES * CAPTIONS, PICTURES)
    assert [(each.scorer, each.direction) for each in found.retrieval] == [
        (scorer, direction)
        for scorer in request.scorers
        for direction in ("text_to_picture", "picture_to_text")
    ]
    cosine = found.retrieval[0]
    assert 0.5 < cosine.r1.low < cosine.r1.value < cosine.r1.high < 1
    assert cosine.r1.value < cosine.r5.value <= cosine.r10.value
    assert {(each.one, each.other, each.measure) for each in found.paired} == {
        (one, "cosine", measure) for one in ("match", "fusion") for measure in ("r@1", "map")
    }
    assert [(each.scorer, each.protocol) for each in found.routing] == [
        ("cosine", "left out"),
        ("match", "left out"),
    ]
    assert found.routing[0].at is None
    assert found.routing[0].best.accuracy > 0.7
    # These texts are noise, and how they lie among each other says nothing of what is there.
    assert found.routing[1].best.accuracy > 0.6
    (calibration,) = found.calibration
    assert sum(bar.count for bar in calibration.bins) == 2 * PICTURES * CAPTIONS
    assert found.match.startswith("label-free")
    kinds = [kind for kind, _ in records(found)]
    assert kinds[:6] == ["recall"] * 6
    last = ["routing", "routing", *["routing_by_size"] * 3, "calibration", *["rsum"] * 3]
    last.append("evaluation")
    assert kinds[-len(last) :] == last


async def test_the_figures_are_those_of_the_cosines(tmp_path: Path) -> None:
    """Counted here once more, in the plainest way."""
    data = write_data(tmp_path)
    async with opened(tmp_path) as engine:
        found, _ = await evaluated(
            engine, EvaluateRequest(data=str(data), scorers=("cosine",), resamples=0)
        )
    with np.load(tmp_path / "p.npz") as pictures, np.load(tmp_path / "t.npz") as texts:
        cosine = texts["vector"][: PICTURES * CAPTIONS] @ pictures["vector"].T
    own = np.repeat(np.arange(PICTURES), CAPTIONS)
    ranks = (cosine >= cosine[np.arange(len(own)), own][:, None]).sum(axis=1)
    there, back = found.retrieval
    assert there.r1.value == pytest.approx(np.mean(ranks == 1))
    assert there.r5.value == pytest.approx(np.mean(ranks <= 5))
    assert there.median_rank.value == np.median(ranks)
    best = cosine.argmax(axis=0)
    assert back.r1.value == pytest.approx(np.mean(own[best] == np.arange(PICTURES)))
    assert back.rights == CAPTIONS
    assert [cut.k for cut in there.cuts] == [1, 5, 10]
    assert there.cuts[0].precision == there.r1
    assert there.cuts[1].precision.value == pytest.approx(np.mean(ranks <= 5) / 5)
    gains = np.where(ranks <= 10, 1 / np.log2(1 + ranks), 0)
    assert there.cuts[2].ndcg.value == pytest.approx(gains.mean())
    assert there.curve == pytest.approx([np.mean(1 / ranks)] * 11)
    assert found.folds == ()
    (total,) = found.recall_sums
    recalls = (there.r1, there.r5, there.r10, back.r1, back.r5, back.r10)
    assert total.value == pytest.approx(100 * sum(each.value for each in recalls))


async def test_texts_that_cannot_be_embedded_are_named_and_left_out(tmp_path: Path) -> None:
    data = write_data(tmp_path, leave_out=5)
    async with opened(tmp_path) as engine:
        found, notes = await evaluated(
            engine, EvaluateRequest(data=str(data), swaps=False, resamples=0)
        )
        assert found.texts == PICTURES * CAPTIONS - 5
        assert len(notes) == 1
        assert "5 of 90 texts are left out" in notes[0]
        assert "'a red thing 28 of kind 1'" in notes[0]
        assert "and 2 more" in notes[0]
        assert found.warnings == tuple(notes)


async def test_where_no_text_is_known_it_says_what_to_do(tmp_path: Path) -> None:
    data = write_data(tmp_path, leave_out=PICTURES * CAPTIONS)
    async with opened(tmp_path) as engine:
        end = await engine.evaluate(EvaluateRequest(data=str(data), swaps=False)).wait()
    assert isinstance(end, JobFailed)
    assert "none of the 90 texts has an embedding by some/clip" in end.message
    assert "t2itui cache import" in end.hint


async def test_pictures_of_nowhere_fail_with_a_hint(tmp_path: Path) -> None:
    write_data(tmp_path)
    other = tmp_path / "other.token"
    other.write_text("x.jpg#0\ta red thing 0 of kind 0\n")
    async with opened(tmp_path) as engine:
        request = EvaluateRequest(data=str(other), encoders=(ENCODER,))
        end = await engine.evaluate(request).wait()
    assert isinstance(end, JobFailed)
    assert "none of the 1 pictures" in end.message
    assert "--images" in end.hint


async def test_label_free_scores_are_those_of_a_search(tmp_path: Path) -> None:
    write_data(tmp_path)
    async with opened(tmp_path) as engine:
        texts = ["a red thing 3 of kind 1", "thing 4"]
        record = await engine.cache.read(find_encoder, ENCODER)
        assert record is not None
        await engine.cache.write(put_texts, ENCODER, bank())
        ids, vectors = await engine.cache.read(load_matrix, ENCODER)
        embedder = TextEmbedder(engine.cache, engine.encoders)
        matrix = EmbeddingMatrix.of(vectors[np.argsort(ids)])
        context = MatchContext(
            matrix=matrix,
            logit_scale=record.logit_scale,
            backgrounds=await text_backgrounds(embedder, record, matrix, offline=True),
        )
        scorer = find_scorer(ScorerKind.LABEL_FREE)
        known = await engine.cache.read(get_texts, ENCODER, texts)
        embedded = np.stack([known[text].vector for text in texts])
        logits = score_texts(scorer, context, embedded, ["en", "en"])
        heard: list[int] = []
        many = np.repeat(embedded, 150, axis=0)
        score_texts(scorer, context, many, ["en"] * len(many), heard.append)
        assert sum(heard) == len(many)
        assert max(heard) <= STEP
        context = with_zeros(context, [ScorerKind.LABEL_FREE])
        for text, vector, row in zip(texts, embedded, logits, strict=True):
            request = SearchRequest(query=text, offline=True)
            alone, found = [
                await ask(request) for ask in (engine.searcher.compare, engine.searcher.scored)
            ]
            assert alone.scores is not None and found.scores is not None
            np.testing.assert_allclose(row, alone.scores.match_logit, atol=1e-4)
            there = placed(context, ScorerKind.LABEL_FREE, vector, row, "en")
            np.testing.assert_allclose(there, found.scores.match_logit, atol=1e-3)
            assert abs(there - row).max() > 0.1
        pairs = score_pairs(scorer, context, embedded, ["en", "en"], np.array([3, 7]))
        np.testing.assert_allclose(pairs, logits[[0, 1], [3, 7]], atol=1e-5)


async def test_without_a_matcher_match_and_label_free_are_both_measured(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    scorers = ("label-free", "match", "fusion")
    request = EvaluateRequest(data=str(data), scorers=scorers, swaps=False, resamples=0)
    async with opened(tmp_path) as engine:
        found, _ = await evaluated(engine, request)
    by_name = {each.scorer: each for each in found.retrieval}
    assert tuple(by_name) == scorers
    assert by_name["label-free"].r1 == by_name["match"].r1
    assert {(each.one, each.other) for each in found.paired} == {
        ("match", "label-free"),
        ("fusion", "label-free"),
    }


@pytest.mark.parametrize("trained", [False, True])
async def test_match_is_evaluated_as_labels_calibrate_it(tmp_path: Path, trained: bool) -> None:
    data = write_data(tmp_path)
    text = "a red thing 3 of kind 1"
    async with opened(tmp_path) as engine:
        if trained:
            await engine.cache.write(add_matcher, ENCODER, random_matcher(ENCODER, 48), "{}")
        request = EvaluateRequest(data=str(data), scorers=("match",), swaps=False, resamples=0)
        before, _ = await evaluated(engine, request)
        answer = await engine.searcher.scored(SearchRequest(query=text, offline=True))
        for row in answer.rows[:4]:
            await engine.searcher.labels.put(text, row.picture_id, fits=False, encoder_id=ENCODER)
        after, _ = await evaluated(engine, request)
    assert after.match == f"{before.match}, calibrated by 4 labels"
    assert after.calibration[0].brier != before.calibration[0].brier
    assert after.retrieval[0].r1 == before.retrieval[0].r1


async def test_a_trained_matcher_is_match_and_label_free_stands_beside_it(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    async with opened(tmp_path) as engine:
        weights = random_matcher(ENCODER, 48)
        number = await engine.cache.write(add_matcher, ENCODER, weights, "{}")
        found, _ = await evaluated(
            engine,
            EvaluateRequest(
                data=str(data), scorers=("match", "label-free"), swaps=False, resamples=0
            ),
        )
    assert found.match == f"matcher {number}"
    assert {each.scorer for each in found.retrieval} == {"match", "label-free"}
    by_name = {each.scorer: each for each in found.retrieval}
    # The matcher is added to it, and this one knows nothing.
    alone, both = (by_name[name].average_precision.value for name in ("label-free", "match"))
    assert alone > 0.5
    assert both < alone


async def test_no_picture_is_scored_twice_for_what_is_reached_by_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for all pictures and for smaller libraries of them, nor by two names of a scorer."""
    data = write_data(tmp_path)
    scored: list[tuple[str, int]] = []

    def counted(context: MatchContext, scorer: str, language: str, rows: IdArray) -> FloatArray:
        scored.extend((scorer, row) for row in rows.tolist())
        return background_logits(context, scorer, language, rows)

    monkeypatch.setattr(measure, "background_logits", counted)
    async with opened(tmp_path) as engine:
        await engine.cache.write(put_texts, ENCODER, bank())
        request = EvaluateRequest(
            data=str(data), scorers=("match", "label-free"), swaps=False, resamples=0
        )
        found, _ = await evaluated(engine, request)
        assert len(found.by_size) == 2
        assert sorted(row for _, row in scored) == list(range(PICTURES))
        scored.clear()
        await engine.cache.write(add_matcher, ENCODER, random_matcher(ENCODER, 48), "{}")
        await evaluated(engine, request)
    assert sorted(scored) == sorted(
        (str(scorer), row)
        for scorer in (ScorerKind.MATCH, ScorerKind.LABEL_FREE)
        for row in range(PICTURES)
    )


async def test_a_cancelled_evaluation_stops_and_keeps_no_row(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    async with opened(tmp_path) as engine:
        job = engine.evaluate(EvaluateRequest(data=str(data), swaps=False))
        engine.jobs.subscribe(
            lambda event: (
                job.cancel()
                if isinstance(event, JobProgress) and event.stage == "scoring"
                else None
            )
        )
        assert isinstance(await job.wait(), JobCancelled)
        assert await engine.evaluator.entries() == []


@pytest.mark.parametrize(
    "fields",
    [{"scorers": ("bogus",)}, {"threshold": 1.5}, {"language": "fr"}, {"limit": 0}],
)
async def test_requests_that_make_no_sense_are_refused(
    tmp_path: Path, fields: dict[str, object]
) -> None:
    data = write_data(tmp_path)
    async with opened(tmp_path) as engine:
        request = EvaluateRequest(data=str(data), **fields)  # type: ignore[arg-type]
        assert isinstance(await engine.evaluate(request).wait(), JobFailed)


@pytest.mark.parametrize(
    ("fields", "words", "field"),
    [
        ({"data": "/none.token"}, "no file or folder", "data"),
        ({"scorers": ("bogus",)}, "no scorer", "scorers"),
        ({"scorers": ("two-branch",)}, "no scorer", "scorers"),
        ({"scorers": ()}, "needs a scorer", "scorers"),
        ({"threshold": 1.5}, "between 0 and 1", "threshold"),
        ({"limit": 0}, "less than 1", "limit"),
        ({"resamples": -1}, "negative", "resamples"),
        ({"language": "fr"}, "not written in 'fr'", "language"),
        ({"queries": "words", "words": Path("/none.txt")}, "cannot be read", "words"),
        ({"queries": "words", "data": "storybook"}, "looked for in captions", "queries"),
        ({"encoders": ("made-up/none",)}, "made-up/none", ""),
    ],
)
async def test_a_request_is_refused_before_any_work_with_the_field_at_fault(
    tmp_path: Path, fields: dict[str, object], words: str, field: str
) -> None:
    asked: dict[str, object] = {"data": str(write_data(tmp_path)), "encoders": (ENCODER,)}
    async with opened(tmp_path) as engine:
        await engine.evaluator.check(EvaluateRequest(**asked))  # type: ignore[arg-type]
        with pytest.raises(EngineError, match=words) as caught:
            await engine.evaluator.check(EvaluateRequest(**asked | fields))  # type: ignore[arg-type]
    assert caught.value.field == field


async def test_a_request_with_everything_in_it_can_be_read_again(tmp_path: Path) -> None:
    request = EvaluateRequest(
        data="animals", images=tmp_path, words=tmp_path / "w.txt", names=(("cane", "dog"),), limit=3
    )
    assert request_from_json(EvaluateRequest, request_to_json(request)) == request


async def test_a_limit_takes_the_texts_of_some_pictures(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    async with opened(tmp_path) as engine:
        found, _ = await evaluated(
            engine, EvaluateRequest(data=str(data), limit=8, swaps=False, resamples=0)
        )
    assert (found.texts, found.pictures) == (8 * CAPTIONS, 8)


def test_fusion_ranks_first_what_both_rank_high() -> None:
    one = np.array([[0.9, 0.8, 0.1]], np.float32)
    other = np.array([[0.1, 0.8, 0.9]], np.float32)
    scores = fused(one, other)
    assert scores[0, 0] == pytest.approx(1 / 61 + 1 / 63)
    assert scores[0, 1] == pytest.approx(2 / 62)


async def test_several_encoders_stand_side_by_side_on_what_both_know(tmp_path: Path) -> None:
    """The second one knows neither the last picture nor the first caption, and is far noisier."""
    data = write_data(tmp_path)
    random = np.random.default_rng(4)
    for name, left_out in (("p", slice(0, PICTURES - 1)), ("t", slice(1, None))):
        with np.load(tmp_path / f"{name}.npz") as arrays:
            keys = [key for key in arrays if key != "vector"]
            noise = random.standard_normal(arrays["vector"].shape)
            vectors = unit((arrays["vector"] + 0.25 * noise).astype(np.float32))
            others = {key: arrays[key][left_out] for key in keys}
        np.savez(tmp_path / f"{name}2.npz", vector=vectors[left_out], **others)
    request = EvaluateRequest(
        data=str(data), encoders=(ENCODER, "other/clip"), swaps=False, resamples=200
    )
    async with opened(tmp_path) as engine:
        imported = ImportRequest(
            encoder_id="other/clip",
            pictures=tmp_path / "p2.npz",
            texts=tmp_path / "t2.npz",
            root=tmp_path,
            logit_scale=30.0,
        )
        assert isinstance(await engine.import_vectors(imported).wait(), JobFinished)
        job = engine.evaluate(request)
        end = await job.wait()
        assert isinstance(end, JobFinished), end
        first, second = engine.evaluator.of_job(job.id)
        assert await engine.evaluator.get(second.id) == second
        assert [each.encoder for each in await engine.evaluator.heads(9)] == [
            "other/clip",
            ENCODER,
        ]
    assert end.message.count("evaluation ") == 2
    assert (first.texts, first.pictures) == (second.texts, second.pictures)
    assert first.pictures == PICTURES - 1
    assert first.texts == PICTURES * CAPTIONS - 1
    assert (first.own_beside, second.own_beside) == ((), second.beside)
    assert [(each.scorer, each.paired.measure) for each in second.beside] == [
        (scorer, measure) for scorer in ("cosine", "match") for measure in ("r@1", "r@1", "map")
    ]
    for each in second.beside:
        difference = each.paired.difference
        assert difference.value == pytest.approx(each.one_value - each.other_value, abs=1e-6)
        assert difference.low <= difference.value <= difference.high
    cosine = second.beside[0]
    assert cosine.other_value == first.retrieval[0].r1.value
    assert cosine.one_value == second.retrieval[0].r1.value < cosine.other_value
    assert cosine.paired.p < 0.05
    lines = [values for kind, values in records(second) if kind == "beside"]
    assert (lines[0]["one"], lines[0]["other"]) == ("other/clip", ENCODER)
    assert not [kind for kind, _ in records(first) if kind == "beside"]


async def test_an_encoder_that_is_not_here_is_named_before_any_work(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    async with opened(tmp_path) as engine:
        request = EvaluateRequest(data=str(data), encoders=(ENCODER, "no/such-clip"))
        end = await engine.evaluate(request).wait()
        assert await engine.evaluator.entries() == []
    assert isinstance(end, JobFailed)
    assert "no/such-clip" in end.message
    assert end.hint


async def test_several_encoders_need_the_same_words(tmp_path: Path) -> None:
    request = EvaluateRequest(data=str(write_data(tmp_path)), encoders=("a", "b"), queries="words")
    async with opened(tmp_path) as engine:
        with pytest.raises(RequestError, match="which a file has to name"):
            await engine.evaluator.check(request)


def test_what_earlier_versions_asked_of_one_encoder_or_none_is_understood() -> None:
    for old, new in (("some/clip", ("some/clip",)), (None, ())):
        values = json.loads(request_to_json(EvaluateRequest(data="x")))
        del values["encoders"]
        found = request_from_json(EvaluateRequest, json.dumps({**values, "encoder": old}))
        assert found == EvaluateRequest(data="x", encoders=new)
