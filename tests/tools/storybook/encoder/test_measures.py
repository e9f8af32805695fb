"""Figures: perfect for an encoder that knows the truth, at chance for one that knows nothing."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest

from engine.scoring.metrics import auc
from engine.storybook.captions import full_claim
from engine.storybook.claims import is_true
from engine.storybook.gallery import routing_queries
from engine.storybook.scenes import Scene
from engine.storybook.wording import Language, write
from tools.storybook.encoder.measures import Vectors, measure
from tools.storybook.gallery import gallery_scenes
from tools.storybook.sampling import sample_scene

SCENES = [sample_scene(900_000 + seed) for seed in range(120)]


def unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def test_an_encoder_that_knows_nothing_is_at_chance() -> None:
    random = np.random.default_rng(0)

    def embed(texts: Sequence[str]) -> Vectors:
        return unit(random.normal(size=(len(texts), 16)).astype(np.float32))

    pictures = unit(random.normal(size=(len(SCENES), 16)).astype(np.float32))
    figures = measure(SCENES, pictures, embed, Language.ENGLISH)
    assert figures.attributes["animal"] < 0.35
    assert 0.1 < figures.attributes["time"] < 0.55
    assert figures.level2_precision < 0.1
    assert 0.35 < figures.swapped_auc < 0.65


def test_an_encoder_whose_texts_are_its_pictures_finds_them() -> None:
    """Counts of the words of full captions stand in for vectors of pictures."""
    words: dict[str, int] = {}

    def embed(texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), 400), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.replace(",", "").split():
                row[words.setdefault(word, len(words))] += 1.0
        return unit(rows)

    texts = [
        write(full_claim(s), Language.ENGLISH, Random(repr(full_claim(s)))).text for s in SCENES
    ]
    figures = measure(SCENES, embed(texts), embed, Language.ENGLISH)
    assert figures.recall_at_1 > 0.97
    assert figures.swapped_auc > 0.68
    assert figures.attributes["colour"] > 0.5


def test_scenes_of_two_animals_are_counted_apart() -> None:
    """An encoder that reads the first animal alone is right of one, and often wrong of two."""

    def texts_asked(scene: Scene) -> list[str]:
        first = scene.animals[0]
        return [first.animal, first.colour, "grey" if first.colour == "gray" else first.colour]

    words: dict[str, int] = {}

    def embed(texts: Sequence[str]) -> Vectors:
        rows = np.full((len(texts), 400), 1e-3, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.replace(",", "").split():
                row[words.setdefault(word, len(words))] = 1.0
        return unit(rows)

    figures = measure(
        SCENES, embed([" ".join(texts_asked(s)) for s in SCENES]), embed, Language.ENGLISH
    )
    assert figures.alone["colour"] > 0.9
    assert 0.4 < figures.of_two["colour"] < 0.75


def test_the_area_under_the_curve_counts_ties_half() -> None:
    assert auc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert auc(np.array([1.0, 1.0]), np.array([1.0, 1.0])) == 0.5
    assert auc(np.array([0.0, 2.0]), np.array([1.0, 1.0])) == 0.5


def test_routing_queries_are_what_their_kind_says() -> None:
    scenes = gallery_scenes()
    for query in routing_queries(scenes):
        answers = any(is_true(query.caption.claim, scene) for scene in scenes)
        assert answers is query.answered
    assert {query.caption.language for query in routing_queries(scenes)} == set(Language)
    with pytest.raises(ValueError, match="french"):
        Language("french")
