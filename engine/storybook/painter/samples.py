"""Paints five prompts for the README: `python -m engine.storybook.painter.samples OUT`.

Each prompt is a column; the seeds are the first three.
"""

from pathlib import Path

import click

from engine.storybook.painter.painting import grid, load_painter, paint
from engine.storybook.shipped import PAINTER

PROMPTS = (
    "a brown horse eating grass in a meadow",
    "a purple elephant in the snow at night",
    "a white cat sleeping on the beach at sunset",
    "一只红色的鸡在森林里",
    "一头蓝色的牛在农场里奔跑",
)
SEEDS = range(3)


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
def main(out: Path) -> None:
    """Paint the samples into OUT."""
    pipe, options = load_painter(PAINTER)
    prompts = [prompt for _ in SEEDS for prompt in PROMPTS]
    seeds = [seed for seed in SEEDS for _ in PROMPTS]
    grid(paint(pipe, prompts, seeds, options), columns=len(PROMPTS)).save(out)


if __name__ == "__main__":
    main()
