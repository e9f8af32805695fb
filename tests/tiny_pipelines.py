"""Small seeded pipelines of the newer kinds, built from their config classes, with random weights.

Each paints pictures of SIDE pixels in a second on a CPU, and is saved as the hub has it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from tests.tiny_diffusion import SCHEDULER, TEXT_LENGTH, UNET, VAE, clip_tokenizer, quiet
from tests.tiny_models import sentence_pieces

Model: TypeAlias = Any
Config: TypeAlias = dict[str, Any]

WIDTH = 32
"""Of text towers."""
WIDE = 64
"""Of the second tower of Stable Diffusion XL: checkpoints tell the two by their widths."""
T5_LENGTH = 64
TURBO: Config = {"timestep_spacing": "trailing"}
"""What tells the scheduler of a turbo model from others."""
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }} {{ message.content }}"
    "{% endfor %}<|im_start|>assistant"
)

_TOWER: Config = {
    "hidden_size": WIDTH,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
_CAUSAL = _TOWER | {"num_key_value_heads": 2, "head_dim": 8, "vocab_size": 4096}


def tiny_sdxl(*, turbo: bool = False) -> Model:
    """Stable Diffusion XL, or as its turbo is configured."""
    from diffusers import (
        EulerAncestralDiscreteScheduler,
        EulerDiscreteScheduler,
        StableDiffusionXLPipeline,
        UNet2DConditionModel,
    )

    unet = UNET | {
        "block_out_channels": (16, 32, 32),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": (2, 4, 4),
        "transformer_layers_per_block": (1, 1, 1),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + WIDE,
        "cross_attention_dim": WIDTH + WIDE,
    }
    kind = EulerAncestralDiscreteScheduler if turbo else EulerDiscreteScheduler
    scheduler: Any = kind
    return _made(
        StableDiffusionXLPipeline,
        vae=_vae(),
        text_encoder=_clip_tower(),
        text_encoder_2=_clip_tower(WIDE, projected=True),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        unet=_network(UNet2DConditionModel, **unet),
        scheduler=scheduler(**_betas(), **(TURBO if turbo else {})),
    )


def tiny_sd3() -> Model:
    """Stable Diffusion 3: three text towers, flow matching, a shifted VAE of 16 channels."""
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        SD3Transformer2DModel,
        StableDiffusion3Pipeline,
    )

    transformer = _network(
        SD3Transformer2DModel,
        sample_size=8,
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=2 * WIDTH,
        caption_projection_dim=32,
        pooled_projection_dim=2 * WIDTH,
        pos_embed_max_size=32,
    )
    return _made(
        StableDiffusion3Pipeline,
        transformer=transformer,
        scheduler=_network(FlowMatchEulerDiscreteScheduler, shift=3.0),
        vae=_wide_vae(),
        text_encoder=_clip_tower(projected=True),
        tokenizer=clip_tokenizer(),
        text_encoder_2=_clip_tower(projected=True),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=_t5(2 * WIDTH),
        tokenizer_3=_t5_tokenizer(),
    )


def tiny_flux(*, guidance_embeds: bool = True) -> Model:
    """Flux: latents packed by patches of 2 x 2; guided inside the network, or not at all."""
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

    transformer = _network(
        FluxTransformer2DModel,
        patch_size=1,
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=guidance_embeds,
    )
    shift: Config = {"shift": 3.0, "use_dynamic_shifting": True} if guidance_embeds else {}
    return _made(
        FluxPipeline,
        scheduler=_network(FlowMatchEulerDiscreteScheduler, **shift),
        vae=_wide_vae(),
        text_encoder=_clip_tower(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=_t5(WIDTH),
        tokenizer_2=_t5_tokenizer(),
        transformer=transformer,
    )


def tiny_pixart() -> Model:
    """PixArt: a transformer that also predicts the noise's variance, under an epsilon schedule."""
    from diffusers import DPMSolverMultistepScheduler, PixArtSigmaPipeline, PixArtTransformer2DModel

    transformer = _network(
        PixArtTransformer2DModel,
        num_attention_heads=4,
        attention_head_dim=8,
        num_layers=1,
        cross_attention_dim=32,
        norm_num_groups=8,
        sample_size=8,
        caption_channels=WIDTH,
        use_additional_conditions=False,
    )
    return _made(
        PixArtSigmaPipeline,
        tokenizer=_t5_tokenizer(),
        text_encoder=_t5(WIDTH),
        vae=_vae(),
        transformer=transformer,
        scheduler=_network(DPMSolverMultistepScheduler, beta_schedule="linear"),
    )


def tiny_sana() -> Model:
    """Sana: an autoencoder that shrinks 32 times, and DPM-Solver along a flow."""
    from diffusers import (
        AutoencoderDC,
        DPMSolverMultistepScheduler,
        SanaPipeline,
        SanaTransformer2DModel,
    )
    from transformers.models.gemma2.configuration_gemma2 import Gemma2Config
    from transformers.models.gemma2.modeling_gemma2 import Gemma2Model

    blocks: Config = {
        f"{side}_{what}": value
        for side in ("encoder", "decoder")
        for what, value in (
            ("block_types", "ResBlock"),
            ("block_out_channels", (8,) * 6),
            ("layers_per_block", (1,) * 6),
            ("qkv_multiscales", ((),) * 6),
        )
    }
    vae = _network(AutoencoderDC, latent_channels=8, scaling_factor=0.41407, **blocks)
    transformer = _network(
        SanaTransformer2DModel,
        in_channels=8,
        out_channels=8,
        num_attention_heads=4,
        attention_head_dim=8,
        num_layers=1,
        num_cross_attention_heads=4,
        cross_attention_head_dim=8,
        cross_attention_dim=32,
        caption_channels=WIDTH,
        sample_size=2,
    )
    config: Any = Gemma2Config(**_CAUSAL)
    flow: Config = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
    return _made(
        SanaPipeline,
        tokenizer=_t5_tokenizer(),
        text_encoder=Gemma2Model(config),
        vae=vae,
        transformer=transformer,
        scheduler=_network(DPMSolverMultistepScheduler, flow_shift=3.0, **flow),
    )


def tiny_z_image() -> Model:
    """Z-Image: texts as a chat with a language model, pictures as lists of tensors."""
    from diffusers import FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
    from transformers.models.qwen3.configuration_qwen3 import Qwen3Config
    from transformers.models.qwen3.modeling_qwen3 import Qwen3Model

    tokenizer = _t5_tokenizer()
    tokenizer.chat_template = CHAT
    config: Any = Qwen3Config(**_CAUSAL)
    transformer = _network(
        ZImageTransformer2DModel,
        in_channels=16,
        dim=32,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=WIDTH,
        axes_dims=[4, 4, 8],
        axes_lens=[256, 64, 64],
    )
    return _made(
        ZImagePipeline,
        scheduler=_network(FlowMatchEulerDiscreteScheduler, shift=3.0),
        vae=_wide_vae(),
        text_encoder=Qwen3Model(config),
        tokenizer=tokenizer,
        transformer=transformer,
    )


def tiny_kandinsky() -> Model:
    """Kandinsky 3: a UNet of its own, and a quantised autoencoder that is called `movq`."""
    from diffusers import DDPMScheduler, Kandinsky3Pipeline, Kandinsky3UNet, VQModel

    unet = _network(
        Kandinsky3UNet,
        in_channels=4,
        time_embedding_dim=4,
        groups=2,
        attention_head_dim=4,
        layers_per_block=3,
        block_out_channels=(32, 64),
        cross_attention_dim=4,
        encoder_hid_dim=WIDTH,
    )
    movq = _network(
        VQModel,
        block_out_channels=(32, 32, 32, 64),
        down_block_types=(*("DownEncoderBlock2D",) * 3, "AttnDownEncoderBlock2D"),
        up_block_types=("AttnUpDecoderBlock2D", *("UpDecoderBlock2D",) * 3),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=8,
        norm_type="spatial",
        num_vq_embeddings=12,
        vq_embed_dim=4,
    )
    schedule: Config = {"beta_schedule": "squaredcos_cap_v2", "clip_sample": True}
    return _made(
        Kandinsky3Pipeline,
        tokenizer=_t5_tokenizer(),
        text_encoder=_t5(WIDTH),
        unet=unet,
        movq=movq,
        scheduler=_network(DDPMScheduler, beta_start=0.0001, beta_end=0.02, **schedule),
    )


KINDS: Mapping[str, Callable[[], Model]] = {
    "sdxl": tiny_sdxl,
    "turbo": lambda: tiny_sdxl(turbo=True),
    "sd3": tiny_sd3,
    "flux": tiny_flux,
    "schnell": lambda: tiny_flux(guidance_embeds=False),
    "pixart": tiny_pixart,
    "sana": tiny_sana,
    "z-image": tiny_z_image,
    "kandinsky": tiny_kandinsky,
}


def save_tiny_kind(folder: Path, name: str) -> Path:
    """Save the pipeline of KINDS as a diffusers folder, in safetensors."""
    import torch

    quiet()
    torch.manual_seed(0)
    KINDS[name]().save_pretrained(folder)
    return folder


def _made(kind: Model, **parts: Model) -> Model:
    pipe = kind(**parts)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _network(kind: Model, **config: Any) -> Model:  # noqa: ANN401
    return kind(**config)


def _betas() -> Config:
    return {name: SCHEDULER[name] for name in ("beta_start", "beta_end", "beta_schedule")}


def _vae() -> Model:
    from diffusers import AutoencoderKL

    return _network(AutoencoderKL, **VAE)


def _wide_vae() -> Model:
    """A VAE whose latents have 16 channels and a mean of their own."""
    from diffusers import AutoencoderKL

    wide: Config = {"latent_channels": 16, "scaling_factor": 1.5305, "shift_factor": 0.0609}
    bare: Config = {"use_quant_conv": False, "use_post_quant_conv": False}
    return _network(AutoencoderKL, **(VAE | wide | bare))


def _clip_tower(width: int = WIDTH, *, projected: bool = False) -> Model:
    from transformers.models.clip.configuration_clip import CLIPTextConfig
    from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection

    tokenizer = clip_tokenizer()
    config: Any = CLIPTextConfig(
        **(_TOWER | {"hidden_size": width}),
        projection_dim=width,
        vocab_size=len(tokenizer),
        max_position_embeddings=TEXT_LENGTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModelWithProjection(config) if projected else CLIPTextModel(config)


def _t5(width: int) -> Model:
    from transformers.models.t5.configuration_t5 import T5Config
    from transformers.models.t5.modeling_t5 import T5EncoderModel

    config: Any = T5Config(
        vocab_size=4096, d_model=width, d_kv=8, d_ff=64, num_layers=2, num_heads=4
    )
    return T5EncoderModel(config)


def _t5_tokenizer() -> Model:
    return sentence_pieces(T5_LENGTH)
