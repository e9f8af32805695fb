"""Writes the model cards from what was measured."""

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from safetensors import safe_open

from engine.storybook.measures import OF_AN_ANIMAL, Figures
from engine.storybook.training.matcher_pairs import STEP, VAGUE
from engine.storybook.training.network import SIDE
from engine.storybook.training.run import TRAINING
from engine.storybook.vocabulary import ATTRIBUTES

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
embeddings, and from each patch the animal that its mask says lies there (this taught it most);
swapped, recombined and foreign captions as negatives. Whose colour and action is whose it learned
late: animals with their colours and actions are read as pairs, from both embeddings and from each
patch before the last layer; and in the last hour each animal of each picture was asked for its
colour, action and position by multiple choice, among captions with all values, which took the
wrong answers about one of two animals' colour from 14 % to 3 %. A quarter of the pictures, at first
nearly half, were grey or in false colours; three in four, at first two in five, held two animals.
Muon for the matrices inside the towers, AdamW for the rest, averaged weights.

## Figures

Zero-shot on held-out scenes, each attribute among its own values (`seen`: combinations as in
training; `unseen-pair`: an animal in a colour it never had; `unseen-triple`: an animal doing
what it never did at that place). Level-2 precision: the best of the pictures satisfies "a brown
horse eating grass".

{figures}

Printed again by `python -m engine.storybook.training.check`.

## Limits

Where a picture holds two animals, its answer is wrong for {colour:.0%} of questions about the
colour of one (nearly always the other's is given), and for {action:.0%} about its action.

It knows some 400 words. What it has no word for it cannot find, and should not be taken to
refuse: that is the matcher's task. Three animals, numbers, sizes and relations beyond left and
right are unknown to it.
"""


def write_card(folder: Path, figures: dict[str, Figures]) -> None:
    """Write README.md into an exported encoder's folder."""
    facts = json.loads((folder / TRAINING).read_text(encoding="utf-8"))
    with safe_open(folder / "model.safetensors", framework="numpy") as weights:
        names = weights.keys()
        sizes = [weights.get_slice(name).get_shape() for name in names]
    text = _CARD.format(
        parameters=sum(prod(size) for size in sizes) / 1e6,
        side=SIDE,
        pictures=facts["pictures"],
        steps=facts["step"],
        hours=facts["seconds"] / 3600,
        figures=table(figures),
        colour=1 - figures["seen en"].of_two["colour"],
        action=1 - figures["seen en"].of_two["action"],
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def table(results: dict[str, Figures]) -> str:
    """The figures as a Markdown table, a column for each set of scenes."""
    names = list(results)
    rows = [["", *names], ["---"] * (len(names) + 1)]
    rows.append(["scenes", *(str(results[name].scenes) for name in names)])
    for attribute in ATTRIBUTES:
        rows.append([attribute, *(f"{results[n].attributes[attribute]:.3f}" for n in names)])
    for attribute in OF_AN_ANIMAL:
        for label, field in ((", one animal", "alone"), (", two animals", "of_two")):
            values = [getattr(results[name], field)[attribute] for name in names]
            rows.append([attribute + label, *(f"{value:.3f}" for value in values)])
    for label, field in (
        ("level-2 precision@1", "level2_precision"),
        ("full caption recall@1", "recall_at_1"),
        ("true over swapped, AUC", "swapped_auc"),
    ):
        rows.append([label, *(f"{getattr(results[name], field):.3f}" for name in names)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


_MATCHER_CARD = """---
license: mit
language: [en, zh]
---

# The storybook's matcher

The MLP behind `match`, for the encoder `clip-storybook` alone: two layers over a text and a picture
vector, trained by `python -m engine.storybook.training.matcher` on rendered scenes. Its false pairs
are random, hard, swapped, recombined, foreign, and pictures blurred, noisy, half drawn, jumbled or
made of soft noise; it is fitted twice, the second time also on false pairs that it believed at
first. A true text is taught a match of 1 less {vague}, times {step} for each attribute that it
states beyond the first: what says more matches better, and a short true text is trusted too little
rather than too much. Its probabilities are calibrated on {calibration} scenes of their own; the
figures below are of others again, seen in neither.

| | English | Chinese |
| --- | --- | --- |
| true over swapped captions, AUC, by match | {en_match:.3f} | {zh_match:.3f} |
| the same by cosine | {en_cosine:.3f} | {zh_cosine:.3f} |
| first of 1,000 pictures satisfies a level-2 caption, by match | {en_first:.3f} | {zh_first:.3f} |
| the same by cosine | {en_first_cosine:.3f} | {zh_first_cosine:.3f} |
| the same by both together | {en_first_both:.3f} | {zh_first_both:.3f} |

| | |
| --- | --- |
| held-out pairs, about half of them a caption's nearest false picture | {pairs:,} |
| expected calibration error | {ece:.3f} |
| spoiled pictures below 0.5 | {spoiled:.3f} |
| 300 queries of the gallery routed right at 0.5 | {routing:.3f} |
| of these: satisfied, absent, foreign | {satisfied:.3f}, {absent:.3f}, {foreign:.3f} |
{photos}{painted}
Limits: those of its encoder. Where that cannot tell whose colour or action it is, match stays below
0.5 rather than above it.
"""

_PHOTOS = """
Real photos, which neither was made for ({photos:.0f} photos of the same ten animals): of all pairs
with an animal's name {names_passed:.3f} pass 0.5, and {any_name_passed:.3f} of the photos pass for
any of the twenty names; of all pairs with a level-2 caption {captions_passed:.3f} pass.
"""

_PAINTED = """
Pictures that `painter-storybook` painted for {painted:.0f} prompts: from {right:.3f} of them the
encoder reads all that the prompt states; of these {right_passed:.3f} pass 0.5 for their prompt, of
the others {wrong_passed:.3f}. Others like them were among its pairs.
"""


def matcher_card(report: Mapping[str, Any]) -> str:
    """The matcher's model card, from its report."""
    routing = report["routing"]
    photos, painted = report.get("photos"), report.get("painted")
    swapped = {name: report[f"swapped_auc_{name}"] for name in ("en", "zh")}
    first = {name: report[f"level2_precision_{name}"] for name in ("en", "zh")}
    return _MATCHER_CARD.format(
        vague=VAGUE,
        step=STEP,
        calibration=report["calibration_scenes"],
        pairs=report["pairs"],
        ece=report["calibration_error"],
        spoiled=report["spoiled_below_half"],
        routing=routing["accuracy"],
        photos="" if photos is None else _PHOTOS.format(**photos),
        painted="" if painted is None else _PAINTED.format(**painted),
        **routing["by_kind"],
        **{f"{name}_{score}": value for name, of in swapped.items() for score, value in of.items()},
        **{f"{name}_first": of["match"] for name, of in first.items()},
        **{f"{name}_first_{by}": of[by] for name, of in first.items() for by in ("cosine", "both")},
    )
