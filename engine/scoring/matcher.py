"""`match` by a trained matcher: a perceptron over [t; i; |t - i|; t * i], applied to a library.

    match = sigmoid(W2 . ReLU(W1 x + b1) + b2),  x = [t; i; |t - i|; t * i]

W1 is used in four blocks, so that x is never built: W1 x = Wt t + (Wi + Wh diag(t)) i + Wd |t - i|.
"""

from dataclasses import dataclass

import numpy as np

from engine.collections import BUILT_IN
from engine.errors import ModelUnusableError
from engine.numbers import finite
from engine.results import FloatArray
from engine.untrusted.arrays import read_tensors

CHUNK = 4096
"""Pictures at a time: their differences, 8 MB at 512 numbers, stay in the processor's cache."""

_MOST_LOGIT = 1e9
"""A bound on the logits of unit vectors; of a trained matcher it is in the thousands."""
_NAMES = ("w1", "b1", "w2", "b2")
_HINT = "Train one for this encoder: t2itui train; t2itui models remove N drops this one."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matcher:
    """The weights of a matcher, all float32."""

    w1: FloatArray
    """[hidden, 4 dim], in the order t, i, |t - i|, t * i."""
    b1: FloatArray
    """[hidden]."""
    w2: FloatArray
    """[1, hidden]."""
    b2: FloatArray
    """[1]."""
    encoder_id: str
    report: str
    """JSON: what was measured when it was trained."""
    pair_floor: float | None = None
    """The logit at which a single pair has even odds, for one that learned from false texts of the
    kind it is asked; None where only a library tells (see scoring.decision)."""
    adds_label_free: bool = True
    """Its logits and the label-free ones are evidence together."""

    @property
    def dim(self) -> int:
        """Numbers in an embedding."""
        return int(self.w1.shape[1]) // 4

    def logits(self, text: FloatArray, columns: FloatArray) -> FloatArray:
        """Match logits of a text [dim] for N pictures, given as columns [dim, N]; float32 [N]."""
        w_text, w_picture, w_difference, w_product = np.split(self.w1, 4, axis=1)
        constant = (w_text @ text + self.b1)[:, None]
        w_both = w_picture + w_product * text
        count = columns.shape[1]
        logits = np.empty(count, np.float32)
        difference = np.empty((self.dim, min(CHUNK, count)), np.float32)
        for start in range(0, count, CHUNK):
            part = columns[:, start : start + CHUNK]
            apart = difference[:, : part.shape[1]]
            np.abs(np.subtract(part, text[:, None], out=apart), out=apart)
            hidden = w_both @ part
            hidden += w_difference @ apart
            hidden += constant
            np.maximum(hidden, 0, out=hidden)
            logits[start : start + CHUNK] = (self.w2 @ hidden)[0] + self.b2
        return logits

    def pair_logits(self, texts: FloatArray, pictures: FloatArray) -> FloatArray:
        """Match logits of n texts, each for one picture, rows [n, dim] of both; float32 [n]."""
        logits = np.empty(len(texts), np.float32)
        for start in range(0, len(texts), CHUNK):
            t, i = texts[start : start + CHUNK], pictures[start : start + CHUNK]
            x = np.concatenate([t, i, np.abs(t - i), t * i], axis=1)
            hidden = np.maximum(x @ self.w1.T + self.b1, 0)
            logits[start : start + CHUNK] = (hidden @ self.w2.T + self.b2)[:, 0]
        return logits


def matcher_words(matcher_id: int | None, shipped: int | None) -> str:
    """Name a matcher for people: the one that ships by its collection, others by number.

    One without an id is the one that ships, read from its file.
    """
    is_shipped = matcher_id is None or matcher_id == shipped
    return BUILT_IN.matcher_name if is_shipped else f"matcher {matcher_id}"


def read_matcher(weights: bytes, encoder_id: str) -> Matcher:
    """Read a matcher from a whole safetensors file, for vectors of `encoder_id` only.

    Raises ModelUnusableError for another encoder's matcher, a damaged file, wrong shapes, or
    numbers that are not finite.
    """
    try:
        tensors, metadata = read_tensors(weights)
        arrays = {name: tensors[name] for name in _NAMES}
        floor = metadata.get("pair_floor")
        pair_floor = None if floor is None else finite(floor)
    except KeyError as error:
        message = f"the matcher is damaged: it has no weights {error}"
        raise ModelUnusableError(message, hint=_HINT) from error
    except ValueError as error:
        raise ModelUnusableError(f"the matcher is damaged: {error}", hint=_HINT) from error
    matcher = Matcher(
        w1=arrays["w1"],
        b1=arrays["b1"],
        w2=arrays["w2"],
        b2=arrays["b2"],
        encoder_id=metadata.get("encoder_id", ""),
        report=metadata.get("report", "{}"),
        pair_floor=pair_floor,
        adds_label_free=metadata.get("label_free", "1") != "0",
    )
    if matcher.encoder_id != encoder_id:
        raise ModelUnusableError(
            f"the matcher was trained for {matcher.encoder_id or 'an unnamed encoder'},"
            f" not for {encoder_id}",
            hint=_HINT,
        )
    _check(matcher)
    return matcher


def about_matcher(encoder_id: str, report: str, *, knows_false_texts: bool) -> dict[str, str]:
    """The free text of a matcher's safetensors header, as `read_matcher` reads it."""
    found = {"encoder_id": encoder_id, "report": report}
    return found | {"pair_floor": "0.0", "label_free": "0"} if knows_false_texts else found


def _check(matcher: Matcher) -> None:
    hidden = matcher.b1.shape[0] if matcher.b1.ndim == 1 else 0
    expected = (hidden, matcher.w1.shape[-1]), (hidden,), (1, hidden), (1,)
    found = matcher.w1.shape, matcher.b1.shape, matcher.w2.shape, matcher.b2.shape
    if not hidden or found != expected or matcher.w1.shape[1] % 4:
        raise ModelUnusableError(f"the matcher has weights of wrong shapes: {found}", hint=_HINT)
    arrays = (matcher.w1, matcher.b1, matcher.w2, matcher.b2)
    if not all(np.isfinite(array).all() for array in arrays):
        raise ModelUnusableError("the matcher has weights that are not finite", hint=_HINT)
    w1, b1, w2, b2 = (np.abs(array, dtype=np.float64) for array in arrays)
    if float((w2 @ (w1.sum(axis=1) + b1) + b2)[0]) > _MOST_LOGIT:
        raise ModelUnusableError("the matcher has weights beyond all measure", hint=_HINT)
