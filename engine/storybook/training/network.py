"""The encoder, a small CLIPModel, and the throw-away heads that teach it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

from engine.storybook.training.labels import CLASS_SIZES, PAIR_SIZES, SET_SIZES, SLOT_SIZES
from engine.storybook.training.tokenizer import LENGTH

SIDE, PATCH = 96, 16
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


class Heads(nn.Module):
    """Reads every attribute from an embedding; the same weights for pictures and texts."""

    def __init__(self, joint: int, vision_width: int) -> None:
        super().__init__()
        self.patch = nn.Linear(vision_width, sum(SLOT_SIZES))
        """What animal, colour and action a patch shows: read where the masks say it lies."""
        self.bound = nn.Linear(vision_width, sum(PAIR_SIZES))
        """Which animal in which colour, doing what: read before the layer that gathers patches."""
        self.read = nn.Linear(joint, sum(CLASS_SIZES) + sum(SET_SIZES), bias=False)
        self.bias = nn.Parameter(torch.zeros(2, sum(CLASS_SIZES) + sum(SET_SIZES)))
        self.foreign = nn.Linear(joint, 1)
        self.pair = nn.Parameter(torch.tensor([2.3, -6.0]))
        """Log scale and offset that turn a cosine into the logit of "true of this picture"."""

    def forward(self, unit: Tensor, *, text: bool) -> tuple[list[Tensor], Tensor]:
        """Logits of each softmax group, and of all yes-or-no questions, for unit vectors."""
        logits = self.read(unit * unit.shape[-1] ** 0.5) + self.bias[int(text)]
        classes, sets = logits.split([sum(CLASS_SIZES), sum(SET_SIZES)], dim=-1)
        return list(classes.split(list(CLASS_SIZES), dim=-1)), sets


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
