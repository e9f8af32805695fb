"""Trains the generator's UNet on latents: `python -m tools.storybook.generator.unet`.

The same command trains on a CPU or a GPU and goes on from the last checkpoint. It predicts
velocities under a schedule that ends in pure noise (zero terminal SNR, Lin et al.,
arXiv:2305.08891), weighted by where animals are. Most of the steps are drawn from the noisier part
of the schedule, where shapes are decided (logit-normal, Esser et al., arXiv:2403.03206).
"""

import shutil
from pathlib import Path
from random import Random

import click
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from engine.collections import BUILT_IN
from tools.storybook.generator.network import (
    DECODER_FOLDER,
    TOKENIZER,
    TOWER,
    VAE_FOLDER,
    Noise,
    Parts,
    Unet,
    build_unet,
    load_parts,
    load_unet,
    make_noise,
    text_states,
)
from tools.storybook.generator.pictures import LatentBatch, Latents
from tools.storybook.generator.pipeline import Options, assemble, generate, grid
from tools.storybook.generator.prompts import training_caption
from tools.storybook.generator.trainer import FOLDER, Plan, Trainer, make_optimizers, open_trainer
from tools.storybook.optimising import (
    DEFAULT_FOLDER,
    read_training_record,
    save_checkpoint,
    write_training_record,
)

ANIMAL_WEIGHT = 12.0
"""How much more a cell of an animal counts than one of the scenery."""
SCALES = (1, 2, 4)
"""Sides of the squares that errors are averaged over."""
NOISY_SHARE, NOISY_MEAN = 0.75, 2.0
"""Share of the noise steps drawn where shapes are decided, and the mean of their logits there."""
SHOWN = (
    "a brown dog standing in a meadow", "a white cat sleeping in the snow at night",
    "a black horse running on the beach", "a gray elephant in the forest",
    "a red butterfly flying by day", "an orange chicken eating grain on a farm at sunset",
    "一头黄色的牛在雪地里吃草", "一只粉色的羊在海滩上", "一只紫色的松鼠在森林里睡觉",
    "a blue spider on the left with a fence", "a farmyard at night",
    "a purple elephant in the snow",
)  # fmt: skip
"""Prompts of the sample sheets."""
FIRST, EPOCHS = 1000, 8.0
"""How many pictures are encoded at first, and how often each is seen before there are more."""


def noise_steps(count: int, of: int, device: torch.device) -> Tensor:
    """Random steps of `of`, int64 [count]: some anywhere, the others where shapes are decided."""
    anywhere = torch.rand(count, device=device)
    noisy = (torch.randn(count, device=device) + NOISY_MEAN).sigmoid()
    chosen = torch.where(torch.rand(count, device=device) < NOISY_SHARE, noisy, anywhere)
    return (chosen * of).long().clamp(0, of - 1)


def diffusion_loss(unet: Unet, noise: Noise, batch: LatentBatch, states: Tensor) -> Tensor:
    """The error of the velocity at a random step for each picture."""
    x = batch.latents.to(states.device)
    steps = noise_steps(len(x), noise.config.num_train_timesteps, x.device)
    epsilon = torch.randn_like(x)
    noisy = noise.add_noise(x, epsilon, steps)
    target = noise.get_velocity(x, epsilon, steps)
    with torch.autocast("cuda", torch.bfloat16, enabled=x.device.type == "cuda"):
        found = unet(noisy, steps, encoder_hidden_states=states).sample
    near = 1.0 + ANIMAL_WEIGHT * batch.animals.to(x.device)[:, None]
    return multiscale(found.float() - target, near)


def multiscale(error: Tensor, near: Tensor) -> Tensor:
    """The mean square of an error [n, c, s, s], weighted by `near` [n, 1, s, s], at three scales.

    Averaged over squares of 2 and 4 cells, what errs in one direction counts and noise does not
    (Hoogeboom et al., arXiv:2301.11093): shapes are learned before details.
    """
    total = error.new_zeros(())
    for side in SCALES:
        square = functional.avg_pool2d(error, side).square().mean(1, keepdim=True)
        weight = functional.avg_pool2d(near, side)
        total = total + side**2 * ((weight * square).sum((1, 2, 3)) / weight.sum((1, 2, 3))).mean()
    return total / len(SCALES)


def take_over(start: Path, folder: Path) -> None:
    """Begin in `folder` with the parts of an exported generator, where there are none yet."""
    record = read_training_record(start)
    for name, source in (
        (VAE_FOLDER, VAE_FOLDER),
        (DECODER_FOLDER, VAE_FOLDER),
        (TOWER, TOWER),
        (TOKENIZER, TOKENIZER),
    ):
        if not (folder / name).exists():
            shutil.copytree(start / source, folder / name)
    write_training_record(folder / VAE_FOLDER, record["vae"])
    write_training_record(folder / DECODER_FOLDER, record["decoder"])
    if not (folder / "unet.pt").exists():
        unet = load_unet(start / "unet")
        weights = unet.state_dict()
        optimizers = [optimizer.state_dict() for optimizer in make_optimizers(unet, 0.0)]
        state = {"module": weights, "averages": weights, "optimizers": optimizers}
        save_checkpoint(folder / "unet.pt", state | record["unet"])


def averaged(trainer: Trainer, parts: Parts) -> Unet:
    """A UNet with the averaged weights."""
    unet = build_unet(parts.vae, parts.tower.config.hidden_size).to(trainer.device)
    unet.load_state_dict(trainer.averages.values)
    return unet.eval()


def sheet(trainer: Trainer, parts: Parts) -> Image.Image:
    """What the averaged weights generate by now."""
    pipe = assemble(parts.vae, averaged(trainer, parts), parts.tower, parts.tokenizer)
    return grid(generate(pipe, SHOWN, range(len(SHOWN)), Options(steps=12)), columns=6)


def train(plan: Plan, pictures: Path, encoder: Path, sheet_minutes: float) -> Trainer:
    """Train for the planned minutes, leaving checkpoints, a log and sample sheets."""
    parts = load_parts(plan.folder, encoder)
    torch.manual_seed(0)
    trainer = open_trainer(plan, build_unet(parts.vae, parts.tower.config.hidden_size))
    parts.tower.to(trainer.device)  # type: ignore[arg-type]
    parts.vae.to(trainer.device)
    source = Latents(pictures, plan.folder, parts.vae)
    noise, rng = make_noise(), Random(f"unet:{trainer.step}")
    torch.manual_seed(trainer.step)
    total, sheets = 0.0, int(trainer.seconds / 60 / sheet_minutes)
    while trainer.share < 1:
        source.grow(max(FIRST, int(trainer.samples / EPOCHS)))
        batch = source.draw(plan.batch, rng)
        texts = [training_caption(scene, rng) for scene in batch.scenes]
        states = text_states(parts.tower, parts.tokenizer, texts).clone()
        loss = diffusion_loss(trainer.module, noise, batch, states)
        total += trainer.learn(loss, plan.batch)
        if trainer.step % 50 == 0:
            trainer.log(loss=total / 50, encoded=len(source))
            total = 0.0
        trainer.save_if_due()
        if int(trainer.seconds / 60 / sheet_minutes) > sheets:
            sheets = int(trainer.seconds / 60 / sheet_minutes)
            sheet(trainer, parts).save(plan.folder / f"unet-{trainer.step:06d}.png")
    trainer.save()
    sheet(trainer, parts).save(plan.folder / f"unet-{trainer.step:06d}.png")
    return trainer


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER)
@click.option("--pictures", type=click.Path(path_type=Path), default=DEFAULT_FOLDER / "pictures")
@click.option("--encoder", type=click.Path(path_type=Path), default=BUILT_IN.encoder)
@click.option("--minutes", default=90.0, show_default=True)
@click.option("--batch", default=32, show_default=True)
@click.option("--learning-rate", default=1e-3, show_default=True)
@click.option(
    "--start",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where there is no checkpoint, begin with the parts of this exported generator.",
)
@click.option("--sheets", default=15.0, show_default=True, help="Minutes between sample sheets.")
def main(
    folder: Path,
    pictures: Path,
    encoder: Path,
    minutes: float,
    batch: int,
    learning_rate: float,
    start: Path | None,
    sheets: float,
) -> None:
    """Train the UNet on latents of rendered pictures."""
    if start is not None:
        take_over(start, folder)
    plan = Plan(
        folder=folder, name="unet", minutes=minutes, batch=batch, learning_rate=learning_rate
    )
    train(plan, pictures, encoder, sheets)


if __name__ == "__main__":
    main()
