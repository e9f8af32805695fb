"""Maps of words over a picture, and how strong a word is beside what absent words reach by chance.

For unit patches p, a word w and background words b, all in the joint space of one encoder, the
evidence of a patch is how far above the background its cosine with the word lies:

    z(w, p) = (p . w - mean_b p . b) / s,    s the spread of p . b - mean_b p . b over all p and b

Some patches are near every text, others near none; the mean takes that away. A picture of P patches
gives each word P tries: the best of an absent one is high by chance. So the evidence of a word in
the picture, its largest, is held against that of the background words in the same picture:

    e(w) = max_p z(w, p)

Most background words are absent. Those that are not lie above the rest, and are kept out of the
level by the mixture of two normals that places searches, too (engine/scoring/decision.py): N(m, t)
for the absent ones. The strength of a patch is the logistic function of

    APART ((z(w, p) - m) / t - EVEN)

and that of a word is its strongest patch's. EVEN is where one absent word in twenty lies above
(1.645 standard deviations of a normal): a word of less strength than 0.5 is said to be nowhere.

The background says little of words that it is unlike, as what the storybook knows is unlike any
list of things: each of its animals lies above that, shown or not. An encoder whose patches were
taught knows itself from which cosine on one shows a word, and then the lower odds count, as with a
matcher's pairs (engine/scoring/decision.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.models.local_head import PairOdds
from engine.results import FloatArray
from engine.scoring.calibration import probability
from engine.scoring.decision import APART, ENOUGH, SAME, Absent, fit_absent
from engine.scoring.evidence import Floats

EVEN = 1.645
"""Standard deviations above the centre of absent words."""
_TINY = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordEvidence:
    """What the patches of a picture say of words."""

    evidence: FloatArray
    """z of each word at each patch, [W, P]."""
    strengths: FloatArray
    """The same as shares of 0 to 1, [W, P]."""


def word_evidence(
    patches: FloatArray,
    words: FloatArray,
    background: FloatArray,
    pair: PairOdds | None = None,
) -> WordEvidence:
    """Evidence and strength of unit words [W, d] at unit patches [P, d].

    `background` are unit texts [B, d], mostly of what the picture does not show. Raises ValueError
    for fewer of them than say anything.
    """
    if len(background) < ENOUGH:
        raise ValueError(f"{len(background)} background words say too little")
    by_chance = background @ patches.T
    level = by_chance.mean(axis=0)
    apart = by_chance - level
    spread = max(float(apart.std(dtype=np.float64)), _TINY)
    cosines = words @ patches.T
    evidence = ((cosines - level) / np.float32(spread)).astype(np.float32)
    reached = (apart.max(axis=1) / spread).astype(np.float64)
    strengths = np.empty_like(evidence)
    for row, word in enumerate(words):
        # A word is no argument against itself.
        absent = _absent(reached[background @ word < SAME])
        odds = APART * ((evidence[row] - absent.centre) / max(absent.spread, _TINY) - EVEN)
        if pair is not None:
            odds = np.minimum(odds, pair.scale * (cosines[row] - pair.even))
        strengths[row] = probability(odds.astype(np.float32))
    return WordEvidence(evidence=evidence, strengths=strengths)


def _absent(reached: Floats) -> Absent:
    """The absent words among some, by the evidence of each; none is likelier to be one."""
    return fit_absent(reached, np.zeros_like(reached))
