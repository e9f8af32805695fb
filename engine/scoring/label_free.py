"""`match` without a trained matcher: does the query describe a picture better than others would?

For unit vectors, a query q, a picture i and background vectors b of the same kind,

    match(q, i) = e^(s cos(q,i) + p(q)) / (e^(s cos(q,i) + p(q)) + sum over b of e^(s cos(b,i)))

with s the encoder's logit scale: the softmax weight by which CLIP itself classifies (Radford et al.
2021, section 3.1), of the query against the background. Three things make it a decision about a
library and not about one picture:

- A text is weighed against rivals: class words chosen so that words a library has come out above
  words it lacks (engine/data/rivals.tsv). Mixes and pictures are weighed against random ones.
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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray

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

_TINY = np.float32(1e-30)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Background:
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


def prepare(vectors: FloatArray, columns: FloatArray, scale: float) -> Background:
    """Weigh B background vectors [B, dim] against N pictures, given as columns [dim, N].

    Where a background vector is the picture itself, it does not count for that picture.
    """
    weights = _logits(vectors, columns, scale)
    peak = np.maximum(weights.max(axis=0), np.float32(-scale))
    weights -= peak
    np.exp(weights, out=weights)
    between = (vectors @ vectors.T)[~np.eye(len(vectors), dtype=np.bool_)]
    return Background(
        vectors=vectors,
        weights=weights,
        peak=peak,
        log_total=peak + np.log(np.maximum(weights.sum(axis=0), _TINY)),
        near=float(between.mean() + SYNONYM * between.std()),
        scale=scale,
    )


def log_odds(
    background: Background,
    query: FloatArray,
    cosine: FloatArray,
    columns: FloatArray,
    *,
    shift: float = 0.0,
    are_rivals: bool = False,
) -> FloatArray:
    """The log odds of `match` for N pictures, float32 [N].

    `query` is of unit length [dim]; `cosine` [N] are its products with the columns [dim, N] that
    the background was prepared for. `shift`, in nats, is what else speaks for the query. Of a
    random background the nearest tenth is left out, of rivals only what means the same.
    """
    beyond = background.near if are_rivals else -1.0
    kept = kept_of(background.vectors, query, beyond=beyond)
    log_total = background.log_total
    if not kept.all():
        total = kept.astype(np.float32) @ background.weights
        log_total = background.peak + np.log(np.maximum(total, _TINY))
        faint = np.flatnonzero(total < _TINY)
        if len(faint):
            log_total[faint] = _log_total(background, kept, columns[:, faint])
    odds: FloatArray = np.float32(background.scale) * cosine - log_total + np.float32(shift)
    return odds


def kept_of(vectors: FloatArray, query: FloatArray, *, beyond: float = -1.0) -> NDArray[np.bool_]:
    """Which of the background [B, dim] counts against a query [dim].

    All but the nearest tenth, as far as its cosine to the query is at least `beyond`.
    """
    nearness = vectors @ query
    kept = nearness < SAME
    nearest = np.argsort(-nearness, kind="stable")[: round(LEFT_OUT * len(vectors))]
    kept[nearest] &= nearness[nearest] < beyond
    return kept


def rival_shift(known: int, listed: int) -> float:
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


def rough_log_odds(cosine: FloatArray, scale: float) -> FloatArray:
    """Log odds where there is no background: against 200 texts of the mean cosine, [N]."""
    odds: FloatArray = np.float32(scale) * (cosine - cosine.mean()) - np.float32(np.log(200))
    return odds


def _log_total(background: Background, kept: NDArray[np.bool_], columns: FloatArray) -> FloatArray:
    """The log of the sum over the kept background, where all of it is far below the peak."""
    logits = _logits(background.vectors[kept], columns, background.scale)
    lowest = np.float32(-background.scale)
    peak = logits.max(axis=0, initial=lowest)
    total = np.maximum(np.exp(logits - peak).sum(axis=0), _TINY)
    return np.asarray(peak + np.log(total), np.float32)


def _logits(vectors: FloatArray, columns: FloatArray, scale: float) -> FloatArray:
    logits = np.asarray((np.float32(scale) * vectors) @ columns, np.float32)
    logits[logits >= np.float32(scale * SAME)] = -np.inf
    return logits
