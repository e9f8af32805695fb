"""A trained matcher: a head (engine/scoring/heads.py), the encoder it is for, and its report."""

from dataclasses import dataclass

import numpy as np

from engine.collections import BUILT_IN
from engine.errors import ModelUnusableError
from engine.numbers import finite
from engine.results import FloatArray
from engine.scoring.heads import HEADS, Head
from engine.states import HeadKind
from engine.untrusted.arrays import read_tensors, tensors_header

_MOST_LOGIT = 1e9
"""A bound on the logits of unit vectors; of a trained matcher it is in the thousands."""
_HINT = "Train one for this encoder: t2itui train; t2itui models remove N drops this one."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matcher:
    """A matcher as it was read."""

    kind: HeadKind
    head: Head
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
        return self.head.dim

    @property
    def reads_patches(self) -> bool:
        """Embeddings are not all that it takes of a picture."""
        return HEADS[self.kind].reads_patches

    def logits(self, text: FloatArray, columns: FloatArray) -> FloatArray:
        """Match logits of a text [dim] for pictures known by their embeddings alone, [dim, N]."""
        return self.head.logits(text, self.head.see(columns))


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
        kind = _kind(metadata.get("head", HeadKind.MLP))
        head = HEADS[kind].read(tensors)
        floor = metadata.get("pair_floor")
        pair_floor = None if floor is None else finite(floor)
    except KeyError as error:
        message = f"the matcher is damaged: it has no weights {error}"
        raise ModelUnusableError(message, hint=_HINT) from error
    except ValueError as error:
        raise ModelUnusableError(f"the matcher is damaged: {error}", hint=_HINT) from error
    matcher = Matcher(
        kind=kind,
        head=head,
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
    _check(head)
    return matcher


def head_of(weights: bytes) -> HeadKind | None:
    """The head of a whole safetensors file, by its header alone; None where it cannot be read."""
    try:
        return _kind(tensors_header(weights).metadata.get("head", HeadKind.MLP))
    except (ValueError, ModelUnusableError):
        return None


def about_matcher(
    encoder_id: str, report: str, *, knows_false_texts: bool, head: HeadKind = HeadKind.MLP
) -> dict[str, str]:
    """The free text of a matcher's safetensors header, as `read_matcher` reads it."""
    found = {"encoder_id": encoder_id, "report": report, "head": head.value}
    return found | {"pair_floor": "0.0", "label_free": "0"} if knows_false_texts else found


def _kind(name: str) -> HeadKind:
    """The head of a name; files that name none are of the first one."""
    if name not in HEADS:
        raise ModelUnusableError(
            f"the matcher has a head of a kind that this program does not know: {name[:40]!r}",
            hint="It may come from a newer version.",
        )
    return HeadKind(name)


def _check(head: Head) -> None:
    if not all(np.isfinite(array).all() for array in head.arrays().values()):
        raise ModelUnusableError("the matcher has weights that are not finite", hint=_HINT)
    if not head.most_logit() <= _MOST_LOGIT:
        raise ModelUnusableError("the matcher has weights beyond all measure", hint=_HINT)
