"""`match` by a trained matcher: a perceptron over [t; i; |t - i|; t * i], applied to a library.

    match = sigmoid(W2 . ReLU(W1 x + b1) + b2),  x = [t; i; |t - i|; t * i]

W1 is used in four blocks, so that x is never built: W1 x = Wt t + (Wi + Wh diag(t)) i + Wd |t - i|.
"""

import json
import struct
from dataclasses import dataclass

import numpy as np
import safetensors
import safetensors.numpy

from engine.collections import BUILT_IN
from engine.errors import ModelUnusableError
from engine.results import FloatArray

CHUNK = 4096
"""Pictures at a time: their differences, 8 MB at 512 numbers, stay in the processor's cache."""

_NAMES = ("w1", "b1", "w2", "b2")


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
        tensors = safetensors.numpy.load(weights)
        metadata = _metadata(weights)
        arrays = {name: tensors[name].astype(np.float32) for name in _NAMES}
    except (safetensors.SafetensorError, ValueError, KeyError, struct.error) as error:
        raise ModelUnusableError(
            f"the matcher is damaged: {error}", hint="Train it again: t2itui train"
        ) from error
    matcher = Matcher(
        w1=arrays["w1"],
        b1=arrays["b1"],
        w2=arrays["w2"],
        b2=arrays["b2"],
        encoder_id=metadata.get("encoder_id", ""),
        report=metadata.get("report", "{}"),
    )
    if matcher.encoder_id != encoder_id:
        raise ModelUnusableError(
            f"the matcher was trained for {matcher.encoder_id or 'an unnamed encoder'},"
            f" not for {encoder_id}",
            hint="Train one for this encoder: t2itui train",
        )
    _check(matcher)
    return matcher


def _metadata(weights: bytes) -> dict[str, str]:
    """The free text of a safetensors header."""
    (size,) = struct.unpack("<Q", weights[:8])
    found = json.loads(weights[8 : 8 + size]).get("__metadata__", {})
    return {str(key): str(value) for key, value in found.items()}


def _check(matcher: Matcher) -> None:
    hidden = matcher.b1.shape[0] if matcher.b1.ndim == 1 else 0
    expected = (hidden, matcher.w1.shape[-1]), (hidden,), (1, hidden), (1,)
    found = matcher.w1.shape, matcher.b1.shape, matcher.w2.shape, matcher.b2.shape
    if not hidden or found != expected or matcher.w1.shape[1] % 4:
        raise ModelUnusableError(f"the matcher has weights of wrong shapes: {found}")
    arrays = (matcher.w1, matcher.b1, matcher.w2, matcher.b2)
    if not all(np.isfinite(array).all() for array in arrays):
        raise ModelUnusableError("the matcher has weights that are not finite")
