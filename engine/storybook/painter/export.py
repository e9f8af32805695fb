"""Writes the painter as a `StableDiffusionPipeline` folder.

`python -m engine.storybook.painter.export`
"""

import json
from pathlib import Path

import click
import torch

from engine.storybook.painter.network import build_unet, load_vae
from engine.storybook.painter.painting import OPTIONS, Options, assemble, write_options
from engine.storybook.painter.trainer import FACTS, FOLDER, read_facts, write_facts
from engine.storybook.painter.unet import load_parts
from engine.storybook.painter.vae import DECODER_FOLDER, VAE_FOLDER
from engine.storybook.shipped import ENCODER, PAINTER
from engine.storybook.training.checkpoint import load_checkpoint


def export_painter(source: Path, encoder: Path, target: Path) -> None:
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
    trained = {name: state[name] for name in FACTS}
    facts = {"vae": read_facts(source / VAE_FOLDER), "decoder": read_facts(taught)}
    write_facts(target, facts | {"unet": trained})
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
@click.option("--encoder", type=click.Path(path_type=Path), default=ENCODER)
@click.option("--out", type=click.Path(path_type=Path), default=PAINTER)
def main(folder: Path, encoder: Path, out: Path) -> None:
    """Write the painter trained in FOLDER."""
    export_painter(folder, encoder, out)
    size = sum(path.stat().st_size for path in out.rglob("*.safetensors"))
    click.echo(f"{out}: {size / 1e6:.1f} MB of weights", err=True)


if __name__ == "__main__":
    main()
