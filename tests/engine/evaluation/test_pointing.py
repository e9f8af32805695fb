"""The pointing game on patches that are known."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cache.embeddings import EncoderRecord
from cache.states import PictureStates
from engine.engine import Engine
from engine.errors import EngineError, ModelMissingError
from engine.evaluation.evaluator import Evaluator
from engine.evaluation.pointing import (
    MOST_PICTURES,
    PatchGrid,
    Pointed,
    point,
    pointing_figures,
    sampled_regions,
)
from engine.evaluation.regions import Region, RegionBox
from engine.evaluation.results import Evaluation, figures_of, records
from engine.local.states import FoundStates
from engine.requests import EvaluateRequest
from engine.results import FloatArray
from engine.search.text_embedder import random_prompts
from engine.settings import EngineSettings
from t2itui.text.evaluations import write_evaluation
from t2itui.text.tables import RichOutput
from tests.engine.evaluation.libraries import opened

DIM, ROWS, COLUMNS = 64, 3, 4


def region(*boxes: RegionBox, picture: int = 0, kind: str = "animals") -> Region:
    return Region(picture=picture, text="a dog", kind=kind, areas=boxes)


def box(left: float, top: float, right: float, bottom: float) -> RegionBox:
    return RegionBox(left=left, top=top, right=right, bottom=bottom)


def grid(hot: int, phrase: FloatArray, seen: tuple[float, ...] = (0, 0, 1, 1)) -> PatchGrid:
    """Random patches, of which one is the phrase."""
    patches = np.random.default_rng(0).standard_normal((ROWS * COLUMNS, DIM)).astype(np.float32)
    patches[hot] = phrase
    patches /= np.linalg.norm(patches, axis=1, keepdims=True)
    left, top, right, bottom = seen
    return PatchGrid(vectors=patches, rows=ROWS, columns=COLUMNS, seen=(left, top, right, bottom))


@pytest.fixture
def phrase() -> FloatArray:
    vector = np.random.default_rng(1).standard_normal(DIM).astype(np.float32)
    scaled: FloatArray = vector / np.linalg.norm(vector)
    return scaled


@pytest.fixture
def background() -> FloatArray:
    texts = np.random.default_rng(2).standard_normal((40, DIM)).astype(np.float32)
    scaled: FloatArray = texts / np.linalg.norm(texts, axis=1, keepdims=True)
    return scaled


def test_a_phrase_is_hit_if_the_middle_of_its_hottest_patch_lies_in_a_box(
    phrase: FloatArray, background: FloatArray
) -> None:
    """Patch 6 is the third of the second row: its middle is at 0.625, 0.5."""
    regions = [
        region(box(0.6, 0.4, 0.7, 0.6)),
        region(box(0.0, 0.0, 0.62, 1.0)),
        region(box(0.0, 0.0, 0.1, 0.1), box(0.625, 0.5, 0.63, 0.51)),
        region(box(0.0, 0.0, 1.0, 1.0)),
    ]
    found = point(regions, grid(6, phrase), np.stack([phrase] * 4), background)
    assert [each.hit for each in found] == [1, 0, 1, 1]
    assert [each.centre for each in found] == [0, 1, 0, 1]
    assert [each.random for each in found] == [1 / 12, 6 / 12, 1 / 12, 1]


def test_what_the_encoder_does_not_see_has_no_patch(
    phrase: FloatArray, background: FloatArray
) -> None:
    """Of a wide picture the middle half is seen, so patch 0 has its middle at 0.3125."""
    some = grid(0, phrase, seen=(0.25, 0.0, 0.75, 1.0))
    left, edge = region(box(0.3, 0.0, 0.32, 1.0)), region(box(0.0, 0.0, 0.25, 1.0))
    found = point([left, edge], some, np.stack([phrase] * 2), background)
    assert [(each.hit, each.random) for each in found] == [(1, 3 / 12), (0, 0)]


def test_figures_are_means_over_phrases_with_the_middle_paired() -> None:
    regions = [region(picture=n // 2, kind="animals" if n % 2 else "people") for n in range(200)]
    pointed = [Pointed(hit=float(n % 4 != 0), centre=float(n % 4 == 1), random=0.1)
               for n in range(200)]  # fmt: skip
    found = pointing_figures(regions, pointed, resamples=200, seed=0)
    assert (found.phrases, found.pictures) == (200, 100)
    assert (found.hit.value, found.centre.value) == (0.75, 0.25)
    assert found.random.value == pytest.approx(0.1)
    assert found.over_centre.value == 0.5
    assert found.p < 0.01
    assert found.kinds == (("animals", 100, 1.0), ("people", 100, 0.5))


def test_of_very_many_pictures_some_are_looked_at() -> None:
    regions = [region(picture=n) for n in range(MOST_PICTURES + 50) for _ in range(2)]
    found = sampled_regions(regions, seed=3)
    assert len(found) == MOST_PICTURES
    assert {len(each) for each in found.values()} == {2}
    assert found == sampled_regions(regions, seed=3)
    assert list(sampled_regions(regions[:6], seed=3)) == [0, 1, 2]


class PlantedPatches:
    """Patches of which the one at the upper left is what some phrase says."""

    def __init__(self, phrase: FloatArray) -> None:
        self.phrase = phrase
        self.asked: list[int] = []
        self.error: EngineError | None = None

    async def of_pictures(
        self,
        encoder: EncoderRecord,
        picture_ids: Sequence[int],
        *,
        offline: bool = False,
        is_kept: bool = True,
    ) -> FoundStates:
        if self.error is not None:
            raise self.error
        assert not is_kept
        self.asked += picture_ids
        patches = grid(0, self.phrase).vectors.astype(np.float16)
        states = PictureStates(vectors=patches, rows=ROWS, columns=COLUMNS)
        return FoundStates(states=dict.fromkeys(picture_ids[1:], states), used_model=True)


def write_instances(folder: Path, random: np.random.Generator) -> Path:
    """Four pictures with a dog at the upper left, and vectors for pictures and words."""
    names = [f"{number}.jpg" for number in range(4)]
    texts = ["a photo of a dog", "a dog", *random_prompts()["en"][:40]]
    vectors = random.standard_normal((4 + len(texts), DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.savez(folder / "p.npz", image=names, vector=vectors[:4])
    np.savez(folder / "t.npz", text=texts, vector=vectors[4:])
    box = [0, 0, 30, 30]
    held = {
        "images": [
            {"id": number, "file_name": name, "width": 100, "height": 100}
            for number, name in enumerate(names)
        ],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [
            {"image_id": number, "category_id": 1, "bbox": box, "iscrowd": 0} for number in range(4)
        ],
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(held))
    return path


async def test_an_evaluation_points_at_the_regions_of_its_data_or_says_why_not(
    tmp_path: Path,
) -> None:
    data = write_instances(tmp_path, np.random.default_rng(5))
    with np.load(tmp_path / "t.npz") as texts:
        patches = PlantedPatches(texts["vector"][1])
    request = EvaluateRequest(
        data=str(data), scorers=("cosine",), templates=("a photo of a {}",), resamples=50
    )
    async with opened(tmp_path) as engine:
        evaluator = Evaluator(
            engine.cache, engine.encoders, engine.indexer, patches, engine.collection
        )
        (found,) = await evaluated_by(evaluator, request)
        assert found.pointing is not None
        assert await evaluator.get(found.id) == found
        assert len(patches.asked) == 4
        # The first picture could not be read.
        assert (found.pointing.phrases, found.pointing.pictures) == (3, 3)
        assert (found.pointing.hit.value, found.pointing.centre.value) == (1.0, 0.0)
        assert found.pointing.random.value == pytest.approx(1 / 12)
        assert found.pointing.kinds == (("dog", 3, 1.0),)
        lines = dict(records(found))
        assert lines["pointing"]["hit"] == 1.0
        assert figures_of(found)["pointing game", "hits"] == 1.0
        output = RichOutput()
        write_evaluation(found, output)
        assert "pointing game: 3 phrases in 3 pictures" in output.content.plain
        patches.error = ModelMissingError("no model is here", hint="get it")
        (found,) = await evaluated_by(evaluator, request)
        assert found.pointing is None
        assert found.warnings == ("the pointing game is left out: no model is here",)


async def test_the_storybooks_own_masks_are_pointed_at(tmp_path: Path) -> None:
    """The shipped encoder, on pictures that it did not learn from."""
    request = EvaluateRequest(
        data="storybook", scorers=("cosine",), limit=60, swaps=False, resamples=200
    )
    async with Engine.open(EngineSettings(home=tmp_path / "home")) as engine:
        (found,) = await evaluated_by(engine.evaluator, request)
        told = found.pointing
        assert told is not None and told.pictures == 60
        assert told.hit.low >= 2 * told.random.value
        assert told.over_centre.low > 0.3
        hits = {kind: hit for kind, _, hit in told.kinds}
        for language in ("en", "zh"):
            assert hits[f"{language} animals"] >= 0.80
            assert hits[f"{language} props"] >= 0.60
        await engine.collection.leave_out()
        (found,) = await evaluated_by(engine.evaluator, request)
        assert found.pointing is None
        assert found.warnings == ("the pointing game is left out: the storybook is left out",)


async def evaluated_by(evaluator: Evaluator, request: EvaluateRequest) -> tuple[Evaluation, ...]:
    await evaluator.run(request, 1, lambda event: None)
    return evaluator.of_job(1)
