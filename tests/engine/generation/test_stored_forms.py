"""What is stored of a generation stays as earlier versions wrote it, byte for byte."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from PIL import Image

from engine.generation.recipe import (
    Recipe,
    UsedLora,
    digest,
    from_json,
    recipe_of,
    request_from,
    to_json,
)
from engine.generation.request import GenerateRequest, GenerationSpec, resolve
from engine.jobs.codec import command_words, request_from_json, request_to_json
from engine.models.generator_info import GeneratorDefaults, GeneratorInfo
from engine.models.generator_messages import (
    GeneratedImage,
    parameters_from_fields,
    parameters_to_fields,
)
from engine.models.parameters import Lora, MaskBox
from engine.states import OutputCheck

UNMASKED = (
    '"mask": null, "mask_box": null, "mask_word": "", "mask_grow": null, "mask_feather": null,'
    ' "until_pass": null'
)
"""What the rows of jobs have more than those that were written before there were masks."""
Make: TypeAlias = Callable[[Path], GenerationSpec]

INFO = GeneratorInfo(
    id="some/painter",
    source="some/painter",
    path=Path("/models/p"),
    pipeline="StableDiffusionPipeline",
    prediction_type="epsilon",
    defaults=GeneratorDefaults(steps=25, guidance=7.5, scheduler="dpm++", width=64, height=64),
    multiple=8,
    smallest=8,
    schedulers=("ddim", "dpm++", "euler-a"),
    variant="",
    size_bytes=1,
    has_safety_checker=False,
)

PLAIN_KEY = "6b58460b049dbcaaa9c7bd04ff3bda1e7f3db94690913f2ded68af9045f18453"
PLAIN_JOB = (
    '{"request": {"prompt": "a red dog", "negative": "", "seed": null, "steps": null, "guidance":'
    ' null, "width": null, "height": null, "scheduler": null, "count": 1, "model": null, "loras":'
    ' [], "start_picture": null, "strength": 0.6, "preview": true}, "drawn": 7, "fresh": false,'
    ' "library": "", "receipt_id": null}'
)
PLAIN_RECIPE = (
    '{"device":"cpu","dtype":"fp32","guidance":7.5,"height":64,"model":"some/painter","prompt":'
    f'"a red dog","request_key":"{PLAIN_KEY}","scheduler":"dpm++","seed":7,"source":"/models/p",'
    '"steps":25,"steps_down":["attention in slices"],"version":1,"width":64}'
)

FULL_KEY = "dca7318956af0e15b1504363b5968d21321df02bb88013921c4b2ea303407356"
FULL_JOB = (
    '{"request": {"prompt": "雪 dog", "negative": "blur", "seed": 3, "steps": 30, "guidance": 5.0,'
    ' "width": 64, "height": 48, "scheduler": "euler-a", "count": 2, "model": "some/painter",'
    ' "loras": [{"path": "FOLDER/ink.safetensors", "weight": 0.5}], "start_picture":'
    ' "FOLDER/start.png", "strength": 0.4, "preview": false}, "drawn": 9, "fresh": true, "library":'
    ' "storybook", "receipt_id": "r1"}'
)
INK = "b728b7e775f708faf513b988271e39176d3efb8efcb6523124e0592d7c7b4165"
START = "cced28c6dc3f99c2396a5eaad732bf6b28142335892b1cd0e6af6cdb53f5ccfa"
FULL_RECIPE = (
    '{"device":"cpu","dtype":"fp32","guidance":5.0,"height":48,"library":"storybook","loras":'
    f'[{{"name":"ink","sha256":"{INK}","weight":0.5}}],"model":"some/painter","negative":"blur",'
    f'"prompt":"雪 dog","request_key":"{FULL_KEY}","scheduler":"euler-a","seed":3,'
    f'"start_sha256":"{START}","steps":30,"steps_down":["attention in slices"],"strength":0.4,'
    '"version":1,"width":64}'
)


def plain(folder: Path) -> GenerationSpec:
    return GenerationSpec(request=GenerateRequest(prompt="a red dog"), drawn=7)


def full(folder: Path) -> GenerationSpec:
    (folder / "ink.safetensors").write_bytes(b"ink")
    (folder / "start.png").write_bytes(b"start")
    request = GenerateRequest(
        prompt="雪 dog",
        negative="blur",
        seed=3,
        steps=30,
        guidance=5.0,
        width=64,
        height=48,
        scheduler="euler-a",
        count=2,
        model="some/painter",
        loras=(Lora(path=folder / "ink.safetensors", weight=0.5),),
        start_picture=folder / "start.png",
        strength=0.4,
        preview=False,
    )
    return GenerationSpec(
        request=request, drawn=9, fresh=True, library="storybook", receipt_id="r1"
    )


@pytest.mark.parametrize(("make", "text"), [(plain, PLAIN_JOB), (full, FULL_JOB)])
def test_the_row_of_a_job_is_written_and_read_as_ever(
    make: Make, text: str, tmp_path: Path
) -> None:
    spec, text = make(tmp_path), text.replace("FOLDER", str(tmp_path))
    before = request_from_json(GenerationSpec, text)
    strength = spec.request.strength
    assert replace(before, request=replace(before.request, strength=strength)) == spec
    assert resolve(before.request, INFO) == resolve(spec.request, INFO), "it paints the same"
    now = text.replace('"preview"', f'{UNMASKED}, "preview"')
    assert request_to_json(spec) == now.replace('"strength": 0.6', '"strength": null')
    assert request_from_json(GenerationSpec, request_to_json(spec)) == spec


def test_a_part_that_is_painted_anew_is_written_and_read_in_every_form(tmp_path: Path) -> None:
    start, mask = tmp_path / "start.png", tmp_path / "mask.png"
    Image.new("RGB", (64, 64)).save(start)
    Image.new("L", (64, 64), 255).save(mask)
    whole = replace(plain(tmp_path).request, start_picture=start, until_pass=3)
    boxed = replace(whole, mask_box=MaskBox(x=0.1, y=0, width=0.5, height=1), mask_feather=2)
    masked = replace(whole, mask=mask, mask_grow=4)
    keys = set[str]()
    for request in (whole, boxed, masked):
        spec = GenerationSpec(request=request, drawn=1)
        assert request_from_json(GenerationSpec, request_to_json(spec)) == spec
        parameters = resolve(request, INFO)
        assert parameters_from_fields(parameters_to_fields(parameters)) == parameters
        digests = digest(parameters, "")
        keys.add(digests.request_key)
        image = GeneratedImage(
            pixels=np.zeros((8, 8, 3), np.uint8),
            check=OutputCheck.FINE,
            parameters=parameters,
            seed=1,
            device="cpu",
            dtype="fp32",
            seconds=1.0,
        )
        recipe = recipe_of(image, digests, source="p")
        assert from_json(to_json(recipe, private=True), private=True) == recipe
        assert str(tmp_path) not in to_json(recipe)
        again, warnings = request_from(recipe)
        names = ("mask", "mask_box", "mask_grow", "mask_feather")
        assert [getattr(again, name) for name in names] == [
            getattr(request, name) for name in names
        ]
        assert warnings == []
    assert len(keys) == 3, "each is another picture"
    assert command_words(GenerationSpec(request=boxed, drawn=1))[1:] == [
        *("--start", str(start), "--strength", "1", "--mask-box", "0.1,0,0.5,1"),
        *("--mask-feather", "2", "--until-pass", "3", "a red dog"),
    ]
    mask.unlink()
    _, warnings = request_from(recipe)
    assert any("mask that it was painted by is not at hand" in each for each in warnings)


@pytest.mark.parametrize(
    ("make", "key", "text", "private"),
    [(plain, PLAIN_KEY, PLAIN_RECIPE, True), (full, FULL_KEY, FULL_RECIPE, False)],
)
def test_the_key_and_the_recipe_of_a_picture_are_written_as_ever(
    make: Make, key: str, text: str, private: bool, tmp_path: Path
) -> None:
    spec = make(tmp_path)
    parameters = resolve(spec.request, INFO)
    digests = digest(parameters, spec.library)
    assert digests.request_key == key
    image = GeneratedImage(
        pixels=np.zeros((8, 8, 3), np.uint8),
        check=OutputCheck.FINE,
        parameters=parameters,
        seed=spec.seeds()[0],
        device="cpu",
        dtype="fp32",
        seconds=1.5,
        memory_fallbacks=("attention in slices",),
    )
    recipe = recipe_of(image, digests, source="/models/p", library=spec.library)
    assert to_json(recipe, private=private) == text
    assert from_json(text, private=private) == (
        recipe if private else replace(recipe, source="", start_path="", loras=_pathless(recipe))
    )


def _pathless(recipe: Recipe) -> tuple[UsedLora, ...]:
    return tuple(replace(lora, path="") for lora in recipe.loras)
