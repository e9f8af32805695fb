"""Writes the model card of the encoder from what was measured."""

from pathlib import Path

from engine.storybook.measures import Figures
from engine.storybook.training.check import table

_CARD = """---
license: mit
language: [en, zh]
library_name: transformers
pipeline_tag: zero-shot-image-classification
---

# clip-storybook

A small CLIP ({parameters:.1f} million parameters, {side} px) for the drawn world of t2itui's
storybook: ten animals in ten colours, doing four things at five places. It reads English and
Chinese.

**What it is good for:** trying the whole program without a download, tests and benches with
known truth.
**What it is not good for:** real photos. It has never seen one, and its scores for them mean
nothing; use `openai/clip-vit-base-patch32`, or `OFA-Sys/chinese-clip-vit-base-patch16` for
Chinese.

## Data and recipe

Pictures and captions are made by `engine/storybook`; captions are true by construction. No
photo, no downloaded picture and no text of others was used. Ten colour-animal pairs and twenty
combinations of animal, action and place are kept out of training and of the gallery.

Trained on {pictures:,} pictures in {hours:.1f} hours ({steps:,} steps) with `python -m
engine.storybook.training.encoder`: a symmetric contrastive loss without false negatives, a
binary loss on every pair of a batch, and throw-away heads that read every attribute from both
embeddings; swapped, recombined and foreign captions as negatives; three pictures in ten grey or
in false colours. Muon for the matrices inside the towers, AdamW for the rest, averaged weights.

## Figures

Zero-shot on held-out scenes, each attribute among its own values (`seen`: combinations as in
training; `unseen-pair`: an animal in a colour it never had; `unseen-triple`: an animal doing
what it never did at that place). Level-2 precision: the best of the pictures satisfies "a brown
horse eating grass".

{figures}

Printed again by `python -m engine.storybook.training.check`.

## Limits

It knows some 400 words. What it has no word for it cannot find, and should not be taken to
refuse: that is the matcher's task. Three animals, numbers, sizes and relations beyond left and
right are unknown to it.
"""


def write_card(
    folder: Path,
    figures: dict[str, Figures],
    *,
    parameters: int,
    side: int,
    pictures: int,
    steps: int,
    seconds: float,
) -> None:
    """Write README.md into the encoder's folder."""
    text = _CARD.format(
        parameters=parameters / 1e6,
        side=side,
        pictures=pictures,
        steps=steps,
        hours=seconds / 3600,
        figures=table(figures),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
