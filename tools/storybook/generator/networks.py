"""Networks of the generator with fresh weights, its text tower, and the schedule of its noise.

The text tower is taken from the storybook's encoder, which reads both languages.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from transformers import CLIPModel
from transformers.models.clip.modeling_clip import CLIPTextModel
from transformers.models.clip.tokenization_clip import CLIPTokenizer

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
Tokenizer: TypeAlias = Any
TOWER, TOKENIZER = "text_encoder", "tokenizer"
"""Folders of the parts, as in a `StableDiffusionPipeline`."""

_VAE: Vae = AutoencoderKL
_UNET: Unet = UNet2DConditionModel
_NOISE: Noise = DDIMScheduler

VAE_WIDTHS = (16, 32, 64, 128, 128)
WIDTHS = (128, 256)
"""Of the UNet at 6 x 6 and 3 x 3 cells. The second is small enough for padding to tell every cell
from the others, so that a layer there can draw any shape from the text as a whole."""


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


def text_tower(encoder: Path) -> tuple[CLIPTextModel, Tokenizer]:
    """The text tower of a `CLIPModel` folder as a model of its own, in float32, and its tokenizer.

    ValueError where the tokenizer's length is not that of the tower.
    """
    clip = CLIPModel.from_pretrained(encoder, dtype=torch.float32)
    config: Any = clip.config.text_config
    tower = CLIPTextModel(config)
    own = tower.state_dict()
    weights = {f"text_model.{k}": v for k, v in clip.text_model.state_dict().items()}
    if not own.keys() & weights.keys():
        weights = dict(clip.text_model.state_dict())
    tower.load_state_dict(weights)
    tokenizer = CLIPTokenizer.from_pretrained(encoder)
    if tokenizer.model_max_length != config.max_position_embeddings:
        raise ValueError(f"{encoder}: the tokenizer reads {tokenizer.model_max_length} tokens")
    tower.requires_grad_(False).train(False)
    return tower, tokenizer


@torch.inference_mode()
def text_states(tower: CLIPTextModel, tokenizer: Tokenizer, texts: Sequence[str]) -> Tensor:
    """What the UNet reads of texts, [n, tokens, width], as `StableDiffusionPipeline` makes it."""
    ids = tokenizer(
        list(texts),
        padding="max_length",
        truncation=True,
        max_length=tokenizer.model_max_length,
        return_tensors="pt",
    )["input_ids"]
    states: Tensor = tower(ids.to(tower.device))[0]
    return states
