"""The generator's networks, its text tower, and the schedule of its noise.

The text tower is taken from the storybook's encoder, which reads both languages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from transformers import CLIPModel
from transformers.models.clip.modeling_clip import CLIPTextModel
from transformers.models.clip.tokenization_clip import CLIPTokenizer

SIDE = 64
"""Pixels along a side of what the generator makes."""
Tokenizer: TypeAlias = Any
TOWER, TOKENIZER = "text_encoder", "tokenizer"
"""Folders of the parts, as in a `StableDiffusionPipeline`."""


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


def own_tower(folder: Path, encoder: Path) -> tuple[CLIPTextModel, Tokenizer]:
    """The text tower kept in a generator's folder; that of the encoder is put there at first.

    A UNet reads the tower that it was trained with, whatever becomes of the encoder.
    """
    if not (folder / TOWER).exists():
        for part, name in zip(text_tower(encoder), (TOWER, TOKENIZER), strict=True):
            part.save_pretrained(folder / name)
    tower = CLIPTextModel.from_pretrained(folder / TOWER, dtype=torch.float32)
    tower.requires_grad_(False).train(False)
    return tower, CLIPTokenizer.from_pretrained(folder / TOKENIZER)


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


VAE_FOLDER = "vae"
"""What the UNet is trained on, beside the checkpoint."""
DECODER_FOLDER = "vae-decoder"
"""The same autoencoder, its decoder taught to read what the UNet writes."""
Vae: TypeAlias = Any
"""An AutoencoderKL; diffusers has no types."""
Unet: TypeAlias = Any
"""A UNet2DConditionModel."""
Noise: TypeAlias = Any
"""A DDIMScheduler."""
_VAE: Vae = AutoencoderKL
_UNET: Unet = UNet2DConditionModel
_NOISE: Noise = DDIMScheduler
CHANNELS = 6
"""Of the latents, which are 16 x 16."""
WIDTHS = (32, 128, 128)
"""Shapes are decided at half the latents' resolution; most of the channels are there."""


def build_vae() -> Vae:
    """A small autoencoder, four pixels to a cell."""
    return _VAE(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=8,
        sample_size=SIDE,
        mid_block_add_attention=False,
        scaling_factor=1.0,
    )


def build_unet(vae: Vae, text_width: int) -> Unet:
    """A small UNet for the latents; it reads the text at half their resolution.

    The text as a whole also scales and shifts every block, as a class does in Dhariwal and Nichol
    (arXiv:2105.05233): by attention alone it takes far longer to learn what an animal looks like.
    """
    unet = _UNET(
        sample_size=latent_side(vae),
        in_channels=vae.config.latent_channels,
        out_channels=vae.config.latent_channels,
        block_out_channels=WIDTHS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=text_width,
        attention_head_dim=4,
        norm_num_groups=8,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
    )
    unet.set_attn_processor(AttnProcessor())
    return unet


def load_vae(folder: Path) -> Vae:
    """An autoencoder to be used, not trained, in float32."""
    vae = _VAE.from_pretrained(folder, torch_dtype=torch.float32, use_safetensors=True)
    return vae.eval().requires_grad_(False)


def load_unet(folder: Path) -> Unet:
    """A UNet that was exported, in float32, to be trained on.

    ValueError where it has another shape than `build_unet` makes.
    """
    unet = _UNET.from_pretrained(folder, torch_dtype=torch.float32, use_safetensors=True)
    if tuple(unet.config.block_out_channels) != WIDTHS:
        raise ValueError(f"{folder} holds a UNet of widths {unet.config.block_out_channels}")
    unet.set_attn_processor(AttnProcessor())
    return unet


def latent_side(vae: Vae) -> int:
    """Cells along a side of the latents of a picture of the usual size."""
    return int(vae.config.sample_size // 2 ** (len(vae.config.block_out_channels) - 1))


def make_noise() -> Noise:
    """The schedule of the noise, which ends in noise alone.

    A squared cosine (Nichol and Dhariwal, arXiv:2102.09672): of latents this small, Stable
    Diffusion's own schedule leaves nothing to be seen for half of its steps.
    """
    return _NOISE(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What the UNet is trained beside, all of it frozen."""

    vae: Vae
    tower: CLIPTextModel
    tokenizer: Tokenizer


def load_parts(folder: Path, encoder: Path) -> Parts:
    """The autoencoder and the text tower in `folder`; a first tower is that of `encoder`."""
    vae = load_vae(folder / VAE_FOLDER)
    tower, tokenizer = own_tower(folder, encoder)
    return Parts(vae=vae, tower=tower, tokenizer=tokenizer)
