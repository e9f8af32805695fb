"""Training of the decoder of the linear latents: `python -m tools.storybook.generator.decoder`.

The decoder grows: its first levels learn first, each through a head of its own, at a tenth of the
cost of whole pictures. Pixels and edges count, those of animals more; then the storybook's encoder
and a small critic of patches judge the pictures too, which keeps the doubt that is left from being
drawn as blur. Latents come with noise, since a UNet leaves some. With `--guesses` the decoder goes
on from the UNet's own guesses at noisy latents.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from tools.storybook.generator.codes import WIDTH, code_states, whole_code
from tools.storybook.generator.judges import Judges, make_judges
from tools.storybook.generator.latents import animal_share, load_latents, to_input, to_pixels
from tools.storybook.generator.learning import Learner, Plan, Stateful, open_learner
from tools.storybook.generator.networks import (
    Noise,
    Part,
    Unet,
    Vae,
    build_unet,
    build_vae,
    make_noise,
)
from tools.storybook.generator.positions import give_positions
from tools.storybook.generator.rendering import CELL, SIDE
from tools.storybook.generator.shards import FOLDER, Renderings, open_renderings, subject_of
from tools.storybook.optimising import load_checkpoint

ANIMAL_WEIGHT = 5.0
"""How much more a pixel of an animal counts than one of the scenery."""
NOISE, NOISY_SHARE = 0.35, 0.8
"""Deviation of the noise on latents, at most, and the share that has any."""
GROWN = ((0.12, 1), (0.22, 2), (0.30, 3))
"""Share of the run until which only so many copies of the cells are made."""
JUDGED = 0.6
"""Share of the run after which pictures are judged by more than their absolute error."""
GUESSED = 700
"""The last step of the noise from which the UNet guesses."""
GUESSES, DECODER = "guesses", "decoder"
"""Names of the runs with and without guesses."""
HELD_OUT = 10
"""Renderings of the sheet, the last ones."""


def reader(vae: Vae) -> nn.ModuleDict:
    """The layers that learn and stay."""
    return nn.ModuleDict({"inner": vae.decoder, "outer": vae.post_quant_conv})


def growing(vae: Vae) -> nn.ModuleDict:
    """The layers that learn, with a head for each level that is to be a picture for a while."""
    layers = reader(vae)
    widths = vae.config.block_out_channels[::-1]
    heads = {
        str(level): nn.Conv2d(widths[level], 3 * (CELL // 2**level) ** 2, 1) for _, level in GROWN
    }
    layers["heads"] = nn.ModuleDict(heads)
    return layers


def read_weights(vae: Vae, weights: Mapping[str, Tensor]) -> None:
    """Take the weights of `growing` layers into an autoencoder, without the heads."""
    kept = {name: value for name, value in weights.items() if not name.startswith("heads.")}
    reader(vae).load_state_dict(kept)


def decode(layers: Part, latents: Tensor, level: int | None = None) -> Tensor:
    """Pictures of latents, -1 to 1; by the head of a level if one is given."""
    inner, state = layers["inner"], layers["outer"](latents)
    if level is None:
        found: Tensor = inner(state)
        return found
    state = inner.mid_block(inner.conv_in(state))
    for block in inner.up_blocks[:level]:
        state = block(state)
    for resnet in inner.up_blocks[level].resnets:
        state = resnet(state, None)
    return functional.pixel_shuffle(layers["heads"][str(level)](state), CELL // 2**level)


def level_at(share: float) -> int | None:
    """The level that learns at a share of the run; None for all of them."""
    return next((level for until, level in GROWN if share < until), None)


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Pictures, their latents and where animals are."""

    pictures: Tensor
    latents: Tensor
    animals: Tensor
    numbers: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Renderings with their latents."""

    renderings: Renderings
    latents: Tensor

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """Random renderings but the held-out ones."""
        numbers = rng.integers(0, len(self.latents) - HELD_OUT, count)
        x = to_input(self.renderings.pick(numbers))
        cover = self.renderings.coverage[numbers]
        side = cover.shape[1]
        near = animal_share(cover, side)
        animals = near.repeat_interleave(SIDE // side, 1).repeat_interleave(SIDE // side, 2)
        rows = torch.from_numpy(numbers)
        return Batch(pictures=x, latents=self.latents[rows].float(), animals=animals, numbers=rows)


@torch.inference_mode()
def sheet(vae: Vae, source: Source, device: str) -> tuple[Image.Image, list[float]]:
    """Held-out renderings above what is decoded at noises; and the decibels of these."""
    numbers = np.arange(len(source.latents) - HELD_OUT, len(source.latents))
    pixels = source.renderings.pick(numbers)
    z = source.latents[-HELD_OUT:].float().to(device)
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(1)).to(device)
    rows, decibels = [np.concatenate(list(pixels), axis=1)], []
    for much in (0.0, 0.15, 0.3, 0.5):
        found = to_pixels(vae.decode(z + much * noise).sample)
        square = np.square((found.astype(np.float32) - pixels) / 255).mean()
        decibels.append(round(float(-10 * np.log10(square)), 2))
        rows.append(np.concatenate(list(found), axis=1))
    return Image.fromarray(np.concatenate(rows)), decibels


def averaged(learner: Learner) -> Vae:
    """An autoencoder whose decoder has the averaged weights."""
    vae = build_vae().to(learner.plan.device)
    read_weights(vae, learner.averages.values)
    return vae.eval()


def noisy(batch: Batch, device: str) -> Tensor:
    """The latents of a batch with noise on most of them."""
    z = batch.latents.to(device)
    much = torch.rand(len(z), 1, 1, 1) * NOISE * (torch.rand(len(z), 1, 1, 1) < NOISY_SHARE)
    return z + much.to(device) * torch.randn_like(z)


@dataclass(frozen=True, kw_only=True, slots=True)
class Guesser:
    """A trained UNet and the codes of all renderings."""

    unet: Unet
    codes: Tensor
    noise: Noise

    @torch.no_grad()
    def guess(self, batch: Batch, rng: np.random.Generator, device: str) -> Tensor:
        """Latents of a batch made noisy to random degrees, as the UNet guesses them clean."""
        z = batch.latents.to(device)
        steps = torch.from_numpy(rng.integers(0, GUESSED, len(z))).to(device)
        states = code_states(self.codes[batch.numbers], rng).to(device)
        mixed = self.noise.add_noise(z, torch.randn_like(z), steps)
        with torch.autocast(device, torch.bfloat16):
            found: Tensor = self.unet(mixed, steps, encoder_hidden_states=states).sample
        return found.float()


def open_guesser(plan: Plan) -> Guesser:
    """The UNet of the folder. ClickException where there is none yet."""
    state = load_checkpoint(plan.folder / "unet.pt")
    if state is None:
        raise click.ClickException(f"{plan.folder} holds no UNet; train it first")
    unet = build_unet(WIDTH).to(plan.device)
    unet.load_state_dict(state["averages"])
    subjects = map(subject_of, range(len(open_renderings(plan.folder))))
    codes = torch.stack([whole_code(each.scene, each.with_animal) for each in subjects])
    return Guesser(unet=unet.eval(), codes=codes, noise=make_noise())


def begin(plan: Plan, vae: Vae, judges: Judges) -> None:
    """Let a run with guesses begin where the one without has ended."""
    state = load_checkpoint(plan.folder / f"{DECODER}.pt")
    if state is None:
        raise click.ClickException(f"{plan.folder} holds no decoder; train it first")
    read_weights(vae, state["averages"])
    judges.critic.load_state_dict(state["extras"]["critic"])


def train(plan: Plan) -> Learner:
    """Train the decoder as planned, leaving checkpoints, a log and sheets.

    A plan named GUESSES goes on with the decoder of one named DECODER.
    """
    source = Source(renderings=open_renderings(plan.folder), latents=load_latents(plan.folder))
    torch.manual_seed(0)
    judges, vae = make_judges(plan.device), build_vae()
    guesser = open_guesser(plan) if plan.name == GUESSES else None
    if guesser is not None:
        begin(plan, vae, judges)
    else:
        give_positions(vae)
    extras: dict[str, Stateful] = {"critic": judges.critic, "critic-optimizer": judges.optimizer}
    learner = open_learner(plan, growing(vae), extras)
    total = 0.0
    while not learner.over:
        rng = learner.random()
        judged = guesser is not None or learner.share >= JUDGED
        level = None if guesser is not None else level_at(learner.share)
        # What a level saves is spent on more pictures.
        batch = source.draw(rng, plan.batch * 2 ** (0 if level is None else 4 - level))
        x = batch.pictures.to(plan.device, memory_format=torch.channels_last)
        z = noisy(batch, plan.device)
        if guesser is not None:
            z = guesser.guess(batch, rng, plan.device)
        with torch.autocast(plan.device, torch.bfloat16):
            y = decode(learner.module, z, level)
            loss = picture_loss(y.float(), x, batch.animals.to(plan.device))
            total += float(loss.detach())
            if judged:
                loss = loss + judges.loss(y, x)
        learner.learn(loss)
        if judged:
            with torch.autocast(plan.device, torch.bfloat16):
                judges.learn(y, x)
        if learner.step % 50 == 0:
            learner.log(error=total / 50)
            total = 0.0
        if learner.save_if_due():
            show(learner, source)
    learner.save()
    show(learner, source)
    return learner


def show(learner: Learner, source: Source) -> None:
    """Write a sheet of the averaged weights, and say how near they come."""
    image, decibels = sheet(averaged(learner), source, learner.plan.device)
    image.save(learner.plan.folder / f"{learner.plan.name}.png")
    click.echo(f"decibels at noise 0, .15, .3, .5: {decibels}")


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER)
@click.option("--pictures", default=24_000, show_default=True)
@click.option("--batch", default=4, show_default=True)
@click.option("--rate", default=1.5e-3, show_default=True)
@click.option("--guesses", is_flag=True, help="Learn from what the UNet guesses.")
@click.option("--minutes", type=float, help="Stop for now after so many.")
@click.option("--device", default="cpu", show_default=True)
def main(
    folder: Path,
    pictures: int,
    batch: int,
    rate: float,
    guesses: bool,
    minutes: float | None,
    device: str,
) -> None:
    """Train the decoder on noisy latents of renderings."""
    train(
        Plan(
            folder=folder,
            name=GUESSES if guesses else DECODER,
            pictures=pictures,
            batch=batch,
            rate=rate,
            minutes=minutes,
            device=device,
            decay=0.99,
        )
    )


if __name__ == "__main__":
    main()
