"""The heads that a matcher may have, each listed once.

A head is the network behind `match`: trained in a model process as a torch module, written down as
named arrays, and used as numpy. The choices of `t2itui train`, the form of the Train screen, the
process that trains and the file of a matcher read this table: another head is another entry, with
its class here and its module there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from engine.errors import RequestError
from engine.states import HeadKind, LossKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.results import FloatArray


class Head(Protocol):
    """The weights of a trained network, all float32, and what they make of texts and pictures."""

    @property
    def dim(self) -> int:
        """Numbers in an embedding."""
        ...

    @property
    def pair_weights(self) -> int:
        """How many weights a text and a picture meet, beyond what is computed of each alone."""
        ...

    def arrays(self) -> dict[str, FloatArray]:
        """What is written down."""
        ...

    def most_logit(self) -> float:
        """A bound on the logits of unit vectors, and on what is computed on the way."""
        ...

    def see(self, columns: FloatArray, states: NDArray[np.float16] | None = None) -> FloatArray:
        """What is computed of pictures alone, [k, N], from embeddings as columns [dim, N].

        `states` are those of their patches [N, patches, dim], zero for a picture without.
        """
        ...

    def logits(self, text: FloatArray, seen: FloatArray) -> FloatArray:
        """Match logits of a text [dim] for N pictures as `see` gives them; float32 [N]."""
        ...

    def pair_logits(self, texts: FloatArray, seen: FloatArray) -> FloatArray:
        """Match logits of texts [n, dim], each for one picture of [k, n]; float32 [n]."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadEntry:
    """A head that can be trained."""

    kind: HeadKind
    summary: str
    """What it is, in a sentence without its end."""
    read: Callable[[Mapping[str, FloatArray]], Head]
    """From the arrays of a file; raises KeyError and ValueError."""
    module: str
    """The class that is trained, as `module:class`; a model process alone imports it."""
    losses: tuple[LossKind, ...]
    """What it can be trained by, the usual first."""
    reads_patches: bool = False
    """It takes the states of a picture's patches beside its embedding."""


def _perceptron(arrays: Mapping[str, FloatArray]) -> Head:
    from engine.scoring.perceptron import Perceptron

    return Perceptron.of(arrays)


def _two_branch(arrays: Mapping[str, FloatArray]) -> Head:
    from engine.scoring.learned_space import TwoBranch

    return TwoBranch.of(arrays)


def _local_global(arrays: Mapping[str, FloatArray]) -> Head:
    from engine.scoring.local_global import LocalGlobal

    return LocalGlobal.of(arrays)


HEADS = MappingProxyType(
    {
        entry.kind: entry
        for entry in (
            HeadEntry(
                kind=HeadKind.MLP,
                summary="a perceptron over text, picture, their difference and product",
                read=_perceptron,
                module="engine.workers.matcher_modules:MatcherModule",
                # A triangle takes a space in which two pictures, or two texts, meet as well.
                losses=(LossKind.BCE, LossKind.TRIPLET),
            ),
            HeadEntry(
                kind=HeadKind.TWO_BRANCH,
                summary="a network for texts and one for pictures, and the cosine behind them",
                read=_two_branch,
                module="engine.workers.space_modules:TwoBranchModule",
                losses=(LossKind.BCE, LossKind.TRIPLET, LossKind.TRIANGLE),
            ),
            HeadEntry(
                kind=HeadKind.LOCAL_GLOBAL,
                summary="the same, whose pictures bring their patches, joined by graph attention",
                read=_local_global,
                module="engine.workers.local_global_module:LocalGlobalModule",
                losses=(LossKind.BCE, LossKind.TRIPLET, LossKind.TRIANGLE),
                reads_patches=True,
            ),
        )
    }
)
"""By kind, in the order in which they are offered."""

HEAD_KINDS: tuple[str, ...] = tuple(map(str, HEADS))
HEAD_SUMMARIES = MappingProxyType({str(kind): entry.summary for kind, entry in HEADS.items()})
LOSSES = MappingProxyType(
    {
        str(LossKind.BCE): "right and wrong pairs told apart, each by itself",
        str(LossKind.TRIPLET): "right pairs above the hardest wrong ones of a batch",
        str(LossKind.TRIANGLE): "the same, and no wrong answer sees a right pair at a wide angle",
    }
)
"""What each loss asks for, in a sentence without its end."""


def check_head(kind: str, *, field: str = "head") -> None:
    """Raise RequestError for a head that is not listed."""
    if kind not in HEAD_KINDS:
        known = ", ".join(HEAD_KINDS)
        raise RequestError(f"no head is called {kind!r}", hint=f"There are: {known}", field=field)


def check_loss(kind: str, loss: str) -> None:
    """Raise RequestError for a head that is not listed, or that a loss does not fit."""
    check_head(kind)
    losses = HEADS[HeadKind(kind)].losses
    if loss not in losses:
        fitting = [each for each, entry in HEADS.items() if loss in entry.losses]
        others = f"; --loss {loss} goes with --head {' or '.join(fitting)}" if fitting else ""
        raise RequestError(
            f"the head {kind} is not trained by {loss!r}",
            hint=f"There are: {', '.join(losses)}{others}",
            field="loss",
        )
