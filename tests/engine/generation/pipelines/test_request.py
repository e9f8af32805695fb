"""What is refused before a model is even looked for, and how a model fills in the rest."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from engine.errors import RequestError
from engine.generation.request import GenerateRequest, checked, resolve
from engine.models.generator_info import EPSILON, GeneratorDefaults, GeneratorInfo
from engine.models.parameters import Lora

REQUEST = GenerateRequest(prompt="a red horse")
FACTS = GeneratorInfo(
    id="some/model",
    source="some/model",
    path=Path(),
    pipeline="StableDiffusionPipeline",
    prediction_type=EPSILON,
    defaults=GeneratorDefaults(steps=25, guidance=7.5, scheduler="dpm++", width=512, height=512),
    multiple=8,
    smallest=64,
    schedulers=("ddim", "dpm++", "euler-a"),
    variant="",
    size_bytes=1,
    has_safety_checker=False,
)


def test_a_sensible_request_passes_as_it_is() -> None:
    assert checked(REQUEST) is REQUEST


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"prompt": "  "}, "no prompt"),
        ({"steps": 0}, "steps"),
        ({"steps": 501}, "steps"),
        ({"guidance": -1.0}, "guidance"),
        ({"guidance": float("nan")}, "guidance"),
        ({"width": 5000}, "width"),
        ({"height": 0}, "height"),
        ({"count": 0}, "count"),
        ({"seed": -1}, "seed"),
        ({"seed": 1 << 63}, "seed"),
        ({"scheduler": "heun"}, "heun"),
        ({"prompt": "a" * 10_001}, "10000"),
        ({"start_picture": Path("/nowhere.png")}, "nowhere.png"),
        ({"loras": (Lora(path=Path("/some.bin")),)}, "no safetensors"),
        ({"loras": (Lora(path=Path("/nowhere.safetensors")),)}, "no file"),
        ({"loras": (Lora(path=Path("/a.safetensors"), weight=9.0),)}, "weight"),
    ],
)
def test_impossible_values_are_refused_with_the_reason(
    change: dict[str, object], reason: str
) -> None:
    with pytest.raises(RequestError, match=reason):
        checked(replace(REQUEST, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("strength", [0.0, 1.1, float("nan")])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    request = replace(REQUEST, start_picture=Path(__file__), strength=strength)
    with pytest.raises(RequestError, match="strength"):
        checked(request)


def test_what_is_left_open_comes_from_the_model() -> None:
    found = resolve(REQUEST, FACTS)
    assert (found.steps, found.guidance, found.scheduler) == (25, 7.5, "dpm++")
    assert (found.width, found.height, found.model_id) == (512, 512, "some/model")


def test_what_is_asked_for_wins_also_when_it_is_zero() -> None:
    found = resolve(replace(REQUEST, guidance=0.0, steps=7, width=640), FACTS)
    assert (found.guidance, found.steps, found.width, found.height) == (0.0, 7, 640, 512)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"width": 500}, "multiple of 8"),
        ({"height": 32}, "too small"),
        ({"scheduler": "lcm"}, "not made for the scheduler lcm"),
        ({"start_picture": Path(__file__), "width": 64, "strength": 0.1, "steps": 5}, "leave none"),
    ],
)
def test_what_the_model_cannot_do_is_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        resolve(replace(REQUEST, **change), FACTS)  # type: ignore[arg-type]


def test_a_refused_size_comes_with_one_that_would_do() -> None:
    with pytest.raises(RequestError) as error:
        resolve(replace(REQUEST, width=500), FACTS)
    assert error.value.hint.startswith("496 ") or error.value.hint.startswith("504 ")


def test_lcm_is_taken_with_a_lora_and_for_few_steps(tmp_path: Path) -> None:
    lora = tmp_path / "lcm.safetensors"
    lora.touch()
    request = replace(REQUEST, scheduler="lcm", loras=(Lora(path=lora),), steps=4)
    assert resolve(request, FACTS).scheduler == "lcm"
    with pytest.raises(RequestError, match="at most 50"):
        resolve(replace(request, steps=51), FACTS)


def test_a_variation_keeps_the_shape_of_its_start_picture(tmp_path: Path) -> None:
    lying = tmp_path / "lying.png"
    Image.new("RGB", (1600, 900)).save(lying)
    found = resolve(replace(REQUEST, start_picture=lying), FACTS)
    assert (found.width, found.height) == (680, 384)

    upright = tmp_path / "upright.jpg"
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (1600, 900)).save(upright, exif=exif)
    found = resolve(replace(REQUEST, start_picture=upright), FACTS)
    assert (found.width, found.height) == (384, 680)


def test_a_start_picture_that_is_none_is_refused() -> None:
    with pytest.raises(RequestError, match="cannot be read"):
        resolve(replace(REQUEST, start_picture=Path(__file__)), FACTS)


@pytest.mark.parametrize("suffix", ["heic", "avif", "webp", "tif"])
def test_a_start_picture_may_be_of_any_kind_that_is_indexed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"start.{suffix}"
    # In a process of its own, as nothing else there has taught Pillow that kind before.
    script = f"""
from pathlib import Path
from PIL import Image
import pillow_heif
picture = Image.new("RGB", (256, 128), "red")
path = Path({str(path)!r})
if path.suffix == ".heic":
    pillow_heif.from_pillow(picture).save(path)
else:
    picture.save(path)
from dataclasses import replace
from engine.generation.request import resolve
from tests.engine.generation.pipelines.test_request import FACTS, REQUEST
found = resolve(replace(REQUEST, start_picture=path), FACTS)
print(found.width, found.height)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "728 360\n"
