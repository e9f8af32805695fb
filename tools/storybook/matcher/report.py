"""The report of a matcher: what it does on held-out scenes, on the gallery and on photos."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.scoring.metrics import auc, calibration_error, reliability
from engine.scoring.perceptron import Perceptron
from engine.storybook.captions import claim_of
from engine.storybook.claims import Claim, Subject
from engine.storybook.gallery import (
    Query,
    read_records,
    routing_queries,
    swapped_claims,
    truth_matrix,
)
from engine.storybook.scenes import Scene
from engine.storybook.vocabulary import ANIMALS
from engine.storybook.wording import Language, write
from tools.storybook.encoder.folder import EncoderFolder
from tools.storybook.encoder.measures import EmbedTexts, Texts, level2_claims
from tools.storybook.held_out import CALIBRATION
from tools.storybook.matcher.fit import Floats, MatcherWeights, Pairs, pair_logits
from tools.storybook.matcher.material import Generated, Material
from tools.storybook.matcher.pairs import STEP, VAGUE


@dataclass(frozen=True, kw_only=True, slots=True)
class Swaps:
    """Area under the curve of true captions against swapped ones."""

    match: float
    cosine: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Rankings:
    """Share of level-2 captions whose best picture satisfies them, by what ranks the pictures."""

    match: float
    cosine: float
    both: float
    """By the log odds of the match plus 30 times the cosine, about its scale in training."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Routing:
    """Share of queries that a threshold of 0.5 sends the right way, by kind and over all."""

    accuracy: float
    by_kind: dict[str, float]
    wrong: tuple[str, ...]
    """Queries sent the wrong way, with their best match."""


def probability(logits: Floats) -> Floats:
    """The logistic function."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=np.float32)


def every_pair(weights: MatcherWeights, texts: Floats, pictures: Floats) -> Floats:
    """Match of every text with every picture, [texts, pictures]."""
    return probability(every_log_odds(weights, texts, pictures))


def every_log_odds(weights: MatcherWeights, texts: Floats, pictures: Floats) -> Floats:
    """Log odds of every text with every picture, [texts, pictures], as a search scores them."""
    head = Perceptron(**asdict(weights))
    seen = head.see(np.ascontiguousarray(pictures.T))
    return np.stack([head.logits(text, seen) for text in texts])


def swaps(
    weights: MatcherWeights, scenes: Sequence[Scene], pictures: Floats, texts: Texts
) -> Swaps:
    """Level-2 and full captions against the same with one attribute exchanged."""
    true, false = swapped_claims(scenes)
    rows = np.tile(np.arange(len(scenes)), 2)
    scores = []
    for claims in (true, false):
        vectors = texts.vectors(claims)
        pairs = Pairs(
            texts=vectors,
            pictures=pictures,
            text=np.arange(len(claims)),
            picture=rows,
            label=np.zeros(len(claims), dtype=np.float32),
        )
        cosine = np.einsum("nd,nd->n", vectors, pictures[rows])
        scores.append((pair_logits(weights, pairs), cosine))
    (good, good_cosine), (bad, bad_cosine) = scores
    return Swaps(match=auc(good, bad), cosine=auc(good_cosine, bad_cosine))


def rankings(
    weights: MatcherWeights,
    claims: Sequence[Claim],
    scenes: Sequence[Scene],
    pictures: Floats,
    texts: Texts,
) -> Rankings:
    """Precision of the first picture by match, by cosine, and by both."""
    true = truth_matrix(claims, scenes).T
    vectors = texts.vectors(claims)
    cosine = vectors @ pictures.T
    odds = every_log_odds(weights, vectors, pictures)
    rows = np.arange(len(claims))
    match, plain, both = (
        float(true[rows, scores.argmax(axis=1)].mean())
        for scores in (odds, cosine, odds + 30.0 * cosine)
    )
    return Rankings(match=match, cosine=plain, both=both)


def routing(queries: Sequence[Query], matches: Floats, threshold: float = 0.5) -> Routing:
    """Routing of queries whose matches with every picture are [queries, pictures]."""
    best = matches.max(axis=1)
    right = (best >= threshold) == np.array([query.answered for query in queries])
    kinds = np.array([query.kind for query in queries])
    return Routing(
        accuracy=float(right.mean()),
        by_kind={str(kind): float(right[kinds == kind].mean()) for kind in np.unique(kinds)},
        wrong=tuple(
            f"{query.caption.text} ({value:.2f})"
            for query, value, ok in zip(queries, best, right, strict=True)
            if not ok
        ),
    )


def expected_error(match: Floats, holds: Floats | NDArray[np.int64]) -> float:
    """Expected calibration error of pairs, as an evaluation measures it; `holds` is 1 or 0."""
    return calibration_error(reliability(match.astype(np.float64), holds > 0))


PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def matcher_report(
    weights: MatcherWeights,
    encoder: EncoderFolder,
    held_out: Material,
    gallery: Path,
    photos: Path | None = None,
    generated: Generated | None = None,
) -> dict[str, object]:
    """What the matcher does on held-out scenes, the gallery, photos and generated pictures."""
    report: dict[str, object] = {"calibration_scenes": CALIBRATION}
    report |= scenes_report(weights, encoder.embed_texts, held_out)
    records = list(read_records(gallery))
    images = [Image.open(gallery / record.file).convert("RGB") for record in records]
    pictures = encoder.embed_pictures(images)
    queries = routing_queries([record.scene for record in records])
    report["routing"] = asdict(routed(weights, encoder.embed_texts, queries, pictures))
    if generated is not None:
        report["generated"] = generated_figures(weights, encoder, generated)
    paths = pictures_in(photos) if photos is not None else []
    if paths:
        report["photos"] = photo_figures(weights, encoder, paths, held_out)
    return report


def scenes_report(
    weights: MatcherWeights, embed_texts: EmbedTexts, held_out: Material
) -> dict[str, object]:
    """What the matcher does on held-out scenes: calibration, swaps, rankings, degraded pictures."""
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
    degraded = match[pairs.picture >= len(held_out.scenes)]
    report["degraded_below_half"] = float((degraded < 0.5).mean())
    return report


def routed(
    weights: MatcherWeights, embed_texts: EmbedTexts, queries: Sequence[Query], pictures: Floats
) -> Routing:
    """Where queries of the gallery are sent, whose pictures have the vectors [n, d]."""
    texts = embed_texts([query.caption.text for query in queries])
    return routing(queries, every_pair(weights, texts, pictures))


def generated_figures(
    weights: MatcherWeights, encoder: EncoderFolder, generated: Generated
) -> dict[str, float]:
    """How often generated pictures pass for their prompts, those that are read right and others."""
    texts = encoder.embed_texts([prompt.text for prompt in generated.prompts])
    rows = np.arange(len(texts))
    pairs = Pairs(
        texts=texts,
        pictures=generated.vectors,
        text=rows,
        picture=rows,
        label=np.asarray(generated.right, np.float32),
    )
    passed = pair_logits(weights, pairs) >= 0.0
    right = np.asarray(generated.right)
    return {
        "generated": float(len(right)),
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


_MATCHER_CARD = """---
license: mit
language: [en, zh]
---

# The storybook's matcher

The MLP behind `match`, for the encoder `clip-storybook` alone: two layers over a text and a picture
vector, trained by `python -m tools.storybook.matcher.train` on rendered scenes. Its false pairs
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
| degraded pictures below 0.5 | {degraded:.3f} |
| 300 queries of the gallery routed right at 0.5 | {routing:.3f} |
| of these: satisfied, absent, foreign | {satisfied:.3f}, {absent:.3f}, {foreign:.3f} |
{photos}{generated}
Limits: those of its encoder. Where that cannot tell whose colour or action it is, match stays below
0.5 rather than above it.
"""

_PHOTOS = """
Real photos, which neither was made for ({photos:.0f} photos of the same ten animals): of all pairs
with an animal's name {names_passed:.3f} pass 0.5, and {any_name_passed:.3f} of the photos pass for
any of the twenty names; of all pairs with a level-2 caption {captions_passed:.3f} pass.
"""

_GENERATED = """
Pictures that `painter-storybook` made for {generated:.0f} prompts: from {right:.3f} of them the
encoder reads all that the prompt states; of these {right_passed:.3f} pass 0.5 for their prompt, of
the {others:.0f} others {wrong_passed:.3f}. Generated pictures were among its pairs.
"""


def _generated(found: Mapping[str, float]) -> str:
    others = round(found["generated"] * (1 - found["right"]))
    return _GENERATED.format(**found, others=others)


def matcher_card(report: Mapping[str, Any]) -> str:
    """The matcher's model card, from its report."""
    routing = report["routing"]
    photos, generated = report.get("photos"), report.get("generated")
    swapped = {name: report[f"swapped_auc_{name}"] for name in ("en", "zh")}
    first = {name: report[f"level2_precision_{name}"] for name in ("en", "zh")}
    return _MATCHER_CARD.format(
        vague=VAGUE,
        step=STEP,
        calibration=report["calibration_scenes"],
        pairs=report["pairs"],
        ece=report["calibration_error"],
        degraded=report["degraded_below_half"],
        routing=routing["accuracy"],
        photos="" if photos is None else _PHOTOS.format(**photos),
        generated="" if generated is None else _generated(generated),
        **routing["by_kind"],
        **{f"{name}_{score}": value for name, of in swapped.items() for score, value in of.items()},
        **{f"{name}_first": of["match"] for name, of in first.items()},
        **{f"{name}_first_{by}": of[by] for name, of in first.items() for by in ("cosine", "both")},
    )
