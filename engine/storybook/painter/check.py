"""Measures the shipped painter: `python -m engine.storybook.painter.check`.

The storybook's encoder reads each attribute that a prompt states from the picture painted for it;
beside it stands the same of the rendered picture of a scene that the prompt is true of, as it is
and after the autoencoder. The matcher judges prompt and picture.
"""

import json
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image

from engine.models.encoder_info import hash_folder, read_facts
from engine.scoring.matcher import Matcher, read_matcher
from engine.scoring.ranking import probability
from engine.storybook.captions import Language
from engine.storybook.measures import Texts
from engine.storybook.painter.card import table, write_card
from engine.storybook.painter.painting import Options, Pipeline, grid, load_painter, paint
from engine.storybook.painter.pictures import SIDE
from engine.storybook.painter.prompts import Prompt, held_out_prompts
from engine.storybook.painter.reading import Vectors, read_right
from engine.storybook.painter.vae import to_input, to_pixels
from engine.storybook.render import render
from engine.storybook.shipped import ENCODER, MATCHER, PAINTER
from engine.storybook.training.encoder_folder import EncoderFolder

FIGURES = "figures.json"
"""What was measured, beside the weights."""


def shipped_matcher() -> Matcher:
    """The storybook's matcher, which must be that of its encoder."""
    identity = f"{ENCODER.name}@{hash_folder(ENCODER)}"
    return read_matcher(MATCHER.read_bytes(), read_facts(str(ENCODER), identity).id)


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


def verdict(matcher: Matcher, texts: Vectors, pictures: Vectors) -> dict[str, float]:
    """The matcher's mean probability for each text and its picture, and the share that passes."""
    odds = [
        matcher.logits(text, picture[:, None])[0]
        for text, picture in zip(texts, pictures, strict=True)
    ]
    match = probability(np.asarray(odds, np.float32))
    return {"mean": round(float(match.mean()), 3), "passed": round(float((match > 0.5).mean()), 3)}


@torch.inference_mode()
def decoded(pipe: Pipeline, pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Pictures after encoding and decoding."""
    x = to_input(np.stack([np.asarray(picture) for picture in pictures]))
    result: list[Image.Image] = []
    for start in range(0, len(x), 50):
        latents = pipe.vae.encode(x[start : start + 50]).latent_dist.mode()
        result += map(Image.fromarray, to_pixels(pipe.vae.decode(latents).sample))
    return result


def check_painter(
    pipe: Pipeline, options: Options, prompts: Sequence[Prompt], seeds: int
) -> tuple[dict[str, Any], list[Image.Image]]:
    """Figures of a pipeline over prompts and seeds, and the pictures of the first seed."""
    encoder, matcher = EncoderFolder(ENCODER), shipped_matcher()
    rendered = [render(prompt.scene, SIDE) for prompt in prompts]
    many = [prompt for _ in range(seeds) for prompt in prompts]
    numbers = [seed for seed in range(seeds) for _ in prompts]
    start = time.perf_counter()
    painted = paint(pipe, [prompt.text for prompt in many], numbers, options)
    seconds = (time.perf_counter() - start) / len(many)
    texts = encoder.embed_texts([prompt.text for prompt in prompts])
    found: dict[str, Any] = {"prompts": len(prompts), "seeds": seeds}
    for name, pictures, asked in (
        ("painted", painted, many),
        ("rendered", rendered, prompts),
        ("decoded", decoded(pipe, rendered), prompts),
    ):
        vectors = encoder.embed_pictures(pictures)
        found[name] = shares(encoder, asked, vectors)
        repeated = np.tile(texts, (len(asked) // len(prompts), 1))
        found[name]["match"] = verdict(matcher, repeated, vectors)
    found["seconds"] = round(seconds, 3)
    found["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    found["threads"] = torch.get_num_threads()
    return found, painted[: len(prompts)]


@click.command()
@click.option("--painter", type=click.Path(path_type=Path), default=PAINTER)
@click.option("--seeds", default=4, show_default=True, help="Pictures for each prompt.")
@click.option("--threads", default=2, show_default=True)
@click.option("--sheet", type=click.Path(path_type=Path), help="Where to write 100 pictures.")
@click.option("--recognised", type=int, help="Animals that somebody recognised in the sheet.")
@click.option("--write", is_flag=True, help="Keep the figures, and write the model card.")
def main(
    painter: Path, seeds: int, threads: int, sheet: Path | None, recognised: int | None, write: bool
) -> None:
    """Print the figures of the painter."""
    torch.set_num_threads(threads)
    pipe, options = load_painter(painter)
    found, pictures = check_painter(pipe, options, held_out_prompts(), seeds)
    click.echo(table(found))
    click.echo(f"{found['seconds']} s a picture in batches, {found['memory_mb']} MB in all")
    if sheet is not None:
        grid(pictures[:100], columns=10).save(sheet)
    if recognised is not None:
        found["recognised"] = recognised
    if write:
        text = json.dumps(found, indent=1)
        (painter / FIGURES).write_text(text + "\n", encoding="utf-8")
        write_card(painter, found)


if __name__ == "__main__":
    main()
