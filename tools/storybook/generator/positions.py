"""Positions in the decoder by construction, before it learns.

A latent cell tells of 16 x 16 pixels, but a decoder copies each cell to 2 x 2 and filters these
alike: in the midst of a picture nothing tells the four apart, save what lies around. So a few
channels are made to know where they are. Padding shows where the border is; random features of
that, and one layer fitted to them, give two ramps; and when a ramp is doubled, its differences are
the parity of rows and columns. All of it may be changed by training.
"""

import torch
from torch import Tensor
from torch.nn import functional

from tools.storybook.generator.latents import CELLS, CHANNELS
from tools.storybook.generator.networks import Part, Vae

OWN = 16
"""Channels of the first group of a norm, which are kept to themselves until the ramps are made."""
RAMPS, PARITIES = 2, 4
"""Channels before these numbers are the ramps to the right and down, then their parities."""


@torch.no_grad()
def give_positions(vae: Vae) -> None:
    """Make the first channels of every level of a new decoder ramps and parities."""
    decoder = vae.decoder
    torch.manual_seed(0)
    decoder.conv_in.weight[:OWN] = 0.0
    decoder.conv_in.bias[:OWN] = torch.randn(OWN)
    first, last = decoder.mid_block.resnets
    for block in (first, last):
        for conv in (block.conv1, block.conv2):
            conv.weight[:OWN] = 0.0
            conv.weight[:OWN, :OWN] = torch.randn(OWN, OWN, 3, 3) / OWN**0.5 / 2
            conv.bias[:OWN] = torch.randn(OWN) / 4
    _fit_ramps(decoder, last)
    size = CELLS
    for block in decoder.up_blocks:
        for each in block.resnets:
            _keep(each)
        if block.upsamplers is not None:
            _double(block.upsamplers[0].conv, size)
            size *= 2


def _fit_ramps(decoder: Part, block: Part) -> None:
    """Choose the last kernel before the first copy so that its first channels are ramps."""
    seen: list[Tensor] = []
    hook = block.conv2.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    block.conv2.weight[:RAMPS] = 0.0
    block.conv2.bias[:RAMPS] = 0.0
    empty = decoder.conv_in(torch.zeros(1, CHANNELS, CELLS, CELLS))
    before = decoder.mid_block(empty)[0, :RAMPS].flatten(1).T
    hook.remove()
    own = functional.unfold(seen[0][:, :OWN], 3, padding=1)[0].T
    step = torch.arange(1, CELLS + 1) / CELLS
    ramps = torch.stack([step.expand(CELLS, -1), step[:, None].expand(-1, CELLS)]).flatten(1).T
    # Of all kernels that give the ramps, the smallest.
    found = torch.linalg.pinv(own.double()) @ (ramps - before).double()
    block.conv2.weight[:RAMPS, :OWN] = found.T.float().view(RAMPS, OWN, 3, 3)


def _keep(block: Part) -> None:
    """Let a residual block pass the positions on."""
    block.conv2.weight[:PARITIES] = 0.0
    block.conv2.bias[:PARITIES] = 0.0
    if block.conv_shortcut is not None:
        block.conv_shortcut.weight[:PARITIES] = 0.0
        block.conv_shortcut.weight[:PARITIES, :PARITIES, 0, 0] = torch.eye(PARITIES)
        block.conv_shortcut.bias[:PARITIES] = 0.0


def _double(conv: Part, size: int) -> None:
    """Make ramps of twice the size, and parities of 1 and -1, after every cell was copied."""
    conv.weight[:PARITIES] = 0.0
    conv.bias[:PARITIES] = 0.0
    for ramp in range(RAMPS):
        here, there = conv.weight[ramp, ramp], conv.weight[RAMPS + ramp, ramp]
        before = (1, 0) if ramp == 0 else (0, 1)
        here[1, 1] = here[before] = 0.5
        there[1, 1], there[before] = 2.0 * size, -2.0 * size
        conv.bias[RAMPS + ramp] = -1.0
