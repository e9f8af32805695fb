"""Training of the decoder of the linear latents: `python -m tools.storybook.generator.decoder`.

Pixels and edges, animals weighted; then the storybook's encoder and a small critic of patches look
at whole pictures, which keeps the doubt that is left from being drawn as blur. Latents come with
noise, since a UNet leaves some. With `--guesses` they are the UNet's own guesses instead.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPModel

from engine.storybook.shipped import ENCODER
from tools.storybook.generator.latents import animal_share, load_latents, to_input, to_pixels
from tools.storybook.generator.learning import Learner, Plan, open_learner
from tools.storybook.generator.networks import Part, Vae, build_vae
from tools.storybook.generator.rendering import CELL, SIDE
from tools.storybook.generator.shards import FOLDER, Renderings, open_renderings

ANIMAL_WEIGHT = 5.0
"""How much more a pixel of an animal counts than one of the scenery."""
NOISE, NOISY_SHARE = 0.35, 0.8
"""Deviation of the noise on latents, at most, and the share that has any."""
WINDOW, WINDOW_SHARE = 48, 0.55
"""Pixels of the windows that are seen at first, and how long: they cost a fourth."""
LAYERS = (2, 4, 5)
"""Layers of the storybook's encoder that compare pictures."""
PERCEPTUAL_WEIGHT, CRITIC_WEIGHT = 0.05, 0.01
HELD_OUT = 10
"""Renderings of the sheet, the last ones."""


class Perceptual(nn.Module):
    """The difference of two pictures to the storybook's encoder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        clip: Any = CLIPModel.from_pretrained(folder, dtype=torch.float32)
        self.tower = clip.vision_model.eval().requires_grad_(False)

    def states(self, x: Tensor) -> list[Tensor]:
        """Normalised states of some layers; pixels from -1 to 1 are what the tower was taught."""
        found = self.tower(pixel_values=2 * x, output_hidden_states=True).hidden_states
        return [functional.layer_norm(found[k].float(), found[k].shape[-1:]) for k in LAYERS]

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        """Mean absolute difference of the states."""
        with torch.no_grad():
            aims = self.states(x)
        parts = [functional.l1_loss(a, b) for a, b in zip(self.states(y), aims, strict=True)]
        return torch.stack(parts).mean()


class Critic(nn.Module):
    """Tells patches of renderings from decoded ones."""

    def __init__(self) -> None:
        super().__init__()
        widths = ((3, 32, 2), (32, 64, 2), (64, 96, 1), (96, 1, 1))
        layers: list[nn.Module] = []
        for into, out, stride in widths:
            conv = nn.Conv2d(into, out, 4, stride, 1)
            layers += [nn.utils.spectral_norm(conv), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """A score for each patch; higher is more like a rendering."""
        found: Tensor = self.layers(x)
        return found


def reader(vae: Vae) -> nn.ModuleDict:
    """The layers that learn."""
    return nn.ModuleDict({"inner": vae.decoder, "outer": vae.post_quant_conv})


def decode(layers: Part, latents: Tensor) -> Tensor:
    """Pictures of latents, -1 to 1."""
    found: Tensor = layers["inner"](layers["outer"](latents))
    return found


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
    """Pictures, their latents and where animals are, whole or in windows."""

    pictures: Tensor
    latents: Tensor
    animals: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Renderings with their latents."""

    renderings: Renderings
    latents: Tensor

    def draw(self, rng: np.random.Generator, count: int, window: bool) -> Batch:
        """Random renderings but the held-out ones; windows lie around animals, cell by cell."""
        numbers = rng.integers(0, len(self.latents) - HELD_OUT, count)
        x = to_input(self.renderings.pick(numbers))
        cover = self.renderings.coverage[numbers]
        side = cover.shape[1]
        near = animal_share(cover, side)
        animals = near.repeat_interleave(SIDE // side, 1).repeat_interleave(SIDE // side, 2)
        z = self.latents[torch.from_numpy(numbers)].float()
        if not window:
            return Batch(pictures=x, latents=z, animals=animals)
        parts = [_window(rng, *each) for each in zip(x, z, animals, strict=True)]
        pictures, latents, covers = (torch.stack(part) for part in zip(*parts, strict=True))
        return Batch(pictures=pictures, latents=latents, animals=covers)


def _window(
    rng: np.random.Generator, x: Tensor, z: Tensor, animals: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    spots = animals[::CELL, ::CELL].gt(0.5).nonzero()
    reach = WINDOW // CELL
    corner = [SIDE // CELL // 2, SIDE // CELL // 2]
    if len(spots) > 0:
        corner = spots[int(rng.integers(len(spots)))].tolist()
    shift = rng.integers(0, reach, 2)
    top, left = (
        int(min(max(c - s, 0), SIDE // CELL - reach)) for c, s in zip(corner, shift, strict=True)
    )
    rows = slice(top * CELL, top * CELL + WINDOW)
    columns = slice(left * CELL, left * CELL + WINDOW)
    cells = z[:, top : top + reach, left : left + reach]
    return x[:, rows, columns], cells, animals[rows, columns]


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
    reader(vae).load_state_dict(learner.averages.values)
    return vae.eval()


@dataclass(slots=True)
class Judges:
    """Who looks at whole pictures beside the absolute error."""

    perceptual: Perceptual
    critic: Critic
    optimizer: torch.optim.Optimizer

    def loss(self, y: Tensor, x: Tensor) -> Tensor:
        """What they hold against decoded pictures."""
        self.critic.requires_grad_(False)
        half = max(len(x) // 2, 2)
        felt = self.perceptual(y[:half], x[:half])
        return PERCEPTUAL_WEIGHT * felt - CRITIC_WEIGHT * self.critic(y).float().mean()

    def learn(self, y: Tensor, x: Tensor) -> None:
        """One step of the critic."""
        self.critic.requires_grad_(True)
        true, false = self.critic(x).float(), self.critic(y.detach()).float()
        loss = functional.relu(1 - true).mean() + functional.relu(1 + false).mean()
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()


def make_judges(device: str) -> Judges:
    """The storybook's encoder and a new critic."""
    critic = Critic().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(critic.parameters(), lr=4e-4, betas=(0.5, 0.9))
    return Judges(perceptual=Perceptual(ENCODER).to(device), critic=critic, optimizer=optimizer)


def train(plan: Plan) -> Learner:
    """Train the decoder as planned, leaving checkpoints, a log and sheets."""
    source = Source(renderings=open_renderings(plan.folder), latents=load_latents(plan.folder))
    torch.manual_seed(0)
    judges = make_judges(plan.device)
    extras = {"critic": judges.critic, "critic-optimizer": judges.optimizer}
    vae = build_vae()
    learner = open_learner(plan, reader(vae), extras)
    total = 0.0
    while not learner.over:
        rng = learner.random()
        whole = learner.share >= WINDOW_SHARE
        batch = source.draw(rng, plan.batch if not whole else plan.batch // 2, not whole)
        x = batch.pictures.to(plan.device, memory_format=torch.channels_last)
        z = batch.latents.to(plan.device)
        much = torch.rand(len(z), 1, 1, 1) * NOISE * (torch.rand(len(z), 1, 1, 1) < NOISY_SHARE)
        z = z + much.to(plan.device) * torch.randn_like(z)
        with torch.autocast(plan.device, torch.bfloat16):
            y = decode(learner.module, z)
            loss = picture_loss(y.float(), x, batch.animals.to(plan.device))
            total += float(loss.detach())
            if whole:
                loss = loss + judges.loss(y, x)
        learner.learn(loss)
        if whole:
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
@click.option("--pictures", default=40_000, show_default=True, help="Windows count as pictures.")
@click.option("--batch", default=8, show_default=True)
@click.option("--rate", default=1.5e-3, show_default=True)
@click.option("--minutes", type=float, help="Stop for now after so many.")
@click.option("--device", default="cpu", show_default=True)
def main(
    folder: Path, pictures: int, batch: int, rate: float, minutes: float | None, device: str
) -> None:
    """Train the decoder on noisy latents of renderings."""
    train(
        Plan(
            folder=folder,
            name="decoder",
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
