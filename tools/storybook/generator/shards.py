"""Renderings in shards: `python -m tools.storybook.generator.shards`.

A shard holds the scenes whose seeds follow one another, so that its number tells all about it but
the pixels; shards that are there already are left alone.
"""

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from engine.storybook.scenes import Scene
from tools.storybook.generator.rendering import SIDE, Pixels, coverage, render_fixed
from tools.storybook.optimising import DEFAULT_FOLDER
from tools.storybook.progress import Progress
from tools.storybook.sampling import sample_scene

FOLDER = DEFAULT_FOLDER / "generator96"
"""Where everything of a training run lies unless another folder is named."""
SHARD = 1000
"""Renderings of a shard."""
COVERAGE_CELLS = 24
"""Cells of a side of the coverage that is kept."""
EMPTY_EVERY = 16
"""One rendering of so many shows no animal: captions of places alone are learned from these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A scene to be rendered, with its animal or without."""

    scene: Scene
    with_animal: bool


def subject_of(number: int) -> Subject:
    """The rendering of this number."""
    scene = sample_scene(number, two_share=0.0)
    return Subject(scene=scene, with_animal=number % EMPTY_EVERY != EMPTY_EVERY - 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Renderings:
    """All shards of a folder: pixels uint8 [n, 96, 96, 3] and coverage uint8 [n, 24, 24]."""

    pixels: list[Pixels]
    coverage: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.coverage)

    def pick(self, numbers: NDArray[np.int64]) -> Pixels:
        """The pixels of these renderings."""
        return np.stack([self.pixels[n // SHARD][n % SHARD] for n in numbers])


def open_renderings(folder: Path) -> Renderings:
    """The shards in `folder`/renderings. ClickException where there are none."""
    paths = sorted((folder / "renderings").glob("*-pixels.npy"))
    if not paths:
        raise click.ClickException(f"{folder} holds no renderings; make some first")
    covers = [np.load(str(path).replace("-pixels", "-coverage")) for path in paths]
    pixels = [np.load(path, mmap_mode="r") for path in paths]
    return Renderings(pixels=pixels, coverage=np.concatenate(covers))


def write_shard(folder: Path, number: int) -> None:
    """Render one shard; its pixels appear whole and last."""
    pixels = np.empty((SHARD, SIDE, SIDE, 3), np.uint8)
    cover = np.zeros((SHARD, COVERAGE_CELLS, COVERAGE_CELLS), np.uint8)
    for row in range(SHARD):
        subject = subject_of(number * SHARD + row)
        pixels[row] = np.asarray(render_fixed(subject.scene, with_animal=subject.with_animal))
        if subject.with_animal:
            cover[row] = coverage(subject.scene, COVERAGE_CELLS)
    np.save(folder / f"{number:04d}-coverage.npy", cover)
    partial = folder / f"{number:04d}-partial.npy"
    np.save(partial, pixels)
    partial.replace(folder / f"{number:04d}-pixels.npy")


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER)
@click.option("--shards", default=18, show_default=True, help="Thousands of renderings.")
def main(folder: Path, shards: int) -> None:
    """Render the shards that are missing."""
    target = folder / "renderings"
    target.mkdir(parents=True, exist_ok=True)
    missing = [
        number for number in range(shards) if not (target / f"{number:04d}-pixels.npy").exists()
    ]
    progress = Progress(shards * SHARD, "renderings", done=(shards - len(missing)) * SHARD)
    for left, number in zip(reversed(range(len(missing))), missing, strict=True):
        write_shard(target, number)
        progress.at((shards - left) * SHARD)


if __name__ == "__main__":
    main()
