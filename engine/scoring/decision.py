"""Retrieve or generate: where a query stands beside texts that the library does not show.

A scorer gives logits z_i(q) of pictures i for a query q. Differences between the pictures of one
query are evidence as they are; the level of a whole query is not: some texts score high everywhere,
and the best of 10,000 pictures is high by chance. The level is therefore measured in the library
itself: background texts b are scored by the very scorer in force over the very pictures.

**Evidence.** If some pictures show q and nobody knows which, the likelihood ratio of "the library
shows q" is the mean of theirs, which the best few decide; a text that scores high everywhere has no
right to a high best:

    e(q) = best'(q) - CHANCE chance'(q)

with best the mean of the BEST largest logits (fewer below 100 pictures), chance the mean of all,
each primed: in units of the background, (x - median_b) / (1.4826 MAD_b), clipped.

**Before the pictures.** A text far from all others is a rare one, and rare things are seldom there.
And things of one kind come together: whose library shows a saddle may well show a horse, and where
neither cakes nor soups are, a pizza is unlikely. So the prior log odds are a smooth function of the
text, and what was found of the background texts around it says how high it is there, by kernel
regression (Nadaraya 1964, Watson 1964):

    prior(q) = NEAR near'(q) + KIND kind'(q),   kind(q) = sum_b K(q, b) e(b) / sum_b K(q, b)
    K(q, b) = e^(cos(q - m, b - m) / (KERNEL s(q))),   0 where b is q

with near the mean cosine to the background texts, m their mean, and s(q) the standard deviation of
the cosines in K over b.

**Zero.** Some background texts are in the library, so the middle of them is no absent text's.
Absent and present ones are taken for two normals, APART standard deviations apart (or more, where
they are), in shares that follow the prior from a level a that is unknown:

    e(b) ~ (1 - p_b) N(m, s^2) + p_b N(m + APART s, s^2),   logit p_b = a + prior(b)

m, s and a come from EM under a beta prior of the share at a. Between two such normals log odds are
linear, and the level is where half of what is asked is there:

    library(q) = APART ((e(q) - m) / s - EVEN) + prior(q)

EVEN, where as many present texts are lost as absent ones pass, was measured.

**Pairs.** The background says nothing of a query that is unlike all of it, as what the storybook
knows is unlike any list of things. A matcher that was taught by false texts of that kind says
itself what is wrong, and then what it says of its best picture counts where it is lower: that
it was chosen out of many can only lower the odds of a pair. Where a text lies among the background
does not count there (prior = 0).

    odds(q) = min(library(q), APART (max_i z_i(q) - pair_floor))

and without such a floor odds(q) = min(library(q), SURE).

**Pictures.** The best picture has the odds of the query; the others lie below it as they do by the
scorer, APART nats for each 1 / STEP spreads of what background texts reach:

    match_i(q) = sigmoid(odds(q) + tau (z_i(q) - max_j z_j(q))),  tau = APART STEP / spread_b(best)

(tau at least 1 with a pair floor, for logits that are nats). So the order of pictures is
the scorer's, the best picture passes exactly when the query does, and 0.5 means even odds in this
library that the best picture shows what the text says, if half of what is asked can be found.

Measured by tests/bench/measure_routing.py on real CLIP vectors, with words that no constant was
fitted to (60 that two captions of a photo name, 255 that none does; six of them were looked at when
this form was taken and another left); present and absent ones right:

    pictures         100          300          600          1,200        1,828        drift
    label-free       1.00 / .85   .98 / .89    .94 / .89    .91 / .90    .88 / .89    .045
    with a matcher   1.00 / .85   .98 / .90    .95 / .89    .92 / .91    .87 / .92    .048

(drift of their mean). Among 20,000 and 200,000 pictures made of 1,200 photos label-free .96 / .92
(three draws), with a matcher .96 / .92 among 20,000 (two draws; .93 / .91 by the zero of 8,000).
With words that a single caption names, .83 and .84 of all are right at 1,828. Where more than half
of the background is in the library, the zero is too high.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields

import numpy as np

from engine.results import FloatArray, IdArray
from engine.scoring.evidence import Evidence, Floats, Tally, evidence_of
from engine.untrusted.documents import parse_object
from engine.untrusted.values import read_as

CHANCE = 0.4
NEAR = 3.5
KIND = 1.75
"""In nats for a spread of the background; a quarter less or more is as good."""
KERNEL = 2.0
"""In standard deviations of the cosines to background texts: 1 to 3 make little difference."""
APART = 2.2
"""Between present and absent texts, in standard deviations; so many nats is one of them worth."""
EVEN = 0.3
"""In standard deviations above the centre of absent background texts."""
STEP = 0.75
"""At it, as many pictures pass as people would name."""
SURE = 4.0
"""Most nats for a query, 0.98: beyond it, more pictures would pass, and not be surer ones."""
LIMIT = 8.0
"""Where the background ends: standardised figures beyond it count as it."""
PRIOR_LIMIT = 1.5
"""The same of near and kind: a sentence is far from all names of things without being rare, and
however many things of its kind are there, a text needs evidence of its own."""
SHARE_PRIOR = (3.0, 12.0)
"""Of the part of the background that the library shows, a beta distribution's: a lone normal
looks much like two that overlap, so some is to be known beforehand."""
ENOUGH = 16
"""Fewer background texts than these say too little."""
SAME = 0.9999
"""The cosine from which on two vectors count as equal."""

_ROUNDS = 100
_STILL = 1e-7
"""By so much centre, spread and level may move in the last round."""
_TINY = 1e-6
_ROUNDING = 1e-5
"""Of a figure: differences far below it are none."""
_MAD = 1.4826
"""A normal's standard deviation over its median absolute deviation."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surroundings:
    """How T texts lie among B background texts."""

    near: Floats
    """The mean cosine to background texts other than they, [T]."""
    weights: Floats
    """How much each of these says of the kind of a text, [T, B]: none, or 1 together."""

    @classmethod
    def of(cls, background: FloatArray, texts: FloatArray) -> Surroundings:
        """Of unit texts [T, d] among unit background texts [B, d], one or more."""
        cosines = (texts @ background.T).astype(np.float64)
        other = cosines < SAME
        count = np.maximum(other.sum(axis=1), 1)
        near = np.where(other, cosines, 0.0).sum(axis=1) / count
        # As a product: the mean of numpy takes rows one by one.
        parts = np.full(len(background), 1 / len(background), np.float32)
        found = centred_cosines(texts, background, cosines, parts @ background)
        likeness = np.where(other, found, 0.0)
        middle = likeness.sum(axis=1) / count
        apart = np.where(other, likeness - middle[:, None], 0.0)
        spread = np.sqrt((apart**2).sum(axis=1) / count)
        weights = np.where(other, np.exp(apart / (KERNEL * np.maximum(spread, _TINY))[:, None]), 0)
        weights /= np.maximum(weights.sum(axis=1), _TINY)[:, None]
        return cls(near=near, weights=weights)

    @classmethod
    def unknown(cls, texts: int) -> Surroundings:
        """Of so many that have nothing to lie among."""
        return cls(near=np.zeros(texts), weights=np.zeros((texts, 0)))

    def rows(self, texts: IdArray) -> Surroundings:
        """Of some of the texts."""
        return Surroundings(near=self.near[texts], weights=self.weights[texts])

    def kind(self, evidence: Floats) -> Floats:
        """What the background's evidence [B] comes to around each text, [T]."""
        if self.weights.shape[1] != len(evidence):
            return np.zeros(len(self.weights))
        found: Floats = self.weights @ evidence
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Where one figure of the background lies."""

    centre: float
    spread: float

    @classmethod
    def of(cls, values: Floats) -> Level:
        """The median, and the median absolute deviation as a standard deviation."""
        centre = float(np.median(values))
        return cls(centre=centre, spread=_MAD * float(np.median(np.abs(values - centre))))

    def standardised(self, values: Floats, limit: float) -> Floats:
        """Spreads above the centre; where the background is all alike, 0 or beyond the limit."""
        spread = max(self.spread, _ROUNDING * (1 + abs(self.centre)))
        found: Floats = np.clip((values - self.centre) / spread, -limit, limit)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What becomes of a scorer's logits for one query; also of pictures outside the library."""

    odds: float
    """Log odds of the best picture: those of the query."""
    slope: float
    """Nats for one of the scorer's logit; above 0."""
    top: float
    """The best picture's logit."""

    def __call__(self, logits: FloatArray) -> FloatArray:
        """The log odds of `match`, [N]: in the order of the logits, equal where they are equal."""
        # Each step keeps order in float64, and so does the one rounding at the end.
        placed = (logits.astype(np.float64) - self.top) * self.slope + self.odds
        return np.asarray(placed, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zero:
    """What texts that a library does not show reach in it: all that a decision needs to know.

    It holds for one revision and scope of the library, encoder, language, kind of query and scorer.
    """

    best: Level
    chance: Level
    near: Level
    kind: Level
    evidence: tuple[float, ...]
    """e of each background text."""
    centre: float
    """Of e over absent background texts."""
    spread: float
    share: float
    """Of the background texts, those in the library by estimate."""
    by_chance: tuple[float, float]
    """Log odds that half of the absent background texts stay below, and nine tenths of them."""
    texts: int
    pictures: int
    sampled: int
    """Pictures that were scored for it."""

    @classmethod
    def measure(
        cls,
        among: Surroundings,
        found: Evidence,
        *,
        pictures: int,
        sampled: int,
        pair_floor: float | None = None,
    ) -> Zero | None:
        """From the background's own surroundings and evidence; None for too little of either.

        With the floor of pairs, as `place` takes it, what texts reach by chance is below it too.
        """
        if len(among.near) < ENOUGH or not pictures or not np.isfinite(found.best).all():
            return None
        levels = Level.of(found.best), Level.of(found.chance)
        # Six digits are more than it is known to, and a receipt keeps them all.
        evidence = np.round(evidence_in(*levels, found), 6)
        around = Level.of(among.near), Level.of(among.kind(evidence))
        prior = prior_odds(*around, among, evidence)
        absent = fit_absent(evidence, prior)
        odds = evidence_odds(evidence, absent.centre, absent.spread) + prior
        if pair_floor is not None:
            odds = np.minimum(odds, APART * (found.best - pair_floor))
        middle, high = (_weighted_quantile(odds, 1 - absent.present, part) for part in (0.5, 0.9))
        return cls(
            best=levels[0],
            chance=levels[1],
            near=around[0],
            kind=around[1],
            evidence=tuple(map(float, evidence)),
            centre=absent.centre,
            spread=absent.spread,
            share=absent.share,
            by_chance=(middle, high),
            texts=len(among.near),
            pictures=pictures,
            sampled=sampled,
        )

    def library_odds(self, among: Surroundings, found: Evidence) -> Floats:
        """The log odds that the library shows texts, by their surroundings and evidence; [T]."""
        evidence = evidence_in(self.best, self.chance, found)
        prior = prior_odds(self.near, self.kind, among, np.array(self.evidence))
        return evidence_odds(evidence, self.centre, self.spread) + prior

    def odds(
        self, among: Surroundings, logits: FloatArray, pair_floor: float | None = None
    ) -> Floats:
        """The log odds of texts [T], each those of its best picture; from logits [T, N]."""
        odds = self.library_odds(among, evidence_of(logits))
        return _at_most(odds, logits.max(axis=1), pair_floor)

    def slope(self, pair_floor: float | None = None) -> float:
        """Nats for one of a scorer's logit."""
        slope = APART * STEP / self.best.spread if self.best.spread >= _TINY else 1.0
        return slope if pair_floor is None else max(slope, 1.0)

    def placements(
        self,
        among: Surroundings,
        tally: Tally,
        pictures: int,
        pair_floor: float | None = None,
    ) -> list[Placement]:
        """Where the logits of each of T texts belong, of whose logits there is a tally.

        `among` is of the texts; those that were tallied are a sample of so many pictures.
        """
        top = tally.top[:, 0]
        odds = _at_most(self.library_odds(among, tally.evidence(pictures)), top, pair_floor)
        slope = self.slope(pair_floor)
        return [
            Placement(odds=float(one), slope=slope, top=float(best))
            for one, best in zip(odds, top, strict=True)
        ]

    def placement(
        self, among: Surroundings, logits: FloatArray, pair_floor: float | None = None
    ) -> Placement:
        """Where the logits of one query [N] belong, N > 0.

        Pictures that are the query itself are left out before. `pair_floor` is given for a scorer
        whose logits are right for single pairs: the one at which a pair has even odds.
        """
        odds = float(self.odds(among, logits[None], pair_floor)[0])
        return Placement(odds=odds, slope=self.slope(pair_floor), top=float(logits.max()))

    def stand_in(
        self,
        among: Surroundings,
        own: FloatArray,
        logits: FloatArray,
        pair_floor: float | None = None,
    ) -> Placement:
        """Where the logits of another scorer [N] belong, as long as it has no zero.

        The query has the odds that its logits by the scorer of this zero, `own` [N], give it, and
        pictures lie as far apart as by those: one standard deviation counts as one. So the decision
        is that of the other scorer, and the order the one asked for.
        """
        found = self.placement(among, own)
        spread = float(logits.std(dtype=np.float64))
        ratio = float(own.std(dtype=np.float64)) / spread if spread >= _TINY else 0.0
        slope = found.slope * ratio if ratio >= _TINY else 1.0
        odds, top = found.odds, float(logits.max())
        if pair_floor is not None:
            odds, slope = min(odds, APART * (top - pair_floor)), max(slope, 1.0)
        return Placement(odds=odds, slope=slope, top=top)

    def as_json(self) -> str:
        """What the cache and a receipt keep, to the last digit."""
        # Not by asdict, which copies every number by itself: a query waits for it.
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return json.dumps(values, allow_nan=False, sort_keys=True, default=asdict)

    @classmethod
    def from_json(cls, text: str) -> Zero:
        """What `as_json` wrote. Raises ValueError, TypeError or KeyError for anything else."""
        return read_as(cls, parse_object(text))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Absent:
    """The absent texts among some, as a mixture tells them apart."""

    centre: float
    spread: float
    share: float
    """Of present ones."""
    present: Floats
    """The probability of each to be one, [B]."""


def fit_absent(values: Floats, prior: Floats) -> Absent:
    """Fit two normals of one spread, APART spreads apart or more, to values [B]; by EM.

    `prior` [B] are nats by which each is likelier to be a present one than others are.
    """
    # It begins with what the lower tail says, where absent texts are among themselves.
    tail, centre = (float(at) for at in np.quantile(values, (0.05, 0.4)))
    spread, level, apart = (centre - tail) / 1.39, math.log(0.25), APART
    count, total, squares = len(values), float(values.sum()), float(values @ values)
    # A query waits for it: probabilities are (1 + tanh(logit / 2)) / 2, and the sums over texts
    # that a round takes from them are made of those of the tanh, so that few arrays are made.
    half_values, half_prior = 0.5 * values, 0.5 * prior
    is_there = np.zeros_like(values)
    for _ in range(_ROUNDS):
        spread = max(spread, _TINY)
        last = centre, spread, level
        against = apart * apart / 2 + apart * centre / spread
        is_there = np.tanh(half_values * (apart / spread) + (half_prior + 0.5 * (level - against)))
        there = 0.5 * (count + float(is_there.sum()))
        high = 0.5 * (total + float(values @ is_there))
        level += _level_step(there, np.tanh(half_prior + 0.5 * level), level)
        gap = high / max(there, _TINY) - (total - high) / max(count - there, _TINY)
        apart = max(APART, gap / spread)
        step = apart * spread
        centre = (total - step * there) / count
        off = squares - 2 * centre * total + count * centre**2
        spread = math.sqrt(
            max(off - 2 * step * (high - centre * there) + step**2 * there, 0) / count
        )
        moved = abs(centre - last[0]) + abs(spread - last[1]) + abs(level - last[2])
        if moved < _STILL:
            break
    present = 0.5 + 0.5 * is_there
    share = float(present.mean())
    return Absent(centre=centre, spread=max(spread, _TINY), share=share, present=present)


def _level_step(there: float, before: Floats, level: float) -> float:
    """Newton's step, at most 1, towards the level at which as many are expected as are there.

    `before` are the tanh of half the prior log odds at the level so far.
    """
    alpha, beta = SHARE_PRIOR
    share = 0.5 + 0.5 * math.tanh(0.5 * level)
    expected, twice = 0.5 * (len(before) + float(before.sum())), float(before @ before)
    slope = there - expected + (alpha - 1) * (1 - share) - (beta - 1) * share
    bend = 0.25 * (len(before) - twice) + (alpha + beta - 2) * share * (1 - share)
    return min(max(slope / max(bend, _TINY), -1.0), 1.0)


def evidence_in(best: Level, chance: Level, found: Evidence) -> Floats:
    """e of T texts, [T]."""
    e: Floats = best.standardised(found.best, LIMIT)
    return e - CHANCE * chance.standardised(found.chance, LIMIT)


def prior_odds(near: Level, kind: Level, among: Surroundings, evidence: Floats) -> Floats:
    """Nats for T texts beside their own evidence, [T]."""
    common: Floats = NEAR * near.standardised(among.near, PRIOR_LIMIT)
    return common + KIND * kind.standardised(among.kind(evidence), PRIOR_LIMIT)


def centred_cosines(
    one: FloatArray, other: FloatArray, cosines: Floats, middle: FloatArray
) -> Floats:
    """cos(a - m, b - m) of unit vectors a [T, dim] and b [B, dim], [T, B]; `cosines` are a b.

    From the origin all texts lie in one direction, and all pictures in another, as most of what
    they share is to be texts or pictures; so they are seen from the middle m of their kind.
    """
    square = float(middle @ middle)
    mine, theirs = ((each @ middle).astype(np.float64) for each in (one, other))
    products = cosines - mine[:, None] - theirs + square
    lengths = [np.sqrt(np.maximum(1 - 2 * each + square, _TINY)) for each in (mine, theirs)]
    found: Floats = products / (lengths[0][:, None] * lengths[1])
    return found


def evidence_odds(evidence: Floats, centre: float, spread: float) -> Floats:
    odds: Floats = APART * ((evidence - centre) / spread - EVEN)
    return odds


def _at_most(odds: Floats, top: FloatArray, pair_floor: float | None) -> Floats:
    """Log odds of texts as far as their best pictures, of the logits `top`, bear them out; [T]."""
    if pair_floor is None:
        return np.minimum(odds, SURE)
    by_pair: Floats = APART * (top.astype(np.float64) - pair_floor)
    return np.minimum(odds, by_pair)


def _weighted_quantile(values: Floats, weights: Floats, part: float) -> float:
    """The value below which a part of the weight lies."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    return float(values[order][int(np.searchsorted(below, part * below[-1]))])
