"""Turns rendered pictures into varied training input: shifts, blur, noise, light, false colours."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.storybook.training.network import MEAN, PATCH, SIDE, STD


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What the encoder is shown, and how much of each patch the two animals cover."""

    pixels: Tensor
    """Normalised, [n, 3, SIDE, SIDE]."""
    coverage: Tensor
    """0 to 1, [n, 2, grid, grid]."""


def augmented(
    pictures: Tensor, labels: Tensor, flipped: Tensor, blind: Tensor, random: torch.Generator
) -> Shown:
    """Input made from uint8 pictures [n, side, side, 3] and label maps [n, k, k]."""
    place = _placement(pictures, flipped, random)
    x = _placed(pictures.permute(0, 3, 1, 2).float() / 255.0, place, SIDE)
    x = _degraded(_coloured(x, blind, random), random)
    each = torch.stack([labels == 1, labels == 2], dim=1).float()
    fine = 4 * (SIDE // PATCH)
    coverage = functional.avg_pool2d(_placed(each, place, fine), 4)
    return Shown(pixels=normalised(x), coverage=coverage)


def normalised(x: Tensor) -> Tensor:
    """Pixels in 0 to 1 as the encoder expects them."""
    mean = torch.tensor(MEAN, device=x.device)[None, :, None, None]
    std = torch.tensor(STD, device=x.device)[None, :, None, None]
    return (x - mean) / std


def _uniform(n: int, low: float, high: float, like: Tensor, random: torch.Generator) -> Tensor:
    value = torch.rand(n, generator=random) * (high - low) + low
    return value.to(like.device)


def _placement(x: Tensor, flipped: Tensor, random: torch.Generator) -> Tensor:
    """A mirror image where asked for, scaled a little and shifted a little: [n, 2, 3]."""
    n = len(x)
    zoom = _uniform(n, 0.9, 1.03, x, random)
    theta = torch.zeros(n, 2, 3, device=x.device)
    theta[:, 0, 0] = torch.where(flipped.to(x.device), -zoom, zoom)
    theta[:, 1, 1] = zoom
    theta[:, 0, 2] = _uniform(n, -0.05, 0.05, x, random)
    theta[:, 1, 2] = _uniform(n, -0.05, 0.05, x, random)
    return theta


def _placed(x: Tensor, place: Tensor, side: int) -> Tensor:
    grid = functional.affine_grid(place, [len(x), x.shape[1], side, side], align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _coloured(x: Tensor, blind: Tensor, random: torch.Generator) -> Tensor:
    """Grey or false colours for the blind, a little more or less light for the others."""
    n = len(x)
    weights = torch.tensor([0.3, 0.59, 0.11], device=x.device)
    grey = (x * weights[None, :, None, None]).sum(1, keepdim=True).expand_as(x)
    mix = torch.rand(n, 3, 3, generator=random).to(x.device) - 0.15
    mix = mix / mix.sum(2, keepdim=True).clamp(min=0.4)
    false = torch.einsum("nij,njhw->nihw", mix, x).clamp(0, 1)
    use_grey = (_uniform(n, 0, 1, x, random) < 0.6)[:, None, None, None]
    plain = x * _uniform(n, 0.9, 1.1, x, random)[:, None, None, None]
    plain = plain + _uniform(n, -0.05, 0.05, x, random)[:, None, None, None]
    is_blind = blind.to(x.device)[:, None, None, None]
    return torch.where(is_blind, torch.where(use_grey, grey, false), plain).clamp(0, 1)


def _degraded(x: Tensor, random: torch.Generator) -> Tensor:
    """A slight blur on some pictures, noise on others."""
    n = len(x)
    blur = _uniform(n, 0, 1, x, random) < 0.12
    noisy = _uniform(n, 0, 1, x, random) < 0.15
    if blur.any():
        padded = functional.pad(x[blur], (1, 1, 1, 1), mode="replicate")
        x[blur] = functional.avg_pool2d(padded, 3, 1)
    if noisy.any():
        noise = torch.randn(x[noisy].shape, generator=random).to(x.device)
        x[noisy] = (x[noisy] + 0.05 * noise).clamp(0, 1)
    return x
