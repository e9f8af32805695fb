"""Fits a matcher on pairs that are all labelled, right or wrong; nothing is added beside them.

For data whose every wrong pair is known to be wrong and was chosen on purpose; all other data is
for `engine.workers.fitting`.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.scoring.calibration import fit_platt
from engine.workers.fitting import FitSettings

Floats = NDArray[np.float32]
SAMPLE = 20_000
"""Pairs from which the mean and the deviation of x are taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """Pairs of a text and a picture with the probability that they belong together."""

    texts: Floats
    """Unit vectors [t, d]."""
    pictures: Floats
    """Unit vectors [p, d]."""
    text: NDArray[np.int64]
    """Row of the text in each of n pairs."""
    picture: NDArray[np.int64]
    label: Floats
    """1 or 0, [n]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MatcherWeights:
    """Weights of match = sigmoid(w2 . relu(w1 . x + b1) + b2)."""

    w1: Floats
    """[hidden, 4 d]"""
    b1: Floats
    w2: Floats
    """[1, hidden]"""
    b2: Floats


def features(texts: Tensor, pictures: Tensor) -> Tensor:
    """x = [t; i; |t - i|; t * i] of unit vectors [n, d]: [n, 4 d]."""
    return torch.cat([texts, pictures, (texts - pictures).abs(), texts * pictures], dim=-1)


def fit_matcher(train: Pairs, fit: FitSettings) -> MatcherWeights:
    """Fit by binary cross-entropy over one cycle of learning rates.

    The numbers of x differ a hundredfold in size; they are brought to mean 0 and deviation 1, and
    the weights then changed so that x needs no such treatment any more.
    """
    torch.manual_seed(fit.seed)
    width = 4 * train.texts.shape[1]
    first, second = nn.Linear(width, fit.hidden), nn.Linear(fit.hidden, 1)
    parameters = [*first.parameters(), *second.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=fit.learning_rate, weight_decay=fit.weight_decay)
    texts, pictures = torch.from_numpy(train.texts), torch.from_numpy(train.pictures)
    label = torch.from_numpy(train.label)
    random = np.random.default_rng(fit.seed)
    some = random.permutation(len(label))[:SAMPLE]
    x = features(texts[train.text[some]], pictures[train.picture[some]])
    mean, deviation = x.mean(0), x.std(0).clamp(min=1e-4)
    steps = fit.epochs * -(-len(label) // fit.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=fit.learning_rate, total_steps=steps
    )
    for _ in range(fit.epochs):
        order = random.permutation(len(label))
        for start in range(0, len(order), fit.batch):
            rows = order[start : start + fit.batch]
            x = features(texts[train.text[rows]], pictures[train.picture[rows]])
            hidden = functional.relu(first((x - mean) / deviation))
            logits = second(functional.dropout(hidden, fit.dropout))[:, 0]
            loss = functional.binary_cross_entropy_with_logits(logits, label[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return _written(first, second, mean, deviation)


@torch.no_grad()
def _written(
    first: nn.Linear, second: nn.Linear, mean: Tensor, deviation: Tensor
) -> MatcherWeights:
    """The weights for an x that was not evened out."""
    weight = first.weight / deviation
    bias = first.bias - weight @ mean
    return MatcherWeights(
        w1=weight.numpy().copy(),
        b1=bias.numpy().copy(),
        w2=second.weight.numpy().copy(),
        b2=second.bias.numpy().copy(),
    )


def calibrated(weights: MatcherWeights, pairs: Pairs) -> MatcherWeights:
    """The matcher whose probabilities are right on these pairs; fit it on others than these."""
    logits, label = pair_logits(weights, pairs), pairs.label
    scale, bias = map(np.float32, fit_platt(logits, label > 0.5))
    return replace(weights, w2=weights.w2 * scale, b2=weights.b2 * scale + bias)


def pair_logits(weights: MatcherWeights, pairs: Pairs, batch: int = 20_000) -> Floats:
    """Log odds of each pair, in numpy: [n]."""
    parts = []
    for start in range(0, len(pairs.label), batch):
        rows = slice(start, start + batch)
        t, i = pairs.texts[pairs.text[rows]], pairs.pictures[pairs.picture[rows]]
        x = np.concatenate([t, i, np.abs(t - i), t * i], axis=1)
        hidden = np.maximum(x @ weights.w1.T + weights.b1, 0.0)
        parts.append((hidden @ weights.w2.T + weights.b2)[:, 0])
    return np.concatenate(parts).astype(np.float32)
