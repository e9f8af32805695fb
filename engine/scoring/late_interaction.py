"""Late interaction: every word of a text against every patch of a picture (FILIP).

Yao et al., "FILIP: Fine-grained Interactive Language-Image Pre-Training" (2021), section 3.1: for
unit tokens t_1 .. t_T and unit patches p_1 .. p_P each token takes the patch that is most like it,
each patch the token,

    maxsim = ( 1/T sum_t max_p t . p  +  1/K sum_p max_t t . p ) / 2

FILIP trains with either mean; one number for a pair is the mean of both. Padding, the marks at the
ends and stop words have no part in it: they are nowhere in a picture. Nor have patches that no word
speaks of: the second sum is over the K = 2 T patches that are most like a word. FILIP's is over all
P, and an encoder that was not trained by it says there mostly how an empty sky chances to lie to a
text: in the storybook true claims are told from exchanged ones with an AUC of 0.665 by all patches
and 0.854 by these (0.853 with K = T, 0.826 with 4 T), and whole captions find their pictures with
an mAP of 0.994 either way (0.979 with K = T; tests/bench/measure_heads.py).

A picture's states take a hundred times the room of its embedding, and one has to be computed
before it can be compared. So it re-ranks the best by cosine, and the others stay below them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.results import FloatArray

SMALL = 600
"""A library of so few pictures is compared whole."""
PATCHES_OF_A_WORD = 2
"""So many patches for each word are taken to show what a text speaks of."""
SAMPLE = 200
"""Pictures at most on which it is measured what absent texts reach."""


def maxsim(tokens: FloatArray, patches: FloatArray) -> FloatArray:
    """The scores [N] of unit tokens [T, dim], T > 0, and N pictures' unit patches [N, P, dim]."""
    count, places, dim = patches.shape
    cosines = (patches.reshape(count * places, dim) @ tokens.T).reshape(count, places, -1)
    of_tokens = cosines.max(axis=1).mean(axis=1)
    spoken = min(places, PATCHES_OF_A_WORD * len(tokens))
    of_patches = np.partition(cosines.max(axis=2), places - spoken, axis=1)[:, places - spoken :]
    return np.asarray((of_tokens + of_patches.mean(axis=1)) / 2, np.float32)


def maxsim_of_terms(terms: Sequence[tuple[float, FloatArray]], patches: FloatArray) -> FloatArray:
    """The same of a weighted mix: the mean over its terms, a weight and tokens each, [N]."""
    total = np.zeros(len(patches), np.float32)
    for weight, tokens in terms:
        total += np.float32(weight) * maxsim(tokens, patches)
    scored: FloatArray = total / np.float32(sum(abs(weight) for weight, _ in terms))
    return scored


def reranked(pictures: int, best: int) -> int:
    """How many of so many pictures are compared, where the `best` of a large library are."""
    return pictures if pictures <= SMALL else min(pictures, best)
