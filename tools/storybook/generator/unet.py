"""Training of the UNet on linear latents and codes: `python -m tools.storybook.generator.unet`.

Where a picture follows from its code, shapes are learned from pure noise first: there the UNet is
asked for the picture itself, as at every later step: what predicts velocities has to carry all of
the noise through its narrow layers, and leaves some of it in the picture. The last part of the run
draws all steps alike, for details.
"""

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from tools.storybook.generator.codes import WIDTH, code_states, thinned, whole_code
from tools.storybook.generator.latents import CELLS, animal_share, load_latents
from tools.storybook.generator.learning import Learner, Plan, open_learner
from tools.storybook.generator.networks import Noise, Unet, build_unet, make_noise
from tools.storybook.generator.shards import FOLDER, open_renderings, subject_of

ANIMAL_WEIGHT = 5.0
"""How much more a cell of an animal counts than one of the scenery."""
LEAST_NOISE = 0.25
"""Share of noise below which an error weighs no more; weights are those of the velocity's error."""
HELD_OUT = 200
"""Renderings kept from training, the last ones."""
MEASURED_STEPS = (999, 700, 300)
"""Steps of the noise at which the error that is left is measured."""
SHAPES_SHARE = 0.65
"""Share of the run in which shapes come first."""
PURE, SHAPED, SHAPED_MEAN = 0.3, 0.4, 1.5
"""Shares of pure noise and of steps where shapes are decided, and the mean of their logits."""
PURE_LATE = 0.1
"""Share of pure noise in the last part, in which all other steps are alike."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Latents, the codes of what they show, and the share of animals in their cells."""

    latents: Tensor
    codes: Tensor
    animals: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """All renderings as latents and whole codes."""

    latents: Tensor
    codes: Tensor
    animals: Tensor

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """Random renderings but the held-out ones, with codes that mostly tell everything."""
        numbers = torch.from_numpy(rng.integers(0, len(self.latents) - HELD_OUT, count))
        return Batch(
            latents=self.latents[numbers].float(),
            codes=thinned(self.codes[numbers], rng),
            animals=self.animals[numbers],
        )

    def held_out(self) -> Batch:
        """The renderings kept from training, with whole codes."""
        return Batch(
            latents=self.latents[-HELD_OUT:].float(),
            codes=self.codes[-HELD_OUT:],
            animals=self.animals[-HELD_OUT:],
        )


def open_source(folder: Path) -> Source:
    """The renderings of a folder."""
    latents, renderings = load_latents(folder), open_renderings(folder)
    subjects = map(subject_of, range(len(renderings)))
    return Source(
        latents=latents,
        codes=torch.stack([whole_code(each.scene, each.with_animal) for each in subjects]),
        animals=animal_share(renderings.coverage, CELLS),
    )


def noise_steps(share: float, count: int, rng: np.random.Generator) -> Tensor:
    """Random steps of 1000, int64 [count], as this share of the run draws them."""
    steps = rng.integers(0, 1000, count)
    chance = rng.random(count)
    if share >= SHAPES_SHARE:
        steps[chance < PURE_LATE] = 999
        return torch.from_numpy(steps)
    shaped = 1 / (1 + np.exp(-(rng.standard_normal(count) + SHAPED_MEAN)))
    steps = np.where(chance < PURE + SHAPED, (shaped * 1000).astype(np.int64), steps)
    steps[chance < PURE] = 999
    return torch.from_numpy(steps.clip(0, 999))


def diffusion_loss(
    unet: Unet, noise: Noise, batch: Batch, steps: Tensor, states: Tensor, device: str
) -> Tensor:
    """The square error of the clean latents, animals and steps of less noise weighted."""
    x = batch.latents.to(device, memory_format=torch.channels_last)
    noisy = noise.add_noise(x, torch.randn_like(x), steps.to(device))
    with torch.autocast(device, torch.bfloat16):
        found = unet(noisy, steps.to(device), encoder_hidden_states=states.to(device)).sample
    left = (1 - noise.alphas_cumprod[steps]).clamp(min=LEAST_NOISE)[:, None, None].to(device)
    weight = 1.0 + ANIMAL_WEIGHT * batch.animals.to(device)
    error = (found.float() - x).square().mean(1)
    loss: Tensor = (weight / left * error).sum() / weight.sum()
    return loss


@torch.inference_mode()
def error_left(unet: Unet, noise: Noise, batch: Batch, states: Tensor, device: str) -> list[float]:
    """Error of the clean latents of animals' cells, as a share of their variance, by step."""
    x, near = batch.latents, batch.animals[:, None]
    kept = noise.alphas_cumprod
    centre = x.mean((0, 2, 3), keepdim=True)
    variance = float(((x - centre).square() * near).sum())
    found = []
    for step in MEASURED_STEPS:
        epsilon = torch.randn(x.shape, generator=torch.Generator().manual_seed(step))
        steps = torch.full((len(x),), step)
        noisy = kept[step].sqrt() * x + (1 - kept[step]).sqrt() * epsilon
        with torch.autocast(device, torch.bfloat16):
            clean = unet(
                noisy.to(device), steps.to(device), encoder_hidden_states=states.to(device)
            ).sample
        clean = clean.float().cpu()
        found.append(round(float(((clean - x).square() * near).sum()) / variance, 4))
    return found


def averaged(learner: Learner) -> Unet:
    """A UNet with the averaged weights."""
    unet = build_unet(WIDTH).to(learner.plan.device)
    unet.load_state_dict(learner.averages.values)
    return unet.eval()


def report(learner: Learner, source: Source, noise: Noise) -> None:
    """Say how much error is left on held-out renderings."""
    batch = source.held_out()
    states = code_states(batch.codes, np.random.default_rng(0))
    left = error_left(averaged(learner), noise, batch, states, learner.plan.device)
    learner.log(**{f"left_{step}": x for step, x in zip(MEASURED_STEPS, left, strict=True)})


def train(plan: Plan, report_minutes: float) -> Learner:
    """Train the UNet as planned, leaving checkpoints and a log."""
    source, noise = open_source(plan.folder), make_noise()
    torch.manual_seed(0)
    learner = open_learner(plan, build_unet(WIDTH), {})
    total, reports = 0.0, int(learner.seconds / 60 / report_minutes)
    while not learner.over:
        rng = learner.random()
        batch = source.draw(rng, plan.batch)
        steps = noise_steps(learner.share, plan.batch, rng)
        states = code_states(batch.codes, rng)
        loss = diffusion_loss(learner.module, noise, batch, steps, states, plan.device)
        total += learner.learn(loss)
        if learner.step % 50 == 0:
            learner.log(loss=total / 50)
            total = 0.0
        learner.save_if_due()
        if int(learner.seconds / 60 / report_minutes) > reports:
            reports = int(learner.seconds / 60 / report_minutes)
            report(learner, source, noise)
    learner.save()
    report(learner, source, noise)
    return learner


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER)
@click.option("--pictures", default=300_000, show_default=True)
@click.option("--batch", default=64, show_default=True)
@click.option("--rate", default=1.5e-3, show_default=True)
@click.option("--muon/--adam", default=False, show_default=True)
@click.option("--reports", default=3.0, show_default=True, help="Minutes between measurements.")
@click.option("--name", default="unet", show_default=True, help="Of checkpoint and log.")
@click.option("--minutes", type=float, help="Stop for now after so many.")
@click.option("--device", default="cpu", show_default=True)
def main(
    folder: Path,
    pictures: int,
    batch: int,
    rate: float,
    muon: bool,
    reports: float,
    name: str,
    minutes: float | None,
    device: str,
) -> None:
    """Train the UNet on the latents of all renderings."""
    plan = Plan(
        folder=folder,
        name=name,
        pictures=pictures,
        batch=batch,
        rate=rate,
        minutes=minutes,
        device=device,
        muon=muon,
        level_share=0.65,
    )
    train(plan, reports)


if __name__ == "__main__":
    main()
