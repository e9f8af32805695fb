"""Paints five prompts for the README: `python -m engine.storybook.painter.samples OUT`.

Each prompt is one row; the seeds are the first four.
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
SEEDS = range(4)


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
def main(out: Path) -> None:
    """Paint the samples into OUT."""
    pipe, options = load_painter(PAINTER)
    prompts = [prompt for prompt in PROMPTS for _ in SEEDS]
    pictures = paint(pipe, prompts, [seed for _ in PROMPTS for seed in SEEDS], options)
    grid(pictures, columns=len(SEEDS), zoom=2).save(out)


if __name__ == "__main__":
    main()
