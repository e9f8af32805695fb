"""Recipes: written into pictures for other tools and for this program, and read from anyone's."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.errors import PictureError
from engine.generation.png_metadata import (
    encode_png,
    format_parameters,
    parse_parameters,
    read_recipe,
)
from engine.generation.recipe import Recipe, UsedLora, from_json, request_from, to_json

PIXELS = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
RECIPE = Recipe(
    prompt="雪地里的一只紫色大象, at night: calm",
    negative="blur,\nnoise",
    seed=1234567890123,
    steps=20,
    guidance=7.5,
    width=512,
    height=384,
    scheduler="dpm++",
    model="some/painter",
    loras=(UsedLora(name="ink", weight=0.8, sha256="ab" * 32),),
    strength=0.55,
    device="cpu",
    dtype="bf16",
    memory_fallbacks=("attention in slices",),
    request_key="k" * 64,
)
WEB_UI = (
    "a castle, (masterpiece:1.2)\non a hill <lora:ink:0.7>\n"
    "Negative prompt: blur\nugly\n"
    "Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 99, "
    'Size: 640x448, Model hash: 6ce0161689, Model: "odd, name", Version: v1.10.1'
)


def test_a_recipe_survives_the_way_through_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(encode_png(PIXELS, RECIPE))
    assert read_recipe(path) == RECIPE
    assert np.array_equal(np.asarray(Image.open(path)), PIXELS)
    assert encode_png(PIXELS, RECIPE) == path.read_bytes()


def test_other_tools_find_the_text_that_they_expect() -> None:
    assert format_parameters(RECIPE) == (
        "雪地里的一只紫色大象, at night: calm <lora:ink:0.8>\n"
        "Negative prompt: blur,\nnoise\n"
        "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 1234567890123, "
        "Size: 512x384, Model: some/painter, Denoising strength: 0.55, Version: t2itui"
    )


def test_what_another_tool_wrote_is_understood(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("parameters", WEB_UI)
    path = tmp_path / "theirs.png"
    Image.fromarray(PIXELS).save(path, pnginfo=info)
    assert read_recipe(path) == Recipe(
        prompt="a castle, (masterpiece:1.2)\non a hill",
        negative="blur\nugly",
        seed=99,
        steps=25,
        guidance=6.5,
        width=640,
        height=448,
        scheduler="dpm++",
        model="odd, name",
        loras=(UsedLora(name="ink", weight=0.7),),
        warnings=("left out: weights in brackets, which are taken as words",),
    )


@pytest.mark.parametrize("order", ["utf-16-be", "utf-16-le"])
def test_the_recipe_in_a_jpeg_is_found_too(tmp_path: Path, order: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "a red dog\nSteps: 4, Seed: 5, Size: 8x8".encode(
        order
    )
    path = tmp_path / "p.jpg"
    Image.fromarray(PIXELS).save(path, exif=exif)
    recipe = read_recipe(path)
    assert (recipe.prompt, recipe.steps, recipe.seed) == ("a red dog", 4, 5)


def test_the_plain_form_goes_there_and_back() -> None:
    expected = parse_parameters(format_parameters(RECIPE))
    assert expected.prompt == RECIPE.prompt
    assert (expected.negative, expected.seed, expected.scheduler) == (
        "blur,\nnoise",
        RECIPE.seed,
        "dpm++",
    )
    assert parse_parameters("Steps: 4, Sampler: Euler a, Seed: 1").scheduler == "euler-a"
    assert parse_parameters("only words: no steps").prompt == "only words: no steps"


def test_an_unknown_sampler_is_told_and_left_to_the_model() -> None:
    recipe = parse_parameters("x\nSteps: 4, Sampler: Heun, Seed: 1")
    request, warnings = request_from(recipe)
    assert request.scheduler is None
    assert warnings == ["the sampler Heun is not known here"]


def test_a_recipe_becomes_the_request_that_repeats_it(tmp_path: Path) -> None:
    lora, start = tmp_path / "ink.safetensors", tmp_path / "start.png"
    lora.touch()
    start.touch()
    notes = to_json(
        Recipe(
            prompt="x",
            seed=3,
            source="/models/own",
            loras=(UsedLora(name="ink", weight=0.5, path=str(lora)),),
            start_sha256="cd" * 32,
            start_path=str(start),
            strength=0.3,
        ),
        private=True,
    )
    request, warnings = request_from(from_json(notes, private=True))
    assert warnings == []
    assert (request.model, request.seed, request.strength) == ("/models/own", 3, 0.3)
    assert [entry.path for entry in request.loras] == [lora]
    assert request.start_picture == start
    lora.unlink()
    start.unlink()
    request, warnings = request_from(from_json(notes, private=True), model="other")
    assert (request.loras, request.start_picture) == ((), None)
    assert len(warnings) == 2


def test_a_picture_tells_nothing_of_the_machine_and_cannot_name_files_of_the_next_one() -> None:
    recipe = Recipe(
        prompt="x",
        source="/home/me/model",
        start_path="/home/me/start.png",
        start_sha256="cd" * 32,
        loras=(UsedLora(name="ink", weight=1, path="/home/me/ink.safetensors"),),
    )
    assert "/home/me" not in encode_png(PIXELS, recipe).decode("latin-1")
    planted = to_json(recipe, private=True)
    read = from_json(planted)
    assert (read.source, read.start_path, read.loras[0].path) == ("", "", "")


def test_what_a_picture_says_cannot_reach_the_terminal(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("parameters", "a\x1b[2Jdog\nSteps: 4, Seed: 1, Model: x\x07y")
    path = tmp_path / "p.png"
    Image.fromarray(PIXELS).save(path, pnginfo=info)
    recipe = read_recipe(path)
    assert (recipe.prompt, recipe.model) == ("a[2Jdog", "xy")


@pytest.mark.parametrize(
    "chunk",
    [
        *("[]", "{", '{"prompt": 3}', '{"prompt": "x", "steps": "many"}', "[" * 100_000),
        *('{"a":1e999}', '{"prompt": "x", "guidance": NaN}', '{"prompt": "x", "a": ' + "[" * 90),
        '{"prompt": "x", "loras": [{"name": "a", "weight": 1' + "0" * 400 + "}]}",
        '{"prompt": "x", "loras": [{"name": "a", "weight": "1"}]}',
        '{"prompt": "x", "seed": 1' + "0" * 400 + "}",
        '{"prompt": "x", "seed": 1' + "0" * 30 + "}",
        '{"prompt": "x", "seed": true}',
    ],
    ids=range(13),
)
def test_broken_notes_of_ours_give_way_to_the_plain_form(tmp_path: Path, chunk: str) -> None:
    info = PngInfo()
    info.add_itxt("t2itui", chunk)
    info.add_text("parameters", "a dog\nSteps: 4, Seed: 1, Size: 8x8")
    path = tmp_path / "p.png"
    Image.fromarray(PIXELS).save(path, pnginfo=info)
    assert read_recipe(path).prompt == "a dog"


def test_files_without_a_recipe_say_so(tmp_path: Path) -> None:
    plain, text = tmp_path / "plain.png", tmp_path / "text.png"
    Image.fromarray(PIXELS).save(plain)
    text.write_text("hello")
    bomb = tmp_path / "bomb.png"
    info = PngInfo()
    info.add_itxt("parameters", "x" * 5_000_000, zip=True)
    Image.fromarray(PIXELS).save(bomb, pnginfo=info)
    for path, words in (
        (plain, "holds no recipe"),
        (text, "is no PNG"),
        (tmp_path / "none.png", "cannot be read"),
        (bomb, "damaged|no PNG"),
    ):
        with pytest.raises(PictureError, match=words):
            read_recipe(path)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    try:
        recipe = parse_parameters(text)
    except ValueError:
        return
    assert "\x1b" not in recipe.prompt + recipe.negative + recipe.model


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*json.loads(to_json(RECIPE)), "x"]),
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text())
        ),
    )
)
def test_no_notes_are_too_odd_to_be_read(values: dict[str, object]) -> None:
    try:
        from_json(json.dumps({"prompt": "x", **values}))
    except (ValueError, TypeError):
        return
