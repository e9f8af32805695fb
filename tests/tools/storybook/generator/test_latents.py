"""Linear latents, and the encoder that is constructed for them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tools.storybook.generator.encoder import construct_encoder
from tools.storybook.generator.latents import (
    CELLS,
    CHANNELS,
    animal_share,
    fit_code,
    load_code,
    load_latents,
    squares,
    to_input,
)
from tools.storybook.generator.networks import build_vae
from tools.storybook.generator.rendering import CELL
from tools.storybook.generator.shards import open_renderings


def pictures(folder: Path, count: int) -> torch.Tensor:
    """The first renderings of a folder."""
    return to_input(open_renderings(folder).pick(np.arange(count)))


def test_what_is_decoded_comes_near_the_picture(folder: Path) -> None:
    x, code = pictures(folder, 48), load_code(folder)
    found = code.decode(code.encode(x))
    assert found.shape == x.shape
    assert float((found - x).square().mean() / x.var()) < 0.06


def test_a_picture_moved_by_a_cell_has_moved_latents(folder: Path) -> None:
    x, code = pictures(folder, 2), load_code(folder)
    moved = code.encode(torch.roll(x, CELL, dims=3))
    assert torch.allclose(moved, torch.roll(code.encode(x), 1, dims=3), atol=1e-4)


def test_latents_are_half_whitened_and_animals_weigh_more(folder: Path) -> None:
    renderings = open_renderings(folder)
    pixels = renderings.pick(np.arange(48))
    code = fit_code(pixels, renderings.coverage)
    latents = code.encode(to_input(pixels))
    weight = 1 + 6 * animal_share(renderings.coverage, CELLS)
    square = ((latents.square() * weight[:, None]).sum((0, 2, 3)) / weight.sum())[:20]
    assert square[0] > 3 * square[10] > 3 * square[19] * 0.99
    empty = fit_code(pixels, np.zeros_like(renderings.coverage))
    near = animal_share(renderings.coverage, CELLS)

    def left(each: object) -> float:
        error = squares(each.decode(each.encode(to_input(pixels))) - to_input(pixels))  # type: ignore[attr-defined]
        return float((error.square().mean(3) * near).sum())

    assert left(code) < left(empty)


def test_latents_are_encoded_again_when_there_are_more_renderings(folder: Path) -> None:
    latents = load_latents(folder)
    assert latents.shape == (48, CHANNELS, CELLS, CELLS)
    expected = load_code(folder).encode(pictures(folder, 48))
    assert torch.allclose(latents.float(), expected, atol=0.02)


def test_the_constructed_encoder_computes_the_code(folder: Path) -> None:
    vae, code = build_vae(), load_code(folder)
    construct_encoder(vae, code, open_renderings(folder))
    x = pictures(folder, 12)
    with torch.no_grad():
        found = vae.encode(x).latent_dist
    expected = code.encode(x)
    assert float((found.mean - expected).square().mean() / expected.square().mean()) < 0.03
    assert float(found.std.max()) < 0.01


def test_the_constructed_encoder_keeps_in_half_precision(folder: Path) -> None:
    vae, code = build_vae(), load_code(folder)
    construct_encoder(vae, code, open_renderings(folder))
    vae.half().float()
    x = pictures(folder, 12)
    with torch.no_grad():
        found = vae.encode(x).latent_dist.mode()
    expected = code.encode(x)
    assert float((found - expected).square().mean() / expected.square().mean()) < 0.03


@pytest.mark.parametrize("cells", [6, 24])
def test_the_share_of_animals_is_averaged_over_cells(cells: int) -> None:
    cover = np.zeros((1, 24, 24), np.uint8)
    cover[0, :4, :2] = 255
    found = animal_share(cover, cells)
    assert found.shape == (1, cells, cells)
    assert float(found[0, 0, 0]) == (0.5 if cells == 6 else 1.0)
    assert float(found.mean()) == pytest.approx(8 / 576)
