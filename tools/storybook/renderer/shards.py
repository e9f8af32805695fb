"""Renders training pictures ahead, in shards: `python -m tools.storybook.renderer.shards`.

A shard is a .npy file of uint8 [SHARD, side, side, 3] for the seeds [k * SHARD, (k + 1) * SHARD) of
the "seen" split, beside a smaller one that says which animal lies where. Finished shards are kept,
so a stopped run goes on where it was.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from tools.storybook.renderer.render import label_map, render
from tools.storybook.sampling import sample_scene

SHARD = 1000
SIDE = 112
"""Rendered a little larger than the encoder reads, so that training can crop and shift."""
LABEL_SIDE = 28


def shard_path(folder: Path, number: int) -> Path:
    """Where shard `number` lies."""
    return folder / f"seen-{SIDE}-{number:04d}.npy"


def labels_path(folder: Path, number: int) -> Path:
    """Where the label maps of shard `number` lie, uint8 [SHARD, LABEL_SIDE, LABEL_SIDE]."""
    return folder / f"labels-{LABEL_SIDE}-{number:04d}.npy"


def render_shard(folder: Path, number: int) -> None:
    """Render one shard unless it is there already; each file is written whole or not at all."""
    scenes = [sample_scene(number * SHARD + row) for row in range(SHARD)]
    labels, pictures = labels_path(folder, number), shard_path(folder, number)
    if not labels.exists():
        _save(labels, np.stack([label_map(scene, LABEL_SIDE) for scene in scenes]))
    if not pictures.exists():
        rendered = [np.asarray(render(scene, SIDE, supersample=3)) for scene in scenes]
        _save(pictures, np.stack(rendered))


def _save(path: Path, array: NDArray[np.uint8]) -> None:
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    partial.rename(path)


def finished_shards(folder: Path) -> Iterator[int]:
    """Numbers of the shards that are on disk with their labels, in order."""
    for path in sorted(folder.glob(f"seen-{SIDE}-*.npy")):
        number = int(path.stem.rsplit("-", 1)[1])
        if labels_path(folder, number).exists():
            yield number


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """Pictures and label maps of one shard, mapped rather than read."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def load_shard(folder: Path, number: int) -> Shard:
    """The shard with this number."""
    return Shard(
        pictures=np.load(shard_path(folder, number), mmap_mode="r", allow_pickle=False),
        labels=np.load(labels_path(folder, number), mmap_mode="r", allow_pickle=False),
    )


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
