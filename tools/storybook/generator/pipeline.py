"""The generator as a `StableDiffusionPipeline`: written as a folder, loaded, and run in batches."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
)
from PIL import Image
from transformers.models.clip.modeling_clip import CLIPTextModel

from tools.storybook.generator.networks import Noise, Tokenizer, Unet, Vae, make_noise
from tools.storybook.generator.rendering import SIDE

Pipeline: TypeAlias = Any
"""A StableDiffusionPipeline."""
_PIPELINE: Pipeline = StableDiffusionPipeline
_FROM_PICTURE: Pipeline = StableDiffusionImg2ImgPipeline
_DDIM: Noise = DDIMScheduler
_DPM: Noise = DPMSolverMultistepScheduler
OPTIONS = "t2itui.json"
"""How to use the generator, beside model_index.json."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a picture is generated with; written into the generator's folder."""

    guidance_scale: float = 1.5
    steps: int = 8
    scheduler: str = "dpm++"
    width: int = SIDE
    height: int = SIDE


def assemble(vae: Vae, unet: Unet, tower: CLIPTextModel, tokenizer: Tokenizer) -> Pipeline:
    """A pipeline of these parts."""
    pipe = _PIPELINE(
        vae=vae,
        unet=unet,
        text_encoder=tower,
        tokenizer=tokenizer,
        scheduler=make_noise(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def load_pipeline(folder: Path) -> tuple[Pipeline, Options]:
    """The pipeline of a folder, in float32, and the options that were chosen for it."""
    pipe = _PIPELINE.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    pipe.to(torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe, read_options(folder)


def read_options(folder: Path) -> Options:
    """The options in a generator's folder."""
    return Options(**json.loads((folder / OPTIONS).read_text(encoding="utf-8")))


def write_options(folder: Path, options: Options) -> None:
    """Write the options into a generator's folder."""
    text = json.dumps(asdict(options), indent=1)
    (folder / OPTIONS).write_text(text + "\n", encoding="utf-8")


def generate(
    pipe: Pipeline,
    prompts: Sequence[str],
    seeds: Sequence[int],
    options: Options,
    *,
    batch: int = 25,
) -> list[Image.Image]:
    """One picture for each prompt and its seed; the seed alone decides a prompt's noise."""
    pipe.scheduler = _scheduler(options.scheduler, pipe)
    pictures: list[Image.Image] = []
    for start in range(0, len(prompts), batch):
        chosen = seeds[start : start + batch]
        pictures += pipe(
            list(prompts[start : start + batch]),
            guidance_scale=options.guidance_scale,
            num_inference_steps=options.steps,
            width=options.width,
            height=options.height,
            generator=[torch.Generator().manual_seed(seed) for seed in chosen],
        ).images
    return pictures


def vary(
    pipe: Pipeline,
    prompts: Sequence[str],
    starts: Sequence[Image.Image],
    seeds: Sequence[int],
    options: Options,
    strength: float,
) -> list[Image.Image]:
    """One picture for each prompt and its seed, begun from a picture of the options' size."""
    pipe.scheduler = _scheduler(options.scheduler, pipe)
    other = _FROM_PICTURE(**pipe.components, requires_safety_checker=False)
    other.set_progress_bar_config(disable=True)
    pictures: list[Image.Image] = other(
        list(prompts),
        image=list(starts),
        strength=strength,
        guidance_scale=options.guidance_scale,
        num_inference_steps=options.steps,
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
    ).images
    return pictures


def _scheduler(name: str, pipe: Pipeline) -> Noise:
    config = dict(pipe.scheduler.config)
    if name == "ddim":
        return _DDIM.from_config(config, clip_sample=False)
    return _DPM.from_config(
        config, algorithm_type="dpmsolver++", solver_order=2, use_karras_sigmas=False
    )


def grid(pictures: Sequence[Image.Image], columns: int, zoom: int = 2) -> Image.Image:
    """The pictures in rows, each enlarged pixel by pixel."""
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    whole = Image.new("RGB", (columns * width, rows * height))
    for number, picture in enumerate(pictures):
        whole.paste(picture, (number % columns * width, number // columns * height))
    return whole.resize((whole.width * zoom, whole.height * zoom), Image.Resampling.NEAREST)
