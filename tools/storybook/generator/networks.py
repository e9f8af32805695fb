"""Networks of the generator with fresh weights, and the schedule of its noise."""

from typing import Any, TypeAlias

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor

from tools.storybook.generator.latents import CELLS, CHANNELS
from tools.storybook.generator.rendering import SIDE

Vae: TypeAlias = Any
"""An AutoencoderKL; diffusers has no types."""
Unet: TypeAlias = Any
"""A UNet2DConditionModel."""
Noise: TypeAlias = Any
"""A DDIMScheduler."""
Part: TypeAlias = Any
"""A layer or several of any of these."""

_VAE: Vae = AutoencoderKL
_UNET: Unet = UNet2DConditionModel
_NOISE: Noise = DDIMScheduler

VAE_WIDTHS = (16, 32, 64, 128, 128)
WIDTHS = (128, 256)
"""Of the UNet at 6 x 6 and 3 x 3 cells. The second is small enough for padding to tell every cell
from the others, so that a layer there can draw any shape from the text as a whole."""
TIME_WIDTH = 512
"""Of the embedding of step and text, four times the first width."""


def build_vae() -> Vae:
    """An autoencoder with sixteen pixels to a cell."""
    levels = len(VAE_WIDTHS)
    return _VAE(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=VAE_WIDTHS,
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=8,
        sample_size=SIDE,
        mid_block_add_attention=False,
        scaling_factor=1.0,
    )


def build_unet(text_width: int) -> Unet:
    """A UNet of residual blocks, which run fast on a CPU.

    The text as a whole scales and shifts every block, as a class does in Dhariwal and Nichol
    (arXiv:2105.05233); its tokens are read in the middle only.
    """
    unet = _UNET(
        sample_size=CELLS,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        block_out_channels=WIDTHS,
        down_block_types=("DownBlock2D",) * len(WIDTHS),
        up_block_types=("UpBlock2D",) * len(WIDTHS),
        mid_block_type="UNetMidBlock2DCrossAttn",
        layers_per_block=1,
        cross_attention_dim=text_width,
        attention_head_dim=4,
        norm_num_groups=16,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
    )
    unet.set_attn_processor(AttnProcessor())
    return unet


def make_noise() -> Noise:
    """The schedule of the noise, a squared cosine that ends in noise alone (arXiv:2102.09672).

    The UNet predicts clean latents.
    """
    return _NOISE(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
    )
