"""The trained generator as a `StableDiffusionPipeline` folder.

`python -m tools.storybook.generator.export`

The folder is read by diffusers alone; nothing of how it was trained is needed to use it.
"""

import json
from pathlib import Path
from typing import Any

import click
import torch
from transformers.models.clip.modeling_clip import CLIPTextModel
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from tools.storybook.generator.codes import WIDTH
from tools.storybook.generator.decoder import read_weights
from tools.storybook.generator.encoder import construct_encoder
from tools.storybook.generator.latents import load_code
from tools.storybook.generator.networks import (
    TOKENIZER,
    TOWER,
    Part,
    build_unet,
    build_vae,
    make_noise,
)
from tools.storybook.generator.pipeline import Options, Pipeline, assemble, write_options
from tools.storybook.generator.rendering import SIDE
from tools.storybook.generator.shards import FOLDER, open_renderings
from tools.storybook.generator.words import write_words
from tools.storybook.optimising import load_checkpoint

FACTS = ("samples", "step", "seconds")
TRAINING = "training.json"
"""How long each part was trained, beside the weights."""
MAX_MEGABYTES = 40


def _averages(folder: Path, name: str) -> tuple[dict[str, Any], dict[str, float]]:
    """Averaged weights of a run and how long it was. ClickException where there was none."""
    state = load_checkpoint(folder / f"{name}.pt")
    if state is None:
        raise click.ClickException(f"{folder} holds no {name}.pt; train it first")
    return state["averages"], {key: state[key] for key in FACTS}


def open_pipeline(folder: Path) -> tuple[Pipeline, dict[str, dict[str, float]]]:
    """The pipeline of what was trained so far, in float32, and how long each part was."""
    if not (folder / TOWER).exists():
        raise click.ClickException(f"{folder} holds no text tower; train it first")
    facts: dict[str, dict[str, float]] = {}
    unet, vae = build_unet(WIDTH), build_vae()
    weights, facts["unet"] = _averages(folder, "unet")
    unet.load_state_dict(weights)
    name = "guesses" if (folder / "guesses.pt").exists() else "decoder"
    weights, facts["decoder"] = _averages(folder, name)
    read_weights(vae, weights)
    construct_encoder(vae, load_code(folder), open_renderings(folder))
    tower: Part = CLIPTextModel.from_pretrained(folder / TOWER, dtype=torch.float32)
    _, facts["tower"] = _averages(folder, "tower")
    tokenizer = CLIPTokenizer.from_pretrained(folder / TOKENIZER)
    pipe = assemble(vae.eval(), unet.eval(), tower.eval(), tokenizer)
    pipe.scheduler = make_noise()
    return pipe, facts


def export_generator(folder: Path, target: Path, options: Options) -> float:
    """Write the averaged weights in half precision; their size in megabytes."""
    pipe, facts = open_pipeline(folder)
    pipe.to(torch.float16)
    pipe.save_pretrained(target, safe_serialization=True)
    _tidy(target)
    (target / TRAINING).write_text(json.dumps(facts) + "\n", encoding="utf-8")
    write_options(target, options)
    write_words(target)
    return sum(path.stat().st_size for path in target.rglob("*.safetensors")) / 1e6


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
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--steps", default=8, show_default=True)
@click.option("--guidance", default=1.5, show_default=True)
@click.option("--scheduler", default="dpm++", show_default=True)
def main(folder: Path, out: Path, steps: int, guidance: float, scheduler: str) -> None:
    """Write the generator trained in FOLDER."""
    options = Options(
        guidance_scale=guidance, steps=steps, scheduler=scheduler, width=SIDE, height=SIDE
    )
    megabytes = export_generator(folder, out, options)
    click.echo(f"{out}: {megabytes:.1f} MB of weights")
    if megabytes > MAX_MEGABYTES:
        raise click.ClickException(f"more than {MAX_MEGABYTES} MB")


if __name__ == "__main__":
    main()
