"""Teaches the autoencoder's decoder to read what the UNet writes.

`python -m tools.storybook.generator.decoder`, after `vae` and `unet`. A UNet leaves some noise in
its latents, and a decoder that has only seen clean ones draws it as cobbles. Pictures are
encoded, made noisy, brought back by the UNet in one step and decoded; the decoder alone learns, so
latents stay what they are.
"""

from pathlib import Path
from random import Random

import click
import torch
from torch import Tensor, nn

from engine.collections import BUILT_IN
from tools.storybook.generator.network import (
    DECODER_FOLDER,
    VAE_FOLDER,
    Noise,
    Parts,
    Unet,
    Vae,
    build_unet,
    load_parts,
    load_vae,
    make_noise,
    text_states,
)
from tools.storybook.generator.pictures import Pictures, random_pictures, to_input
from tools.storybook.generator.prompts import training_caption
from tools.storybook.generator.trainer import FOLDER, Plan, Trainer, open_trainer
from tools.storybook.generator.vae import picture_loss, sheet
from tools.storybook.optimising import (
    DEFAULT_FOLDER,
    load_checkpoint,
    read_training_record,
    write_training_record,
)

NOISIEST = 600
"""The last step of the noise from which the UNet brings latents back."""


def brought_back(unet: Unet, noise: Noise, latents: Tensor, states: Tensor) -> Tensor:
    """Latents [n, c, s, s] made noisy to random degrees, as the UNet guesses them clean."""
    steps = torch.randint(0, NOISIEST, (len(latents),), device=latents.device)
    noisy = noise.add_noise(latents, torch.randn_like(latents), steps)
    velocity = unet(noisy, steps, encoder_hidden_states=states).sample
    kept = noise.alphas_cumprod.to(latents.device)[steps][:, None, None, None]
    clean: Tensor = kept.sqrt() * noisy - (1 - kept).sqrt() * velocity
    return clean


@torch.no_grad()
def written(parts: Parts, unet: Unet, noise: Noise, batch: Pictures, rng: Random) -> Tensor:
    """What the UNet makes of the pictures of a batch, as latents."""
    texts = [training_caption(scene, rng) for scene in batch.scenes]
    states = text_states(parts.tower, parts.tokenizer, texts).clone()
    x = to_input(batch.pixels).to(parts.vae.device, memory_format=torch.channels_last)
    return brought_back(unet, noise, parts.vae.encode(x).latent_dist.mode(), states)


def _reader(vae: Vae) -> nn.Module:
    """The layers that learn."""
    return nn.ModuleDict({"inner": vae.decoder, "outer": vae.post_quant_conv})


def train(plan: Plan, pictures: Path, encoder: Path) -> Trainer:
    """Train for the planned minutes and write the autoencoder with its new decoder."""
    parts = load_parts(plan.folder, encoder)
    state = load_checkpoint(plan.folder / "unet.pt")
    if state is None:
        raise click.ClickException(f"{plan.folder} holds no UNet; train it first")
    unet = build_unet(parts.vae, parts.tower.config.hidden_size)
    unet.load_state_dict(state["averages"])
    target = plan.folder / DECODER_FOLDER
    first = target if target.exists() else plan.folder / VAE_FOLDER
    taught = load_vae(first).requires_grad_(True)
    trainer = open_trainer(plan, _reader(taught))
    if trainer.step == 0 and target.exists():
        trainer.go_on_from(read_training_record(target))
    unet.eval().requires_grad_(False).to(trainer.device)
    parts.vae.to(trainer.device)
    parts.tower.to(trainer.device)  # type: ignore[arg-type]
    noise, rng, total = make_noise(), Random(f"decoder:{trainer.step}"), 0.0
    for batch in random_pictures(pictures, plan.batch, rng, facing=True):
        if trainer.share >= 1:
            break
        latents = written(parts, unet, noise, batch, rng)
        found = trainer.module["outer"](latents)  # type: ignore[index]
        found = trainer.module["inner"](found)  # type: ignore[index]
        x = to_input(batch.pixels).to(trainer.device)
        loss = picture_loss(found, x, torch.from_numpy(batch.animals).to(trainer.device))
        total += trainer.learn(loss, plan.batch)
        if trainer.step % 50 == 0:
            trainer.log(loss=total / 50)
            total = 0.0
        trainer.save_if_due()
    trainer.save()
    _reader(taught).load_state_dict(trainer.averages.values)
    shown = next(random_pictures(pictures, 12, Random("sheet")))
    sheet(taught.eval(), shown).save(plan.folder / f"decoder-{trainer.step:06d}.png")
    taught.to(torch.float16).save_pretrained(target)
    write_training_record(target, trainer.record)
    return trainer


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER)
@click.option("--pictures", type=click.Path(path_type=Path), default=DEFAULT_FOLDER / "pictures")
@click.option("--encoder", type=click.Path(path_type=Path), default=BUILT_IN.encoder)
@click.option("--minutes", default=20.0, show_default=True)
@click.option("--batch", default=8, show_default=True)
@click.option("--learning-rate", default=3e-4, show_default=True)
def main(
    folder: Path, pictures: Path, encoder: Path, minutes: float, batch: int, learning_rate: float
) -> None:
    """Train the decoder on what the UNet makes of rendered pictures."""
    plan = Plan(
        folder=folder,
        name="decoder",
        minutes=minutes,
        batch=batch,
        learning_rate=learning_rate,
        ema_decay=0.99,
    )
    train(plan, pictures, encoder)


if __name__ == "__main__":
    main()
