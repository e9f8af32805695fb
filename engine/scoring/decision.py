"""Retrieve or generate: where a query stands beside texts that the library does not show.

A scorer gives logits z_i(q) of pictures i for a query q. Differences between the pictures of one
query are evidence as they are; the level of a whole query is not: some texts score high everywhere,
and the best of 10,000 pictures is high by chance. The level is therefore measured in the library
itself: background texts b are scored by the very scorer in force over the very pictures.

**Evidence.** If some pictures show q and nobody knows which, the likelihood ratio of "the library
shows q" is the mean of theirs, which the best few decide; a text that scores high everywhere has no
right to a high best. A text far from all others is a rare one, and rare things are seldom there. So

    u(q) = best'(q) - CHANCE chance'(q) + NEAR near'(q)

with best the mean of the BEST largest logits (fewer below 100 pictures), chance the mean of all,
near the mean cosine to the background texts, each primed: in units of the background,
(x - median_b) / (1.4826 MAD_b), clipped.

**Zero.** Some background texts are in the library (4 % for 100 pictures and 14 % for 1,828, by the
estimate that follows), so the middle of them is no absent text's. Absent and present ones are taken
for two normals, APART standard deviations apart (or more, where they are), in unknown shares:

    u(b) ~ (1 - p) N(m, s^2) + p N(m + APART s, s^2)

m, s and p come from EM under a beta prior of p. Between two such normals log odds are linear,

    library(q) = APART ((u(q) - m) / s - EVEN)

EVEN, where as many present texts are lost as absent ones pass, was measured.

**Pairs.** The background says nothing of a query that is unlike all of it, as what the storybook
knows is unlike any list of things. A matcher that was taught by false texts of that kind says
itself what is wrong, and then what it says of its best picture counts where it is lower: that
it was chosen out of many can only lower the odds of a pair.

    odds(q) = min(library(q), APART (max_i z_i(q) - pair_floor))

and without such a floor odds(q) = min(library(q), SURE).

**Pictures.** The best picture has the odds of the query; the others lie below it as they do by the
scorer, APART nats for each 1 / STEP spreads of what background texts reach:

    match_i(q) = sigmoid(odds(q) + tau (z_i(q) - max_j z_j(q))),  tau = APART STEP / spread_b(best)

(tau at least 1 with a pair floor, for logits that are nats). So the order of pictures is
the scorer's, the best picture passes exactly when the query does, and 0.5 means even odds in this
library that the best picture shows what the text says, if half of what is asked can be found.

Measured by tests/bench/measure_routing.py on real CLIP vectors, with words that had no part in any
choice (60 that two captions of a photo name, 255 that none does); present and absent ones right:

    pictures         100          300          600          1,200        1,828        drift
    label-free       .97 / .81    .98 / .82    .98 / .85    .92 / .87    .88 / .87    .040
    with a matcher   1.00 / .82   .98 / .86    .97 / .86    .93 / .88    .89 / .86    .044

(drift of their mean). Among 20,000 and 200,000 made-up pictures label-free .90 / .85 and .90 / .81.
With words that a single caption names, .82 of all are right at 1,828. Where more than half of the
background is in the library, the zero is too high.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray
from engine.untrusted.documents import parse_object
from engine.untrusted.values import read_as

Floats: TypeAlias = NDArray[np.float64]

BEST = 5
"""Logits that are averaged; from 3 to 12 it makes no difference."""
EACH = 20
"""Pictures for each of them: the mean of all five of five would be no evidence."""
CHANCE = 0.4
NEAR = 0.8
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
NEAR_LIMIT = 2.0
"""A sentence is far from all names of things without being rare."""
SHARE_PRIOR = (3.0, 12.0)
"""Of the part of the background that the library shows, a beta distribution's: a lone normal
looks much like two that overlap, so some is to be known beforehand."""
ENOUGH = 16
"""Fewer background texts than these say too little."""
SAME = 0.9999
"""The cosine from which on two vectors count as equal."""
TAIL = 32
"""Largest logits that are kept of each background text."""
LIGHTER = 0.87
"""Measured growth over that of exponential tails: 114 to 914 photos of 1,828, three scorers."""

_ROUNDS = 100
_TINY = 1e-6
_ROUNDING = 1e-5
"""Of a figure: differences far below it are none."""
_MAD = 1.4826
"""A normal's standard deviation over its median absolute deviation."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What the pictures say of T texts; float64 [T] each."""

    best: Floats
    """The mean of the largest logits, BEST of them from 100 pictures on."""
    chance: Floats
    """The mean logit."""


def counted(pictures: int) -> int:
    """How many of so many pictures are evidence."""
    return min(BEST, max(1, pictures // EACH))


def evidence_of(logits: FloatArray) -> Evidence:
    """The evidence in finite logits [T, N] of at least one picture."""
    count = counted(logits.shape[1])
    top = np.partition(logits, logits.shape[1] - count, axis=1)[:, -count:]
    return Evidence(
        best=top.mean(axis=1, dtype=np.float64), chance=logits.mean(axis=1, dtype=np.float64)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tally:
    """Logits of background texts over pictures, in so far as evidence needs them.

    Pictures join in batches, and none is scored twice; it does not matter in which order.
    """

    top: FloatArray
    """The TAIL largest logits of each text, descending, -inf where there are fewer; [B, TAIL]."""
    total: Floats
    """The sum of all logits, [B]."""
    seen: int
    """Pictures scored."""

    @classmethod
    def empty(cls, texts: int) -> Tally:
        """Of no picture."""
        top = np.full((texts, TAIL), -np.inf, np.float32)
        return cls(top=top, total=np.zeros(texts), seen=0)

    def joined(self, logits: FloatArray) -> Tally:
        """With the logits [B, n] of more pictures, -inf where one says nothing of a text."""
        both = np.concatenate([self.top, logits], axis=1)
        largest = np.partition(both, both.shape[1] - TAIL, axis=1)[:, -TAIL:]
        says, count = np.isfinite(logits), logits.shape[1]
        total = logits.sum(axis=1, dtype=np.float64, where=says)
        return Tally(
            top=np.sort(largest, axis=1)[:, ::-1],
            total=self.total + total * count / np.maximum(says.sum(axis=1), 1),
            seen=self.seen + count,
        )

    def evidence(self, pictures: int) -> Evidence:
        """The evidence over a library of `pictures`, of which those seen are a random sample.

        Logits far out become rarer by a factor e with every step of some length, so the best of k
        times as many pictures lies log k steps farther out. The step is the mean excess of the
        largest ones over the next (Hill 1975, of the odds), taken from all texts together; tails
        are a little lighter than that, which LIGHTER makes up for.
        """
        count = min(counted(pictures), self.seen)
        best = self.top[:, :count].mean(axis=1, dtype=np.float64)
        over = min(TAIL, self.seen) - 1
        if pictures > self.seen and over > 0:
            excess = self.top[:, :over].mean(axis=1, dtype=np.float64) - self.top[:, over]
            best += LIGHTER * float(np.median(excess)) * math.log(pictures / self.seen)
        return Evidence(best=best, chance=self.total / self.seen)

    def as_values(self) -> dict[str, str | int]:
        """What JSON keeps of it, to the last digit."""
        arrays = (self.top.astype("<f4"), self.total.astype("<f8"))
        top, total = (base64.b64encode(array.tobytes()).decode() for array in arrays)
        return {"top": top, "total": total, "seen": self.seen}

    @classmethod
    def from_values(cls, values: object) -> Tally:
        """What `as_values` gave. Raises ValueError, TypeError or KeyError for anything else."""
        if not isinstance(values, dict):
            raise TypeError("expected the values of a tally")
        top, total = (base64.b64decode(str(values[name])) for name in ("top", "total"))
        return cls(
            top=np.frombuffer(top, "<f4").reshape(-1, TAIL),
            total=np.frombuffer(total, "<f8"),
            seen=int(str(values["seen"])),
        )

    @property
    def texts(self) -> int:
        """How many texts it is of; 0 for one that is damaged."""
        return len(self.total) if len(self.total) == len(self.top) and self.seen > 0 else 0


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
    centre: float
    """Of u over absent background texts."""
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
        near: Floats,
        found: Evidence,
        *,
        pictures: int,
        sampled: int,
        pair_floor: float | None = None,
    ) -> Zero | None:
        """From the background's own nearness [B] and evidence; None for too little of either.

        With the floor of pairs, as `place` takes it, what texts reach by chance is below it too.
        """
        if len(near) < ENOUGH or not pictures or not np.isfinite(found.best).all():
            return None
        levels = Level.of(found.best), Level.of(found.chance), Level.of(near)
        u = _combined(levels, near, found)
        absent = fit_absent(u)
        odds = _odds(u, absent.centre, absent.spread)
        if pair_floor is not None:
            odds = np.minimum(odds, APART * (found.best - pair_floor))
        middle, high = (_weighted_quantile(odds, 1 - absent.present, part) for part in (0.5, 0.9))
        return cls(
            best=levels[0],
            chance=levels[1],
            near=levels[2],
            centre=absent.centre,
            spread=absent.spread,
            share=absent.share,
            by_chance=(middle, high),
            texts=len(near),
            pictures=pictures,
            sampled=sampled,
        )

    def library_odds(self, near: Floats, found: Evidence) -> Floats:
        """The log odds that the library shows texts, by their nearness and evidence; [T]."""
        u = _combined((self.best, self.chance, self.near), near, found)
        return _odds(u, self.centre, self.spread)

    def odds(self, near: Floats, logits: FloatArray, pair_floor: float | None = None) -> Floats:
        """The log odds of texts [T], each those of its best picture; from logits [T, N]."""
        odds = self.library_odds(near, evidence_of(logits))
        return _at_most(odds, logits.max(axis=1), pair_floor)

    def slope(self, pair_floor: float | None = None) -> float:
        """Nats for one of a scorer's logit."""
        slope = APART * STEP / self.best.spread if self.best.spread >= _TINY else 1.0
        return slope if pair_floor is None else max(slope, 1.0)

    def placements(
        self, near: Floats, tally: Tally, pictures: int, pair_floor: float | None = None
    ) -> list[Placement]:
        """Where the logits of each of T texts belong, of whose logits there is a tally.

        `near` is [T]; those that were tallied are a sample of so many pictures.
        """
        top = tally.top[:, 0]
        odds = _at_most(self.library_odds(near, tally.evidence(pictures)), top, pair_floor)
        slope = self.slope(pair_floor)
        return [
            Placement(odds=float(one), slope=slope, top=float(best))
            for one, best in zip(odds, top, strict=True)
        ]

    def placement(
        self, near: float, logits: FloatArray, pair_floor: float | None = None
    ) -> Placement:
        """Where the logits of one query [N] belong, N > 0.

        Pictures that are the query itself are left out before. `pair_floor` is given for a scorer
        whose logits are right for single pairs: the one at which a pair has even odds.
        """
        odds = float(self.odds(np.array([near]), logits[None], pair_floor)[0])
        return Placement(odds=odds, slope=self.slope(pair_floor), top=float(logits.max()))

    def stand_in(
        self, near: float, own: FloatArray, logits: FloatArray, pair_floor: float | None = None
    ) -> Placement:
        """Where the logits of another scorer [N] belong, as long as it has no zero.

        The query has the odds that its logits by the scorer of this zero, `own` [N], give it, and
        pictures lie as far apart as by those: one standard deviation counts as one. So the decision
        is that of the other scorer, and the order the one asked for.
        """
        found = self.placement(near, own)
        spread = float(logits.std(dtype=np.float64))
        ratio = float(own.std(dtype=np.float64)) / spread if spread >= _TINY else 0.0
        slope = found.slope * ratio if ratio >= _TINY else 1.0
        odds, top = found.odds, float(logits.max())
        if pair_floor is not None:
            odds, slope = min(odds, APART * (top - pair_floor)), max(slope, 1.0)
        return Placement(odds=odds, slope=slope, top=top)

    def as_json(self) -> str:
        """What the cache and a receipt keep, to the last digit."""
        return json.dumps(asdict(self), allow_nan=False, sort_keys=True)

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


def fit_absent(values: Floats) -> Absent:
    """Fit two normals of one spread, APART spreads apart or more, to values [B]; by EM."""
    # It begins with what the lower tail says, where absent texts are among themselves.
    tail, centre = (float(at) for at in np.quantile(values, (0.05, 0.4)))
    spread, share, apart = (centre - tail) / 1.39, 0.2, APART
    alpha, beta = SHARE_PRIOR
    count, total, squares = len(values), float(values.sum()), float(values @ values)
    present = np.zeros_like(values)
    for _ in range(_ROUNDS):
        spread = max(spread, _TINY)
        against = math.log((1 - share) / share) + apart * apart / 2 + apart * centre / spread
        present = 1 / (1 + np.exp(np.clip(against - values * (apart / spread), -50, 50)))
        # Sums over texts are all that a round takes from them, so that few arrays are made.
        there, high = float(present.sum()), float(values @ present)
        share = (there + alpha - 1) / (count + alpha + beta - 2)
        gap = high / max(there, _TINY) - (total - high) / max(count - there, _TINY)
        apart = max(APART, gap / spread)
        step = apart * spread
        centre = (total - step * there) / count
        off = squares - 2 * centre * total + count * centre**2
        spread = math.sqrt(
            max(off - 2 * step * (high - centre * there) + step**2 * there, 0) / count
        )
    return Absent(centre=centre, spread=max(spread, _TINY), share=share, present=present)


def nearness(background: FloatArray, texts: FloatArray) -> Floats:
    """The mean cosine of unit texts [T, d] to background texts [B, d] other than they; [T]."""
    cosines = (texts @ background.T).astype(np.float64)
    other = cosines < SAME
    found: Floats = np.where(other, cosines, 0.0).sum(axis=1) / np.maximum(other.sum(axis=1), 1)
    return found


def _combined(levels: tuple[Level, Level, Level], near: Floats, found: Evidence) -> Floats:
    """u of T texts, [T]."""
    best, chance, rare = levels
    u: Floats = (
        best.standardised(found.best, LIMIT)
        - CHANCE * chance.standardised(found.chance, LIMIT)
        + NEAR * rare.standardised(near, NEAR_LIMIT)
    )
    return u


def _odds(u: Floats, centre: float, spread: float) -> Floats:
    odds: Floats = APART * ((u - centre) / spread - EVEN)
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
