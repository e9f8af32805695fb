"""The painter's text tower: taken from the storybook's encoder, which reads both languages."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import torch
from torch import Tensor
from transformers import CLIPModel
from transformers.models.clip.modeling_clip import CLIPTextModel
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from engine.storybook.captions import Language, claim_of, full_claim, partial_claim, write
from engine.storybook.claims import Claim
from engine.storybook.scene import Scene

Tokenizer: TypeAlias = Any

TOWER, TOKENIZER = "text_encoder", "tokenizer"
"""Folders of the parts, as in a `StableDiffusionPipeline`."""
UNCONDITIONAL_SHARE = 0.1
"""Share of the pictures that are learned without a caption, for guidance."""


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
    """The text tower kept in a painter's folder; that of the encoder is put there at first.

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


def training_caption(scene: Scene, rng: Random) -> str:
    """A true caption of the scene, or nothing now and then."""
    if rng.random() < UNCONDITIONAL_SHARE:
        return ""
    style = rng.random()
    if style < 0.6:
        claim = full_claim(scene)
    elif style < 0.75:
        claim = claim_of(scene, 2, rng)
    elif style < 0.8:
        claim = claim_of(scene, 1, rng)
    else:
        claim = partial_claim(scene, rng)
    language = Language.ENGLISH if rng.random() < 0.5 else Language.CHINESE
    return write(told(claim, scene), language, rng).text


USUAL = {"position": "middle", "action": "standing"}
"""What an animal is shown as where the caption does not say."""


def told(claim: Claim, scene: Scene) -> Claim:
    """The claim, with what is not as usual about an animal that stands alone.

    So an animal of which nobody says where it is and what it does is painted standing in the
    middle, rather than as something between three places and four poses.
    """
    if len(scene.animals) != 1:
        return claim
    subjects = claim.subjects
    for name, usual in USUAL.items():
        value = getattr(scene.animals[0], name)
        if value != usual:
            subjects = tuple(subject.with_value(name, value) for subject in subjects)
    return replace(claim, subjects=subjects)
