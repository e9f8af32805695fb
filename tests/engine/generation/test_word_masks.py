"""A part of a picture is named by a word, and found by the patches that show it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import RequestError
from engine.events import JobFailed
from engine.generation.recipe import digest, request_from
from engine.generation.request import GenerateRequest, GenerationSpec, resolve
from engine.generation.word_masks import WordMasks
from engine.jobs.codec import command_words, request_from_json, request_to_json
from engine.models.generator_messages import parameters_from_fields, parameters_to_fields
from engine.models.parameters import GenerationParameters
from engine.workers.editing import read_edit
from tests.engine.generation.studio import OneWord, StudioKit


@pytest.fixture
def start(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "start.png")
    return tmp_path / "start.png"


async def parameters_of(
    studio: StudioKit, request: GenerateRequest, words: OneWord
) -> GenerationParameters:
    info = await studio.generators.describe("made-up/painter")
    return await WordMasks(lambda: words).fill(resolve(request, info), grow=request.mask_grow)


async def test_a_word_is_painted_anew_where_it_is_seen_and_half_a_patch_around(
    studio: StudioKit, start: Path
) -> None:
    words = OneWord()
    request = GenerateRequest(prompt="a red cat", start_picture=start, mask_word="dog")
    found = await parameters_of(studio, request, words)
    assert (words.asked[0].picture, words.asked[0].text) == (str(start), '"dog"')
    assert found.strength == 1.0, "what is named is painted anew from nothing"
    assert found.mask_grow == 20, "half of 40 pixels"
    assert parameters_from_fields(parameters_to_fields(found)) == found
    part = read_edit(found)
    inside = np.asarray(part.mask) > 0
    assert inside[20, 60] and not inside[60, 10], "upper right, not lower left"
    narrow = read_edit(replace(found, mask_grow=0))
    assert (np.asarray(narrow.mask) > 0).sum() < inside.sum()
    before = np.asarray(part.picture)
    whole = part.put_back(np.full((32, 32, 3), 255, np.uint8))
    np.testing.assert_array_equal(whole[~inside], before[~inside])
    assert (whole[20, 60] == 255).all()
    assert ((part.share > 0) & (part.share < 1)).any(), "its edge is soft"


async def test_what_the_encoder_did_not_see_stays(studio: StudioKit, start: Path) -> None:
    words = OneWord(strengths=((0.9,),), seen=(0.25, 0.25, 0.75, 0.75))
    request = GenerateRequest(prompt="a", start_picture=start, mask_word="dog", mask_grow=0)
    inside = np.argwhere(np.asarray(read_edit(await parameters_of(studio, request, words)).mask))
    assert (inside.min(0).tolist(), inside.max(0).tolist()) == ([20, 20], [59, 59])


async def test_another_map_is_another_picture_and_the_word_is_in_the_recipe(
    studio: StudioKit, start: Path
) -> None:
    request = GenerateRequest(prompt="a", start_picture=start, mask_word="dog")
    one = await parameters_of(studio, request, OneWord())
    other = await parameters_of(studio, request, OneWord(strengths=((0.9, 0.9), (0.9, 0.1))))
    assert digest(one, "").request_key != digest(other, "").request_key
    assert digest(replace(one, mask_word="hound"), "") == digest(one, "")
    spec = GenerationSpec(request=request, drawn=1)
    assert request_from_json(GenerationSpec, request_to_json(spec)) == spec
    words = command_words(spec)
    assert words[words.index("--mask-word") + 1] == "dog"


async def test_a_word_that_is_nowhere_fails_the_job_with_that_reason(
    studio: StudioKit, start: Path
) -> None:
    request = GenerateRequest(prompt="a red cat", start_picture=start, mask_word="car")
    job = await studio.generation.start(request)
    end = await job.wait()
    assert isinstance(end, JobFailed)
    assert "'car' is nowhere in start.png: its strength is 0.09" in end.message
    assert not studio.generators.seeds, "nothing was painted"


async def test_a_word_that_is_there_is_painted_and_repeated_from_the_recipe(
    studio: StudioKit, start: Path
) -> None:
    request = GenerateRequest(
        prompt="a red cat", start_picture=start, mask_word="dog", mask_grow=0, seed=3
    )
    job = await studio.generation.start(request)
    await job.wait()
    (picture,) = studio.generation.results(job.id)
    again, _ = request_from(await studio.generation.recipe(picture.picture_id))
    assert (again.mask_word, again.mask_grow, again.strength) == ("dog", 0, 1.0)
    repeated = await studio.generation.start(again)
    await repeated.wait()
    assert studio.generation.results(repeated.id)[0].cached


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mask_word": "?!"}, "no word to look for"),
        ({"mask_word": "dog", "mask": Path(__file__)}, "by a mask and by a word"),
        ({"mask_word": "dog", "start_picture": None}, "no start picture"),
    ],
)
async def test_a_word_that_cannot_be_looked_for_is_refused(
    studio: StudioKit, start: Path, changes: dict[str, object], words: str
) -> None:
    values: dict[str, object] = {"prompt": "a", "start_picture": start, **changes}
    with pytest.raises(RequestError, match=words):
        await studio.generation.start(GenerateRequest(**values))  # type: ignore[arg-type]
