"""A library in parts, some of them elsewhere: what a search needs of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cache.mapped import AbsentFolder
from engine.results import FloatArray, IdArray
from engine.scoring.decision import Zero
from engine.scoring.embedding_matrix import WeightedTerm
from engine.scoring.evidence import Tally
from engine.scoring.match import DEAR_SAMPLE, MatchContext, QueryLogits, at_once, is_dear
from engine.scoring.parts import PartQuery, PartScores, completed, is_itself
from engine.search.stored_zeros import VERSION, digest_of, digest_of_text
from engine.search.zeros import FoundZero
from engine.states import ScorerKind, ZeroState


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PartedLibrary:
    """The pictures of one encoder at one revision of the library, whose embeddings lie in parts."""

    revision: int
    picture_ids: IdArray
    """[N], ascending."""
    absent: tuple[AbsentFolder, ...]
    """Attached folders that are not there now."""
    digest: str
    """Tells these pictures and embeddings from others."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoveredScores:
    """The scores of the parts that could be asked."""

    positions: IdArray
    """Where the pictures stand in the library, ascending."""
    scores: PartScores
    lost: tuple[str, ...]
    """The parts that are not covered, for people."""


class PictureParts(Protocol):
    """Parts that are asked all at once."""

    async def library(self, encoder_id: str, at_revision: int) -> PartedLibrary:
        """The pictures of an encoder, no older than a revision; seen to it that parts are ready."""
        ...

    async def scores(
        self, library: PartedLibrary, query: PartQuery, matcher: bytes
    ) -> CoveredScores:
        """The scores of all pictures; `matcher` is the file of that in force, or empty."""
        ...

    async def tally(
        self, library: PartedLibrary, query: PartQuery, matcher: bytes, positions: IdArray | None
    ) -> tuple[Tally, bool]:
        """What background texts reach in all pictures or some; whether none was left out."""
        ...

    async def middle(self, library: PartedLibrary) -> FloatArray:
        """The mean of all embeddings that can be asked, [dim]."""
        ...

    async def vectors(self, library: PartedLibrary, positions: IdArray) -> FloatArray:
        """The embeddings of some pictures, as far as they can be asked, [n, dim]."""
        ...

    async def aclose(self) -> None:
        """Let go of the parts."""
        ...


def part_query(
    context: MatchContext,
    vector: FloatArray,
    terms: Sequence[WeightedTerm],
    zero: FoundZero | None,
) -> PartQuery:
    """What parts are asked, by what a query is held against; the matcher goes as its file."""
    return PartQuery(
        vector=vector,
        background=context.background(),
        logit_scale=context.logit_scale,
        matcher=context.matcher,
        wants_label_free=zero is not None and zero.scorer == ScorerKind.LABEL_FREE,
        pictures=tuple(term.vector for term in terms if term.is_picture),
    )


def in_scope(
    asked: PartQuery, covered: CoveredScores, library: PartedLibrary, rows: IdArray | None
) -> tuple[IdArray, FloatArray, QueryLogits]:
    """Ids, cosines and logits of the pictures in scope, of those that parts were asked about."""
    whole = completed(asked, covered.scores)
    ids, free, itself = library.picture_ids[covered.positions], whole.label_free, is_itself(whole)
    cosine, match = whole.cosine, whole.match
    if rows is not None:
        inside = np.isin(covered.positions, rows, assume_unique=True)
        ids, cosine, match = ids[inside], cosine[inside], match[inside]
        free = None if free is None else free[inside]
        itself = None if itself is None else itself[inside]
    return ids, cosine, QueryLogits(match=match, label_free=free, itself=itself)


def part_zero_name(context: MatchContext, digest: str, scope: str, weights: bytes) -> str:
    """What a zero over parts rests on, as the key under which it is kept."""
    background = context.background()
    texts = digest_of(background.vectors, background.random, *background.pictures)
    about = f"{VERSION} {context.logit_scale} {background.are_rivals} {scope}"
    matcher = "" if context.matcher is None else digest_of_text(f"{len(weights)} {weights.hex()}")
    return f"parts {digest_of_text(f'{about} {texts} {matcher}')} {digest}"


def zero_most(context: MatchContext, pictures: int, *, is_text: bool) -> int:
    """Pictures that are scored for a zero, as many as where a library is whole."""
    if not is_text:
        return at_once(context, ScorerKind.MATCH, pictures)
    return DEAR_SAMPLE if is_dear(context, ScorerKind.MATCH) else pictures


def found_of_kind(zero: Zero, *, has_matcher: bool) -> FoundZero:
    """The zero of mixes or pictures, which is not kept."""
    if has_matcher:
        return FoundZero(zero=zero, scorer=ScorerKind.LABEL_FREE, state=ZeroState.LABEL_FREE)
    is_all = zero.sampled == zero.pictures
    state = ZeroState.CURRENT if is_all else ZeroState.QUICK
    return FoundZero(zero=zero, scorer=ScorerKind.MATCH, state=state)
