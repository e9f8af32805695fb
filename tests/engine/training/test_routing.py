"""Texts that are withheld from learning, and routing measured on them and on all."""

from dataclasses import replace

import numpy as np
import pytest

from engine.evaluation.data import LabelledQuery, SwappedPair
from engine.evaluation.embeddings import EmbeddedData
from engine.requests import EvaluateRequest
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.label_free import Background
from engine.scoring.match import MatchContext
from engine.scoring.matcher import read_matcher
from engine.scoring.metrics import RightPairs
from engine.states import PairedMeasure, QueryKind, QuerySet, ScorerKind
from engine.training.report import route_texts
from engine.training.split import WITHHELD, split
from tests.engine.evaluation.libraries import unit
from tests.engine.matchers import random_matcher

ASKED = EvaluateRequest(data="forty", resamples=50)
TEXTS = 120


@pytest.fixture
def words(material: EmbeddedData) -> EmbeddedData:
    """Words of four pictures each, far apart from one another, and one that none shows."""
    text = np.repeat(np.arange(TEXTS), 4)
    picture = (text + np.tile([0, 11, 22, 33], TEXTS)) % 40
    queries = tuple(
        LabelledQuery(
            text=name, answers=tuple(picture[text == row].tolist()), kind=QueryKind.PRESENT
        )
        for row, name in enumerate(material.data.texts)
    )
    nothing = LabelledQuery(text="nothing", answers=(), kind=QueryKind.ABSENT)
    swapped = SwappedPair(true="caption 1", false="caption 7", picture=0, attribute="number")
    data = replace(
        material.data,
        right=RightPairs.of(text, picture),
        queries=(*queries, nothing),
        swapped=(swapped,),
    )
    assert not data.single_right
    vectors = unit(material.texts)
    spoken = dict(zip(data.texts, vectors, strict=True)) | {"nothing": vectors[0] * -1}
    return replace(
        material, data=data, texts=vectors, pictures=unit(material.pictures), spoken=spoken
    )


def test_a_tenth_of_the_texts_of_several_pictures_is_not_learned_from(words: EmbeddedData) -> None:
    parts = split(words, 0.15, 0.2, seed=3)
    assert len(parts.routed.data.pictures) == len(parts.held_out.data.pictures) == 8
    assert parts.routed.data.texts == words.data.texts
    asked = set(words.data.texts)
    assert len(asked - parts.learned) >= WITHHELD * TEXTS - 1
    every = set(parts.train.data.texts) | set(parts.validation.data.texts)
    assert len(every) == TEXTS - WITHHELD * TEXTS
    assert "caption 7" in parts.learned, "it was learned from as a false one"
    for part in (parts.train, parts.validation):
        for row, text in enumerate(part.data.texts):
            np.testing.assert_array_equal(part.texts[row], words.spoken[text])
    assert split(words, 0.15, 0.2, seed=3).learned == parts.learned
    assert split(words, 0.15, 0.2, seed=4).learned != parts.learned


def test_of_few_texts_none_is_withheld(words: EmbeddedData) -> None:
    few = np.arange(40)
    data = words.data.narrowed(np.arange(40), few)
    some = replace(words, data=data, texts=words.texts[few], languages=("en",) * 40)
    parts = split(some, 0.15, 0.2, seed=3)
    assert {*data.texts} - parts.learned == set()


def test_captions_of_one_picture_need_no_withholding(material: EmbeddedData) -> None:
    parts = split(material, 0.15, 0.2, seed=3)
    assert sum(len(part.data.texts) for part in (parts.train, parts.validation)) == 32 * 3
    assert parts.routed is parts.held_out


def context(material: EmbeddedData) -> MatchContext:
    random = unit(np.random.default_rng(1).standard_normal((60, 8)).astype(np.float32))
    return MatchContext(
        matrix=EmbeddingMatrix.of(material.pictures),
        logit_scale=10.0,
        matcher=read_matcher(random_matcher("e", 8), "e"),
        backgrounds={"": Background(vectors=random, random=random, has_surroundings=True)},
    )


def test_all_texts_and_the_unseen_ones_are_routed_by_both_scorers_at_three_sizes(
    words: EmbeddedData,
) -> None:
    parts = split(words, 0.15, 0.5, seed=3)
    found = route_texts(parts, context(parts.routed), ASKED, lambda _: None)
    assert [(curve.scorer, curve.queries) for curve in found.curves] == [
        (scorer, queries)
        for queries in (QuerySet.ALL, QuerySet.UNSEEN)
        for scorer in (ScorerKind.LABEL_FREE, ScorerKind.MATCH)
    ]
    every, _, unseen, _ = found.curves
    assert [point.pictures for point in every.points] == [5, 10, 20]
    for point in every.points[:2]:
        assert point.present + point.absent == TEXTS + 1
    assert every.points[2].absent == TEXTS + 1, "few are absent: all are asked without pictures too"
    told = [point.present + point.absent for point in unseen.points]
    new = [query for query in words.data.queries if query.text not in parts.learned]
    assert told[:2] == [len(new)] * 2
    assert [each.measure for each in found.against_label_free] == [
        PairedMeasure.ROUTING,
        PairedMeasure.UNSEEN_ROUTING,
    ]


def test_where_every_text_is_unseen_there_is_one_set(material: EmbeddedData) -> None:
    scaled = replace(material, texts=unit(material.texts), pictures=unit(material.pictures))
    parts = split(scaled, 0.15, 0.5, seed=3)
    found = route_texts(parts, context(parts.routed), ASKED, lambda _: None)
    assert {curve.queries for curve in found.curves} == {QuerySet.ALL}
    assert len(found.against_label_free) == 1
