"""Generating with small real pipelines through the loading code of the large, in this process."""

import copy
import inspect
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import diffusers
import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from numpy.typing import NDArray
from PIL import Image

from engine.errors import ModelUnusableError, OutOfMemoryError, PictureError
from engine.models.generator_info import read_generator_info
from engine.models.parameters import GenerationParameters, Lora
from engine.states import OutputCheck
from engine.workers.denoising import Denoiser
from engine.workers.device import Choice, is_native
from engine.workers.pipelines import PipelineSource, load_fitting, load_pipeline
from engine.workers.previews import Previewer, linear_map
from engine.workers.savings import MemorySavings, smaller
from engine.workers.stepping import make_scheduler
from tests.tiny_diffusion import quiet, save_safety_checker, save_tiny_diffusion
from tests.tiny_pipelines import KINDS, save_tiny_kind

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

Pipeline: TypeAlias = Any
Pixels: TypeAlias = NDArray[np.uint8]

CPU = Choice(device="cpu", dtype="fp32", name="a CPU")
SEED = 5
TASK = GenerationParameters(
    model_id="tiny",
    prompt="a red horse in the snow",
    negative="",
    steps=3,
    guidance=7.5,
    width=64,
    height=64,
    scheduler="dpm++",
    loras=(),
    start_picture=None,
    strength=0.5,
)


class Stop(Exception):
    """Raised by a watcher to stop the work."""


class Notes:
    """Writes down what a denoiser reports; stops it at a step, or before the decoding."""

    def __init__(self, stop_at: int | str | None = None) -> None:
        self.steps: list[tuple[int, int]] = []
        self.reported: list[str] = []
        self.checks = 0
        self._stop_at = stop_at
        self._stopped = False

    def check(self) -> None:
        self.checks += 1
        if self._stopped:
            raise Stop

    def step(self, step: int, total: int, seconds_a_step: float) -> None:
        assert seconds_a_step > 0
        self.steps.append((step, total))
        self._stopped = step == self._stop_at

    def decoding(self) -> None:
        self.reported.append("decoding")
        self._stopped = self._stop_at == "decoding"

    def fall_back(self, what: str, why: str) -> None:
        self.reported.append(what)


def source(path: Path, tmp_path: Path) -> PipelineSource:
    info = read_generator_info(str(path), tmp_path / "generators.json")
    return PipelineSource(
        id=info.id,
        path=info.path,
        config=info.config,
        pipeline=info.pipeline,
        variant=info.variant,
        parts=info.parts,
        multiple=info.multiple,
        smallest=info.smallest,
    )


def denoiser_of(pipe: Pipeline, choice: Choice) -> Denoiser:
    origin = PipelineSource(
        id="tiny",
        path=Path(),
        config=Path(),
        pipeline="StableDiffusionPipeline",
        variant="",
        parts={},
        multiple=8,
        smallest=64,
    )
    return Denoiser(pipe, choice, MemorySavings(pipe, "cpu"), origin)


def load(path: Path, tmp_path: Path, dtype: str = "fp32") -> Pipeline:
    return load_pipeline(source(path, tmp_path), dtype, lambda stage, done, total: None)


@pytest.fixture(scope="module")
def loaded(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return load(tiny / "plain", tmp_path_factory.mktemp("home"))


@pytest.fixture
def denoiser(loaded: Pipeline) -> Denoiser:
    """Generates with a pipeline that the test may change."""
    kind: Pipeline = StableDiffusionPipeline
    pipe = kind(**copy.deepcopy(loaded.components), requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    return denoiser_of(pipe, CPU)


def paint(denoiser: Denoiser, seed: int = SEED, **changes: object) -> Pixels:
    result = denoiser.generate(replace(TASK, **changes), seed, Notes(), None)  # type: ignore[arg-type]
    assert result.check == OutputCheck.FINE
    return result.pixels


def bare(folder: Path, scheduler: Pipeline, kind: Pipeline, **options: Any) -> Pixels:  # noqa: ANN401
    """Paint TASK with diffusers alone."""
    quiet()
    parts = {"safety_checker": None, "feature_extractor": None}
    pipe = kind.from_pretrained(folder, **parts, use_safetensors=True)
    pipe.set_progress_bar_config(disable=True)
    extra = {DPMSolverMultistepScheduler: "use_karras_sigmas", DDIMScheduler: "clip_sample"}
    option = {extra[scheduler]: scheduler is not DDIMScheduler} if scheduler in extra else {}
    pipe.scheduler = scheduler.from_config(pipe.scheduler.config, **option)
    noise = torch.Generator().manual_seed(SEED)
    steps = {"num_inference_steps": TASK.steps, "guidance_scale": TASK.guidance}
    return np.asarray(pipe(TASK.prompt, generator=noise, **steps, **options).images[0])


@pytest.mark.parametrize(
    ("name", "scheduler"),
    [
        ("dpm++", DPMSolverMultistepScheduler),
        ("ddim", DDIMScheduler),
        ("euler-a", EulerAncestralDiscreteScheduler),
    ],
)
def test_a_picture_is_the_one_that_bare_diffusers_paints(
    name: str, scheduler: Pipeline, denoiser: Denoiser, tiny: Path
) -> None:
    size = {"width": 64, "height": 72}
    expected = bare(tiny / "plain", scheduler, StableDiffusionPipeline, **size)
    found = paint(denoiser, scheduler=name, **size)
    assert found.shape == (72, 64, 3)
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_pipeline_paints_what_bare_diffusers_paints(
    name: str, tmp_path: Path
) -> None:
    save_tiny_kind(tmp_path / name, name)
    info = read_generator_info(str(tmp_path / name), tmp_path / "generators.json")
    wanted = source(tmp_path / name, tmp_path)
    quiet()
    ours = load_pipeline(wanted, "fp32", lambda *_: None)
    size = {"width": 64, "height": 2 * 64 if name == "kandinsky" else 96}
    usual: dict[str, Any] = {
        "scheduler": info.defaults.scheduler,
        "guidance": info.defaults.guidance,
    }
    found = paint(Denoiser(ours, CPU, MemorySavings(ours, "cpu"), wanted), steps=2, **size, **usual)
    pipe = getattr(diffusers, info.pipeline).from_pretrained(tmp_path / name)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = make_scheduler(info.defaults.scheduler, pipe.scheduler)
    options = {"guidance_scale": info.defaults.guidance, "num_inference_steps": 2, **size}
    if "use_resolution_binning" in inspect.signature(pipe.__call__).parameters:
        # It would round the size to one of the model's own.
        options["use_resolution_binning"] = False
    noise = torch.Generator().manual_seed(SEED)
    expected = np.asarray(pipe(TASK.prompt, generator=noise, **options).images[0])
    assert found.shape == (size["height"], 64, 3)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_a_variation_is_the_one_that_bare_diffusers_paints(
    denoiser: Denoiser, tiny: Path, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    start = Image.fromarray(pixels)
    start.save(tmp_path / "start.png")
    kind = StableDiffusionImg2ImgPipeline
    options = {"image": start, "strength": 0.7}
    expected = bare(tiny / "plain", DPMSolverMultistepScheduler, kind, **options)
    notes = Notes()
    task = replace(TASK, start_picture=tmp_path / "start.png", strength=0.7)
    found = denoiser.generate(task, SEED, notes, None)
    assert np.abs(found.pixels.astype(int) - expected).max() <= 1
    assert notes.steps == [(1, 2), (2, 2)]
    with pytest.raises(PictureError, match="cannot be read"):
        denoiser.generate(replace(TASK, start_picture=Path(__file__)), SEED, Notes(), None)


def test_a_checkpoint_paints_what_its_folder_paints(
    denoiser: Denoiser, tiny: Path, tmp_path: Path
) -> None:
    pipe = load(tiny / "plain.safetensors", tmp_path)
    from_file = denoiser_of(pipe, CPU)
    # The same weights lie otherwise in memory, and the last bit of a level may round otherwise.
    np.testing.assert_allclose(paint(from_file), paint(denoiser), rtol=0, atol=1)


@pytest.mark.parametrize(("dtype", "name"), [("bf16", "bfloat16"), ("fp16", "float16")])
def test_variants_paint_nearly_the_same_in_their_own_number_format(
    dtype: str, name: str, denoiser: Denoiser, tmp_path: Path
) -> None:
    folder = save_tiny_diffusion(tmp_path / dtype, dtype=name, variant=dtype)
    pipe = load(folder, tmp_path, dtype)
    assert {pipe.unet.dtype, pipe.vae.dtype, pipe.text_encoder.dtype} == {getattr(torch, name)}
    short = denoiser_of(pipe, Choice(device="cpu", dtype=dtype, name=""))
    assert np.abs(paint(short).astype(int) - paint(denoiser)).mean() < 4


def test_bf16_is_left_where_it_disagrees_with_fp32(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.workers.pipelines.is_native", lambda dtype: True)
    wanted, stages = Choice(device="cpu", dtype="bf16", name=""), list[str]()
    place = source(tiny / "plain", tmp_path)

    def report(stage: str, done: int, total: int) -> None:
        stages.append(stage)

    pipe, choice, warnings = load_fitting(place, wanted, report)
    assert (choice.dtype, pipe.unet.dtype, warnings) == ("bf16", torch.bfloat16, ())
    assert stages[:3] == ["loading text encoder", "loading unet", "loading vae"]
    monkeypatch.setattr("engine.workers.pipelines.MIN_AGREEMENT", 1.1)
    pipe, choice, warnings = load_fitting(place, wanted, report)
    assert (choice.dtype, pipe.unet.dtype) == ("fp32", torch.float32)
    assert "fp32 is used" in warnings[0]


def test_a_number_format_that_a_cpu_would_be_slow_in_is_left(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("engine.workers.pipelines.is_native", asked.append)
    wanted, stages = Choice(device="cpu", dtype="fp16", name=""), list[str]()
    pipe, choice, warnings = load_fitting(
        source(tiny / "plain", tmp_path), wanted, lambda stage, done, total: stages.append(stage)
    )
    assert (choice.dtype, pipe.unet.dtype, asked) == ("fp32", torch.float32, ["fp16"])
    assert "no fp16 of its own" in warnings[0]
    assert not any("checking" in stage for stage in stages), "the check alone would take minutes"
    assert is_native("fp32")


def test_missing_weights_are_an_error_and_not_noise(tiny: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(tiny / "plain", tmp_path / "holes"))
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    del tensors["conv_in.weight"]
    save_file(tensors, file)
    with pytest.raises(ModelUnusableError, match=r"conv_in\.weight"):
        load(folder, tmp_path)
    file.write_bytes(b"nothing")
    with pytest.raises(ModelUnusableError, match="cannot be loaded"):
        load(folder, tmp_path)


def test_a_lora_changes_the_picture_by_its_weight_and_leaves_no_trace(
    denoiser: Denoiser, tiny: Path, tmp_path: Path
) -> None:
    plain = paint(denoiser)

    def distance(weight: float) -> float:
        loras = (Lora(path=tiny / "lora.safetensors", weight=weight),)
        return float(np.abs(paint(denoiser, loras=loras).astype(int) - plain).mean())

    assert distance(0.0) == 0
    assert 0 < distance(0.1) < distance(1.0)
    np.testing.assert_array_equal(paint(denoiser), plain)
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    bad = Lora(path=tmp_path / "bad.safetensors", weight=1.0)
    with pytest.raises(ModelUnusableError, match=r"bad\.safetensors"):
        denoiser.generate(replace(TASK, loras=(bad,)), SEED, Notes(), None)
    np.testing.assert_array_equal(paint(denoiser), plain)


def test_only_a_new_text_is_read(denoiser: Denoiser) -> None:
    read: list[str] = []
    tokenizer, layer = denoiser.pipe.tokenizer, denoiser.pipe.text_encoder.get_input_embeddings()

    def spy(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        read.append(
            tokenizer.decode(inputs[0][0], skip_special_tokens=True).replace("</w>", " ").strip()
        )

    layer.register_forward_pre_hook(spy)
    first = paint(denoiser)
    second = paint(denoiser, seed=6)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(paint(denoiser), first)
    assert read == [TASK.prompt, ""], "the empty negative prompt is a text, too"
    paint(denoiser, prompt="a cat")
    paint(denoiser, negative="dogs")
    assert read == [TASK.prompt, "", "a cat", "dogs"]


def test_words_that_the_text_tower_cuts_are_named(denoiser: Denoiser) -> None:
    result = denoiser.generate(replace(TASK, prompt="a dog " * 40 + "hippo"), SEED, Notes(), None)
    (warning,) = result.warnings
    assert warning.endswith("hippo") and warning.startswith("the prompt is too long")


def test_schedulers_keep_what_the_model_predicts() -> None:
    config = {
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
        "beta_schedule": "scaled_linear",
    }
    own = DDIMScheduler(**config)  # type: ignore[no-untyped-call]
    for name in ("dpm++", "ddim", "euler-a", "euler", "lcm"):
        made = make_scheduler(name, own).config
        assert {key: made[key] for key in config} == config
        assert not made.get("clip_sample", False)
    assert not make_scheduler("dpm++", own).config.use_karras_sigmas
    plain = DDIMScheduler()  # type: ignore[no-untyped-call]
    assert make_scheduler("dpm++", plain).config.use_karras_sigmas


@pytest.mark.parametrize("stop_at", [2, "decoding"])
def test_a_stop_is_obeyed_at_once_and_leaves_the_pipeline_well(
    stop_at: int | str, denoiser: Denoiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[object] = []
    monkeypatch.setattr(denoiser.pipe.vae, "decode", decoded.append)
    notes = Notes(stop_at)
    with pytest.raises(Stop):
        denoiser.generate(TASK, SEED, notes, None)
    assert len(notes.steps) == (stop_at if isinstance(stop_at, int) else TASK.steps)
    assert not decoded
    monkeypatch.undo()
    assert notes.checks > 4 * len(notes.steps), "a step is stopped between its blocks"
    assert paint(denoiser).any()


def fail(times: int, method: Callable[..., object]) -> Callable[..., object]:
    """Return `method`, out of memory the first times it is called."""
    left = [times]

    def failing(*args: object, **kwargs: object) -> object:
        if left[0] > 0:
            left[0] -= 1
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB\nand more")
        return method(*args, **kwargs)

    return failing


@pytest.mark.parametrize(
    ("place", "times", "down", "size"),
    [
        ("unet", 1, ("attention in slices",), (128, 96)),
        ("unet", 2, ("attention in slices", "a smaller picture: 88 x 64"), (88, 64)),
        ("vae", 1, ("the picture decoded in tiles",), (128, 96)),
        ("vae", 2, ("the picture decoded in tiles", "a smaller picture: 88 x 64"), (88, 64)),
    ],
)
def test_each_want_of_memory_gives_something_up_and_reports_it(
    place: str,
    times: int,
    down: tuple[str, ...],
    size: tuple[int, int],
    denoiser: Denoiser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    part, method = getattr(denoiser.pipe, place), "forward" if place == "unet" else "decode"
    monkeypatch.setattr(part, method, fail(times, getattr(part, method)))
    notes = Notes()
    result = denoiser.generate(replace(TASK, width=128, height=96), SEED, notes, None)
    assert (
        tuple(each for each in notes.reported if each != "decoding")
        == down
        == result.memory_fallbacks
    )
    assert (result.parameters.width, result.parameters.height) == size
    assert result.pixels.shape == (size[1], size[0], 3)
    if place == "vae" and times == 1:
        assert len(notes.steps) == TASK.steps, "what was painted is not painted again"
        assert denoiser.pipe.vae.use_tiling
    again = denoiser.generate(TASK, SEED, Notes(), None)
    assert again.memory_fallbacks == down[:1], "what costs time alone stays"


def test_where_nothing_is_left_to_give_up_the_want_of_memory_is_an_error(
    denoiser: Denoiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denoiser.pipe.unet, "forward", fail(99, denoiser.pipe.unet.forward))
    with pytest.raises(OutOfMemoryError, match="even 64 x 64") as error:
        denoiser.generate(TASK, SEED, Notes(), None)
    assert "Tried to allocate" in error.value.message and error.value.hint


class FakeOffloading:
    """A pipeline that only notes that it was offloaded."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.components = {"unet": UNet2DConditionModel}

    def enable_model_cpu_offload(self) -> None:
        self.calls.append("offload")

    def enable_attention_slicing(self, size: str) -> None:
        self.calls.append(f"slices {size}")


def test_on_a_gpu_the_models_move_out_before_the_picture_shrinks() -> None:
    pipe = FakeOffloading()
    savings = MemorySavings(pipe, "cuda")
    taken = [savings.save(is_decoding=False) for _ in range(3)]
    assert taken == ["attention in slices", "models kept in the machine's memory", None]
    assert pipe.calls == ["slices auto", "offload"]
    assert savings.offload() is None
    assert MemorySavings(pipe, "cpu").offload() is None
    assert MemorySavings(pipe, "cuda").offload() == "models kept in the machine's memory"


def test_a_smaller_picture_keeps_its_shape() -> None:
    sizes, size = list[tuple[int, int]](), TASK.sized(768, 512)
    while (next_size := smaller(size, 8, 64)) is not None:
        size = next_size
        sizes.append((size.width, size.height))
    assert sizes[:3] == [(544, 360), (384, 256), (272, 184)]
    assert all(1.4 < width / height < 1.6 for width, height in sizes)
    assert min(sizes[-1]) >= 64


def test_latents_and_pictures_that_are_no_numbers_are_labelled(denoiser: Denoiser) -> None:
    weight = denoiser.pipe.vae.decoder.conv_out.bias
    with torch.no_grad():
        weight.fill_(float("nan"))
    assert denoiser.generate(TASK, SEED, Notes(), None).check == OutputCheck.NOT_FINITE
    with torch.no_grad():
        weight.fill_(-1e6)
    assert denoiser.generate(TASK, SEED, Notes(), None).check == OutputCheck.BLACK
    with torch.no_grad():
        denoiser.pipe.unet.conv_out.bias.fill_(float("inf"))
    result = denoiser.generate(TASK, SEED, Notes(), None)
    assert (result.check, result.pixels.shape) == (OutputCheck.NOT_FINITE, (64, 64, 3))


def test_a_decoder_that_overflows_in_half_precision_is_run_in_fp32(
    tiny: Path, tmp_path: Path
) -> None:
    pipe = load(tiny / "plain", tmp_path, "fp16")
    with torch.no_grad():
        pipe.vae.decoder.conv_in.bias.fill_(60000.0)
        pipe.vae.post_quant_conv.bias.fill_(60000.0)
    denoiser = denoiser_of(pipe, Choice(device="cpu", dtype="fp16", name=""))
    result = denoiser.generate(TASK, SEED, Notes(), None)
    assert result.check == OutputCheck.FINE
    assert "fp32" in result.warnings[0]
    assert pipe.vae.dtype == torch.float16


@pytest.mark.parametrize(
    ("blocks", "check"), [(True, OutputCheck.BLOCKED), (False, OutputCheck.FINE)]
)
def test_what_the_models_own_checker_objects_to_is_blocked(
    blocks: bool, check: OutputCheck, tiny: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny / "plain", tmp_path / "checked"))
    save_safety_checker(folder, blocks=blocks)
    pipe = load(folder, tmp_path)
    result = denoiser_of(pipe, CPU).generate(TASK, SEED, Notes(), None)
    assert result.check is check
    assert bool(result.pixels.any()) != blocks


def test_the_preview_is_fitted_once_and_shows_colours(denoiser: Denoiser, tmp_path: Path) -> None:
    memory = tmp_path / "previews.json"
    vae = denoiser.pipe.vae
    first = linear_map(vae, "cpu", "some model", memory)
    kept = json.loads(memory.read_text())
    assert np.asarray(kept["some model"]).shape == (5, 3)
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    again = linear_map(vae, "cpu", "some model", memory)
    torch.testing.assert_close(again(latents), first(latents))
    expected = torch.tensor(kept["some model"])
    by_hand = torch.einsum("co,nchw->nohw", expected[:4], latents) + expected[4].view(1, 3, 1, 1)
    torch.testing.assert_close(first(latents), by_hand)
    memory.write_text("{ broken")
    torch.testing.assert_close(
        linear_map(vae, "cpu", "some model", memory)(latents), first(latents)
    )


def test_previews_come_small_and_not_too_often(denoiser: Denoiser, tmp_path: Path) -> None:
    sent: list[tuple[int, int]] = []
    to_rgb = linear_map(denoiser.pipe.vae, "cpu", "some model", tmp_path / "previews.json")
    previewer = Previewer(to_rgb, lambda rgb, width, height: sent.append((width, height)))
    for _ in range(20):
        previewer.show(torch.zeros(1, 4, 300, 200))
    assert sent == [(66, 100)]
    painted = denoiser.generate(replace(TASK, scheduler="ddim"), SEED, Notes(), previewer)
    np.testing.assert_array_equal(painted.pixels, paint(denoiser, scheduler="ddim"))
