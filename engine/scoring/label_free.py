"""`match` without a trained matcher: does the query describe a picture better than others would?

For unit vectors, a query q, a picture i and background vectors b of the same kind,

    match(q, i) = e^(s cos(q,i) + p(q)) / (e^(s cos(q,i) + p(q)) + sum over b of e^(s cos(b,i)))

with s the encoder's logit scale: the softmax weight by which CLIP itself classifies (Radford et al.
2021, section 3.1), of the query against the background. Three things make it a decision about a
library and not about one picture:

- A text is weighed against rivals: class words chosen so that words a library has come out above
  words it lacks (engine/data/rivals.tsv). Mixes and pictures are weighed against random ones
  (engine/data/background.tsv, pictures spread over the library).
- Of the background, the tenth that is nearest to the query is left out, and whatever equals it: 'a
  puppy' is no argument against 'a dog'. Of rivals, only those of the tenth that are SYNONYM
  standard deviations nearer to the query than rivals are to each other.
- p(q) is a prior: how near the query is to 200 random texts, in standard deviations of their own
  nearness, held within +-PRIOR_LIMIT. Words far from all others are the rare ones, and a rare word
  needs more evidence than a common one. Against rivals, p(q) - MARGIN; where only some of them are
  known, their sum counts as that of all.

Measured on 1,828 photos in the space of CLIP ViT-B/32 by tests/bench/measure_background.py, with 47
words that six captions or more hold and 701 that none does, told apart by the best match:

    background                                   AUC   present >= 0.5   absent < 0.5
    200 random texts, softmax alone              0.74       0.66            0.69
    ... nearest tenth left out, prior            0.86       0.83            0.70
    rivals, prior and margin as here             0.90       0.85            0.78

Rivals were chosen on these very words, which flatters them: on words held out they do no better
than random ones (0.86). On 96 words that had no part in it (tests/bench/choose_rivals.py) they do:

    background            30 + 30 clear words            30 + 30 by caption counts
    130 rivals            AUC 0.98, right 28 + 26        AUC 0.89, right 26 + 23
    as many at random     0.93-0.94, 51 or 52 of 60      0.83-0.86, 43 to 46 of 60
    200 random, as above  0.90, 26 + 20                  0.81, 24 + 19

The margin is the equal-error point of words held out, 0.75 there and 0.67 for another split; any
from 0.65 to 0.9 routes as many of the clear words. Variants of the choice (names in brackets, other
candidates) came to 52 to 55 of them at their own margins.

All of this is one encoder, in English, on photos of people and dogs out of doors. Elsewhere, in
Chinese too, nobody has measured; where encoders confuse other things, expect what as many random
texts do. A trained matcher replaces all of it.

Every further picture is a chance to pass by accident: 0.5 in 1,000 do at 0.5, so that no picture
passes for 96 % of absent words among 114 pictures, 85 % among 914 and 78 % among 1,828; a threshold
of 0.8 makes that 93 %, and one of 0.9, 97 %. A large library wants a higher threshold.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray
from engine.scoring.embedding_matrix import EmbeddingMatrix, WeightedTerm

LEFT_OUT = 0.1
"""The part of the background, nearest to the query, that does not count against it."""
PRIOR_LIMIT = 1.5
"""Largest prior, in nats."""
SYNONYM = 3.0
"""A rival so many standard deviations above the mean cosine between rivals means the same."""
MARGIN = 0.7
"""How much better than all rivals together, in nats, a query must describe a picture."""
SAME = 0.9999
"""The cosine from which on two vectors count as equal."""
ENOUGH = 16
"""Fewer background vectors than these say too little."""
BACKGROUND_PICTURES = 200
"""Pictures of the library, spread evenly over it, that stand against a picture as a query."""

_STEP = 37
"""Terms of a query take their background from so many rows further on, never the same twice."""
_TINY = np.float32(1e-30)


def _nothing() -> FloatArray:
    return np.zeros((0, 0), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BackgroundPrompts:
    """Texts that queries of a language are weighed against, embedded as far as they are known."""

    random: FloatArray
    """Of the random ones, [B, dim]."""
    rivals: FloatArray
    """Of the class words, [R, dim]."""
    listed: int
    """How many rivals there would be if all were known."""
    language: str
    """In which they are written: English where there are none in the language of the query."""
    used_model: bool = False
    is_lasting: bool = True
    """Asking again brings no more of them: all are known, or there is no model here to ask."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Background:
    """What queries of one kind are weighed against."""

    vectors: FloatArray
    """Unit length, [B, dim]."""
    random: FloatArray = field(default_factory=_nothing)
    """What the prior is measured against, [n, dim]; nothing where there is no prior."""
    bias: float = 0.0
    """What else speaks for a query, in nats."""
    are_rivals: bool = False
    key: Hashable | None = None
    """The same for all queries that have this background; None where no other has it."""
    scorer: str = ""
    """What labels calibrate with this background; empty where they cannot."""

    @property
    def is_rough(self) -> bool:
        """It is too small to say anything."""
        return len(self.vectors) < ENOUGH


def text_background(prompts: BackgroundPrompts, language: str) -> Background:
    """What single texts are weighed against: rivals where enough are known, else random ones."""
    are_rivals = min(len(prompts.rivals), len(prompts.random)) >= ENOUGH
    vectors = prompts.rivals if are_rivals else prompts.random
    kind = "rivals" if are_rivals else "texts"
    is_certain = prompts.is_lasting and len(vectors) >= ENOUGH
    return Background(
        vectors=vectors,
        random=prompts.random,
        bias=rival_bias(len(vectors), prompts.listed) if are_rivals else 0.0,
        are_rivals=are_rivals,
        key=("texts", prompts.language, are_rivals, len(vectors)),
        scorer=f"label-free, {len(vectors)} {language} {kind}" if is_certain else "",
    )


def query_background(
    terms: Sequence[WeightedTerm],
    prompts: BackgroundPrompts | None,
    matrix: EmbeddingMatrix,
    language: str,
) -> Background:
    """What a query is weighed against.

    Pictures stand against pictures. The background of several terms is the same combination of
    random texts and pictures, so that it differs from the query in what it says and not in how it
    is made.
    """
    has_pictures = any(term.is_picture for term in terms)
    is_single = len(terms) == 1 and terms[0].weight > 0
    if prompts is not None and is_single and not has_pictures:
        return text_background(prompts, language)
    texts = np.zeros((0, len(terms[0].vector)), np.float32) if prompts is None else prompts.random
    pictures = spread_pictures(matrix) if has_pictures else texts[:0]
    if is_single:
        return Background(vectors=pictures, key="pictures")
    kinds = [pictures if term.is_picture else texts for term in terms]
    vectors = _combined(terms, kinds)
    return Background(vectors=vectors, random=texts[:0] if has_pictures else vectors)


def spread_pictures(matrix: EmbeddingMatrix) -> FloatArray:
    """Background pictures [B, dim]: the same ones as long as the library stays as it is."""
    count = min(BACKGROUND_PICTURES, matrix.count)
    indices = np.linspace(0, matrix.count - 1, count).astype(np.int64)
    return matrix.vectors(np.unique(indices))


def _combined(terms: Sequence[WeightedTerm], kinds: Sequence[FloatArray]) -> FloatArray:
    """The combination of the terms over rows of their kinds [b, dim], at unit length."""
    size = min(len(kind) for kind in kinds)
    total = np.zeros((size, len(terms[0].vector)), np.float32)
    for position, (term, kind) in enumerate(zip(terms, kinds, strict=True)):
        total += np.float32(term.weight) * np.roll(kind, -_STEP * position, axis=0)[:size]
    lengths = np.linalg.norm(total, axis=1, keepdims=True)
    kept = lengths[:, 0] > 1e-6
    combined: FloatArray = total[kept] / lengths[kept]
    return combined


def match_logits(
    background: Background,
    matrix: EmbeddingMatrix,
    query: FloatArray,
    cosine: FloatArray,
    scale: float,
) -> FloatArray:
    """The match logit of a query [dim] for every picture, float32 [N].

    `cosine` [N] are the products of the query with the matrix, `scale` is the encoder's.
    """
    if background.is_rough:
        return rough_logits(cosine, scale)
    if background.key is None:
        prepared = prepare(background.vectors, matrix.columns, scale)
    else:
        prepared = matrix.derived(
            background.key, lambda columns: prepare(background.vectors, columns, scale)
        )
    prior = prior_of(background.random, query) if len(background.random) else 0.0
    return softmax_logits(
        prepared,
        query,
        cosine,
        matrix.columns,
        bias=prior + background.bias,
        are_rivals=background.are_rivals,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedBackground:
    """What does not depend on the query, of one background over one library."""

    vectors: FloatArray
    """Unit length, [B, dim]."""
    weights: FloatArray
    """exp(s cos(b, i) - peak(i)), [B, N]."""
    peak: FloatArray
    """The largest s cos(b, i) of each picture, [N]."""
    log_total: FloatArray
    """The log of the sum of e^(s cos(b, i)) over the whole background, [N]."""
    near: float
    """The cosine that is SYNONYM standard deviations above the mean between two of the vectors."""
    scale: float


def prepare(vectors: FloatArray, columns: FloatArray, scale: float) -> PreparedBackground:
    """Weigh B background vectors [B, dim] against N pictures, given as columns [dim, N].

    Where a background vector is the picture itself, it does not count for that picture.
    """
    weights = _scaled_cosines(vectors, columns, scale)
    peak = np.maximum(weights.max(axis=0), np.float32(-scale))
    weights -= peak
    np.exp(weights, out=weights)
    between = (vectors @ vectors.T)[~np.eye(len(vectors), dtype=np.bool_)]
    return PreparedBackground(
        vectors=vectors,
        weights=weights,
        peak=peak,
        log_total=peak + np.log(np.maximum(weights.sum(axis=0), _TINY)),
        near=float(between.mean() + SYNONYM * between.std()),
        scale=scale,
    )


def softmax_logits(
    background: PreparedBackground,
    query: FloatArray,
    cosine: FloatArray,
    columns: FloatArray,
    *,
    bias: float = 0.0,
    are_rivals: bool = False,
) -> FloatArray:
    """The match logits of N pictures, float32 [N].

    `query` is of unit length [dim]; `cosine` [N] are its products with the columns [dim, N] that
    the background was prepared for. `bias`, in nats, is what else speaks for the query. Of a
    random background the nearest tenth is left out, of rivals only what means the same.
    """
    beyond = background.near if are_rivals else -1.0
    kept = counting_against(background.vectors, query, beyond=beyond)
    log_total = background.log_total
    if not kept.all():
        total = kept.astype(np.float32) @ background.weights
        log_total = background.peak + np.log(np.maximum(total, _TINY))
        faint = np.flatnonzero(total < _TINY)
        if len(faint):
            log_total[faint] = _log_total(background, kept, columns[:, faint])
    logits: FloatArray = np.float32(background.scale) * cosine - log_total + np.float32(bias)
    return logits


def counting_against(
    vectors: FloatArray, query: FloatArray, *, beyond: float = -1.0
) -> NDArray[np.bool_]:
    """Which of the background [B, dim] counts against a query [dim].

    All but the nearest tenth, as far as its cosine to the query is at least `beyond`.
    """
    nearness = vectors @ query
    kept = nearness < SAME
    nearest = np.argsort(-nearness, kind="stable")[: round(LEFT_OUT * len(vectors))]
    kept[nearest] &= nearness[nearest] < beyond
    return kept


def rival_bias(known: int, listed: int) -> float:
    """What speaks against every query in nats, where so many of the listed rivals are known."""
    return -MARGIN - float(np.log(listed / known))


def prior_of(vectors: FloatArray, query: FloatArray) -> float:
    """p(q), in nats; 0 where the background vectors are all equally near to each other."""
    nearness = vectors @ query
    others = nearness[nearness < SAME]
    among = (vectors @ vectors.sum(axis=0) - 1) / (len(vectors) - 1)
    spread = float(among.std())
    if spread < 1e-6 or not len(others):
        return 0.0
    score = (float(others.mean()) - float(among.mean())) / spread
    return float(np.clip(score, -PRIOR_LIMIT, PRIOR_LIMIT))


def rough_logits(cosine: FloatArray, scale: float) -> FloatArray:
    """Match logits where there is no background: against 200 texts of the mean cosine, [N]."""
    logits: FloatArray = np.float32(scale) * (cosine - cosine.mean()) - np.float32(np.log(200))
    return logits


def _log_total(
    background: PreparedBackground, kept: NDArray[np.bool_], columns: FloatArray
) -> FloatArray:
    """The log of the sum over the kept background, where all of it is far below the peak."""
    logits = _scaled_cosines(background.vectors[kept], columns, background.scale)
    lowest = np.float32(-background.scale)
    peak = logits.max(axis=0, initial=lowest)
    total = np.maximum(np.exp(logits - peak).sum(axis=0), _TINY)
    return np.asarray(peak + np.log(total), np.float32)


def _scaled_cosines(vectors: FloatArray, columns: FloatArray, scale: float) -> FloatArray:
    logits = np.asarray((np.float32(scale) * vectors) @ columns, np.float32)
    logits[logits >= np.float32(scale * SAME)] = -np.inf
    return logits
