"""What an evaluation is made on: texts, pictures, and which of them belong together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from engine.evaluation.regions import Region
from engine.results import IdArray
from engine.scoring.metrics import RightPairs
from engine.states import DataKind, QueryKind


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledQuery:
    """A text that some pictures answer, or none: right is to retrieve, or to generate."""

    text: str
    answers: tuple[int, ...]
    """Indices of the pictures that answer it."""
    kind: QueryKind
    """Figures are given for each."""

    @property
    def present(self) -> bool:
        """Some picture answers it."""
        return bool(self.answers)

    def narrowed(self, new_picture: IdArray) -> LabelledQuery:
        """The query among the pictures that have a new index; -1 stands for those left out.

        One that no picture is left for is asked all the same, and is absent then.
        """
        answers = tuple(int(new) for new in new_picture[list(self.answers)] if new >= 0)
        kind = QueryKind.ABSENT if self.answers and not answers else self.kind
        return replace(self, answers=answers, kind=kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwappedPair:
    """A true text of a picture and the same with one thing exchanged, which makes it false."""

    true: str
    false: str
    picture: int
    attribute: str
    """What was exchanged: colour, place, animal ..."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """A set to evaluate on."""

    name: str
    kind: DataKind
    pictures: tuple[str, ...]
    """Names or paths, as the data gives them: untrusted text."""
    texts: tuple[str, ...]
    right: RightPairs
    wordings: tuple[tuple[str, ...], ...] = ()
    """What is embedded for each text, their mean standing for it; empty for the text alone."""
    groups: tuple[str, ...] = ()
    """The group of each text, for figures apart; empty for none."""
    queries: tuple[LabelledQuery, ...] = ()
    """Known to be answered or not; none where each text is asked with and without its pictures."""
    swapped: tuple[SwappedPair, ...] = ()
    regions: tuple[Region, ...] = ()
    """For the pointing game; each text of a picture once."""

    @cached_property
    def single_right(self) -> bool:
        """Every text has one right picture."""
        counts = np.bincount(self.right.text, minlength=len(self.texts))
        return bool((counts == 1).all())

    def spoken(self) -> list[str]:
        """Every text that has to be embedded, each once, in order."""
        worded = [text for some in self.wordings for text in some] or list(self.texts)
        asked = [query.text for query in self.queries]
        swapped = [text for pair in self.swapped for text in (pair.true, pair.false)]
        pointed = [region.text for region in self.regions]
        return list(dict.fromkeys([*worded, *asked, *swapped, *pointed]))

    def narrowed(self, pictures: IdArray, texts: IdArray) -> Data:
        """The part of the data with these pictures and texts (ascending indices)."""
        new_picture = _new_indices(pictures, len(self.pictures))
        new_text = _new_indices(texts, len(self.texts))
        text, picture = new_text[self.right.text], new_picture[self.right.picture]
        kept = (text >= 0) & (picture >= 0)
        return Data(
            name=self.name,
            kind=self.kind,
            pictures=tuple(self.pictures[i] for i in pictures),
            texts=tuple(self.texts[i] for i in texts),
            right=RightPairs.of(text[kept], picture[kept]),
            wordings=tuple(self.wordings[i] for i in texts) if self.wordings else (),
            groups=tuple(self.groups[i] for i in texts) if self.groups else (),
            queries=tuple(query.narrowed(new_picture) for query in self.queries),
            swapped=tuple(
                SwappedPair(
                    true=pair.true,
                    false=pair.false,
                    picture=int(new_picture[pair.picture]),
                    attribute=pair.attribute,
                )
                for pair in self.swapped
                if new_picture[pair.picture] >= 0
            ),
            regions=tuple(
                replace(region, picture=int(new_picture[region.picture]))
                for region in self.regions
                if new_picture[region.picture] >= 0
            ),
        )


def _new_indices(kept: IdArray, count: int) -> IdArray:
    """The new index of each of `count` things; -1 for one that is left out."""
    indices = np.full(count, -1, np.int64)
    indices[kept] = np.arange(len(kept))
    return indices
