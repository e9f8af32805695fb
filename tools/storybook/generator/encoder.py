"""The linear latents as the encoder of an `AutoencoderKL`, by construction.

Painting needs no encoder, image to image does. Blocks of 2 x 2 are gathered level by level, the
residual branches are silent, and what the widths cannot hold is the least that pictures show. Two
things stand in the way of a linear map at the end: a group norm, which constants beside the codes
make harmless, as nearly all of each group's deviation is theirs, and a SiLU, which is straight
where everything is large.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tools.storybook.generator.latents import CHANNELS, LinearCode, to_input
from tools.storybook.generator.networks import VAE_WIDTHS, Part, Vae
from tools.storybook.generator.shards import Renderings

FITTED = 300
"""Renderings on which is seen what the levels have to keep."""
CONSTANT = 300.0
"""Size of the constants beside the codes; latents seldom pass 10."""
LIFT = 20.0
"""What the codes are raised by where they pass the SiLU."""
LOG_VARIANCE = -12.0


@torch.no_grad()
def construct_encoder(vae: Vae, code: LinearCode, renderings: Renderings) -> None:
    """Make the encoder of `vae` compute the code."""
    encoder = vae.encoder
    for parameter in encoder.parameters():
        parameter.zero_()
    _copy(encoder.conv_in, torch.eye(3))
    rows = np.linspace(0, len(renderings) - 1, FITTED).astype(np.int64)
    x = to_input(renderings.pick(rows))
    aims = code.encode(x).permute(1, 0, 2, 3).flatten(1)
    state, levels = x, len(VAE_WIDTHS) - 1
    for level, block in enumerate(encoder.down_blocks):
        _pass_on(block.resnets)
        if level == levels:
            break
        four = _gathered(state)
        if level < levels - 1:
            matrix = _most_telling(four, VAE_WIDTHS[level])
            offset = torch.zeros(len(matrix))
        else:
            matrix, offset = _least_squares(four, aims)
        _gather(block.downsamplers[0].conv, matrix, offset)
        state = torch.einsum("oc,nchw->nohw", matrix, four) + offset[:, None, None]
    _pass_on(encoder.mid_block.resnets)
    _end(encoder, vae.quant_conv)


def _copy(conv: Part, matrix: Tensor) -> None:
    """Let the middle of a kernel map the first channels by a matrix [out, in]."""
    centre = conv.weight.shape[-1] // 2
    conv.weight[: matrix.shape[0], : matrix.shape[1], centre, centre] = matrix


def _pass_on(resnets: Part) -> None:
    """Residual blocks that add nothing; where the width grows, the shortcut copies."""
    for block in resnets:
        if block.conv_shortcut is not None:
            _copy(block.conv_shortcut, torch.eye(block.conv_shortcut.in_channels))


def _gathered(state: Tensor) -> Tensor:
    """Each square of 2 x 2 as one cell, its channels one after the other."""
    four: Tensor = functional.pixel_unshuffle(state, 2)
    return four


def _most_telling(four: Tensor, width: int) -> Tensor:
    """The directions [k, channels] that pictures vary most in; all of them where they fit."""
    flat = four.permute(1, 0, 2, 3).flatten(1)
    kept = min(width, len(flat))
    if kept == len(flat):
        return torch.eye(kept)
    vectors: Tensor = torch.linalg.eigh(flat @ flat.T).eigenvectors
    return vectors.flip(1)[:, :kept].T.contiguous()


def _least_squares(four: Tensor, aims: Tensor) -> tuple[Tensor, Tensor]:
    """The matrix and offset that come nearest to the code."""
    flat = four.permute(1, 0, 2, 3).flatten(1)
    whole = torch.cat([flat, torch.ones(1, flat.shape[1])]).double()
    found = torch.linalg.solve(
        whole @ whole.T + 1e-4 * torch.eye(len(whole), dtype=torch.double), whole @ aims.T.double()
    ).T.float()
    return found[:, :-1].contiguous(), found[:, -1].contiguous()


def _gather(conv: Part, matrix: Tensor, offset: Tensor) -> None:
    """A strided kernel [out, in, 3, 3] that applies a matrix to squares of 2 x 2.

    Its last row and column are silent: they reach into the next square.
    """
    out, four = matrix.shape
    conv.weight[:out, : four // 4, :2, :2] = matrix.view(out, four // 4, 2, 2)
    conv.bias[:out] = offset


def _end(encoder: Part, outer: Part) -> None:
    """Carry the codes through norm and SiLU, and give every latent the same small variance."""
    norm, width = encoder.conv_norm_out, VAE_WIDTHS[-1]
    spare = width - CHANNELS
    # Half of each group's channels hold codes, and as many constants of both signs.
    into = torch.arange(width).view(norm.num_groups, -1)
    each = CHANNELS // norm.num_groups
    codes, constants = into[:, :each].flatten(), into[:, each:].flatten()
    signs = torch.ones(spare)
    signs[1::2] = -1
    last = encoder.down_blocks[-2].downsamplers[0].conv
    weight, bias = last.weight.clone(), last.bias.clone()
    last.weight.zero_()
    last.weight[codes] = weight[:CHANNELS]
    last.bias[codes] = bias[:CHANNELS]
    last.bias[constants] = CONSTANT * signs
    deviation = (CONSTANT**2 * spare / width) ** 0.5
    norm.weight[codes] = deviation
    norm.bias[codes] = LIFT
    chosen = torch.zeros(2 * CHANNELS, width)
    chosen[torch.arange(CHANNELS), codes] = 1.0
    _copy(encoder.conv_out, chosen)
    encoder.conv_out.bias[:CHANNELS] = -LIFT
    outer.weight.zero_()
    _copy(outer, torch.eye(2 * CHANNELS))
    outer.bias.zero_()
    outer.bias[CHANNELS:] = LOG_VARIANCE
