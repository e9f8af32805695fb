"""The encoder, a small CLIPModel, and what it makes of pictures and texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
    PreTrainedTokenizerBase,
)

from tools.storybook.encoder.tokenizer import LENGTH

SIDE, PATCH = 96, 16
GRID = SIDE // PATCH
MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)
"""Normalisation of pixels in 0 to 1; written into the image processor too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """Sizes of the two towers."""

    vision_width: int = 192
    vision_layers: int = 5
    text_width: int = 128
    text_layers: int = 4
    joint: int = 192


def build_encoder(vocabulary: int, shape: Shape) -> CLIPModel:
    """A CLIPModel with fresh weights and a start that suits small pictures."""
    text = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=shape.text_width,
        intermediate_size=4 * shape.text_width,
        num_hidden_layers=shape.text_layers,
        num_attention_heads=shape.text_width // 64,
        max_position_embeddings=LENGTH,
        projection_dim=shape.joint,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        hidden_act="gelu",
    )
    vision = CLIPVisionConfig(
        hidden_size=shape.vision_width,
        intermediate_size=4 * shape.vision_width,
        num_hidden_layers=shape.vision_layers,
        num_attention_heads=shape.vision_width // 64,
        image_size=SIDE,
        patch_size=PATCH,
        projection_dim=shape.joint,
        hidden_act="gelu",
    )
    config = CLIPConfig(
        text_config=text.to_dict(),
        vision_config=vision.to_dict(),
        projection_dim=shape.joint,
        logit_scale_init_value=float(np.log(12.0)),
    )
    config._attn_implementation = "eager"
    model = CLIPModel(config)
    _start_positions(model)
    _start_patches(model)
    _start_attention(model)
    return model


def _start_positions(model: CLIPModel) -> None:
    """Two-dimensional sine and cosine position embeddings."""
    embeddings = model.vision_model.embeddings
    width = embeddings.embed_dim
    grid = SIDE // PATCH
    rate = 1.0 / 100.0 ** (np.arange(width // 4) / (width // 4))
    y, x = np.meshgrid(np.arange(grid), np.arange(grid), indexing="ij")
    parts = []
    for axis in (x, y):
        phase = axis.reshape(-1, 1) * rate
        parts += [np.sin(phase), np.cos(phase)]
    table = torch.tensor(np.concatenate(parts, axis=1), dtype=torch.float32)
    with torch.no_grad():
        embeddings.position_embedding.weight[1:] = table


def _start_patches(model: CLIPModel) -> None:
    """Let each patch begin as its low cosine frequencies, each about equally strong.

    Unscaled, brightness would be a hundred times stronger than the edges that tell animals apart,
    and the layer norm behind it would drown them. `strength` and `fall` were read off rendered
    pictures: the deviation of a frequency f is about strength / f ** fall.
    """
    weight = model.vision_model.embeddings.patch_embedding.weight
    u = np.arange(PATCH)
    waves = np.cos(np.pi * (u[None] + 0.5) * u[:, None] / PATCH)
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    order = sorted(((i, j) for i in u for j in u), key=lambda p: (p[0] ** 2 + p[1] ** 2, p))
    rows = []
    for tone, share, flat, strength, fall in (
        ((1.0, 1.0, 1.0), 0.5, 21.0, 5.2, 0.9),
        ((1.0, 0.0, -1.0), 0.25, 12.5, 2.7, 1.1),
        ((0.5, -1.0, 0.5), 0.25, 5.1, 1.5, 1.1),
    ):
        colour = np.array(tone) / np.linalg.norm(tone)
        for i, j in order[: int(weight.shape[0] * share)]:
            frequency = float(np.hypot(i, j))
            deviation = strength / frequency**fall if frequency else flat
            keep = (1.0 + frequency) ** -0.3 / deviation
            rows.append(colour[:, None, None] * np.outer(waves[i], waves[j])[None] * keep)
    with torch.no_grad():
        weight[: len(rows)] = torch.tensor(np.stack(rows), dtype=torch.float32)


def _start_attention(model: CLIPModel) -> None:
    """Let attention begin as trained attention looks: near the identity, values negated.

    After Trockman and Kolter, "Mimetic Initialization of Self-Attention Layers" (2023), with
    their strengths 0.7 for queries and keys and 0.4 for values and output.
    """
    with torch.no_grad():
        for layer in model.vision_model.encoder.layers:
            attention = layer.self_attn
            width, head = attention.embed_dim, attention.head_dim
            one = torch.eye(width)
            for start in range(0, width, head):
                product = 0.7 * torch.randn(width, width) / width**0.5 + 0.7 * one
                left, size, right = torch.linalg.svd(product)
                root = size[:head].sqrt()
                attention.q_proj.weight[start : start + head] = (left[:, :head] * root).T
                attention.k_proj.weight[start : start + head] = right[:head] * root[:, None]
            product = 0.4 * torch.randn(width, width) / width**0.5 - 0.4 * one
            left, size, right = torch.linalg.svd(product)
            attention.v_proj.weight.copy_(right * size.sqrt()[:, None])
            attention.out_proj.weight.copy_(left * size.sqrt())


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What the picture tower makes of pictures."""

    vectors: Tensor
    """Unit vectors [n, joint]."""
    patches: Tensor
    """The last hidden state of each patch [n, patches, width]."""
    before: Tensor
    """The state of each patch before the last layer, normalised [n, patches, width]."""


def picture_vectors(model: CLIPModel, pixels: Tensor) -> Tensor:
    """Unit vectors [n, joint] of normalised pixels [n, 3, SIDE, SIDE]."""
    return unit(model.get_image_features(pixel_values=pixels).pooler_output)


def seen(model: CLIPModel, pixels: Tensor) -> Seen:
    """Vectors and hidden states of normalised pixels [n, 3, SIDE, SIDE]."""
    out = model.get_image_features(pixel_values=pixels, output_hidden_states=True)
    before = out.hidden_states[-2][:, 1:]
    return Seen(
        vectors=unit(out.pooler_output).float(),
        patches=out.last_hidden_state[:, 1:].float(),
        before=nn.functional.layer_norm(before, before.shape[-1:]).float(),
    )


def text_vectors(model: CLIPModel, ids: Tensor, mask: Tensor) -> Tensor:
    """Unit vectors [n, joint] of token ids and their attention mask [n, length]."""
    return unit(model.get_text_features(input_ids=ids, attention_mask=mask).pooler_output)


def unit(vectors: Tensor) -> Tensor:
    """The vectors scaled to unit length."""
    return nn.functional.normalize(vectors, dim=-1)


def normalised(x: Tensor) -> Tensor:
    """Pixels in 0 to 1 as the encoder expects them."""
    mean = torch.tensor(MEAN, device=x.device)[None, :, None, None]
    std = torch.tensor(STD, device=x.device)[None, :, None, None]
    return (x - mean) / std


def tokens(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and attention mask [n, length], cut at LENGTH and padded to the longest."""
    out = tokenizer(
        list(texts), padding=True, truncation=True, max_length=LENGTH, return_tensors="pt"
    )
    return out["input_ids"], out["attention_mask"]


@torch.inference_mode()
def embed_pictures(
    model: CLIPModel, pictures: NDArray[np.uint8], batch: int = 100
) -> NDArray[np.float32]:
    """Unit vectors of uint8 pictures [n, SIDE, SIDE, 3]."""
    device = next(model.parameters()).device
    parts = []
    for start in range(0, len(pictures), batch):
        x = torch.from_numpy(pictures[start : start + batch].copy()).to(device)
        x = normalised(x.permute(0, 3, 1, 2).float() / 255.0)
        parts.append(picture_vectors(model, x).float().cpu().numpy())
    return np.concatenate(parts)


@torch.inference_mode()
def embed_texts(
    model: CLIPModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], batch: int = 200
) -> NDArray[np.float32]:
    """Unit vectors of texts."""
    device = next(model.parameters()).device
    parts = []
    for start in range(0, len(texts), batch):
        ids, mask = tokens(tokenizer, texts[start : start + batch])
        parts.append(text_vectors(model, ids.to(device), mask.to(device)).float().cpu().numpy())
    return np.concatenate(parts)
