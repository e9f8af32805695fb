"""Small seeded Stable Diffusion pipelines with random weights, in the layouts of the large ones."""

import json
import os
from pathlib import Path
from typing import Any, TypeAlias

os.environ["HF_HUB_OFFLINE"] = "1"

Model: TypeAlias = Any
State: TypeAlias = dict[str, Any]

TEXT_LENGTH = 77
SIDE = 64
"""Pixels that the pipelines paint by default."""

# The configurations of Stable Diffusion 1.5 with fewer channels, layers and heads.
UNET: dict[str, Any] = {
    "sample_size": 8,
    "in_channels": 4,
    "out_channels": 4,
    "layers_per_block": 1,
    "block_out_channels": (16, 32, 32, 32),
    "down_block_types": (*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"),
    "up_block_types": ("UpBlock2D", *["CrossAttnUpBlock2D"] * 3),
    "norm_num_groups": 8,
    "attention_head_dim": 8,
    "cross_attention_dim": 32,
}
VAE: dict[str, Any] = {
    "sample_size": SIDE,
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "block_out_channels": (8, 16, 16, 16),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
SCHEDULER: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "skip_prk_steps": True,
    "steps_offset": 1,
    "set_alpha_to_one": False,
}


def tiny_pipeline(
    *,
    seed: int = 0,
    text_width: int = 32,
    unet: dict[str, Any] | None = None,
    scheduler: dict[str, Any] | None = None,
) -> Model:
    """Return a StableDiffusionPipeline that reads any text, byte by byte."""
    import torch
    from diffusers import (
        AutoencoderKL,
        PNDMScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers.models.clip.configuration_clip import CLIPTextConfig
    from transformers.models.clip.modeling_clip import CLIPTextModel

    quiet()
    torch.manual_seed(seed)
    tokenizer = clip_tokenizer()
    config: Any = CLIPTextConfig(
        hidden_size=text_width,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=len(tokenizer),
        max_position_embeddings=TEXT_LENGTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    kind: Any = StableDiffusionPipeline
    pipe = kind(
        vae=AutoencoderKL(**VAE),  # type: ignore[no-untyped-call]
        text_encoder=CLIPTextModel(config),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(**(UNET | (unet or {}))),  # type: ignore[no-untyped-call]
        scheduler=PNDMScheduler(**(SCHEDULER | (scheduler or {}))),  # type: ignore[no-untyped-call]
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def save_tiny_diffusion(
    folder: Path,
    *,
    seed: int = 0,
    dtype: str = "float32",
    variant: str | None = None,
    unet: dict[str, Any] | None = None,
    scheduler: dict[str, Any] | None = None,
) -> Path:
    """Save a pipeline as a diffusers folder, in safetensors."""
    import torch

    pipe = tiny_pipeline(seed=seed, unet=unet, scheduler=scheduler)
    pipe.to(getattr(torch, dtype)).save_pretrained(folder, variant=variant)
    return folder


def name_checker(folder: Path) -> Path:
    """Let a folder name a safety checker that it lacks, as what is fetched of the real ones does.

    The class of the feature extractor is one that transformers has no more.
    """
    index = folder / "model_index.json"
    content = json.loads(index.read_text())
    content["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    content["feature_extractor"] = ["transformers", "CLIPFeatureExtractor"]
    index.write_text(json.dumps(content))
    return folder


def make_as_published(folder: Path, *, variant: str | None = None) -> Path:
    """Give a folder what the published Stable Diffusion 1.5 has of older versions' names."""
    import torch
    from safetensors.torch import load_file, save_file

    ending = f".{variant}.safetensors" if variant else ".safetensors"
    text = folder / "text_encoder" / f"model{ending}"
    tensors = {
        f"text_model.{key.removeprefix('text_model.')}": value
        for key, value in load_file(text).items()
    }
    tensors["text_model.embeddings.position_ids"] = torch.arange(TEXT_LENGTH)[None]
    save_file(tensors, text, metadata={"format": "pt"})
    vae = folder / "vae" / f"diffusion_pytorch_model{ending}"
    renamed = {_published(key): value for key, value in load_file(vae).items()}
    save_file(renamed, vae, metadata={"format": "pt"})
    return name_checker(folder)


def save_safety_checker(folder: Path, *, blocks: bool) -> None:
    """Give a diffusers folder a safety checker that objects to everything, or to nothing."""
    import torch
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers.models.clip.configuration_clip import CLIPConfig
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tower = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    vision = tower | {"image_size": 16, "patch_size": 8}
    config: Any = CLIPConfig(text_config=tower, vision_config=vision, projection_dim=16)
    checker = StableDiffusionSafetyChecker(config)
    torch.nn.init.constant_(checker.concept_embeds_weights, -2.0 if blocks else 2.0)
    checker.save_pretrained(folder / "safety_checker")
    sizes: dict[str, Any] = {"size": {"shortest_edge": 16}, "crop_size": 16}
    CLIPImageProcessorPil(**sizes).save_pretrained(folder / "feature_extractor")
    name_checker(folder)


def save_lora(path: Path, pipe: Model, *, seed: int = 0) -> Path:
    """Save a LoRA of rank 2 for the attention of a pipeline's UNet."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    tensors: State = {}
    for name, weight in pipe.unet.state_dict().items():
        if name.endswith((".to_q.weight", ".to_v.weight")) and "attn2" in name:
            key = f"unet.{name.removesuffix('.weight')}"
            tensors[f"{key}.lora_A.weight"] = torch.randn(2, weight.shape[1])
            tensors[f"{key}.lora_B.weight"] = torch.randn(weight.shape[0], 2)
    save_file(tensors, path)
    return path


def save_checkpoint(path: Path, pipe: Model, *, dtype: str = "float32") -> Path:
    """Save a pipeline as one checkpoint in the original layout, as on sites for sharing models."""
    import torch
    from safetensors.torch import save_file

    tensors: State = {}
    for key, value in pipe.unet.state_dict().items():
        tensors["model.diffusion_model." + _unet_key(key, UNET["layers_per_block"])] = value
    for key, value in pipe.vae.state_dict().items():
        name = _vae_key(key, len(VAE["block_out_channels"]))
        is_convolution = ".attn_1." in name and name.endswith("weight") and value.ndim == 2
        tensors["first_stage_model." + name] = value[:, :, None, None] if is_convolution else value
    for key, value in pipe.text_encoder.state_dict().items():
        name = key if key.startswith("text_model.") else f"text_model.{key}"
        tensors["cond_stage_model.transformer." + name] = value
    kept = {
        key: (value.to(getattr(torch, dtype)) if value.is_floating_point() else value).contiguous()
        for key, value in tensors.items()
    }
    save_file(kept, path)
    return path


def quiet() -> None:
    """Keep progress bars and advice out of the tests' output."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    diffusers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]


def clip_tokenizer() -> Model:
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    from tests.tiny_models import bytes_and_words

    vocab, merges = bytes_and_words()
    make: Any = CLIPTokenizer
    tokenizer = make(vocab=vocab, merges=merges, model_max_length=TEXT_LENGTH)
    assert len(tokenizer) == len(vocab)
    return tokenizer


def _published(key: str) -> str:
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    if ".mid_block.attentions.0." in key:
        for new, name in old.items():
            key = key.replace(f".{new}.", f".{name}.")
    return key


_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def _unet_key(key: str, layers: int) -> str:
    """Return the name that the original code gives a weight of diffusers' UNet."""
    module, _, kind = key.rpartition(".")
    if module in _UNET_ENDS:
        return f"{_UNET_ENDS[module]}.{kind}"
    place, *rest = module.split(".")
    if place == "mid_block":
        number = 2 * int(rest[1]) + (rest[0] == "attentions")
        return f"middle_block.{number}.{_inner(rest[0], rest[2:])}.{kind}"
    block, what, layer = int(rest[0]), rest[1], int(rest[2])
    if place == "down_blocks":
        if what == "downsamplers":
            return f"input_blocks.{(layers + 1) * (block + 1)}.0.op.{kind}"
        number = 1 + block * (layers + 1) + layer
        return f"input_blocks.{number}.{int(what == 'attentions')}.{_inner(what, rest[3:])}.{kind}"
    if what == "upsamplers":
        number = block * (layers + 1) + layers
        return f"output_blocks.{number}.{1 if block == 0 else 2}.conv.{kind}"
    number = block * (layers + 1) + layer
    return f"output_blocks.{number}.{int(what == 'attentions')}.{_inner(what, rest[3:])}.{kind}"


def _inner(what: str, rest: list[str]) -> str:
    return _RESNET[rest[0]] if what == "resnets" else ".".join(rest)


_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}


def _vae_key(key: str, blocks: int) -> str:
    """Return the name that the original code gives a weight of diffusers' VAE."""
    for side in ("encoder", "decoder"):
        key = key.replace(f"{side}.conv_norm_out", f"{side}.norm_out")
        for layer in range(2):
            key = key.replace(f"{side}.mid_block.resnets.{layer}", f"{side}.mid.block_{layer + 1}")
        if f"{side}.mid_block.attentions.0." in key:
            inner, _, kind = key.removeprefix(f"{side}.mid_block.attentions.0.").rpartition(".")
            return f"{side}.mid.attn_1.{_ATTENTION[inner]}.{kind}"
    for block in range(blocks):
        key = key.replace(f"down_blocks.{block}.resnets", f"down.{block}.block")
        key = key.replace(f"down_blocks.{block}.downsamplers.0", f"down.{block}.downsample")
        up = blocks - 1 - block
        key = key.replace(f"up_blocks.{block}.resnets", f"up.{up}.block")
        key = key.replace(f"up_blocks.{block}.upsamplers.0", f"up.{up}.upsample")
    return key.replace("conv_shortcut", "nin_shortcut")


_OPEN_CLIP = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}
_OPEN_CLIP_ENDS = {
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final.weight": "final_layer_norm.weight",
    "ln_final.bias": "final_layer_norm.bias",
}


def open_clip_state(tower: Model) -> State:
    """Return the weights of a projected text tower under the names that OpenCLIP gives them."""
    import torch

    own = {key.removeprefix("text_model."): value for key, value in tower.state_dict().items()}
    found: State = {name: own[key] for name, key in _OPEN_CLIP_ENDS.items()}
    found["text_projection"] = own["text_projection.weight"].T
    for layer in range(tower.config.num_hidden_layers):
        old, new = f"encoder.layers.{layer}", f"transformer.resblocks.{layer}"
        for kind in ("weight", "bias"):
            for name, key in _OPEN_CLIP.items():
                found[f"{new}.{name}.{kind}"] = own[f"{old}.{key}.{kind}"]
            thirds = [own[f"{old}.self_attn.{each}_proj.{kind}"] for each in "qkv"]
            found[f"{new}.attn.in_proj_{kind}"] = torch.cat(thirds)
    return found


def save_xl_checkpoint(path: Path, pipe: Model) -> Path:
    """Save a Stable Diffusion XL pipeline as one checkpoint in the original layout."""
    from safetensors.torch import load_file, save_file

    save_checkpoint(path, pipe)
    tensors = {
        name: value
        for name, value in load_file(path).items()
        if not name.startswith("cond_stage_model.")
    }
    for key, value in pipe.text_encoder.state_dict().items():
        name = key if key.startswith("text_model.") else f"text_model.{key}"
        tensors[f"conditioner.embedders.0.transformer.{name}"] = value
    for name, value in open_clip_state(pipe.text_encoder_2).items():
        tensors[f"conditioner.embedders.1.model.{name}"] = value
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    return path
