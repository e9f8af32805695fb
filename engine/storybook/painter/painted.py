"""Paints pictures for the matcher to learn from: `python -m engine.storybook.painter.painted`."""

from pathlib import Path

import click
import numpy as np
import torch

from engine.storybook.painter.painting import Options, Pipeline, load_painter, paint
from engine.storybook.painter.pictures import SIDE
from engine.storybook.painter.prompts import PAINTED, painted_prompts
from engine.storybook.painter.vae import Pixels
from engine.storybook.shipped import PAINTER
from engine.storybook.training.run import DEFAULT_FOLDER


def paint_many(pipe: Pipeline, options: Options, count: int) -> Pixels:
    """The pictures of the first `count` prompts, uint8 [count, SIDE, SIDE, 3]."""
    prompts = painted_prompts(count)
    pictures = paint(pipe, [prompt.text for prompt in prompts], range(count), options)
    return np.stack([np.asarray(picture) for picture in pictures]).reshape(-1, SIDE, SIDE, 3)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER)
@click.option("--painter", type=click.Path(path_type=Path), default=PAINTER)
@click.option("--count", default=1500, show_default=True)
@click.option("--threads", default=1, show_default=True)
def main(folder: Path, painter: Path, count: int, threads: int) -> None:
    """Paint pictures into FOLDER; the matcher's training takes them in where it finds them."""
    torch.set_num_threads(threads)
    pipe, options = load_painter(painter)
    np.save(folder / PAINTED, paint_many(pipe, options, count), allow_pickle=False)


if __name__ == "__main__":
    main()
