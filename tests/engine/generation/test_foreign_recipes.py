"""Recipes of other tools are read, or named as not understood; what is left out is told."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.engine import Engine
from engine.errors import PictureError
from engine.generation import foreign_recipes
from engine.generation.foreign_recipes import (
    JSON_READERS,
    Lost,
    read_comfy,
    read_json_recipe,
    without_tags,
)
from engine.generation.png_metadata import parse_parameters, read_recipe
from engine.generation.recipe import Recipe, UsedLora, request_from
from engine.generation.request import GenerateRequest
from engine.settings import EngineSettings

A = "a red fox in the snow"
TAIL = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x64, Model: fox_v1"


def png(folder: Path, **texts: Any) -> Path:  # noqa: ANN401
    info = PngInfo()
    for key, value in texts.items():
        info.add_itxt(
            key.replace("__", "-"), value if isinstance(value, str) else json.dumps(value)
        )
    path = folder / "p.png"
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


SWARM = {
    "sui_image_params": {
        "prompt": f"{A} <lora:extra:0.5>", "negativeprompt": "blurry", "model": "a/fox_v1",
        "seed": 5, "steps": 20, "cfgscale": 7.0, "width": 64, "height": 96, "sampler": "dpmpp_2m",
        "scheduler": "karras", "loras": ["style/ink.safetensors", "paper"],
        "loraweights": ["0.8", "0.25"], "clipstopatlayer": -2, "refinermodel": "big",
        "swarm_version": "0.9.3",
    },
    "sui_extra_data": {"date": "2026-01-01"},
}  # fmt: skip
FOOOCUS = {
    "prompt": A, "negative_prompt": "blurry", "seed": "5", "steps": 20, "sampler": "dpmpp_2m_gpu",
    "scheduler": "karras", "resolution": "(64, 96)", "guidance_scale": 4.0, "clip_skip": 2,
    "base_model": "fox_v1.safetensors", "loras": [["ink.safetensors", 0.8, "ab"]],
    "styles": "['Fooocus V2']", "refiner_model": "None", "metadata_scheme": "fooocus",
}  # fmt: skip
INVOKE = {
    "positive_prompt": A, "negative_prompt": "blurry", "seed": 5, "steps": 20, "cfg_scale": 7.5,
    "width": 64, "height": 96, "scheduler": "euler_a",
    "model": {"key": "k", "hash": "h", "name": "fox_v1", "base": "sd-1", "type": "main"},
    "loras": [{"model": {"name": "ink"}, "weight": 0.8}], "controlnets": [{"control_weight": 1}],
}  # fmt: skip
OLDER_INVOKE = {
    "model": "stable diffusion", "model_weights": "fox_v1", "app_version": "2.2",
    "image": {"prompt": [{"prompt": f"{A} [blurry] [ugly]", "weight": 1}], "steps": 20,
              "cfg_scale": 7.5, "width": 64, "height": 96, "seed": 5, "sampler": "k_euler_a"},
}  # fmt: skip


def comfy(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """A graph with a LoRA, a node that holds the seed, and conditioning by way of ControlNet."""
    graph: dict[str, Any] = {
        "3": {"class_type": "KSampler", "inputs": {
            "seed": ["20", 0], "steps": 20, "cfg": 8.0, "sampler_name": "dpmpp_2m",
            "scheduler": "karras", "denoise": 1.0, "model": ["10", 0], "positive": ["12", 0],
            "negative": ["12", 1], "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd\\fox_v1.ckpt"}},
        "5": {"class_type": "EmptyLatentImage",
              "inputs": {"width": 64, "height": 96, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["21", 0], "clip": ["10", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["10", 1]}},
        "10": {"class_type": "LoraLoader", "inputs": {
            "lora_name": "ink.safetensors", "strength_model": 0.8, "model": ["4", 0]}},
        "11": {"class_type": "LoadImage", "inputs": {"image": "x.png"},
               "is_changed": [float("nan")]},
        "12": {"class_type": "ControlNetApplyAdvanced", "inputs": {
            "positive": ["6", 0], "negative": ["7", 0], "image": ["11", 0]}},
        "20": {"class_type": "PrimitiveInt", "inputs": {"value": 1102676403634909}},
        "21": {"class_type": "String Literal", "inputs": {"string": A}},
    }  # fmt: skip
    return {**graph, **changes}


def test_swarm_is_read(tmp_path: Path) -> None:
    found = read_recipe(png(tmp_path, parameters=SWARM))
    assert found == Recipe(
        prompt=A, negative="blurry", seed=5, steps=20, guidance=7.0, width=64, height=96,
        scheduler="dpm++", model="fox_v1",
        loras=(
            UsedLora(name="ink", weight=0.8), UsedLora(name="paper", weight=0.25),
            UsedLora(name="extra", weight=0.5),
        ),
        warnings=("left out: clip skip -2, the refiner",),
    )  # fmt: skip


def test_fooocus_is_read(tmp_path: Path) -> None:
    found = read_recipe(png(tmp_path, parameters=FOOOCUS, fooocus_scheme="fooocus"))
    assert found == Recipe(
        prompt=A, negative="blurry", seed=5, steps=20, guidance=4.0, width=64, height=96,
        scheduler="dpm++", model="fox_v1", loras=(UsedLora(name="ink", weight=0.8),),
        warnings=("left out: the styles of Fooocus, clip skip 2",),
    )  # fmt: skip


def test_invoke_is_read(tmp_path: Path) -> None:
    found = read_recipe(png(tmp_path, invokeai_metadata=INVOKE, invokeai_graph="{}"))
    assert found == Recipe(
        prompt=A, negative="blurry", seed=5, steps=20, guidance=7.5, width=64, height=96,
        scheduler="euler-a", model="fox_v1", loras=(UsedLora(name="ink", weight=0.8),),
        warnings=("left out: ControlNet",),
    )  # fmt: skip
    older = read_recipe(png(tmp_path, sd__metadata=OLDER_INVOKE))
    assert (older.prompt, older.negative, older.seed, older.scheduler, older.model) == (
        A, "blurry, ugly", 5, "euler-a", "fox_v1",
    )  # fmt: skip


def test_comfys_graph_is_followed(tmp_path: Path) -> None:
    found = read_recipe(png(tmp_path, prompt=comfy(), workflow={"nodes": []}))
    assert found == Recipe(
        prompt=A, negative="blurry", seed=1102676403634909, steps=20, guidance=8.0, width=64,
        height=96, scheduler="dpm++", model="fox_v1", loras=(UsedLora(name="ink", weight=0.8),),
        warnings=("left out: ControlNetApplyAdvanced",),
    )  # fmt: skip


def test_the_first_pass_of_a_graph_of_two_counts() -> None:
    second = {
        "class_type": "KSampler",
        "inputs": {**comfy()["3"]["inputs"], "seed": 9, "steps": 7, "latent_image": ["31", 0]},
    }
    upscale = {"class_type": "LatentUpscale", "inputs": {"samples": ["3", 0]}}
    # The later pass stands first in the file.
    graph = {"2": second, "31": upscale, **comfy()}
    found = read_comfy(json.dumps(graph))
    assert (found.steps, found.width) == (20, 64)
    assert "all but the first of 2 passes" in found.warnings[0]
    assert "LatentUpscale" in found.warnings[0]


def test_a_sampler_in_parts_is_put_together() -> None:
    graph = {
        "1": {"class_type": "SamplerCustomAdvanced", "inputs": {
            "noise": ["2", 0], "guider": ["3", 0], "sampler": ["4", 0], "sigmas": ["5", 0],
            "latent_image": ["6", 0]}},
        "2": {"class_type": "RandomNoise", "inputs": {"noise_seed": 5}},
        "3": {"class_type": "BasicGuider", "inputs": {
            "model": ["7", 0], "conditioning": ["8", 0]}},
        "4": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler_ancestral"}},
        "5": {"class_type": "BasicScheduler", "inputs": {"steps": 4, "scheduler": "simple"}},
        "6": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 64, "height": 96}},
        "7": {"class_type": "UNETLoader", "inputs": {"unet_name": "fox.sft"}},
        "8": {"class_type": "CLIPTextEncodeFlux", "inputs": {"clip_l": A, "t5xxl": A}},
    }  # fmt: skip
    found = read_comfy(json.dumps(graph))
    assert (found.prompt, found.seed, found.steps, found.width) == (A, 5, 4, 64)
    assert (found.scheduler, found.model) == ("euler-a", "fox")


def test_a_graph_that_runs_in_a_circle_is_followed_once() -> None:
    graph = comfy()
    graph["12"]["inputs"] |= {"positive": ["13", 0], "negative": ["13", 1]}
    graph["13"] = {"class_type": "Circle", "inputs": {"conditioning": ["12", 0]}}
    graph["10"]["inputs"]["model"] = ["10", 0]
    graph["20"]["inputs"]["value"] = ["20", 0]
    with pytest.raises(ValueError, match="cannot be followed"):
        read_comfy(json.dumps(graph))


def test_a_graph_beyond_all_measure_is_not_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign_recipes, "MAX_JSON", 100)
    with pytest.raises(ValueError, match="characters"):
        read_comfy(json.dumps(comfy()))


def test_a_sampler_without_our_name_is_told() -> None:
    graph = comfy()
    graph["3"]["inputs"]["sampler_name"] = "res_multistep\x1b[31m"
    found = read_comfy(json.dumps(graph))
    assert found.scheduler is None
    assert found.warnings[0] == "the sampler res_multistep[31m is not known here"


def test_a_graph_that_begins_with_a_picture_says_so() -> None:
    graph = comfy()
    graph["3"]["inputs"]["latent_image"] = ["30", 0]
    graph["30"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["11", 0]}}
    assert "its start picture" in read_comfy(json.dumps(graph)).warnings[0]


NOVELAI = {
    "steps": 28, "sampler": "k_euler_ancestral", "seed": 5, "strength": 0.69, "noise": 0.2,
    "scale": 11.0, "uc": "blurry",
}  # fmt: skip
"""As its first models wrote it: the prompt stands beside."""


def test_novelai_as_its_first_models_wrote_it(tmp_path: Path) -> None:
    about = {"Software": "NovelAI", "Source": "Stable Diffusion 1D44365E"}
    found = read_recipe(png(tmp_path, **about, Description=f"{{{A}}}", Comment=NOVELAI))
    assert (found.prompt, found.negative, found.seed) == (f"{{{A}}}", "blurry", 5)
    assert (found.steps, found.guidance, found.scheduler) == (28, 11.0, "euler-a")
    assert found.model == "Stable Diffusion 1D44365E"
    assert found.warnings == ("left out: weights in brackets, which are taken as words",)


def test_novelai_as_it_writes_now(tmp_path: Path) -> None:
    characters = {"caption": {"base_caption": A, "char_captions": [{"char_caption": "a hare"}]}}
    comment = NOVELAI | {
        "prompt": A, "width": 64, "height": 96, "sampler": "k_dpmpp_2m", "sm": True,
        "noise_schedule": "karras", "request_type": "Img2ImgRequest", "v4_prompt": characters,
    }  # fmt: skip
    found = read_recipe(png(tmp_path, Software="NovelAI", Description="other", Comment=comment))
    assert (found.prompt, found.width, found.height) == (A, 64, 96)
    assert found.scheduler == "dpm++"
    assert found.warnings == (
        "left out: its start picture, SMEA, the prompts of single characters",
    )


def test_a_comment_without_novelai_is_not_taken_for_its(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no recipe"):
        read_recipe(png(tmp_path, Software="GIMP", Description=A, Comment=NOVELAI))


@pytest.mark.parametrize(
    ("texts", "tool", "reason"),
    [
        ({"workflow": {"nodes": []}}, "ComfyUI", "not read"),
        ({"prompt": {"1": {"class_type": "SaveImage", "inputs": {}}}}, "ComfyUI", "sampler"),
        ({"prompt": comfy(**{"6": {"class_type": "Odd", "inputs": {}}})}, "ComfyUI", "prompt"),
        ({"prompt": '{"1": {'}, "ComfyUI", "no JSON"),
        ({"prompt": '{"1": ' * 5000}, "ComfyUI", "nested"),
        ({"invokeai_metadata": {"seed": 5}}, "InvokeAI", "no prompt"),
        ({"invokeai_workflow": {"nodes": []}}, "InvokeAI", "not read"),
        ({"Dream": '"a dog" -s 50'}, "InvokeAI", "not read"),
        ({"parameters": {"sui_image_params": {"seed": 1}}}, "SwarmUI", "no prompt"),
        ({"parameters": {"base_model": "x"}}, "Fooocus", "no prompt"),
        ({"parameters": {"text": A}}, "a tool that is not known", "form that is not known"),
        ({"parameters": {"prompt": A, "seed": 5}}, "a tool that is not known", "not known"),
        ({"Software": "NovelAI", "Comment": {"seed": 5}}, "NovelAI", "no prompt"),
        ({"Software": "NovelAI", "Description": A}, "NovelAI", "no JSON"),
        ({"Software": "NovelAI", "Comment": "[" * 9999}, "NovelAI", "nested"),
    ],
    ids=range(15),
)
def test_what_is_not_understood_is_named(
    tmp_path: Path, texts: dict[str, Any], tool: str, reason: str
) -> None:
    with pytest.raises(
        PictureError, match=f"a recipe of {tool}, which is not understood: .*{reason}"
    ):
        read_recipe(png(tmp_path, **texts))


@pytest.mark.parametrize(
    "comment",
    ["Screenshot", "Created with GIMP", "", '{"a": 1}', "{", "Exposure: 1, ISO: 200, F: 2.8, X: 1",
     "Steps: 4", "a red fox in the snow", "x" * 70_000],
    ids=range(9),
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_a_comment_that_is_no_recipe_is_none(tmp_path: Path, comment: str, suffix: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + comment[:60_000].encode()
    path = tmp_path / f"p.{suffix}"
    Image.new("RGB", (8, 8)).save(path, exif=exif)
    with pytest.raises(PictureError, match="holds no recipe"):
        read_recipe(path)


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_recipes_in_comments_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p.{suffix}"
    for text in (json.dumps(SWARM), json.dumps(FOOOCUS), f"{A}\n{TAIL}"):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode("utf-16-be")
        Image.new("RGB", (8, 8)).save(path, exif=exif)
        assert (read_recipe(path).prompt, read_recipe(path).seed) == (A, 5)


def test_comfys_graph_in_a_webp_is_read(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Workflow:{}", "Prompt:" + json.dumps(comfy())
    Image.new("RGB", (8, 8)).save(tmp_path / "p.webp", exif=exif)
    assert read_recipe(tmp_path / "p.webp").prompt == A


def test_tags_are_taken_out_of_the_prompt_and_told() -> None:
    text = (
        f"{A}, (sharp focus:1.3) <lora:ink:0.8:0.5> <lora:paper> <lora:lines:1:lbw=ALL>"
        f" <lora:te:te=0.3:unet=0.6> <lyco:old:0.4> <hypernet:h:1>\n{TAIL}, Clip skip: 2"
    )
    found = parse_parameters(text)
    assert found.prompt == f"{A}, (sharp focus:1.3)"
    assert [(each.name, each.weight) for each in found.loras] == [
        ("ink", 0.8), ("paper", 1.0), ("lines", 1.0), ("te", 0.6), ("old", 0.4),
    ]  # fmt: skip
    (told,) = found.warnings
    for words in ("LoRA ink", "LoRA lines", "hypernetwork h", "weights in brackets", "clip skip 2"):
        assert words in told
    assert "LoRA paper" not in told
    _, warnings = request_from(found, generator="storybook")
    assert "its model fox_v1 is not what paints: storybook does" in warnings
    assert "the LoRA ink (0.8) is not at hand" in warnings
    assert not any("model" in each for each in request_from(found, model="./fox_v1.safetensors")[1])


def test_what_extensions_write_behind_the_pairs_is_no_part_of_the_prompt() -> None:
    template = (
        f"{A}\nNegative prompt: blurry\n{TAIL}\nTemplate: a {{red|blue}} fox\nNegative Template: x"
    )
    quoted = (
        f'{A}\nNegative prompt: blurry\n{TAIL}, Wildcard prompt: "a fox\nin the snow", Version: 1'
    )
    for text in (template, quoted):
        found = parse_parameters(text)
        assert (found.prompt, found.negative, found.seed, found.model) == (A, "blurry", 5, "fox_v1")
        assert found.warnings == ()
    more = parse_parameters(
        f'{A}\n{TAIL}, ADetailer model: x, ADetailer prompt: "y, z", Hires upscale: 2'
    )
    assert more.warnings == ("left out: ADetailer, Hires upscale",)
    assert parse_parameters(f"{A}, Seed: 9, Steps: 3, X: 1\n{TAIL}").seed == 5


def test_a_prompt_may_begin_like_json(tmp_path: Path) -> None:
    found = read_recipe(png(tmp_path, parameters=f"{{red|blue}} fox\n{TAIL}"))
    assert (found.prompt, found.seed) == ("{red|blue} fox", 5)
    with pytest.raises(PictureError, match="not understood"):
        read_recipe(png(tmp_path, parameters='{"sui_image_params": '))


def test_a_seed_beyond_what_can_be_drawn_here_is_left_out_and_told() -> None:
    found = parse_parameters(f"{A}\n{TAIL}".replace("Seed: 5", "Seed: 17446744073709551615"))
    request, warnings = request_from(found, generator="fox_v1")
    assert request.seed is None
    assert warnings == ["its seed 17446744073709551615 is too large, so another one is drawn"]


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
    | st.sampled_from(["3", "6", "KSampler", "text", "1" * 30, ["3", 0], ["6", 1], [3, 0]])
)  # fmt: skip
KEYS = (
    "3 6 inputs class_type text seed steps positive negative model latent_image cfg sigmas guider"
    " sui_image_params prompt loras loraweights base_model image metadata_scheme clip_skip"
    " lora_name weight width height scheduler resolution"
)
JSON = st.recursive(
    LEAVES,
    lambda held: (
        st.lists(held, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS.split(" ")), held, max_size=6)
    ),
    max_leaves=40,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_no_json_is_too_odd_to_be_read(value: object) -> None:
    text = json.dumps(value)
    for read in (read_json_recipe, *(read for _, read in JSON_READERS.values())):
        try:
            found = read(text)
        except ValueError as error:
            assert str(error)
        else:
            assert found.prompt
            request_from(found)


@given(st.text(st.sampled_from("<lora:>()0.5=abc ,\n")))
def test_no_prompt_is_too_odd_for_tags(text: str) -> None:
    prompt, loras = without_tags(text, Lost())
    assert without_tags(prompt, Lost()) == (prompt, ()) or "<" in prompt
    assert all(each.name for each in loras) or loras == ()


async def test_a_scheduler_that_does_not_fit_is_left_out_and_told(tmp_path: Path) -> None:
    request = GenerateRequest(prompt=A, scheduler="euler-a", model="storybook")
    async with Engine.open(EngineSettings(home=tmp_path)) as engine:
        fitted, told = await engine.generation.fitted(request)
        assert fitted == replace(request, scheduler=None)
        assert "its scheduler euler-a does not fit" in told
        other = replace(request, scheduler="ddim")
        assert await engine.generation.fitted(other) == (other, "")
        missing = replace(request, model="no/such-model")
        assert await engine.generation.fitted(missing) == (missing, "")


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("((a fox)) in snow", "weights in brackets, which are taken as words"),
        ("a fox [[dim]]", "weights in brackets, which are taken as words"),
        ("a fox BREAK snow", "BREAK, AND and changes in brackets, which are taken as words"),
        ("a fox AND a hare :1.2", "BREAK, AND and changes in brackets, which are taken as words"),
        ("a [fox:hare:0.5]", "BREAK, AND and changes in brackets, which are taken as words"),
        ("a [fox|hare]", "BREAK, AND and changes in brackets, which are taken as words"),
        ("a <random:fox|hare>", "what <random:> asks for"),
        ("a fox <segment:face> eyes <segment:x>", "what <segment:> asks for"),
    ],
)
def test_what_other_tools_do_with_a_prompt_is_told(prompt: str, told: str) -> None:
    assert parse_parameters(f"{prompt}\n{TAIL}").warnings == (f"left out: {told}",)


@pytest.mark.parametrize(
    "prompt",
    [
        "a fox (animal) and a hare",
        "BREAKFAST AT ANDY'S",
        "a fox [sketch]",
        "a < b > c",
        "<3 foxes>",
    ],
)
def test_a_prompt_that_only_resembles_them_is_whole(prompt: str) -> None:
    found = parse_parameters(f"{prompt}\n{TAIL}")
    assert (found.prompt, found.warnings) == (prompt, ())


def test_a_lora_without_a_name_is_none() -> None:
    invoke = INVOKE | {"loras": [{"weight": 0.5}, {"model": {"name": "ink"}, "weight": 0.5}]}
    assert [
        lora.name for lora in JSON_READERS["invokeai_metadata"][1](json.dumps(invoke)).loras
    ] == ["ink"]
    fooocus = FOOOCUS | {
        "loras": [["", 1.0], ["None", 1.0], ["ink.safetensors", 0.5], [1, 2], None]
    }
    assert [lora.name for lora in read_json_recipe(json.dumps(fooocus)).loras] == ["ink"]


def test_prompts_that_a_loader_holds_itself_are_read() -> None:
    graph = {
        "1": {"class_type": "KSampler (Efficient)", "inputs": {
            "seed": 1, "steps": 2, "cfg": 3.0, "positive": ["2", 1], "negative": ["2", 2],
            "model": ["2", 0]}},
        "2": {"class_type": "Efficient Loader", "inputs": {
            "ckpt_name": "fox_v1.safetensors", "positive": A, "negative": "blurry"}},
    }  # fmt: skip
    found = read_comfy(json.dumps(graph))
    assert (found.prompt, found.negative, found.model) == (A, "blurry", "fox_v1")
