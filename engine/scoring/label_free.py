"""Label-free logits: does the query describe a picture better than others would?

For unit vectors, a query q, a picture i and background vectors b of the same kind,

    z(q, i) = s cos(q,i) - log sum over b of e^(s cos(b,i))

with s the encoder's logit scale: the log odds by which CLIP itself classifies (Radford et al. 2021,
section 3.1), of the query against the background.

- A text is weighed against rivals: class words chosen so that words a library has come out above
  words it lacks (engine/data/rivals.tsv). Mixes are weighed against random ones
  (engine/data/background.tsv, pictures spread over the library).
- A picture as a query is compared with pictures, where the softmax would lose what counts: many of
  them are like it, and what is like many counts for little. With m the mean of the library,

      z(q, i) = s cos(q - m, i - m)

- Of the background, the tenth that is nearest to the query is left out, and whatever equals it: 'a
  puppy' is no argument against 'a dog'. Of rivals, only those of the tenth that are SYNONYM
  standard deviations nearer to the query than rivals are to each other.

How high these logits must be in some library is no matter of the pair: queries are placed by what
random ones of their kind reach there (engine/scoring/decision.py, with what was measured). Those
that are made of pictures of the library are held against all pictures but these.

**Imported texts.** In a space without a model the texts that came with the pictures stand in for
unknown random ones. Most of them are about these pictures, and what they reach is no chance. So
each is scored without its own pictures: the one that is most like the text, and the quarter of the
library that is most like that picture. What is left says what a text reaches that is absent, and
queries are placed by it. By pairs alone, by the texts as they are, and so, balanced accuracy in 100
to 1,828 photos with 200 texts each (tests/bench/measure_backgrounds.py):

    texts                       pairs alone    as they are    without their own
    class words at random       .64 to .67     .81 to .87     .77 to .81
    words that captions name    .63 to .67     .73 to .79     .82 to .88
    stand-ins of captions       .63 to .67     .56 to .60     .63 to .69

and with the words kept for the end .68 to .80, .61 to .87 and .74 to .92, better without their own
than by pairs alone in the mean over sizes for each of the three (by .02, .13 and .02).
Nobody knows of imported texts whether pictures show them, so they are all taken for such as are.

**Pictures.** Of photos whose captions say that a library holds one alike, and of others, .71 to .73
are right in 100 to 1,200 photos and .60 to .69 by the softmax (same bench).

**History.** What a person asked for before joins no background: 300 earlier words, most of them in
the library, move the accuracy by -.02 to +.02 (same bench), whether they join in all or only where
they say what of a text's kind is there, and decisions would depend on what was asked in between.

The 107 rivals were chosen on one half of the class words, without any that is judged by the bench.
All of this is one encoder, in English, on photos of people and dogs out of doors. Elsewhere, in
Chinese too, nobody has measured; where encoders confuse other things, expect what as many random
texts do.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray, IdArray
from engine.scoring.columns import Columns
from engine.scoring.decision import ENOUGH, SAME, Surroundings, centred_cosines
from engine.scoring.embedding_matrix import EmbeddingMatrix, WeightedTerm

LEFT_OUT = 0.1
"""The part of the background, nearest to the query, that does not count against it."""
SYNONYM = 3.0
"""A rival so many standard deviations above the mean cosine between rivals means the same."""
BACKGROUND_PICTURES = 200
"""Pictures of the library, spread evenly over it, that stand against a picture as a query."""

OWN_SHARE = 0.25
"""The part of a library that is an imported text's own; from 0.1 to 0.3 it makes little difference.
"""
_MOST_COMPARED = 2_000
"""Pictures, spread evenly, that say how near a quarter of the library is to a picture."""

_STEP = 37
"""Terms of a query take their background from so many rows further on, never the same twice."""
_TINY = np.float32(1e-30)


def _nothing() -> FloatArray:
    return np.zeros((0, 0), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BackgroundPrompts:
    """Texts that queries of a language are weighed against, embedded as far as they are known."""

    random: FloatArray
    """Of the random ones and what stands in for them, [B, dim]."""
    rivals: FloatArray
    """Of the class words, [R, dim]."""
    level: FloatArray
    """Those of the random ones that are no stand-ins: what stands in for them is mostly in the
    library, [L, dim]."""
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
    """Whose logits are the level of a library, [n, dim]; nothing where there is no such level."""
    pictures: tuple[FloatArray, ...] = ()
    """Of what pictures the random ones are made, [n, dim] for each picture in the query: they say
    nothing of these themselves."""
    beyond: FloatArray | None = None
    """The cosines to such a picture from which on others are left out as it is, [n]; None: SAME."""
    middle: FloatArray | None = None
    """The mean of the library, [dim], where queries are pictures and compared as seen from it."""
    has_surroundings: bool = False
    """Where a query lies among the random ones says how common it is, and what comes with it. It is
    a plain text then: one background for all of them, and worth keeping what it reaches."""
    are_rivals: bool = False
    key: Hashable | None = None
    """The same for all queries that have this background; None where no other has it."""
    scorer: str = ""
    """What labels calibrate with this background; empty where they cannot."""

    @property
    def is_rough(self) -> bool:
        """It is too small to say anything."""
        return len(self.vectors) < ENOUGH

    def surroundings(self, queries: FloatArray) -> Surroundings:
        """How unit queries [T, dim] lie among the random ones, where it says something."""
        if not self.has_surroundings or not len(self.random):
            return Surroundings.unknown(len(queries))
        return Surroundings.of(self.random, queries)


def text_background(
    prompts: BackgroundPrompts, language: str, matrix: EmbeddingMatrix
) -> Background:
    """What single texts are weighed against: rivals where enough are known, else random ones."""
    are_rivals = len(prompts.rivals) >= ENOUGH
    vectors = prompts.rivals if are_rivals else prompts.random
    kind = "rivals" if are_rivals else "texts"
    is_certain = prompts.is_lasting and len(vectors) >= ENOUGH
    random, own = prompts.level, None
    if prompts.is_lasting and len(random) < ENOUGH <= len(prompts.random) and matrix.count:
        random = prompts.random
        own = matrix.derived(
            ("own pictures", prompts.language, len(random)),
            lambda columns: OwnPictures.of(random, columns),
        )
    return Background(
        vectors=vectors,
        random=random,
        pictures=() if own is None else (own.vectors,),
        beyond=None if own is None else own.beyond,
        has_surroundings=True,
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
        return text_background(prompts, language, matrix)
    texts = np.zeros((0, len(terms[0].vector)), np.float32)
    has_level = prompts is None or len(prompts.level) >= ENOUGH
    if prompts is not None:
        texts = prompts.level if has_level else prompts.random
    pictures = spread_pictures(matrix) if has_pictures else texts[:0]
    if is_single:
        return Background(
            vectors=pictures,
            random=pictures,
            pictures=(pictures,),
            middle=matrix.derived("middle", _mean),
            key="pictures",
        )
    kinds = [pictures if term.is_picture else texts for term in terms]
    vectors, parts = _combined(terms, kinds)
    made_of = tuple(part for term, part in zip(terms, parts, strict=True) if term.is_picture)
    return Background(vectors=vectors, random=vectors if has_level else texts[:0], pictures=made_of)


def spread_pictures(matrix: EmbeddingMatrix) -> FloatArray:
    """Background pictures [B, dim]: the same ones as long as the library stays as it is."""
    return matrix.vectors(spread_positions(matrix.count))


def spread_positions(count: int) -> IdArray:
    """Where background pictures stand among so many."""
    return _spread(count, BACKGROUND_PICTURES)


def _spread(count: int, most: int) -> IdArray:
    """At most so many of `count` indices, spread evenly."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.int64))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnPictures:
    """The pictures that each of some texts is about, by their likeness.

    They are those of the whole library, also where a filter or a sample leaves a part of it.
    """

    vectors: FloatArray
    """Of the picture that is most like each text, [B, dim]."""
    beyond: FloatArray
    """The cosines to it from which on pictures are the text's own, too, [B]."""

    @classmethod
    def of(cls, texts: FloatArray, columns: Columns) -> OwnPictures:
        """Of unit texts [B, dim] among unit pictures [dim, N], N > 0."""
        best = np.full(len(texts), -np.inf, np.float32)
        nearest = np.zeros(len(texts), np.int64)
        for block, start in zip(columns.blocks, columns.starts.tolist(), strict=False):
            cosines = block.products(texts)
            found = cosines.argmax(axis=1)
            reached = cosines[np.arange(len(texts)), found]
            nearest = np.where(reached > best, start + found, nearest)
            best = np.maximum(best, reached)
        vectors = np.ascontiguousarray(columns.take(nearest).T)
        likeness = vectors @ columns.take(_spread(columns.count, _MOST_COMPARED))
        beyond = np.quantile(likeness, 1 - OWN_SHARE, axis=1)
        # Not even what equals it may stay where a quarter of the library does.
        return cls(vectors=vectors, beyond=np.minimum(beyond, SAME).astype(np.float32))


def _combined(
    terms: Sequence[WeightedTerm], kinds: Sequence[FloatArray]
) -> tuple[FloatArray, list[FloatArray]]:
    """The combination of the terms over rows of their kinds [b, dim], at unit length, and what it
    took for each term."""
    size = min(len(kind) for kind in kinds)
    total = np.zeros((size, len(terms[0].vector)), np.float32)
    parts = [np.roll(kind, -_STEP * position, axis=0)[:size] for position, kind in enumerate(kinds)]
    for term, part in zip(terms, parts, strict=True):
        total += np.float32(term.weight) * part
    lengths = np.linalg.norm(total, axis=1, keepdims=True)
    kept = lengths[:, 0] > 1e-6
    combined: FloatArray = total[kept] / lengths[kept]
    return combined, [part[kept] for part in parts]


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
    if background.middle is not None:
        of = partial(_picture_logits, background.middle, query[None], scale=scale)
        return matrix.columns.each(lambda columns: of(columns).ravel())
    if background.key is None:
        prepared = prepare(background.vectors, matrix.columns, scale)
    else:
        prepared = matrix.derived(
            background.key, lambda columns: prepare(background.vectors, columns, scale)
        )
    return softmax_logits(prepared, query, cosine, matrix.columns, are_rivals=background.are_rivals)


def logits_of(
    background: Background, queries: FloatArray, columns: FloatArray, scale: float
) -> FloatArray:
    """The logits of many queries [T, dim] for pictures [dim, n] at once, [T, n].

    For a part of a library at a time: nothing of it is kept.
    """
    if background.middle is not None:
        return _picture_logits(background.middle, queries, columns, scale)
    prepared = prepare(background.vectors, columns, scale)
    beyond = prepared.near if background.are_rivals else -1.0
    kept = _counting_against_each(background.vectors, queries, beyond)
    total = kept.astype(np.float32) @ prepared.weights
    logits = np.float32(scale) * (queries @ columns) - prepared.peak
    logits -= np.log(np.maximum(total, _TINY))
    for row in np.flatnonzero((total < _TINY).any(axis=1)):
        cosine = queries[row] @ columns
        logits[row] = softmax_logits(
            prepared, queries[row], cosine, columns, are_rivals=background.are_rivals
        )
    return logits


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


def prepare(vectors: FloatArray, columns: FloatArray | Columns, scale: float) -> PreparedBackground:
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
    columns: FloatArray | Columns,
    *,
    are_rivals: bool = False,
) -> FloatArray:
    """The match logits of N pictures, float32 [N].

    `query` is of unit length [dim]; `cosine` [N] are its products with the columns [dim, N] that
    the background was prepared for. Of a random background the nearest tenth is left out, of
    rivals only what means the same.
    """
    beyond = background.near if are_rivals else -1.0
    kept = counting_against(background.vectors, query, beyond=beyond)
    log_total = background.log_total
    if not kept.all():
        total = kept.astype(np.float32) @ background.weights
        log_total = background.peak + np.log(np.maximum(total, _TINY))
        faint = np.flatnonzero(total < _TINY)
        if len(faint):
            log_total[faint] = _log_total(background, kept, _chosen(columns, faint))
    logits: FloatArray = np.float32(background.scale) * cosine - log_total
    return logits


def counting_against(
    vectors: FloatArray, query: FloatArray, *, beyond: float = -1.0
) -> NDArray[np.bool_]:
    """Which of the background [B, dim] counts against a query [dim].

    All but the nearest tenth, as far as its cosine to the query is at least `beyond`.
    """
    kept: NDArray[np.bool_] = _counting_against_each(vectors, query[None], beyond)[0]
    return kept


def _counting_against_each(
    vectors: FloatArray, queries: FloatArray, beyond: float
) -> NDArray[np.bool_]:
    """The same of many queries [T, dim] at once, [T, B]."""
    nearness = queries @ vectors.T
    most = round(LEFT_OUT * len(vectors))
    near: NDArray[np.bool_] = nearness >= beyond
    # Where no more are as near as that, they are the nearest, and nothing need be sorted.
    for row in np.flatnonzero(near.sum(axis=1) > most):
        near[row] = False
        near[row, np.argsort(-nearness[row], kind="stable")[:most]] = True
    kept: NDArray[np.bool_] = (nearness < SAME) & ~near
    return kept


def _mean(columns: Columns) -> FloatArray:
    return np.asarray(columns.total() / max(columns.count, 1), np.float32)


def _picture_logits(
    middle: FloatArray, queries: FloatArray, columns: FloatArray, scale: float
) -> FloatArray:
    """The logits of pictures as queries [T, dim] for pictures [dim, n], [T, n]."""
    cosines = (queries @ columns).astype(np.float64)
    return np.asarray(scale * centred_cosines(queries, columns.T, cosines, middle), np.float32)


def rough_logits(cosine: FloatArray, scale: float) -> FloatArray:
    """Match logits where there is no background: against 200 texts of the mean cosine, [N]."""
    logits: FloatArray = np.float32(scale) * (cosine - cosine.mean()) - np.float32(np.log(200))
    return logits


def _chosen(columns: FloatArray | Columns, rows: IdArray) -> FloatArray:
    return columns.take(rows) if isinstance(columns, Columns) else columns[:, rows]


def _log_total(
    background: PreparedBackground, kept: NDArray[np.bool_], columns: FloatArray
) -> FloatArray:
    """The log of the sum over the kept background, where all of it is far below the peak."""
    logits = _scaled_cosines(background.vectors[kept], columns, background.scale)
    lowest = np.float32(-background.scale)
    peak = logits.max(axis=0, initial=lowest)
    total = np.maximum(np.exp(logits - peak).sum(axis=0), _TINY)
    return np.asarray(peak + np.log(total), np.float32)


def _scaled_cosines(vectors: FloatArray, columns: FloatArray | Columns, scale: float) -> FloatArray:
    logits = np.asarray((np.float32(scale) * vectors) @ columns, np.float32)
    logits[logits >= np.float32(scale * SAME)] = -np.inf
    return logits
