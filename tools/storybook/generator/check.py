"""Measures the shipped generator, and writes its model card.

`python -m tools.storybook.generator.check`. The storybook's encoder reads each attribute that a
prompt states from the picture generated for it; beside it stands the same of a rendering, as the
generator learned from them, that the prompt is true of, as it is and after the autoencoder. The
matcher scores prompt and picture.
"""

import json
import resource
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image

from engine.collections import BUILT_IN
from engine.models.encoder_info import hash_folder, read_encoder_info
from engine.scoring.calibration import probability
from engine.scoring.matcher import Matcher, read_matcher
from engine.storybook.vocabulary import ATTRIBUTES
from engine.storybook.wording import Language
from tools.storybook.encoder.folder import EncoderFolder
from tools.storybook.encoder.measures import Texts
from tools.storybook.generator.latents import to_input, to_pixels
from tools.storybook.generator.pipeline import (
    Options,
    Pipeline,
    generate,
    grid,
    load_pipeline,
    read_options,
)
from tools.storybook.generator.prompts import Prompt, Vectors, held_out_prompts, read_right
from tools.storybook.generator.rendering import render_fixed

GOALS = {
    "usual": {"animal": 0.97, "colour": 0.97, "action": 0.93, "place": 0.98, "prop": 0.95},
    "unseen": {"animal": 0.9},
}
"""What the generator should reach, by kind of prompt and attribute."""
_CARD = """---
license: mit
language: [en, zh]
library_name: diffusers
pipeline_tag: text-to-image
---

# painter-storybook

A small Stable Diffusion ({megabytes:.1f} MB, {side} px) for the drawn world of t2itui's storybook:
ten animals in ten colours, doing four things at five places. It reads English and Chinese.

**What it is good for:** pictures without a download, through the same code as large models; tests.
**What it is not good for:** {unfit}

## Data and recipe

Pictures and captions are rendered by `tools/storybook`; no downloaded picture or weight was used.
Ten colour-animal pairs and twenty combinations of animal, action and place are kept from training.

- Text: the text tower of `clip-storybook`, taught to say what it read as a code of animal, colour,
  action, position, place, time and prop; {tower_samples:,} texts, {tower_minutes:.0f} minutes.
- Latents: a linear code of squares of 16 x 16 pixels, 64 channels, animals weighted.
- UNet: predicts clean latents, squared-cosine schedule to zero terminal SNR, animals weighted, the
  text also as scale and shift of every block; {unet_samples:,} pictures,
  {unet_minutes:.0f} minutes.
- The autoencoder's decoder, first on latents, then on what the UNet guesses of noisy ones, with the
  encoder and a critic as further judges; {decoder_samples:,} pictures in its last run,
  {decoder_minutes:.0f} minutes.

Every animal is rendered in one size, facing one way, at one spot for each position: what no caption
tells is generated in one way. Renderings show one animal or none. `make storybook-generator` trains
all of it again, and goes on from checkpoints where there are some.

## Use

`t2itui.json` holds what was chosen by measurement: {options}.

## Figures

The share of pictures from which `clip-storybook` reads what the prompt states: {prompts} held-out
prompts (usual, combinations never trained on, places and props alone), seeds for each: {seeds}; in
brackets what it reads from renderings like those it learned from, and from these after the
autoencoder. The last row is the share that the matcher passes at 0.5.

{figures}

{goals}

{started}{by_eye}{seconds:.2f} s a picture in batches, CPU threads: {threads}. Printed again by
`make storybook-check`.

## Limits

The encoder that judges is itself small, and the generator's text tower began as its own: a picture
that it reads right need not look right. Of two animals the first is generated. Places of
combinations never trained on are missed more often than usual ones. For
other words ("a red car") it guesses from what it has; `vocabulary.json` holds those it knows.
Started from a picture, it obeys the text
more than the picture, at any strength. {honest}
"""


def write_card(folder: Path, found: Mapping[str, Any]) -> None:
    """Write README.md into a generator's folder."""
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    options = read_options(folder)
    animal = found["generated"]["usual"].get("animal", 0.0)
    size = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    text = _CARD.format(
        megabytes=size / 1e6,
        side=options.width,
        unfit=_unfit(animal),
        **_trained(record),
        options=f"{options.scheduler}, {options.steps} steps, guidance {options.guidance_scale}",
        prompts=found["prompts"],
        seeds=found["seeds"],
        figures=table(found),
        goals=goals(found),
        started=_started(found.get("started", {})),
        by_eye=_by_eye(found.get("named", ())),
        seconds=found["seconds"],
        threads=found["threads"],
        honest=_honest(animal),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _trained(record: Mapping[str, Any]) -> dict[str, float]:
    """What the card says of how long each part was trained."""
    facts: dict[str, float] = {}
    for name in ("tower", "unet", "decoder"):
        facts[f"{name}_samples"] = record[name]["samples"]
        facts[f"{name}_minutes"] = record[name]["seconds"] / 60
    return facts


def _unfit(animal: float) -> str:
    if animal < 0.5:
        return "anything for its own sake: most of its animals cannot be recognised yet."
    return "photos, and whatever the storybook has no word for."


def _started(found: Mapping[str, Mapping[str, float]]) -> str:
    """What pictures that were started from others keep of these, a column for each strength."""
    if not found:
        return ""
    names = list(next(iter(found.values())))
    rows = [["strength", *found], ["---"] * (len(found) + 1)]
    rows += [[name, *(_number(each.get(name)) for each in found.values())] for name in names]
    return (
        "Started from a rendering, with a text that exchanges one attribute of it: the share of"
        " pictures that keep it, and decibels to the start with a text that exchanges nothing"
        " (`python -m tools.storybook.generator.variations`).\n\n"
        + "\n".join("| " + " | ".join(row) + " |" for row in rows)
        + "\n\n"
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _by_eye(readings: Sequence[Mapping[str, Any]]) -> str:
    """What people named on sheets, one line for each reader."""
    if not readings:
        return ""
    lines = [
        f"- {each['date']}: {each['animal']} animals and {each['action']} actions of 100 usual"
        f" prompts, {each['unseen']} animals of 50 combinations never trained on"
        for each in readings
    ]
    return (
        "By eye, named right on sheets of one picture for each prompt, none left out, the prompts"
        " hidden while naming, a line for each reader:\n\n" + "\n".join(lines) + "\n\n"
    )


def _honest(animal: float) -> str:
    if animal < 0.5:
        return "It was trained far too briefly; places, light and colours come first, shapes last."
    if animal < GOALS["usual"]["animal"]:
        return "It was trained too briefly: many animals are lumps of the right colour and pose."
    return "Unusual combinations are generated less well than usual ones."


def table(found: Mapping[str, Any]) -> str:
    """The figures as a Markdown table, a column for each kind of prompt."""
    kinds = [kind for kind in found["generated"] if kind != "match"]
    rows = [["", *kinds], ["---"] * (len(kinds) + 1)]
    for name in ATTRIBUTES:
        if any(name in found["generated"][kind] for kind in kinds):
            rows.append([name, *(_cell(found, kind, name) for kind in kinds)])
    match = (found[name]["match"]["passed"] for name in ("generated", "rendered", "decoded"))
    rows.append(["match, all prompts", "{:.2f} ({:.2f}, {:.2f})".format(*match)])
    rows[-1] += [""] * (len(kinds) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(found: Mapping[str, Any], kind: str, name: str) -> str:
    if name not in found["generated"][kind]:
        return ""
    values = (found[source][kind][name] for source in ("generated", "rendered", "decoded"))
    return "{:.2f} ({:.2f}, {:.2f})".format(*values)


def goals(found: Mapping[str, Any]) -> str:
    """Which goals were reached and which were not."""
    reached: list[str] = []
    missed: list[str] = []
    for kind, named in GOALS.items():
        for name, goal in named.items():
            value = found["generated"].get(kind, {}).get(name, 0.0)
            line = f"{name} {kind} {value:.2f} of {goal:.2f}"
            (reached if value >= goal else missed).append(line)
    return f"Goals reached: {'; '.join(reached) or 'none'}. Missed: {'; '.join(missed) or 'none'}."


FIGURES = "figures.json"
"""What was measured, beside the weights."""


def shipped_matcher() -> Matcher:
    """The storybook's matcher, which must be that of its encoder."""
    identity = f"{BUILT_IN.encoder.name}@{hash_folder(BUILT_IN.encoder)}"
    return read_matcher(
        BUILT_IN.matcher.read_bytes(), read_encoder_info(str(BUILT_IN.encoder), identity).id
    )


def shares(
    encoder: EncoderFolder, prompts: Sequence[Prompt], vectors: Vectors
) -> dict[str, dict[str, float]]:
    """For each kind of prompt, the share of its pictures read right by attribute."""
    texts = Texts(encoder.embed_texts, Language.ENGLISH)
    found = read_right(prompts, vectors, texts)
    return {
        kind: {name: round(share.value, 3) for name, share in named.items()}
        for kind, named in found.items()
    }


def prompt_scores(matcher: Matcher, texts: Vectors, pictures: Vectors) -> dict[str, float]:
    """The matcher's mean probability for each text and its picture, and the share that passes."""
    odds = [
        matcher.logits(text, picture[:, None])[0]
        for text, picture in zip(texts, pictures, strict=True)
    ]
    match = probability(np.asarray(odds, np.float32))
    return {"mean": round(float(match.mean()), 3), "passed": round(float((match > 0.5).mean()), 3)}


def rendering(prompt: Prompt, size: tuple[int, int]) -> Image.Image:
    """The fixed rendering of what a prompt states, in pictures of this size."""
    picture = render_fixed(prompt.scene, with_animal=bool(prompt.claim.subjects))
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


@torch.inference_mode()
def decoded(pipe: Pipeline, pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Pictures after encoding and decoding."""
    x = to_input(np.stack([np.asarray(picture) for picture in pictures]))
    result: list[Image.Image] = []
    for start in range(0, len(x), 50):
        latents = pipe.vae.encode(x[start : start + 50]).latent_dist.mode()
        result += map(Image.fromarray, to_pixels(pipe.vae.decode(latents).sample))
    return result


def check_generator(
    pipe: Pipeline, options: Options, prompts: Sequence[Prompt], seeds: int
) -> tuple[dict[str, Any], list[Image.Image]]:
    """Figures of a pipeline over prompts and seeds, and the pictures of the first seed."""
    encoder, matcher = EncoderFolder(BUILT_IN.encoder), shipped_matcher()
    size = (options.width, options.height)
    rendered = [rendering(prompt, size) for prompt in prompts]
    many = [prompt for _ in range(seeds) for prompt in prompts]
    numbers = [seed for seed in range(seeds) for _ in prompts]
    start = time.perf_counter()
    generated = generate(pipe, [prompt.text for prompt in many], numbers, options)
    seconds = (time.perf_counter() - start) / len(many)
    texts = encoder.embed_texts([prompt.text for prompt in prompts])
    found: dict[str, Any] = {"prompts": len(prompts), "seeds": seeds}
    for name, pictures, asked in (
        ("generated", generated, many),
        ("rendered", rendered, prompts),
        ("decoded", decoded(pipe, rendered), prompts),
    ):
        vectors = encoder.embed_pictures(pictures)
        found[name] = shares(encoder, asked, vectors)
        repeated = np.tile(texts, (len(asked) // len(prompts), 1))
        found[name]["match"] = prompt_scores(matcher, repeated, vectors)
    found["seconds"] = round(seconds, 3)
    found["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    found["threads"] = torch.get_num_threads()
    return found, generated[: len(prompts)]


def readings(named: Sequence[tuple[int, int, int]]) -> list[dict[str, Any]]:
    """What readers named right today: animals and actions of 100, and animals of 50 unseen."""
    today = date.today().isoformat()
    return [
        {"animal": animal, "action": action, "unseen": unseen, "date": today}
        for animal, action, unseen in named
    ]


def write_figures(folder: Path, found: Mapping[str, Any]) -> None:
    """Keep figures beside the weights, with those of another command, and write the model card."""
    path = folder / FIGURES
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    every = {**kept, **found}
    path.write_text(json.dumps(every, indent=1) + "\n", encoding="utf-8")
    write_card(folder, every)


@click.command()
@click.option("--generator", type=click.Path(path_type=Path), default=BUILT_IN.generator)
@click.option("--seeds", default=4, show_default=True, help="Pictures for each prompt.")
@click.option("--threads", default=2, show_default=True)
@click.option("--sheet", type=click.Path(path_type=Path), help="Where to write 100 pictures.")
@click.option(
    "--named",
    type=(int, int, int),
    multiple=True,
    help="A reader's animals and actions of 100, and animals of 50 unseen, named right.",
)
@click.option("--write", is_flag=True, help="Keep the figures, and write the model card.")
def main(
    generator: Path,
    seeds: int,
    threads: int,
    sheet: Path | None,
    named: tuple[tuple[int, int, int], ...],
    write: bool,
) -> None:
    """Print the figures of the generator."""
    torch.set_num_threads(threads)
    pipe, options = load_pipeline(generator)
    found, pictures = check_generator(pipe, options, held_out_prompts(), seeds)
    click.echo(table(found))
    click.echo(f"{found['seconds']} s a picture in batches, {found['memory_mb']} MB in all")
    if sheet is not None:
        grid(pictures[:100], columns=10).save(sheet)
    if named:
        found["named"] = readings(named)
    if write:
        write_figures(generator, found)


if __name__ == "__main__":
    main()
