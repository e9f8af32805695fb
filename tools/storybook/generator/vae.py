"""Trains the generator's autoencoder: `python -m tools.storybook.generator.vae`.

The same command trains on a CPU or a GPU and goes on from the last checkpoint. The loss looks
harder at animals: they are a seventh of the picture and most of what a caption says; the first
steps see windows around them, which cost a third of whole pictures.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tools.storybook.generator.network import VAE_FOLDER, Vae, build_vae
from tools.storybook.generator.pictures import (
    Pictures,
    cropped,
    random_pictures,
    to_input,
    to_pixels,
)
from tools.storybook.generator.trainer import FOLDER, Plan, Trainer, open_trainer
from tools.storybook.optimising import DEFAULT_FOLDER, write_training_record

ANIMAL_WEIGHT = 4.0
"""How much more a pixel of an animal counts than one of the scenery."""
KL_WEIGHT = 2e-4
WHITENED = 300
"""Pictures that the mean and deviation of the latents are measured on."""
WINDOW, WINDOW_SHARE = 40, 0.6
"""Pixels of the windows, and the share of the training that sees them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Losses:
    """The loss and its parts; errors in units of the picture's range 0 to 1."""

    total: Tensor
    kl: Tensor
    square: Tensor
    animal_square: Tensor


def picture_loss(y: Tensor, x: Tensor, animals: Tensor) -> Tensor:
    """Absolute error of pixels [n, 3, h, w] and of their differences, more of it on animals."""
    error = (y - x).abs().mean(1)
    weight = 1.0 + ANIMAL_WEIGHT * animals
    total = (weight * error).sum() / weight.sum()
    for axis in (2, 3):
        edge = (y.diff(dim=axis) - x.diff(dim=axis)).abs().mean(1)
        near = weight.narrow(axis - 1, 0, edge.shape[axis - 1])
        total = total + 0.5 * (near * edge).sum() / near.sum()
    return total


def losses(vae: Vae, x: Tensor, animals: Tensor) -> Losses:
    """The error of what is decoded, and a little divergence."""
    posterior = vae.encode(x).latent_dist
    y = vae.decode(posterior.sample()).sample
    kl = posterior.kl().mean() / posterior.mean[0].numel()
    square = ((y.detach() - x) / 2).square().mean(1)
    return Losses(
        total=picture_loss(y, x, animals) + KL_WEIGHT * kl,
        kl=kl.detach(),
        square=square.mean(),
        animal_square=(square * animals).sum() / animals.sum().clamp(min=1),
    )


def train_step(trainer: Trainer, batch: Pictures) -> Losses:
    """One step of the optimisers."""
    device = trainer.device
    x = to_input(batch.pixels).to(device, memory_format=torch.channels_last)
    with torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"):
        parts = losses(trainer.module, x, torch.from_numpy(batch.animals).to(device))
    trainer.learn(parts.total, len(x))
    return parts


@torch.inference_mode()
def whiten(vae: Vae, x: Tensor) -> None:
    """Give each channel of the latents of `x` mean 0 and deviation 1, by its outermost layers.

    The pictures that it decodes stay what they were.
    """
    latents = vae.encode(x).latent_dist.mean
    mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    channels = len(mean)
    inner, outer = vae.quant_conv, vae.post_quant_conv
    inner.weight[:channels] /= std[:, None, None, None]
    inner.bias[:channels] = (inner.bias[:channels] - mean) / std
    inner.bias[channels:] -= 2 * std.log()
    outer.bias += outer.weight[:, :, 0, 0] @ mean
    outer.weight *= std[None, :, None, None]


def write_vae(trainer: Trainer, pictures: Path, target: Path) -> None:
    """Write the averaged autoencoder, its latents whitened, in half precision."""
    vae = averaged(trainer)
    sample = next(random_pictures(pictures, WHITENED, Random("whiten")))
    whiten(vae, to_input(sample.pixels).to(trainer.device))
    vae.to(torch.float16).save_pretrained(target)
    write_training_record(target, trainer.record)


def averaged(trainer: Trainer) -> Vae:
    """An autoencoder with the averaged weights."""
    vae = build_vae().to(trainer.device)
    vae.load_state_dict(trainer.averages.values)
    return vae.eval()


@torch.inference_mode()
def sheet(vae: Vae, batch: Pictures) -> Image.Image:
    """Pictures above what is left of them."""
    x = to_input(batch.pixels).to(vae.device)
    y = to_pixels(vae.decode(vae.encode(x).latent_dist.mode()).sample)
    rows = [np.concatenate(list(row), axis=1) for row in (batch.pixels, y)]
    image = Image.fromarray(np.concatenate(rows, axis=0))
    return image.resize((2 * image.width, 2 * image.height), Image.Resampling.NEAREST)


def train(plan: Plan, pictures: Path) -> Trainer:
    """Train for the planned minutes, leaving checkpoints, a log and sample sheets."""
    torch.manual_seed(0)
    trainer = open_trainer(plan, build_vae())
    rng = Random(f"vae:{trainer.step}")
    torch.manual_seed(trainer.step)
    shown = next(random_pictures(pictures, 12, Random("sheet")))
    sums = np.zeros(4)
    for batch in random_pictures(pictures, plan.batch, rng):
        if trainer.share >= 1:
            break
        if trainer.share < WINDOW_SHARE:
            batch = cropped(batch, WINDOW, rng)
        parts = train_step(trainer, batch)
        values = (parts.total.detach(), parts.kl, parts.square, parts.animal_square)
        sums += [float(value) for value in values]
        if trainer.step % 50 == 0:
            loss, kl, square, animal = sums / 50
            psnr, own = -10 * np.log10(square), -10 * np.log10(animal)
            trainer.log(loss=loss, kl=kl, psnr=float(psnr), animal_psnr=float(own))
            sums[:] = 0
        if trainer.save_if_due():
            sheet(averaged(trainer), shown).save(plan.folder / f"vae-{trainer.step:06d}.png")
    trainer.save()
    write_vae(trainer, pictures, plan.folder / VAE_FOLDER)
    sheet(averaged(trainer), shown).save(plan.folder / f"vae-{trainer.step:06d}.png")
    return trainer


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER)
@click.option("--pictures", type=click.Path(path_type=Path), default=DEFAULT_FOLDER / "pictures")
@click.option("--minutes", default=25.0, show_default=True)
@click.option("--batch", default=8, show_default=True)
@click.option("--learning-rate", default=1e-3, show_default=True)
def main(folder: Path, pictures: Path, minutes: float, batch: int, learning_rate: float) -> None:
    """Train the autoencoder on rendered pictures."""
    plan = Plan(
        folder=folder,
        name="vae",
        minutes=minutes,
        batch=batch,
        learning_rate=learning_rate,
        ema_decay=0.99,
    )
    train(plan, pictures)


if __name__ == "__main__":
    main()
