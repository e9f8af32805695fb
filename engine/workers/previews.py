"""Small pictures of unfinished latents, by a linear map or by a tiny decoder, at little cost."""

import base64
import contextlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import torch
from diffusers import AutoencoderTiny
from numpy.typing import NDArray
from safetensors import SafetensorError

from engine.files import recall, remember

Vae: TypeAlias = Any
Event: TypeAlias = Any
Send: TypeAlias = Callable[[str, int, int], None]
"""Takes a preview: base64 of uint8 [height, width, 3], width, height."""

MIN_INTERVAL_S = 0.1
MAX_SHARE = 0.02
"""Of the time, that previews may take."""
MAX_SIDE = 128
_CHANNELS = 3
_SAMPLES = 8
_CELLS = 16
_RIDGE = 1e-3


class LinearMap:
    """Colours as an affine function of a latent's channels, in the pipeline's scale."""

    def __init__(self, weights: torch.Tensor) -> None:
        self._weights = weights
        self.channels = len(weights) - 1

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        """Return RGB in 0..1, [1, 3, h, w] for latents [1, c, h, w]."""
        flat = latents.float().flatten(2)
        rgb = torch.einsum("co,ncp->nop", self._weights[:-1], flat) + self._weights[-1, :, None]
        return rgb.reshape(1, 3, *latents.shape[2:])


class TinyDecoder:
    """TAESD: a small network that decodes latents in one go."""

    def __init__(self, model: Vae) -> None:
        self._model = model
        self.channels = int(model.config.latent_channels)

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        """Return RGB in 0..1, [1, 3, h, w] for latents [1, c, h / 8, w / 8]."""
        decoded: torch.Tensor = self._model.decode(latents.to(self._model.dtype)).sample
        return decoded.float() / 2 + 0.5


class Previewer:
    """Sends previews: at most ten a second, and never for more than MAX_SHARE of the time."""

    def __init__(self, to_rgb: LinearMap | TinyDecoder, send: Send) -> None:
        self._to_rgb = to_rgb
        self._send = send
        self._next = 0.0
        self._pending: tuple[torch.Tensor, Event] | None = None
        self._shape = (1, 1)

    def begin(self, width: int, height: int) -> None:
        """Take note of the size of the picture whose latents come next, in pixels."""
        self._shape = (width, height)

    @torch.inference_mode()
    def show(self, latents: torch.Tensor) -> None:
        """Send what `latents` look like, if it is time; on a GPU, the call after next sends it.

        Latents in a packing that is not known are not shown.
        """
        self._collect()
        start = time.perf_counter()
        if start < self._next or self._pending is not None:
            return
        laid_out = unpacked(latents, self._to_rgb.channels, self._shape)
        if laid_out is None:
            return
        rgb = _shrunk(self._to_rgb(laid_out))[0]
        pixels = (rgb.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
        if pixels.is_cuda:
            self._fetch(pixels)
        else:
            self._emit(pixels.cpu())
        cost = time.perf_counter() - start
        self._next = start + max(MIN_INTERVAL_S, cost / MAX_SHARE)

    def _fetch(self, pixels: torch.Tensor) -> None:
        """Copy to the host without waiting for the GPU."""
        held = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
        held.copy_(pixels, non_blocking=True)
        arrived: Event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record()
        self._pending = (held, arrived)

    def _collect(self) -> None:
        if self._pending is not None and self._pending[1].query():
            self._emit(self._pending[0])
            self._pending = None

    def _emit(self, pixels: torch.Tensor) -> None:
        height, width = pixels.shape[:2]
        self._send(base64.b64encode(pixels.numpy().tobytes()).decode("ascii"), width, height)


_PATCH = 2


def unpacked(latents: torch.Tensor, channels: int, shape: tuple[int, int]) -> torch.Tensor | None:
    """Return latents as a picture, [1, channels, h, w]; None where they cannot be laid out.

    Taken are such pictures, ones of a film [1, c, 1, h, w], and rows of tokens [1, h w, c], each
    also with the channels of patches of 2 x 2 side by side, as Flux has them. `shape` is
    the picture's, in pixels.
    """
    if latents.ndim == 5:
        latents = latents[:, :, 0]
    elif latents.ndim == 3:
        tokens = latents.shape[1]
        across = max(1, round(math.sqrt(tokens * shape[0] / shape[1])))
        if tokens % across:
            return None
        latents = latents.transpose(1, 2)
        latents = latents.reshape(1, latents.shape[1], tokens // across, across)
    if latents.shape[1] == channels * _PATCH**2:
        return torch.nn.functional.pixel_shuffle(latents, _PATCH)
    return latents if latents.shape[1] == channels else None


def load_tiny_decoder(
    folder: Path, device: str, dtype: torch.dtype, channels: int
) -> TinyDecoder | None:
    """Load TAESD from a folder in diffusers format, for latents of so many channels.

    None where there is none that can be used.
    """
    with contextlib.suppress(OSError, ValueError, RuntimeError, SafetensorError):
        kind: Vae = AutoencoderTiny
        model = kind.from_pretrained(
            folder, torch_dtype=dtype, use_safetensors=True, local_files_only=True
        )
        decoder = TinyDecoder(model.to(device).eval())
        return decoder if decoder.channels == channels else None
    return None


def latent_channels(vae: Vae) -> int:
    """Return how many channels the latents of an autoencoder have."""
    return int(getattr(vae.config, "latent_channels", None) or vae.config.z_dim)


def linear_map(vae: Vae, device: str, key: str, memory: Path) -> LinearMap:
    """Return the linear map of a VAE, fitted once and kept in the file `memory` under `key`."""
    known = recall(memory)
    shape = (latent_channels(vae) + 1, _CHANNELS)
    held = known.get(key)
    weights = np.asarray(held if _is_map(held) else [], np.float32)
    if weights.shape != shape or not np.isfinite(weights).all():
        weights = fit(vae, device)
        remember(memory, known | {key: weights.tolist()})
    return LinearMap(torch.from_numpy(weights).to(device))


@torch.inference_mode()
def fit(vae: Vae, device: str) -> NDArray[np.float32]:
    """Return [channels + 1, 3], the least squares from encoded colours to the colours, 0..1."""
    dtype = vae.dtype
    if dtype == torch.float16:
        # Some models' autoencoders overflow in half precision.
        vae.to(torch.float32)
    rows, targets = [], []
    for picture in _colours(_factor(vae) * _CELLS).unbind():
        picture = picture[None]
        latents = _encoded(vae, (picture * 2 - 1).to(device, vae.dtype)).float().cpu()
        rows.append(latents.flatten(2)[0].T.numpy())
        height, width = latents.shape[2:]
        means = torch.nn.functional.adaptive_avg_pool2d(picture, (height, width))
        targets.append(means.flatten(2)[0].T.numpy())
    if vae.dtype != dtype:
        vae.to(dtype)
    inputs = np.concatenate(rows).astype(np.float64)
    inputs = np.hstack([inputs, np.ones((len(inputs), 1))])
    # Latents that say little about colour must not be blown up: they are near unit variance
    # while they are denoised, however small the VAE makes those of soft colours.
    ridge = _RIDGE * len(inputs) * np.diag([1.0] * (inputs.shape[1] - 1) + [0.0])
    colours = inputs.T @ np.concatenate(targets).astype(np.float64)
    weights: NDArray[np.float32] = np.linalg.solve(inputs.T @ inputs + ridge, colours)
    return weights.astype(np.float32)


def _factor(vae: Vae) -> int:
    """Pixels on a side that become one latent."""
    known = getattr(vae, "spatial_compression_ratio", None)
    return int(known or 2 ** (len(vae.config.block_out_channels) - 1))


def _encoded(vae: Vae, picture: torch.Tensor) -> torch.Tensor:
    """Return the latents of a picture in the scale that pipelines denoise them in, [1, c, h, w]."""
    if next(vae.parameters()).ndim == 5:
        picture = picture.unsqueeze(2)
    found = vae.encode(picture)
    latents = found.latent_dist.mode() if "latent_dist" in found else next(iter(found.values()))
    config, shape = vae.config, (1, -1, *[1] * (latents.ndim - 2))
    mean, deviation = (
        torch.tensor(values or fallback, device=latents.device).reshape(shape)
        for values, fallback in (
            (getattr(config, "latents_mean", None), [getattr(config, "shift_factor", None) or 0.0]),
            (getattr(config, "latents_std", None), [1.0]),
        )
    )
    scale = getattr(config, "scaling_factor", None) or 1.0
    scaled: torch.Tensor = (latents.float() - mean) / deviation * scale
    return scaled[:, :, 0] if scaled.ndim == 5 else scaled


def _colours(side: int) -> torch.Tensor:
    """Return pictures of soft random colours, coarse and fine, the same at every call."""
    noise = torch.Generator().manual_seed(0)
    pictures = []
    for number in range(_SAMPLES):
        cells = torch.rand(1, 3, 2 + number, 2 + number, generator=noise)
        pictures.append(
            torch.nn.functional.interpolate(cells, (side, side), mode="bilinear").clamp(0, 1)
        )
    return torch.cat(pictures)


def _shrunk(rgb: torch.Tensor) -> torch.Tensor:
    times = math.ceil(max(rgb.shape[2:]) / MAX_SIDE)
    return torch.nn.functional.avg_pool2d(rgb, times) if times > 1 else rgb


def _is_map(value: object) -> TypeGuard[list[list[float]]]:
    return isinstance(value, list) and all(
        isinstance(row, list)
        and len(row) == _CHANNELS
        and all(isinstance(each, int | float) for each in row)
        for row in value
    )
