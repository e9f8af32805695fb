"""Every kind of pipeline, small and real, painted with by the generator's process."""

import asyncio
import inspect
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from cache.collections import leave_collection_out
from engine.engine import Engine
from engine.errors import ModelUnusableError, OutOfMemoryError, RequestError
from engine.events import (
    GeneratedPicture,
    GenerationProgress,
    JobEvent,
    JobFinished,
    JobPreview,
    MemoryFallback,
)
from engine.generation.png_metadata import read_recipe
from engine.generation.request import GenerateRequest, resolve
from engine.models.generator_info import OWN_DEFAULTS, GeneratorInfo, read_generator_info
from engine.models.generators import Generators
from engine.models.parameters import Lora, MaskBox
from engine.models.pipeline_classes import pipeline_class
from engine.settings import EngineSettings
from engine.states import GenerationPhase, OutputCheck
from engine.workers.device import Choice
from engine.workers.loaded_pipeline import _shortage
from engine.workers.memory_need import memory_need
from tests.engine.generation.pipelines.asking import generate, phase_of
from tests.engine.generation.pipelines.test_denoising import source
from tests.tiny_diffusion import quiet, save_xl_checkpoint
from tests.tiny_pipelines import KINDS, save_tiny_kind, tiny_sdxl

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
FRAIL = "tests.engine.generation.pipelines.frail_generator"
NEW_LOOP = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every kind, each painting 64 pixels by itself, and `xl.safetensors`."""
    folder = tmp_path_factory.mktemp("kinds")
    for name in KINDS:
        save_tiny_kind(folder / name, name)
        own = {"width": 64, "height": 64}
        (folder / name / OWN_DEFAULTS).write_text(json.dumps(own))
    torch.manual_seed(0)
    quiet()
    save_xl_checkpoint(folder / "xl.safetensors", tiny_sdxl())
    (folder / "xl").symlink_to(folder / "sdxl")
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def generators(
    kinds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Generators]:
    home = tmp_path_factory.mktemp("home")
    generators = Generators(
        EngineSettings(home=home, device="cpu", generator=str(kinds / "sdxl"), idle_seconds=0),
        module=FRAIL,
    )
    yield generators
    await generators.aclose()


def facts(path: Path, home: Path) -> GeneratorInfo:
    return read_generator_info(str(path), home / "generators.json")


def request(model: Path, **changes: object) -> GenerateRequest:
    values: dict[str, object] = {"prompt": "a red horse", "steps": 2, "model": str(model)}
    return GenerateRequest(**(values | changes))  # type: ignore[arg-type]


def save_lora(path: Path, model: Path, part: str) -> Path:
    """A LoRA of rank 2 for the attention of a transformer or UNet."""
    from safetensors import safe_open

    weights = next((model / part).glob("*.safetensors"))
    tensors: dict[str, torch.Tensor] = {}
    torch.manual_seed(0)
    with safe_open(weights, "pt") as file:
        for name in file.keys():  # noqa: SIM118
            if name.endswith((".to_q.weight", ".to_v.weight")):
                shape, key = file.get_slice(name).get_shape(), name.removesuffix(".weight")
                tensors[f"{part}.{key}.lora_A.weight"] = torch.randn(2, shape[1])
                tensors[f"{part}.{key}.lora_B.weight"] = torch.randn(shape[0], 2)
    save_file(tensors, path)
    return path


FACTS: dict[str, tuple[object, ...]] = {
    # pipeline, steps, guidance, scheduler, multiple, LoRA, from pictures
    "sdxl": ("StableDiffusionXLPipeline", 25, 5.0, "dpm++", 8, True, True),
    "turbo": ("StableDiffusionXLPipeline", 4, 1.0, "euler-a", 8, True, True),
    "sd3": ("StableDiffusion3Pipeline", 28, 7.0, "flow-euler", 16, True, True),
    "flux": ("FluxPipeline", 28, 3.5, "flow-euler", 16, True, True),
    "schnell": ("FluxPipeline", 4, 1.0, "flow-euler", 16, True, True),
    "pixart": ("PixArtSigmaPipeline", 25, 4.5, "dpm++", 16, False, False),
    "sana": ("SanaPipeline", 20, 4.5, "flow-dpm++", 32, True, False),
    "z-image": ("ZImagePipeline", 50, 5.0, "flow-euler", 16, True, True),
    "kandinsky": ("Kandinsky3Pipeline", 25, 3.0, "dpm++", 64, True, True),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_files_say_how_a_model_paints(name: str, kinds: Path, tmp_path: Path) -> None:
    found = facts(kinds / name, tmp_path)
    used = found.defaults
    assert FACTS[name] == (
        *(found.pipeline, used.steps, used.guidance, used.scheduler, found.multiple),
        *(found.takes_loras, found.starts_from_pictures),
    )
    assert used.scheduler in found.schedulers
    assert found.size_bytes == sum(found.parts.values()) > 0
    (kinds / name / OWN_DEFAULTS).rename(kinds / name / "aside")
    usual = 1024 if name in ("flux", "schnell", "z-image", "kandinsky") else 64
    assert facts(kinds / name, tmp_path).defaults.width == usual
    (kinds / name / "aside").rename(kinds / name / OWN_DEFAULTS)


def test_what_is_read_of_pipelines_without_importing_them_is_what_they_say() -> None:
    from diffusers.pipelines import auto_pipeline as auto

    for kind in auto.AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values():
        found = pipeline_class(kind.__name__)
        assert found is not None
        takes = [name for name in inspect.signature(kind.__call__).parameters if name != "kwargs"]
        assert ["self", *found.takes] == takes
        assert found.has_lora == hasattr(kind, "load_lora_weights")
        assert found.opens_checkpoints == hasattr(kind, "from_single_file")
        for name, mapping in (
            (found.image_to_image, auto.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING),
            (found.inpainting, auto.AUTO_INPAINT_PIPELINES_MAPPING),
        ):
            other: Any = auto._get_task_class(mapping, kind.__name__, False)
            assert name == ("" if other is None else other.__name__)
    assert pipeline_class("StableVideoDiffusionPipeline") is None


def test_the_memory_that_a_model_needs_is_read_from_its_files(
    kinds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = source(kinds / "sd3", tmp_path)
    file = source(kinds / "xl.safetensors", tmp_path)
    parts = dict.fromkeys(folder.parts, 0)
    for part in parts:
        for path in (folder.path / part).glob("*.safetensors"):
            tensors = load_file(path).values()
            parts[part] += sum(each.numel() for each in tensors if each.is_floating_point())
    whole, half = memory_need(folder, "fp32"), memory_need(folder, "bf16")
    assert {part: count * 4 for part, count in parts.items()} == whole.weights
    assert half.total * 2 == whole.total < whole.whole
    assert memory_need(file, "fp32").total == pytest.approx(file.path.stat().st_size, rel=0.3)

    gpu = Choice(device="cuda", dtype="fp32", name="a GPU")
    free = {"device": whole.whole, "machine": whole.total}
    monkeypatch.setattr(
        "engine.workers.loaded_pipeline.free_memory",
        lambda choice: (free["device"], free["machine"]),
    )
    assert _shortage(folder, gpu) == ""
    free["device"] -= 1
    assert "are free on a GPU" in _shortage(folder, gpu)
    assert _shortage(folder, replace(gpu, dtype="bf16")) == ""
    free["machine"] -= 1
    with pytest.raises(OutOfMemoryError, match="GB for its weights"):
        _shortage(folder, gpu)


def test_what_a_kind_cannot_do_is_refused_by_name(kinds: Path, tmp_path: Path) -> None:
    lora = save_lora(tmp_path / "lora.safetensors", kinds / "sdxl", "unet")
    pixart = facts(kinds / "pixart", tmp_path)
    asked = request(kinds / "pixart", loras=(Lora(path=lora),))
    with pytest.raises(RequestError, match="takes no LoRA") as error:
        resolve(asked, pixart)
    assert error.value.field == "loras"
    with pytest.raises(RequestError, match="cannot go on from a picture") as error:
        resolve(request(kinds / "pixart", start_picture=Path(__file__)), pixart)
    assert error.value.field == "start_picture"
    with pytest.raises(RequestError, match="not made for the scheduler ddim"):
        resolve(request(kinds / "flux", scheduler="ddim"), facts(kinds / "flux", tmp_path))
    (tmp_path / "flux.safetensors").write_bytes((kinds / "xl.safetensors").read_bytes())
    (tmp_path / "flux").symlink_to(kinds / "pixart")
    with pytest.raises(ModelUnusableError, match="cannot be opened from one file"):
        facts(tmp_path / "flux.safetensors", tmp_path)


@NEW_LOOP
@pytest.mark.parametrize("name", [*KINDS, "xl.safetensors"])
async def test_the_process_paints_with_progress_and_previews_and_again_the_same(
    name: str, kinds: Path, generators: Generators
) -> None:
    events: list[JobEvent] = []
    height = 2 * 64 if name == "kandinsky" else 96
    wanted = request(kinds / name, width=64, height=height, negative="a cat")
    first = await generate(generators, wanted, 7, events.append)
    assert (first.check, first.pixels.shape) == (OutputCheck.FINE, (height, 64, 3))
    steps = [e for e in events if phase_of(e) is GenerationPhase.STEP]
    counted = [(e.done, e.total) for e in steps if isinstance(e, GenerationProgress)]
    assert counted == [(1, 2), (2, 2)]
    assert phase_of(events[-1]) is GenerationPhase.DECODING
    previews = [event for event in events if isinstance(event, JobPreview)]
    assert previews
    assert {each.height / each.width for each in previews} == {height / 64}
    is_left_out = "this model takes no negative prompt: it is left out" in first.warnings
    assert is_left_out == (name == "flux")
    again = await generate(generators, replace(wanted, preview=False), 7)
    np.testing.assert_array_equal(again.pixels, first.pixels)
    if name == "xl.safetensors":
        same = await generate(generators, replace(wanted, model=str(kinds / "sdxl")), 7)
        # The same weights lie otherwise in memory, and the last bit of a level may round otherwise.
        np.testing.assert_allclose(same.pixels, first.pixels, rtol=0, atol=1)


@NEW_LOOP
@pytest.mark.parametrize(("name", "part"), [("sdxl", "unet"), ("flux", "transformer")])
async def test_a_lora_changes_the_picture_and_one_of_another_family_is_refused(
    name: str, part: str, kinds: Path, generators: Generators, tmp_path: Path
) -> None:
    plain = await generate(generators, request(kinds / name), 7)
    lora = save_lora(tmp_path / "lora.safetensors", kinds / name, part)
    changed = await generate(generators, request(kinds / name, loras=(Lora(path=lora),)), 7)
    assert not np.array_equal(changed.pixels, plain.pixels)
    again = await generate(generators, request(kinds / name), 7)
    np.testing.assert_array_equal(again.pixels, plain.pixels)
    other, family = ("flux", "Flux or SD 3") if name == "sdxl" else ("sdxl", "a UNet")
    foreign = save_lora(tmp_path / "foreign.safetensors", kinds / other, _other(part))
    with pytest.raises(ModelUnusableError, match=f"made for .*{family}"):
        await generate(generators, request(kinds / name, loras=(Lora(path=foreign),)), 7)


def _other(part: str) -> str:
    return "unet" if part == "transformer" else "transformer"


@NEW_LOOP
@pytest.mark.parametrize("name", ["sdxl", "sd3", "flux", "z-image"])
async def test_a_part_of_a_picture_is_painted_anew_and_another_picture_from_it(
    name: str, kinds: Path, generators: Generators, tmp_path: Path
) -> None:
    start = tmp_path / "start.png"
    before = np.random.default_rng(0).integers(0, 256, (80, 96, 3), dtype=np.uint8)
    Image.fromarray(before).save(start)
    box = MaskBox(x=0.5, y=0.25, width=0.25, height=0.5)
    asked = request(kinds / name, start_picture=start, mask_box=box, strength=1.0, steps=2)
    events: list[JobEvent] = []
    painted = await generate(generators, asked, 7, events.append)
    assert painted.pixels.shape == before.shape
    differs = (painted.pixels != before).any(axis=2)
    assert differs[20:60, 48:72].mean() > 0.9
    differs[20:60, 48:72] = False
    assert not differs.any(), "outside the box it is the same"
    assert any(isinstance(event, JobPreview) for event in events)
    variation = await generate(generators, replace(asked, mask_box=None, strength=0.5), 7)
    assert variation.check == OutputCheck.FINE


@NEW_LOOP
@pytest.mark.parametrize("name", KINDS)
async def test_texts_that_are_painted_together_come_out_as_alone(
    name: str, kinds: Path, generators: Generators
) -> None:
    source = str(kinds / name)
    asked = request(kinds / name, width=64, height=64)
    parameters = resolve(asked, await generators.describe(source))
    texts = [("a red horse", ""), ("a cat", ""), ("two dogs in the snow by the sea", "")]
    together = await generators.generate_batch(source, parameters, [7, 8, 9], texts=texts)
    for said, seed, image in zip(texts, (7, 8, 9), together, strict=True):
        alone = await generators.generate(source, parameters.saying(said), seed)
        assert np.abs(image.pixels.astype(int) - alone.pixels).max() <= 2
        assert image.parameters == alone.parameters


@NEW_LOOP
async def test_a_packed_model_is_cancelled_at_a_step_and_gives_up_what_it_has(
    kinds: Path, generators: Generators
) -> None:
    stepped = asyncio.Event()

    def listen(event: JobEvent) -> None:
        if phase_of(event) is GenerationPhase.STEP:
            stepped.set()

    long = request(kinds / "flux", steps=500)
    painting = asyncio.create_task(generate(generators, long, 1, listen))
    async with asyncio.timeout(120):
        await stepped.wait()
    painting.cancel()
    with suppress(asyncio.CancelledError):
        await painting
    events: list[JobEvent] = []
    wanted = request(kinds / "flux", prompt="out of memory 1 times", width=128, height=96)
    painted = await generate(generators, wanted, 7, events.append)
    fallbacks = [event.what for event in events if isinstance(event, MemoryFallback)]
    assert fallbacks == ["a smaller picture: 96 x 64"], "its attention has no slices"
    assert painted.pixels.shape == (64, 96, 3)


async def test_a_job_keeps_the_recipe_and_finds_the_picture_again(
    kinds: Path, tmp_path: Path
) -> None:
    settings = EngineSettings(home=tmp_path, device="cpu", generator=str(kinds / "sd3"))
    asked = GenerateRequest(prompt="a red horse", seed=7, steps=2, preview=False)
    async with Engine.open(settings) as engine:
        await engine.cache.write(leave_collection_out)
        found = list[GeneratedPicture]()
        for _ in range(2):
            job = await engine.generation.start(asked)
            assert isinstance(await job.wait(), JobFinished)
            found += engine.generation.results(job.id)
    assert [picture.cached for picture in found] == [False, True]
    recipe = read_recipe(Path(found[0].path))
    assert (recipe.scheduler, recipe.steps, recipe.guidance) == ("flow-euler", 2, 7.0)
    assert recipe.model.startswith("sd3@")
