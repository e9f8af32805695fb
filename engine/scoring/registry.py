"""The scorers, each listed once.

Searching, comparing, evaluating and training, the choices of the command line and the forms of the
screens read this table: another scorer is another entry. It is read before anything heavy is
imported, so numpy comes with the first score.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from engine.errors import RequestError
from engine.states import ScorerKind

if TYPE_CHECKING:
    from engine.results import FloatArray, IdArray
    from engine.scoring.match import MatchContext


class Logits(Protocol):
    """Scores a text against every picture of a library, as pairs; higher is better."""

    def __call__(
        self, context: MatchContext, text: FloatArray, cosine: FloatArray, language: str, /
    ) -> FloatArray:
        """Float32 [N], from a unit text [dim] and its products with the pictures [N]."""
        ...


class PairLogits(Protocol):
    """Scores texts, each against one picture."""

    def __call__(
        self,
        context: MatchContext,
        texts: FloatArray,
        pictures: IdArray,
        languages: Sequence[str],
        /,
    ) -> FloatArray | None:
        """Float32 [n], from unit texts [n, dim] and the indices of their pictures [n].

        None where it takes the whole library.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A way to score texts against pictures."""

    name: str
    """In requests, receipts and figures, and on the command line."""
    logits: Logits | None = None
    """None for one whose scores are made of those of others, or elsewhere."""
    pair_logits: PairLogits | None = None
    """A shortcut; without it, pairs are scored with the whole library."""
    fuses: tuple[str, ...] = ()
    """The scorers whose ranks it adds."""
    gives_probability: bool = False
    """The logistic function of its scores is a probability, once they are placed in a library."""
    needs_background: bool = False
    """It weighs texts against background prompts, or places them by these."""
    needs_states: bool = False
    """It compares local states, and so only the best pictures by cosine, once it is asked for
    (engine/scoring/late_interaction.py); the others are ranked below them by cosine."""
    ranks_searches: bool = False
    is_evaluated: bool = False
    """People may ask for its figures."""


def _cosine(
    _context: MatchContext, _text: FloatArray, cosine: FloatArray, _language: str
) -> FloatArray:
    return cosine


def _pair_cosine(
    context: MatchContext, texts: FloatArray, pictures: IdArray, _languages: Sequence[str]
) -> FloatArray:
    products: FloatArray = (texts * context.matrix.vectors(pictures)).sum(axis=1)
    return products


def _match(
    context: MatchContext, text: FloatArray, cosine: FloatArray, language: str
) -> FloatArray:
    from engine.scoring.match import match_logits

    return match_logits(context, text, cosine, language)


def _pair_match(
    context: MatchContext, texts: FloatArray, pictures: IdArray, languages: Sequence[str]
) -> FloatArray | None:
    from engine.scoring.match import match_pair_logits

    return match_pair_logits(context, texts, pictures, languages)


def _label_free(
    context: MatchContext, text: FloatArray, cosine: FloatArray, language: str
) -> FloatArray:
    from engine.scoring.match import label_free_logits

    return label_free_logits(context, text, cosine, language)


def _hamming(
    context: MatchContext, text: FloatArray, _cosine: FloatArray, language: str
) -> FloatArray:
    from engine.scoring.hamming import hamming_scores

    return hamming_scores(context, text, language)


SCORERS = MappingProxyType(
    {
        str(scorer.name): scorer
        for scorer in (
            Scorer(
                name=ScorerKind.COSINE,
                logits=_cosine,
                pair_logits=_pair_cosine,
                ranks_searches=True,
                is_evaluated=True,
            ),
            # With a trained matcher, the sum of its logits and the label-free ones, unless the
            # matcher says otherwise (see scoring.match).
            Scorer(
                name=ScorerKind.MATCH,
                logits=_match,
                pair_logits=_pair_match,
                gives_probability=True,
                needs_background=True,
                ranks_searches=True,
                is_evaluated=True,
            ),
            Scorer(
                name=ScorerKind.LABEL_FREE,
                logits=_label_free,
                gives_probability=True,
                needs_background=True,
                is_evaluated=True,
            ),
            # For comparison: what of the ranking is left of one bit a number.
            Scorer(
                name=ScorerKind.HAMMING, logits=_hamming, needs_background=True, is_evaluated=True
            ),
            # The states of patches are no part of embeddings, which are what is evaluated.
            Scorer(name=ScorerKind.MAXSIM, needs_states=True, ranks_searches=True),
            # Ranks are no evidence: as under cosine and maxsim, match decides what passes.
            Scorer(
                name=ScorerKind.FUSION,
                fuses=(ScorerKind.COSINE, ScorerKind.MATCH),
                is_evaluated=True,
            ),
        )
    }
)
"""By name as plain text, which click takes as it is, in the order in which they are offered."""

DEFAULT_SCORER = ScorerKind.MATCH
"""What ranks a search unless something else is asked for."""


def find_scorer(name: str) -> Scorer:
    """The scorer of a name. Raises RequestError for one that is not listed."""
    check_scorer(name, tuple(SCORERS))
    return SCORERS[name]


def parts_of(names: Iterable[str]) -> tuple[str, ...]:
    """What has to be scored for some scorers: themselves, or what they fuse; each once."""
    return tuple(dict.fromkeys(part for name in names for part in SCORERS[name].fuses or (name,)))


def search_scorers() -> tuple[str, ...]:
    """The names of what can rank a search, the default first."""
    names = [name for name, scorer in SCORERS.items() if scorer.ranks_searches]
    return tuple(sorted(names, key=lambda name: name != DEFAULT_SCORER))


def scored_at_once() -> tuple[str, ...]:
    """The names of what scores every picture of every search."""
    return tuple(name for name in search_scorers() if not SCORERS[name].needs_states)


def scorer_after(name: str) -> str:
    """The next of what can rank a search, the first one after the last."""
    names = search_scorers()
    return names[(names.index(name) + 1) % len(names)]


def evaluated_scorers() -> tuple[str, ...]:
    """The names of what can be evaluated."""
    return tuple(name for name, scorer in SCORERS.items() if scorer.is_evaluated)


def need_background(names: Iterable[str]) -> bool:
    """Whether one of some scorers weighs texts against background prompts."""
    return any(SCORERS[name].needs_background for name in parts_of(names))


def check_scorer(name: str, among: Sequence[str], *, field: str = "scorer") -> None:
    """Raise RequestError for a scorer that is none of some."""
    if name not in among:
        known = ", ".join(among)
        raise RequestError(f"no scorer is called {name!r}", hint=f"There are: {known}", field=field)
