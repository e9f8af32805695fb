"""Embeds pictures and texts with an encoder in training, in batches."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import CLIPModel, PreTrainedTokenizerBase

from engine.storybook.training.augment import normalised
from engine.storybook.training.network import picture_vectors, text_vectors
from engine.storybook.training.tokenizer import LENGTH


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
