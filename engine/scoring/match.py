"""What `match` is: the logits of the scorer in force, placed in the library, as labels calibrate.

The scorer in force is the label-free one, or a trained matcher. Of a matcher that learned from a
person's pictures the logits are added to the label-free ones: both are nats of evidence, and their
sum ranks better than either. Single pairs are compared by these logits; a search places them by
what background texts reach in the library (engine/scoring/decision.py). This is the one place that
makes logits into `match`, for searching, comparing, evaluating and training alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cache.labels import CalibrationRecord
from engine.results import Chance, FloatArray, IdArray
from engine.scoring import label_free
from engine.scoring.calibration import calibrated, probability
from engine.scoring.columns import Columns
from engine.scoring.decision import ENOUGH, SAME, SURE, Placement, Surroundings, Zero
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.evidence import Tally
from engine.scoring.label_free import Background
from engine.scoring.matcher import Matcher, matcher_words
from engine.states import ScorerKind, matcher_scorer

DEAR_SAMPLE = 8_000
"""Pictures at most that a matcher scores for a zero: 200 texts on each take a hundred times as long
as they do label-free, where all pictures are scored."""
QUICK_SAMPLE = 2_000
"""The same where somebody waits, as for figures of an evaluation."""
BLOCK, DEAR_BLOCK = 2_048, 32
"""Pictures that are scored in one go: some hundredths of a second."""

SHARE_OF_QUERY = 0.15
"""So much longer than without it a query may take for a zero."""
_QUERY_S, _PICTURE_S = 0.01, 1.6e-8
"""What a query takes besides its scores; and to read and score a picture, a number of it."""
_PAIR_S, _WEIGHT_S = 1.2e-10, 5e-11
"""What a text and a picture take label-free, a number of them; and by a matcher, a weight of it.
Measured on one core, and here only to weigh one against the other."""

_NO_BACKGROUND = Background(vectors=np.zeros((0, 0), np.float32))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatchContext:
    """What scorers work from: the pictures of one encoder, and what texts are held against."""

    matrix: EmbeddingMatrix
    logit_scale: float
    matcher: Matcher | None = None
    """The one in force; None leaves `match` to the label-free scorer."""
    matcher_id: int | None = None
    """None for one that is not in the cache."""
    own_pictures: Columns | None = None
    """The pictures as a matcher sees them that reads more than embeddings, [k, N]."""
    with_patches: int = 0
    """How many of these it saw with their patches."""
    matcher_logits: FloatArray | None = None
    """What the matcher gives the text of a query for every picture, [N], computed elsewhere."""
    backgrounds: Mapping[str, Background] = field(default_factory=dict)
    """By language; an empty name stands for every other language."""
    zeros: Mapping[tuple[str, str], Zero] = field(default_factory=dict)
    """What background texts reach in the library, by scorer and by language as `backgrounds`;
    without one, logits stay those of pairs."""
    calibrations: Sequence[CalibrationRecord] = ()
    """What labels did to scorers of the encoder."""

    def background(self, language: str = "") -> Background:
        """What texts of a language are weighed against."""
        found = self.backgrounds.get(language) or self.backgrounds.get("")
        return _NO_BACKGROUND if found is None else found

    def zero(self, scorer: str, language: str = "") -> Zero | None:
        """What background texts of a language reach by a scorer."""
        return self.zeros.get((scorer, language if language in self.backgrounds else ""))

    @property
    def seen(self) -> Columns:
        """The pictures as the matcher takes them, [k, N]; computed once for them."""
        assert self.matcher is not None
        if self.own_pictures is not None:
            return self.own_pictures
        see = self.matcher.head.see
        return self.matrix.derived(self.matcher, lambda columns: columns.mapped(see))

    def matcher_of(self, scorer: str) -> Matcher | None:
        """The matcher that takes part in a scorer."""
        return self.matcher if scorer == ScorerKind.MATCH else None

    def pair_floor(self, scorer: str) -> float | None:
        """The logit at which a pair has even odds by a scorer; None where no pair tells."""
        matcher = self.matcher_of(scorer)
        return None if matcher is None else matcher.pair_floor

    def surroundings(self, scorer: str, texts: FloatArray, language: str = "") -> Surroundings:
        """How unit texts [T, dim] lie among the background, where that says something.

        It does not beside a scorer that tells pairs: what it was taught is no part of the world
        that the background is of.
        """
        if self.pair_floor(scorer) is not None:
            return Surroundings.unknown(len(texts))
        return self.background(language).surroundings(texts)

    def adds_label_free(self, language: str = "") -> bool:
        """The logits of the matcher and the label-free ones are added."""
        if self.matcher is None or not self.matcher.adds_label_free:
            return False
        return not self.background(language).is_rough

    def is_rough(self, language: str = "") -> bool:
        """There is too little background and no matcher that knows pairs: `match` is a guess."""
        is_sure = self.matcher is not None and self.matcher.pair_floor is not None
        return not is_sure and self.background(language).is_rough

    def calibrated_scorer(self, language: str = "") -> str:
        """The exact scorer that labels calibrate; empty where they cannot."""
        if self.matcher is None:
            return self.background(language).scorer
        return "" if self.matcher_id is None else matcher_scorer(self.matcher_id)

    def calibration(self, language: str = "") -> CalibrationRecord | None:
        """What labels did to `match`; None where they did nothing."""
        scorer = self.calibrated_scorer(language)
        return next((each for each in self.calibrations if scorer and each.scorer == scorer), None)

    def shown_name(self, *, shipped: int | None, kind: str = "texts") -> str:
        """What `match` is, for people: `matcher 3, calibrated by 12 labels`.

        `shipped` is the id of the matcher that came with the program; `kind` says what a background
        without rivals is made of.
        """
        if self.matcher is None and not self.backgrounds:
            return ScorerKind.LABEL_FREE.value
        name = self._uncalibrated_name(shipped, kind)
        scorers = {self.calibrated_scorer(language) for language in ("", *self.backgrounds)} - {""}
        labels = sum(each.labels for each in self.calibrations if each.scorer in scorers)
        if not labels:
            return name
        return f"{name}, calibrated by {labels:,} label{'' if labels == 1 else 's'}"

    def _uncalibrated_name(self, shipped: int | None, kind: str) -> str:
        if self.matcher is not None:
            return matcher_words(self.matcher_id, shipped)
        background = self.background()
        if background.is_rough:
            return "label-free (rough)"
        count = len(background.vectors)
        if background.are_rivals:
            return f"label-free ({count} rival texts)"
        return f"label-free ({count} background {kind})"


def match_logits(
    context: MatchContext, text: FloatArray, cosine: FloatArray, language: str
) -> FloatArray:
    """The logit of a text [dim] for every picture as a pair, [N]; `cosine` [N] is theirs."""
    if context.matcher is None:
        return label_free_logits(context, text, cosine, language)
    if context.matcher_logits is not None:
        logits = context.matcher_logits.copy()
    else:
        logits = context.seen.each(partial(context.matcher.head.logits, text))
    if context.adds_label_free(language):
        logits += label_free_logits(context, text, cosine, language)
    return logits


def match_pair_logits(
    context: MatchContext, texts: FloatArray, pictures: IdArray, languages: Sequence[str]
) -> FloatArray | None:
    """The same of texts [n, dim], each for one picture by index; None where not by pairs."""
    if context.matcher is None or any(map(context.adds_label_free, set(languages))):
        return None
    seen = context.seen.take(pictures)
    return context.matcher.head.pair_logits(texts, seen)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QueryLogits:
    """The logits of one query for the pictures in scope, [N]."""

    match: FloatArray
    """By the scorer in force, as pairs."""
    label_free: FloatArray | None = None
    """Without the matcher; given where its zero stands in for that of the scorer in force."""
    itself: NDArray[np.bool_] | None = None
    """The pictures that the query is made of."""


def placed(
    context: MatchContext, scorer: str, text: FloatArray, logits: FloatArray, language: str = ""
) -> FloatArray:
    """The logits of `match`: those of a text [dim] for the pictures in scope, [N], placed there.

    `logits` are what the scorer gave; what labels did to `match` comes last.
    """
    return placed_query(context, scorer, text, QueryLogits(match=logits), language)


def placed_query(
    context: MatchContext, scorer: str, query: FloatArray, found: QueryLogits, language: str = ""
) -> FloatArray:
    """The same of any query.

    A picture that the query is made of says nothing of the others, and is sure itself.
    """
    others = np.isfinite(found.match)
    if found.itself is not None:
        others &= ~found.itself
    logits, placement = found.match, None
    if others.any():
        placement = _placement(context, scorer, query, found, others, language)
    if placement is not None:
        logits = placement(logits)
        if found.itself is not None:
            logits[found.itself] = np.maximum(logits[found.itself], np.float32(SURE))
    return calibrated_match(context, scorer, logits, language)


def _placement(
    context: MatchContext,
    scorer: str,
    query: FloatArray,
    found: QueryLogits,
    others: NDArray[np.bool_],
    language: str,
) -> Placement | None:
    """Where the query stands by the pictures that say something of it; None without a zero."""
    zero, floor = context.zero(scorer, language), context.pair_floor(scorer)
    if zero is not None:
        among = context.surroundings(scorer, query[None], language)
        return zero.placement(among, found.match[others], floor)
    zero = context.zero(ScorerKind.LABEL_FREE, language)
    if zero is None or found.label_free is None:
        return None
    among = context.surroundings(ScorerKind.LABEL_FREE, query[None], language)
    return zero.stand_in(among, found.label_free[others], found.match[others], floor)


def best_placed(
    context: MatchContext, scorer: str, texts: FloatArray, logits: FloatArray, language: str = ""
) -> FloatArray:
    """The largest of `placed` of texts of a language [T, dim], from finite logits [T, N]; [T]."""
    zero, best = context.zero(scorer, language), logits.max(axis=1)
    if zero is not None:
        among = context.surroundings(scorer, texts, language)
        best = zero.odds(among, logits, context.pair_floor(scorer)).astype(np.float32)
    return calibrated_match(context, scorer, best, language)


def chance(context: MatchContext, scorer: str, language: str = "") -> Chance | None:
    """The `match` that absent background texts reach by chance; None if not measured."""
    zero = context.zero(scorer, language) or context.zero(ScorerKind.LABEL_FREE, language)
    if zero is None:
        return None
    logits = calibrated_match(context, scorer, np.array(zero.by_chance, np.float32), language)
    half, high = map(float, probability(logits))
    return Chance(half=half, high=high)


def calibrated_match(
    context: MatchContext, scorer: str, logits: FloatArray, language: str
) -> FloatArray:
    """Logits of a library after what labels did to `match`."""
    found = context.calibration(language) if scorer == ScorerKind.MATCH else None
    return logits if found is None else calibrated(logits, found.scale, found.shift)


def is_dear(context: MatchContext, scorer: str) -> bool:
    """A zero by this scorer costs so much that pictures are sampled for it."""
    return context.matcher_of(scorer) is not None


def picture_seconds(context: MatchContext, scorer: str) -> float:
    """About how long it takes to score the random texts for a picture more."""
    pair = context.matrix.columns.dim * _PAIR_S + _matcher_seconds(context, scorer)
    return max(len(context.background().random) * pair, _PAIR_S)


def at_once(context: MatchContext, scorer: str, pictures: int) -> int:
    """How many of so many pictures can be scored while somebody waits for an answer."""
    read = context.matrix.columns.dim * _PICTURE_S
    query = _QUERY_S + pictures * (read + _matcher_seconds(context, scorer))
    return int(SHARE_OF_QUERY * query / picture_seconds(context, scorer))


def _matcher_seconds(context: MatchContext, scorer: str) -> float:
    """For a text and a picture."""
    matcher = context.matcher_of(scorer)
    return 0.0 if matcher is None else matcher_seconds(matcher)


def matcher_seconds(matcher: Matcher) -> float:
    """About what a matcher takes for a text and a picture, on one core."""
    return matcher.head.pair_weights * _WEIGHT_S


def sampled(picture_ids: IdArray, most: int) -> tuple[IdArray, int]:
    """Positions of at most so many pictures, spread at random over all, and how often halved.

    A picture is in or out by its id alone, as long as the library does not outgrow the share that
    is taken, which is halved then: so pictures that are added join those that were scored before.
    """
    if len(picture_ids) <= most:
        return np.arange(len(picture_ids)), 0
    lots, halvings = _lots(picture_ids), 0
    chosen = np.arange(len(picture_ids))
    while len(chosen) > most:
        halvings += 1
        chosen = chosen[lots[chosen] < np.uint64(1 << (64 - halvings))]
    return chosen, halvings


def _lots(picture_ids: IdArray) -> NDArray[np.uint64]:
    """A number for each picture that looks random (the finaliser of SplitMix64)."""
    x = picture_ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def measure_zero(
    context: MatchContext,
    scorer: str,
    language: str = "",
    rows: IdArray | None = None,
    most: int | None = None,
) -> Zero | None:
    """What background texts reach among all pictures, or some rows, by a scorer.

    At most so many of them are scored: by default QUICK_SAMPLE by a dear scorer, else all. None
    where there are too few texts, or no picture.
    """
    if not has_level(context, language):
        return None
    rows = np.arange(context.matrix.count, dtype=np.int64) if rows is None else rows
    chosen = zero_sample(context, scorer, language, rows, most)
    tally = Tally.empty(len(context.background(language).random))
    for part in blocks(context, scorer, chosen):
        tally = tally.joined(background_logits(context, scorer, language, part))
    return zero_of(context, scorer, language, tally, len(rows))


def has_level(context: MatchContext, language: str = "") -> bool:
    """There are enough background texts to say what they reach in a library."""
    background = context.background(language)
    return not background.is_rough and len(background.random) >= ENOUGH


def zero_sample(
    context: MatchContext, scorer: str, language: str, rows: IdArray, most: int | None = None
) -> IdArray:
    """The pictures, of some rows, that are scored for a zero, as `measure_zero` takes them."""
    if most is None:
        most = QUICK_SAMPLE if is_dear(context, scorer) else len(rows)
    return rows[sampled(context.matrix.picture_ids[rows], most)[0]]


def zero_of(
    context: MatchContext, scorer: str, language: str, tally: Tally, pictures: int
) -> Zero | None:
    """The zero among so many pictures, of which those of the tally are a sample."""
    if not tally.seen:
        return None
    background = context.background(language)
    return Zero.measure(
        context.surroundings(scorer, background.random, language),
        tally.evidence(pictures),
        pictures=pictures,
        sampled=tally.seen,
        pair_floor=context.pair_floor(scorer),
    )


def blocks(context: MatchContext, scorer: str, rows: IdArray) -> list[IdArray]:
    """Rows in parts that are scored in one go."""
    size = DEAR_BLOCK if is_dear(context, scorer) else BLOCK
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def with_zeros(context: MatchContext, scorers: Sequence[str]) -> MatchContext:
    """With the zeros of some scorers over all pictures, in every language."""
    found = {
        (scorer, language): measure_zero(context, scorer, language)
        for scorer in scorers
        for language in context.backgrounds
    }
    zeros = {key: zero for key, zero in found.items() if zero is not None}
    return replace(context, zeros=zeros)


def background_logits(
    context: MatchContext, scorer: str, language: str, rows: IdArray
) -> FloatArray:
    """The logits of the random background texts for some pictures, [B, n].

    They are -inf where a text's place is taken by what that picture is part of, or is its own.
    """
    background = context.background(language)
    logits = text_logits(context, scorer, language, background.random, rows)
    columns = context.matrix.columns.take(rows)
    beyond = SAME if background.beyond is None else background.beyond[:, None]
    for made_of in background.pictures:
        logits[made_of @ columns >= beyond] = -np.inf
    return logits


def text_logits(
    context: MatchContext, scorer: str, language: str, texts: FloatArray, rows: IdArray
) -> FloatArray:
    """The logits of texts [T, dim] for some pictures, [T, n]."""
    background, matcher = context.background(language), context.matcher_of(scorer)
    columns = context.matrix.columns.take(rows)
    if matcher is None:
        return label_free.logits_of(background, texts, columns, context.logit_scale)
    seen = context.seen.take(rows)
    logits = np.stack([matcher.head.logits(text, seen) for text in texts])
    if context.adds_label_free(language):
        logits += label_free.logits_of(background, texts, columns, context.logit_scale)
    return logits


def label_free_logits(
    context: MatchContext, text: FloatArray, cosine: FloatArray, language: str
) -> FloatArray:
    """The label-free logit of a text for every picture as a pair."""
    return label_free.match_logits(
        context.background(language), context.matrix, text, cosine, context.logit_scale
    )
