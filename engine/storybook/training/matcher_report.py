"""The report of a matcher: what it does on held-out scenes, on the gallery and on photos."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from engine.storybook.captions import Language, claim_of, write
from engine.storybook.claims import Claim, Subject
from engine.storybook.measures import EmbedTexts, Texts, level2_claims
from engine.storybook.queries import Query, routing_queries
from engine.storybook.records import read_records
from engine.storybook.training.encoder_folder import EncoderFolder
from engine.storybook.training.held_out import CALIBRATION
from engine.storybook.training.matcher_figures import (
    Routing,
    every_pair,
    expected_error,
    probability,
    rankings,
    routing,
    swaps,
)
from engine.storybook.training.matcher_material import Material, Painted
from engine.storybook.vocabulary import ANIMALS
from engine.workers.labelled import Floats, MatcherWeights, Pairs, pair_logits

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def matcher_report(
    weights: MatcherWeights,
    encoder: EncoderFolder,
    held_out: Material,
    gallery: Path,
    photos: Path | None = None,
    painted: Painted | None = None,
) -> dict[str, object]:
    """What the matcher does on held-out scenes, the gallery, photos and painted pictures."""
    report: dict[str, object] = {"calibration_scenes": CALIBRATION}
    report |= scenes_report(weights, encoder.embed_texts, held_out)
    records = list(read_records(gallery))
    images = [Image.open(gallery / record.file).convert("RGB") for record in records]
    pictures = encoder.embed_pictures(images)
    queries = routing_queries([record.scene for record in records])
    report["routing"] = asdict(routed(weights, encoder.embed_texts, queries, pictures))
    if painted is not None:
        report["painted"] = painted_figures(weights, encoder, painted)
    paths = pictures_in(photos) if photos is not None else []
    if paths:
        report["photos"] = photo_figures(weights, encoder, paths, held_out)
    return report


def scenes_report(
    weights: MatcherWeights, embed_texts: EmbedTexts, held_out: Material
) -> dict[str, object]:
    """What the matcher does on held-out scenes: calibration, swaps, rankings, spoiled pictures."""
    pairs = held_out.pairs()
    match = probability(pair_logits(weights, pairs))
    report: dict[str, object] = {
        "pairs": len(match),
        "calibration_error": expected_error(match, held_out.made.table()[:, 2]),
    }
    for language in Language:
        texts = Texts(embed_texts, language)
        result = swaps(weights, held_out.scenes, held_out.whole, texts)
        report[f"swapped_auc_{language}"] = asdict(result)
        claims = level2_claims(held_out.scenes)
        ranked = rankings(weights, claims, held_out.scenes, held_out.whole, texts)
        report[f"level2_precision_{language}"] = asdict(ranked)
    spoiled = match[pairs.picture >= len(held_out.scenes)]
    report["spoiled_below_half"] = float((spoiled < 0.5).mean())
    return report


def routed(
    weights: MatcherWeights, embed_texts: EmbedTexts, queries: Sequence[Query], pictures: Floats
) -> Routing:
    """Where queries of the gallery are sent, whose pictures have the vectors [n, d]."""
    texts = embed_texts([query.caption.text for query in queries])
    return routing(queries, every_pair(weights, texts, pictures))


def painted_figures(
    weights: MatcherWeights, encoder: EncoderFolder, painted: Painted
) -> dict[str, float]:
    """How often painted pictures pass for their prompts: those that are read right, and others."""
    texts = encoder.embed_texts([prompt.text for prompt in painted.prompts])
    rows = np.arange(len(texts))
    pairs = Pairs(
        texts=texts,
        pictures=painted.vectors,
        text=rows,
        picture=rows,
        label=np.asarray(painted.right, np.float32),
    )
    passed = pair_logits(weights, pairs) >= 0.0
    right = np.asarray(painted.right)
    return {
        "painted": float(len(right)),
        "right": float(right.mean()),
        "right_passed": float(passed[right].mean()) if right.any() else 0.0,
        "wrong_passed": float(passed[~right].mean()) if not right.all() else 0.0,
    }


def pictures_in(folder: Path) -> list[Path]:
    """Paths of the pictures under a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)


def photo_figures(
    weights: MatcherWeights, encoder: EncoderFolder, photos: Sequence[Path], held_out: Material
) -> dict[str, float]:
    """How often photos pass: for the name of an animal, any of all names, any of 200 captions."""
    vectors = encoder.embed_pictures([Image.open(path).convert("RGB") for path in photos])
    names = [Claim(subjects=(Subject(animal=animal),)) for animal in ANIMALS]
    rng = Random("photos")
    detailed = [claim_of(scene, 2, rng) for scene in held_out.scenes[:100]]
    passed = {}
    for kind, claims in (("names", names), ("captions", detailed)):
        texts = [write(claim, language, rng).text for claim in claims for language in Language]
        passed[kind] = every_pair(weights, encoder.embed_texts(texts), vectors) >= 0.5
    return {
        "photos": float(len(photos)),
        "names_passed": float(np.mean(passed["names"])),
        "any_name_passed": float(np.mean(passed["names"].any(axis=0))),
        "captions_passed": float(np.mean(passed["captions"])),
        "any_caption_passed": float(np.mean(passed["captions"].any(axis=0))),
    }
