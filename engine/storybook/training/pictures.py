"""Renders training pictures ahead, in shards: `python -m engine.storybook.training.pictures`.

A shard is a .npy file of uint8 [SHARD, side, side, 3] for the seeds [k * SHARD, (k + 1) * SHARD) of
the "seen" split. Finished shards are kept, so a stopped run goes on where it was.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from engine.storybook.render import render
from engine.storybook.scene import sample_scene

SHARD = 1000
SIDE = 112
"""Rendered a little larger than the encoder reads, so that training can crop and shift."""


def shard_path(folder: Path, number: int) -> Path:
    """Where shard `number` lies."""
    return folder / f"seen-{SIDE}-{number:04d}.npy"


def render_shard(folder: Path, number: int) -> Path:
    """Render one shard unless it is there already; written whole or not at all."""
    path = shard_path(folder, number)
    if path.exists():
        return path
    pictures = np.empty((SHARD, SIDE, SIDE, 3), dtype=np.uint8)
    for row in range(SHARD):
        pictures[row] = _training_picture(number * SHARD + row)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.save(file, pictures, allow_pickle=False)
    partial.rename(path)
    return path


def _training_picture(seed: int) -> NDArray[np.uint8]:
    image = render(sample_scene(seed), SIDE, supersample=3)
    return np.asarray(image.convert("RGB"), dtype=np.uint8)


def finished_shards(folder: Path) -> Iterator[int]:
    """Numbers of the shards that are on disk, in order."""
    for path in sorted(folder.glob(f"seen-{SIDE}-*.npy")):
        yield int(path.stem.rsplit("-", 1)[1])


def load_shard(folder: Path, number: int) -> NDArray[np.uint8]:
    """The pictures of one shard, mapped rather than read."""
    pictures: NDArray[np.uint8] = np.load(
        shard_path(folder, number), mmap_mode="r", allow_pickle=False
    )
    return pictures


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--shards", default=48, show_default=True, help="How many shards in all.")
@click.option("--workers", default=os.cpu_count() or 1, show_default=True)
def main(folder: Path, shards: int, workers: int) -> None:
    """Render training pictures into FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(render_shard, folder, number) for number in range(shards)]
        for number, job in enumerate(jobs, start=1):
            job.result()
            click.echo(f"{number} of {shards} shards", err=True)


if __name__ == "__main__":
    main()
