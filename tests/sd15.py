"""Stable Diffusion 1.5 as it is published, at full width: its configurations, random weights.

Only the depth is reduced: a layer in a block in place of two, two layers of the text tower in
place of twelve.
"""

import itertools
import json
import math
from pathlib import Path
from typing import Any, TypeAlias

from tests.tiny_diffusion import make_as_published, quiet, save_checkpoint
from tests.tiny_models import bytes_and_words

Model: TypeAlias = Any
State: TypeAlias = dict[str, Any]

LAYERS = 1
"""Layers of a block of UNet and VAE; 2 in the published model."""
TEXT_LAYERS = 2
"""Layers of the text tower; 12 in the published model."""
VOCABULARY = 49408
BEGIN, END = "<|startoftext|>", "<|endoftext|>"

UNET: dict[str, Any] = {
    "act_fn": "silu",
    "attention_head_dim": 8,
    "block_out_channels": [320, 640, 1280, 1280],
    "center_input_sample": False,
    "cross_attention_dim": 768,
    "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
    "downsample_padding": 1,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 4,
    "layers_per_block": LAYERS,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-05,
    "norm_num_groups": 32,
    "out_channels": 4,
    "sample_size": 64,
    "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
}
# Its scale of latents, 0.18215, is left to the class, as the published file leaves it.
VAE: dict[str, Any] = {
    "act_fn": "silu",
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "in_channels": 3,
    "latent_channels": 4,
    "layers_per_block": LAYERS,
    "norm_num_groups": 32,
    "out_channels": 3,
    "sample_size": 512,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
# The ids of begin and end are the published ones, which are not the tokenizer's.
TEXT: dict[str, Any] = {
    "attention_dropout": 0.0,
    "bos_token_id": 0,
    "dropout": 0.0,
    "eos_token_id": 2,
    "hidden_act": "quick_gelu",
    "hidden_size": 768,
    "initializer_factor": 1.0,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 77,
    "model_type": "clip_text_model",
    "num_attention_heads": 12,
    "num_hidden_layers": TEXT_LAYERS,
    "pad_token_id": 1,
    "projection_dim": 768,
    "vocab_size": VOCABULARY,
}
SCHEDULER: dict[str, Any] = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": "0.6.0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}
INDEX: dict[str, Any] = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.6.0",
    "feature_extractor": ["transformers", "CLIPImageProcessor"],
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}

_CLASSES = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}
# A prime, so that no two rows of a matrix are the same stretch of the noise.
_NOISE = 1_000_003
_LORA_RANK = 4
_LORA_LINEAR = (".to_q", ".to_k", ".to_v", ".to_out.0", ".ff.net.0.proj", ".ff.net.2")
_LORA_TEXT = (".q_proj", ".k_proj", ".v_proj", ".out_proj", ".fc1", ".fc2")


def save_sd15(folder: Path, checkpoint: Path, lora: Path) -> None:
    """Save the same weights as a diffusers folder in fp16 and as one checkpoint in bf16.

    And a LoRA for them under the names that kohya's trainer gives.
    """
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers.models.clip.configuration_clip import CLIPTextConfig
    from transformers.models.clip.modeling_clip import CLIPTextModel

    quiet()
    torch.manual_seed(0)
    with torch.device("meta"):
        unet = UNet2DConditionModel(**UNET)  # type: ignore[no-untyped-call]
        vae = AutoencoderKL(**VAE)  # type: ignore[no-untyped-call]
    tower: Model = CLIPTextModel(CLIPTextConfig(**TEXT))
    parts = {"unet": _filled(unet), "vae": _filled(vae), "text_encoder": tower.half()}
    for name, part in parts.items():
        part.save_pretrained(folder / name, variant="fp16")
    _save_configurations(folder)
    save_checkpoint(checkpoint, _Parts(**parts), dtype="bfloat16")
    save_kohya_lora(lora, _Parts(**parts))
    make_as_published(folder, variant="fp16")


def save_kohya_lora(path: Path, pipe: Model, *, seed: int = 0) -> Path:
    """Save a LoRA for UNet and text tower under the names of kohya's trainer, as shared on sites.

    Each has its `alpha`, a half of its rank; convolutions of one pixel are changed as well.
    """
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)
    tensors: State = {}

    def add(place: str, weight: Model) -> None:
        out, into, *pixel = weight.shape
        down = torch.randn(_LORA_RANK, into, *pixel, generator=generator) / math.sqrt(into)
        up = torch.randn(out, _LORA_RANK, *pixel, generator=generator)
        tensors[f"{place}.lora_down.weight"] = down.half()
        tensors[f"{place}.lora_up.weight"] = up.half()
        tensors[f"{place}.alpha"] = torch.tensor(_LORA_RANK / 2).half()

    for key, weight in pipe.unet.state_dict().items():
        module = key.removesuffix(".weight")
        is_ours = module.endswith((*_LORA_LINEAR, ".proj_in", ".proj_out"))
        if key.endswith(".weight") and ".attentions." in key and is_ours:
            add(f"lora_unet_{module.replace('.', '_')}", weight)
    for key, weight in pipe.text_encoder.state_dict().items():
        module = key.removesuffix(".weight").removeprefix("text_model.")
        if key.endswith(".weight") and module.endswith(_LORA_TEXT):
            add(f"lora_te_text_model_{module.replace('.', '_')}", weight)
    save_file(tensors, path, metadata={"ss_network_dim": str(_LORA_RANK)})
    return path


class _Parts:
    """The models of a pipeline without the pipeline."""

    def __init__(self, unet: Model, vae: Model, text_encoder: Model) -> None:
        self.unet, self.vae, self.text_encoder = unet, vae, text_encoder


def _filled(model: Model) -> Model:
    """Give a model without memory random fp16 weights, far sooner than its own code does."""
    import torch

    model = model.to_empty(device="cpu").half()
    noise = torch.randn(_NOISE)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 1:
                weight.fill_(1.0 if name.endswith("weight") else 0.0)
                continue
            scaled = (noise / math.sqrt(weight[0].numel())).half()
            copies = -(-weight.numel() // _NOISE)
            weight.copy_(scaled.repeat(copies)[: weight.numel()].view_as(weight))
    return model


def _save_configurations(folder: Path) -> None:
    configurations = {
        "model_index.json": INDEX,
        "scheduler/scheduler_config.json": SCHEDULER,
        "text_encoder/config.json": {"architectures": ["CLIPTextModel"], **TEXT},
        "unet/config.json": {"_class_name": _CLASSES["unet"], **UNET},
        "vae/config.json": {"_class_name": _CLASSES["vae"], **VAE},
    }
    for name, content in configurations.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    _save_tokenizer(folder / "tokenizer")


def _save_tokenizer(folder: Path) -> None:
    """Save a CLIP tokenizer of the published size, in the published files.

    Beyond the bytes and the words of the tests its tokens are pairs of bytes.
    """
    vocabulary, merges = bytes_and_words()
    folder.mkdir()
    tokens = [token for token in vocabulary if token not in ("<pad>", BEGIN, END)]
    symbols = [token for token in tokens if len(token) == 1]
    known = set(tokens)
    pairs = ((first, second) for first in symbols for second in symbols)
    new = ((first, second) for first, second in pairs if first + second not in known)
    for first, second in itertools.islice(new, VOCABULARY - 2 - len(tokens)):
        tokens.append(first + second)
        merges.append((first, second))
    tokens += [BEGIN, END]
    (folder / "vocab.json").write_text(json.dumps({token: n for n, token in enumerate(tokens)}))
    lines = [f"{first} {second}" for first, second in merges]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *lines]) + "\n")
    special = {"content": BEGIN, "lstrip": False, "normalized": True, "rstrip": False}
    end = special | {"content": END, "single_word": False}
    begin = special | {"single_word": False}
    names = {"bos_token": begin, "eos_token": end, "unk_token": end}
    (folder / "special_tokens_map.json").write_text(json.dumps(names | {"pad_token": END}))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                **{name: {"__type": "AddedToken", **token} for name, token in names.items()},
                "add_prefix_space": False,
                "do_lower_case": True,
                "errors": "replace",
                "model_max_length": TEXT["max_position_embeddings"],
                "pad_token": END,
                "tokenizer_class": "CLIPTokenizer",
            }
        )
    )
