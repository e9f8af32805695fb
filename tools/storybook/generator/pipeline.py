"""The generator as a `StableDiffusionPipeline`: written as a folder, loaded, and run in batches.

`python -m tools.storybook.generator.pipeline` writes the folder from what was trained.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import click
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, StableDiffusionPipeline
from PIL import Image
from transformers.models.clip.modeling_clip import CLIPTextModel

from engine.collections import BUILT_IN
from tools.storybook.generator.network import (
    DECODER_FOLDER,
    SIDE,
    VAE_FOLDER,
    Noise,
    Tokenizer,
    Unet,
    Vae,
    build_unet,
    load_parts,
    load_vae,
    make_noise,
)
from tools.storybook.generator.trainer import FOLDER, RECORDED
from tools.storybook.optimising import load_checkpoint, read_training_record, write_training_record

Pipeline: TypeAlias = Any
"""A StableDiffusionPipeline."""
_PIPELINE: Pipeline = StableDiffusionPipeline
_DDIM: Noise = DDIMScheduler
_DPM: Noise = DPMSolverMultistepScheduler
OPTIONS = "t2itui.json"
"""How to use the generator, beside model_index.json."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a picture is generated with; written into the generator's folder."""

    guidance_scale: float = 3.0
    steps: int = 20
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


def export_generator(source: Path, encoder: Path, target: Path) -> None:
    """Write the averaged weights in half precision, with text tower, tokenizer and scheduler.

    Options that are there already stay. ClickException where a checkpoint is lacking in `source`.
    """
    state = load_checkpoint(source / "unet.pt")
    if state is None or not (source / VAE_FOLDER).exists():
        raise click.ClickException(f"{source} holds no VAE or no UNet; train them first")
    parts = load_parts(source, encoder)
    unet = build_unet(parts.vae, parts.tower.config.hidden_size)
    unet.load_state_dict(state["averages"])
    taught = source / DECODER_FOLDER
    if not taught.exists():
        raise click.ClickException(f"{source} holds no taught decoder; train it first")
    pipe = assemble(load_vae(taught), unet, parts.tower, parts.tokenizer)
    pipe.to(torch.float16)
    pipe.save_pretrained(target, safe_serialization=True)
    _tidy(target)
    trained = {name: state[name] for name in RECORDED}
    record = {
        "vae": read_training_record(source / VAE_FOLDER),
        "decoder": read_training_record(taught),
    }
    write_training_record(target, record | {"unet": trained})
    if not (target / OPTIONS).exists():
        write_options(target, Options())


def _tidy(folder: Path) -> None:
    """Take out where the parts came from, and let everybody read the files."""
    for path in folder.rglob("*.json"):
        found = json.loads(path.read_text(encoding="utf-8"))
        if found.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER)
@click.option("--encoder", type=click.Path(path_type=Path), default=BUILT_IN.encoder)
@click.option("--out", type=click.Path(path_type=Path), default=BUILT_IN.generator)
def main(folder: Path, encoder: Path, out: Path) -> None:
    """Write the generator trained in FOLDER."""
    export_generator(folder, encoder, out)
    size = sum(path.stat().st_size for path in out.rglob("*.safetensors"))
    click.echo(f"{out}: {size / 1e6:.1f} MB of weights", err=True)


if __name__ == "__main__":
    main()
