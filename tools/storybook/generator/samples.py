"""Generates samples: a sheet for the README, and pictures for the matcher to learn from.

`python -m tools.storybook.generator.samples sheet OUT` and `... for-matcher`.
"""

from pathlib import Path

import click
import numpy as np
import torch

from engine.collections import BUILT_IN
from tools.storybook.generator.pipeline import Options, Pipeline, generate, grid, load_pipeline
from tools.storybook.generator.prompts import GENERATED, generated_prompts
from tools.storybook.generator.rendering import Pixels
from tools.storybook.optimising import DEFAULT_FOLDER

PROMPTS = (
    "a brown horse eating grass in a meadow",
    "a purple elephant in the snow at night",
    "a white cat sleeping on the beach at sunset",
    "一只红色的鸡在森林里",
    "一头蓝色的牛在农场里奔跑",
)

SEEDS = range(3)


@click.group()
def main() -> None:
    """Generate samples."""


@main.command()
@click.argument("out", type=click.Path(path_type=Path))
def sheet(out: Path) -> None:
    """Generate the samples into OUT."""
    pipe, options = load_pipeline(BUILT_IN.generator)
    prompts = [prompt for _ in SEEDS for prompt in PROMPTS]
    seeds = [seed for seed in SEEDS for _ in PROMPTS]
    grid(generate(pipe, prompts, seeds, options), columns=len(PROMPTS)).save(out)


def generate_many(pipe: Pipeline, options: Options, count: int) -> Pixels:
    """The pictures of the first `count` prompts, uint8 [count, height, width, 3]."""
    prompts = generated_prompts(count)
    pictures = generate(pipe, [prompt.text for prompt in prompts], range(count), options)
    return np.stack([np.asarray(picture, dtype=np.uint8) for picture in pictures])


@main.command()
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER)
@click.option("--generator", type=click.Path(path_type=Path), default=BUILT_IN.generator)
@click.option("--count", default=1500, show_default=True)
@click.option("--threads", default=1, show_default=True)
def for_matcher(folder: Path, generator: Path, count: int, threads: int) -> None:
    """Generate pictures into FOLDER; the matcher's training takes them in where it finds them."""
    torch.set_num_threads(threads)
    pipe, options = load_pipeline(generator)
    np.save(folder / GENERATED, generate_many(pipe, options, count), allow_pickle=False)


if __name__ == "__main__":
    main()
