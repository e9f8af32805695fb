"""Platt scaling: logits made into probabilities by a scale and a bias.

Platt (1999), "Probabilistic outputs for support vector machines", fits P(y = 1 | z) =
sigmoid(a z + b) to held-out scores z by maximum likelihood, with Newton's method as in Lin, Lin and
Weng (2007). `fit_platt` is that, for the many pairs that a trained matcher is calibrated on.

A person gives a handful of labels, all of them about pictures that came out on top, so
`fit_calibration` has normal priors around a = 1 and b = 0, which leave everything as it is:

    minimise  sum over labels of log(1 + exp(-y (a z + b)))  +  ((a - 1) / SCALE_SPREAD)^2 / 2
              + (b / BIAS_SPREAD)^2 / 2,      y = 1 or -1,  a >= LEAST_SCALE

One label moves even odds by little, dozens that agree move them as far as they say. The scale stays
positive, so that no label ever turns an order around. Scores beyond LIMIT count as LIMIT while it
is fitted: one that is wrong by far is one wrong label, and not many.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray

SCALE_SPREAD = 0.25
BIAS_SPREAD = 0.5
"""In nats."""
LEAST_SCALE = 0.1
LIMIT = 6.0
"""In nats: a probability of 0.9975."""
_STEPS = 50
_CLOSE = 1e-10


def fit_platt(logits: FloatArray, fits: NDArray[np.bool_]) -> tuple[float, float]:
    """Scale and bias for the logits [n] of pairs that fit or do not, by likelihood alone."""
    z = np.asarray(logits, np.float64)
    features = np.stack([z, np.ones_like(z)], axis=1)
    # Platt's targets: just short of 1 and 0, so that pairs told apart wholly have an answer too.
    right = int(np.count_nonzero(fits))
    targets = np.where(fits, (right + 1) / (right + 2), 1 / (len(z) - right + 2))
    start = np.array([1.0, 0.0])
    scale, bias = _newton(features, targets, np.zeros(len(z)), start, _NO_PRIOR)
    return float(scale), float(bias)


def fit_calibration(logits: FloatArray, fits: NDArray[np.bool_]) -> tuple[float, float]:
    """Scale and bias for the logits [n] of pairs that fit or do not; 1 and 0 for no pair."""
    z = np.clip(np.asarray(logits, np.float64), -LIMIT, LIMIT)
    features = np.stack([z, np.ones_like(z)], axis=1)
    targets = fits.astype(np.float64)
    both = _newton(features, targets, np.zeros(len(z)), np.array([1.0, 0.0]), _PRECISION)
    if both[0] >= LEAST_SCALE:
        return float(both[0]), float(both[1])
    held = _newton(features[:, 1:], targets, LEAST_SCALE * z, np.zeros(1), _PRECISION[1:])
    return LEAST_SCALE, float(held[0])


def calibrated(logits: FloatArray, scale: float, bias: float) -> FloatArray:
    """Logits under a scale and a bias."""
    changed: FloatArray = logits * np.float32(scale) + np.float32(bias)
    return changed


_PRECISION = np.array([SCALE_SPREAD**-2, BIAS_SPREAD**-2])
_NO_PRIOR = np.full(2, 1e-6)
"""Enough for an answer where all logits are the same."""


def _newton(
    features: NDArray[np.float64],
    targets: NDArray[np.float64],
    offset: NDArray[np.float64],
    start: NDArray[np.float64],
    precision: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The weights that are likeliest, with a normal prior of this precision around `start`."""
    weights = start.copy()
    for _ in range(_STEPS):
        p = 0.5 * (1 + np.tanh(0.5 * (features @ weights + offset)))
        gradient = features.T @ (p - targets) + precision * (weights - start)
        curvature = (features.T * (p * (1 - p))) @ features + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        # The curvature may be small where the labels contradict the scores: no leaps.
        step *= min(1.0, 1.0 / max(float(np.abs(step).max()), 1e-300))
        weights = weights - step
        if float(np.abs(step).max()) < _CLOSE:
            break
    return weights


def probability(logit: FloatArray) -> FloatArray:
    """The logistic function of float32 logits, without overflow, in float32."""
    small = np.exp(-np.abs(logit))
    return np.where(logit >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)
