"""Writes the painter's model card from what was measured."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.storybook.painter.painting import read_options
from engine.storybook.vocabulary import ATTRIBUTES

GOALS = {
    "usual": {"animal": 0.85, "colour": 0.9, "action": 0.7, "place": 0.97},
    "unseen": {"animal": 0.7},
}
"""What the painter should reach, by kind of prompt and attribute."""

_CARD = """---
license: mit
language: [en, zh]
library_name: diffusers
pipeline_tag: text-to-image
---

# painter-storybook

A small Stable Diffusion ({megabytes:.1f} MB, {side} px) for the drawn world of t2itui's storybook:
ten animals in ten colours, doing four things at five places. It reads English and Chinese.

**What it is good for:** painting without a download, through the same code as large models; tests.
**What it is not good for:** {unfit}

## Data and recipe

Pictures and captions are rendered by `engine/storybook`; no downloaded picture or weight was used.
Ten colour-animal pairs and twenty combinations of animal, action and place are kept from training.

- Text: the text tower of `clip-storybook` as it was when the UNet began, frozen.
- Autoencoder: four pixels to a cell, six channels, absolute error of pixels and edges, animals
  weighted; {vae_samples:,} pictures, {vae_minutes:.0f} minutes.
- UNet: velocities, squared-cosine schedule to zero terminal SNR, errors at three scales, animals
  weighted, the text also as scale and shift of every block, 10 % without a caption, 85 % with one
  animal; {unet_samples:,} pictures, {unet_minutes:.0f} minutes. Muon for matrices and kernels,
  AdamW for the rest, averaged weights. Most of the noise is drawn where shapes are decided. All
  animals face one way, and stand in the middle where the caption says nothing else: what no caption
  tells is painted in one way.
- The autoencoder's decoder once more, on what the UNet makes of noisy latents;
  {decoder_samples:,} pictures, {decoder_minutes:.0f} minutes.

The minutes are those of one core of a CPU, now and then two, beside other work.
`make storybook-generator` trains all of it again, and goes on from checkpoints where there are
some.

## Use

`t2itui.json` holds what was chosen by measurement: {options}.

## Figures

The share of pictures from which `clip-storybook` reads what the prompt states: {prompts} held-out
prompts (usual, combinations never trained on, places and props alone), seeds for each: {seeds}; in
brackets what it reads from rendered pictures of the same size, and from these after the
autoencoder. The last row is the share that the matcher passes at 0.5.

{figures}

{goals}

{by_eye}{seconds:.2f} s a picture in batches, CPU threads: {threads}. Printed again by
`make storybook-check`.

## Limits

The encoder that judges is itself small, and its text tower is the painter's: a picture that it
reads right need not look right. Two animals, relations and numbers are hardly learned. {honest}
"""


def write_card(folder: Path, found: Mapping[str, Any]) -> None:
    """Write README.md into a painter's folder."""
    facts = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    options = read_options(folder)
    animal = found["painted"]["usual"].get("animal", 0.0)
    size = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    text = _CARD.format(
        megabytes=size / 1e6,
        side=options.width,
        unfit=_unfit(animal),
        vae_samples=facts["vae"]["samples"],
        vae_minutes=facts["vae"]["seconds"] / 60,
        unet_samples=facts["unet"]["samples"],
        unet_minutes=facts["unet"]["seconds"] / 60,
        decoder_samples=facts["decoder"]["samples"],
        decoder_minutes=facts["decoder"]["seconds"] / 60,
        options=f"{options.scheduler}, {options.steps} steps, guidance {options.guidance_scale}",
        prompts=found["prompts"],
        seeds=found["seeds"],
        figures=table(found),
        goals=goals(found),
        by_eye=_by_eye(found.get("recognised")),
        seconds=found["seconds"],
        threads=found["threads"],
        honest=_honest(animal),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _unfit(animal: float) -> str:
    if animal < 0.5:
        return "anything for its own sake: most of its animals cannot be recognised yet."
    return "photos, and whatever the storybook has no word for."


def _by_eye(recognised: int | None) -> str:
    if recognised is None:
        return ""
    return f"By eye, {recognised} of 100 usual pictures show a recognisable animal. "


def _honest(animal: float) -> str:
    if animal < 0.5:
        return "It was trained far too briefly; places, light and colours come first, shapes last."
    if animal < GOALS["usual"]["animal"]:
        return "It was trained too briefly: many animals are lumps of the right colour and pose."
    return "Unusual combinations are painted less well than usual ones."


def table(found: Mapping[str, Any]) -> str:
    """The figures as a Markdown table, a column for each kind of prompt."""
    kinds = [kind for kind in found["painted"] if kind != "match"]
    rows = [["", *kinds], ["---"] * (len(kinds) + 1)]
    for name in ATTRIBUTES:
        if any(name in found["painted"][kind] for kind in kinds):
            rows.append([name, *(_cell(found, kind, name) for kind in kinds)])
    match = (found[name]["match"]["passed"] for name in ("painted", "rendered", "decoded"))
    rows.append(["match, all prompts", "{:.2f} ({:.2f}, {:.2f})".format(*match)])
    rows[-1] += [""] * (len(kinds) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(found: Mapping[str, Any], kind: str, name: str) -> str:
    if name not in found["painted"][kind]:
        return ""
    values = (found[source][kind][name] for source in ("painted", "rendered", "decoded"))
    return "{:.2f} ({:.2f}, {:.2f})".format(*values)


def goals(found: Mapping[str, Any]) -> str:
    """Which goals were reached and which were not."""
    reached: list[str] = []
    missed: list[str] = []
    for kind, named in GOALS.items():
        for name, goal in named.items():
            value = found["painted"].get(kind, {}).get(name, 0.0)
            line = f"{name} {kind} {value:.2f} of {goal:.2f}"
            (reached if value >= goal else missed).append(line)
    return f"Goals reached: {'; '.join(reached) or 'none'}. Missed: {'; '.join(missed) or 'none'}."
