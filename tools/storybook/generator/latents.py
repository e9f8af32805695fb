"""Latents that are a fixed linear code of the picture.

`python -m tools.storybook.generator.latents`

Principal components of squares of 16 x 16 pixels, those with an animal weighted; half whitened, so
that what varies most keeps the most of the noise off. Nothing has to be trained before the UNet.
"""

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from tools.storybook.generator.rendering import CELL, SIDE, Pixels
from tools.storybook.generator.shards import FOLDER, Renderings, open_renderings

CHANNELS = 64
"""Numbers of a latent cell."""
CELLS = SIDE // CELL
FITTED = 1500
"""Renderings that the code is fitted to."""
ANIMAL_WEIGHT = 6.0
"""How much more a square of an animal counts than one of the scenery."""
FILE = "linear-code.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class LinearCode:
    """A square's pixels [3 * CELL * CELL], -1 to 1, to CHANNELS numbers and back."""

    mean: Tensor
    into: Tensor
    """[768, CHANNELS]"""
    back: Tensor
    """[CHANNELS, 768]"""

    def encode(self, pixels: Tensor) -> Tensor:
        """Latents [n, CHANNELS, h / 16, w / 16] of pictures [n, 3, h, w], -1 to 1."""
        codes = (squares(pixels) - self.mean) @ self.into
        return codes.permute(0, 3, 1, 2).contiguous()

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures [n, 3, h, w] that come nearest, squares and all."""
        found = self.mean + latents.permute(0, 2, 3, 1) @ self.back
        n, rows, columns, _ = found.shape
        found = found.view(n, rows, columns, CELL, CELL, 3).permute(0, 5, 1, 3, 2, 4)
        return found.reshape(n, 3, rows * CELL, columns * CELL)


def squares(pixels: Tensor) -> Tensor:
    """Pictures [n, 3, h, w] as squares [n, h / 16, w / 16, 768]."""
    n, _, height, width = pixels.shape
    cut = pixels.view(n, 3, height // CELL, CELL, width // CELL, CELL)
    return cut.permute(0, 2, 4, 3, 5, 1).reshape(n, height // CELL, width // CELL, -1)


def to_input(pixels: Pixels) -> Tensor:
    """Pixels uint8 [n, h, w, 3] as networks read them, -1 to 1, [n, 3, h, w]."""
    return torch.tensor(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def to_pixels(x: Tensor) -> Pixels:
    """The inverse of `to_input`."""
    return ((x.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def fit_code(pixels: Pixels, coverage: NDArray[np.uint8]) -> LinearCode:
    """The code of these renderings; the mean square of all latents' deviations is one."""
    x = squares(to_input(pixels)).flatten(0, 2)
    weight = 1 + ANIMAL_WEIGHT * animal_share(coverage, CELLS).flatten()
    weight = weight / weight.mean()
    mean = (weight[:, None] * x).mean(0)
    centred = (x - mean) * weight.sqrt()[:, None]
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(x))
    values, vectors = values.flip(0)[:CHANNELS], vectors.flip(1)[:, :CHANNELS]
    deviation = values.sqrt()
    kept = deviation.sqrt()
    kept = kept / kept.square().mean().sqrt()
    into = (vectors / deviation * kept).contiguous()
    return LinearCode(mean=mean, into=into, back=(vectors * deviation / kept).T.contiguous())


def animal_share(coverage: NDArray[np.uint8], cells: int) -> Tensor:
    """The share that animals cover of each of cells x cells squares, float [n, cells, cells]."""
    n, side, _ = coverage.shape
    cut = coverage.reshape(n, cells, side // cells, cells, side // cells)
    return torch.from_numpy(cut.mean((2, 4), dtype=np.float32) / 255)


def load_code(folder: Path) -> LinearCode:
    """The code of a training folder."""
    return LinearCode(**load_file(folder / FILE))


def encode_all(renderings: Renderings, code: LinearCode) -> Tensor:
    """Latents of all renderings, float16 [n, CHANNELS, 6, 6]."""
    parts = []
    for shard in renderings.pixels:
        for start in range(0, len(shard), 250):
            pixels = np.asarray(shard[start : start + 250])
            parts.append(code.encode(to_input(pixels)).half())
    return torch.cat(parts)


def load_latents(folder: Path) -> Tensor:
    """Latents of all renderings of a folder; encoded where the file is not there or short."""
    path = folder / "latents.safetensors"
    renderings = open_renderings(folder)
    if path.exists():
        found = load_file(path)["latents"]
        if len(found) == len(renderings):
            return found
    latents = encode_all(renderings, load_code(folder))
    _save({"latents": latents}, path)
    return latents


def _save(tensors: dict[str, Tensor], path: Path) -> None:
    """Write a file whole or not at all, so that a run that was stopped can go on."""
    partial = path.with_suffix(".partial")
    save_file(tensors, partial)
    partial.replace(path)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER)
def main(folder: Path) -> None:
    """Fit the code, unless there is one, and encode all renderings."""
    renderings = open_renderings(folder)
    if not (folder / FILE).exists():
        numbers = np.arange(min(FITTED, len(renderings)))
        code = fit_code(renderings.pick(numbers), renderings.coverage[numbers])
        _save({"mean": code.mean, "into": code.into, "back": code.back}, folder / FILE)
    latents = load_latents(folder)
    deviation = latents[:2000].float().std((0, 2, 3))
    click.echo(f"{len(latents)} latents, deviations {deviation[0]:.2f} to {deviation[-1]:.2f}")


if __name__ == "__main__":
    main()
