"""Local states: what an encoder makes of each patch of a picture and of each token of a text.

Encoders are trained on one vector for a whole picture or text; the states of their last layers are
thrown away. Brought into the space that both towers share, a patch and a text, or a patch and a
token, have a cosine. The way there is that of the encoder's family (`Family.patches`):

- PROJECTED: the last norm and the projection, as the class token passes them. Later layers mix into
  a patch what the rest of the picture holds, so that it need not be about its place.
- VALUES: the last layer's value and output projection of each patch, the residual and the MLP
  behind them, without its attention (MaskCLIP: Zhou, Loy and Dai, "Extract Free Dense Labels from
  CLIP", 2022, as in their code).
- KEYS: the values of the last layer, gathered by attention whose queries are the keys, so that a
  patch attends where patches are like it; neither residual nor MLP (the block of NACLIP: Hajimiri,
  Ben Ayed and Dolz, "Pay Attention to Your Neighbours", 2024, without its Gaussian; that residual
  and MLP carry the noise: Lan et al., "ClearCLIP", 2024).
- POOLED: SigLIP has no class token; its pooling head attends from a probe. Each patch goes
  through the head alone, where it has all of the attention: value and output projection, then the
  residual MLP (Zhai et al., "Sigmoid Loss for Language Image Pre-Training", 2023, and the head of
  Zhai et al., "Scaling Vision Transformers", 2022).

Tokens take the way of the pooled token: the last norm and the text projection (as FILIP does: Yao
et al., "FILIP: Fine-grained Interactive Language-Image Pre-Training", 2021).

An encoder whose folder holds a local head (`engine/models/local_head.py`) takes neither: patches
and tokens go through linear maps that were trained for it, over the states of its last layers, each
normalised, while the encoder stayed as it was (PACL: Mukhoti et al., "Open Vocabulary Semantic
Segmentation with Patch Aligned Contrastive Learning", 2023).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from engine.models.families import Family
from engine.models.local_head import LocalHead, StateProjection
from engine.states import PatchWay

Model: TypeAlias = Any
"""A transformers model with a text and a vision tower."""


def patch_grid(model: Model) -> tuple[int, int]:
    """Rows and columns of the patches of a picture."""
    vision = model.config.vision_config
    size, patch = _pair(vision.image_size), _pair(vision.patch_size)
    return size[0] // patch[0], size[1] // patch[1]


def local_widths(model: Model) -> tuple[int, int]:
    """Numbers in a state of the vision tower and in one of the text tower."""
    return int(model.config.vision_config.hidden_size), int(model.config.text_config.hidden_size)


def patch_states(model: Model, family: Family, head: LocalHead | None, pixels: Tensor) -> Tensor:
    """States [n, rows * columns, dim] of normalised pixels [n, 3, height, width], row by row.

    They are in the shared space, and of any length.
    """
    if head is None:
        return by_way(model, family.patches, pixels)
    rows, columns = patch_grid(model)
    layers = model.vision_model(pixel_values=pixels, output_hidden_states=True).hidden_states
    return _mapped(head.patches, [states[:, -rows * columns :] for states in layers])


def by_way(model: Model, way: PatchWay, pixels: Tensor) -> Tensor:
    """The same by a way that need not be that of the model's family."""
    return _WAYS[way](model, pixels)


def token_states(
    model: Model, family: Family, head: LocalHead | None, inputs: Mapping[str, Tensor]
) -> Tensor:
    """States [n, length, dim] of padded texts, in the shared space and of any length."""
    if head is not None:
        layers = model.text_model(**inputs, output_hidden_states=True).hidden_states
        return _mapped(head.tokens, layers)
    states = model.get_text_features(**inputs).last_hidden_state
    projected: Tensor = model.get_submodule(family.token_projection)(states)
    return projected


def _mapped(part: StateProjection, layers: Sequence[Tensor]) -> Tensor:
    """Take the states [n, length, width] of the last layers through a linear map."""
    inputs = joined_layers(layers, part.weight.shape[1] // layers[-1].shape[-1])
    weight, bias = (torch.from_numpy(each).to(inputs) for each in (part.weight, part.bias))
    return functional.linear(inputs, weight, bias)


def joined_layers(layers: Sequence[Tensor], count: int) -> Tensor:
    """What a local head maps: the normalised states of the last `count` layers, side by side."""
    width = layers[-1].shape[-1]
    return torch.cat(
        [functional.layer_norm(states, (width,)) for states in layers[-count:]], dim=-1
    )


def _pair(side: int | tuple[int, int] | list[int]) -> tuple[int, int]:
    return (side, side) if isinstance(side, int) else (side[0], side[1])


def _projected(model: Model, pixels: Tensor) -> Tensor:
    return _of_patches(model, model.vision_model(pixel_values=pixels).last_hidden_state)


def _values(model: Model, pixels: Tensor) -> Tensor:
    layer, before = _last_layer(model, pixels)
    attention = layer.self_attn
    states = before + attention.out_proj(attention.v_proj(layer.layer_norm1(before)))
    return _of_patches(model, states + layer.mlp(layer.layer_norm2(states)))


def _keys(model: Model, pixels: Tensor) -> Tensor:
    layer, before = _last_layer(model, pixels)
    attention, states = layer.self_attn, layer.layer_norm1(before)
    heads = (*states.shape[:2], attention.num_heads, attention.head_dim)
    keys = attention.k_proj(states).view(heads).transpose(1, 2)
    values = attention.v_proj(states).view(heads).transpose(1, 2)
    likeness = (attention.scale * keys @ keys.transpose(2, 3)).softmax(-1)
    gathered = (likeness @ values).transpose(1, 2).flatten(2)
    return _of_patches(model, attention.out_proj(gathered))


def _pooled(model: Model, pixels: Tensor) -> Tensor:
    states = model.vision_model(pixel_values=pixels).last_hidden_state
    alone = states.flatten(0, 1)[:, None]
    pooled: Tensor = model.vision_model.head(alone)
    return pooled.view(states.shape)


def _last_layer(model: Model, pixels: Tensor) -> tuple[Model, Tensor]:
    """The last layer of the vision tower, and the states that enter it, [n, 1 + patches, width]."""
    vision = model.vision_model
    before = vision(pixel_values=pixels, output_hidden_states=True).hidden_states[-2]
    return vision.encoder.layers[-1], before


def _of_patches(model: Model, states: Tensor) -> Tensor:
    """Take the states of a tower with a class token through the last norm and the projection."""
    projected: Tensor = model.visual_projection(model.vision_model.post_layernorm(states[:, 1:]))
    return projected


_WAYS: Mapping[PatchWay, Callable[[Model, Tensor], Tensor]] = {
    PatchWay.PROJECTED: _projected,
    PatchWay.VALUES: _values,
    PatchWay.KEYS: _keys,
    PatchWay.POOLED: _pooled,
}
