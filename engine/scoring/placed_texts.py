"""Many texts about single pictures: how true each is of a picture, under the decision.

A search places one text among all pictures (engine/scoring/decision.py). Here many texts are placed
once, and then pictures are asked about one at a time: a text has for a picture the `match` that the
picture would have in a search for the text, so it passes exactly if that search would return it.

A picture that stands alone, outside of any library, is a library of one: what background texts
reach on it by chance is the zero, and a text passes if it stands out of these. For that library the
mean of all logits is the best of them, so its evidence is the logit itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engine.results import FloatArray, IdArray
from engine.scoring.calibration import probability
from engine.scoring.decision import Placement
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.evidence import Tally
from engine.scoring.match import (
    BLOCK,
    DEAR_SAMPLE,
    MatchContext,
    calibrated_match,
    is_dear,
    text_logits,
    with_zeros,
    zero_sample,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlacedTexts:
    """Texts, each with its place in a library."""

    context: MatchContext
    scorer: str
    language: str
    texts: FloatArray
    """Unit length, [T, dim]."""
    placements: tuple[Placement, ...]
    """Of each text; none where the library has no zero, and logits stay those of pairs."""

    def match(self, rows: IdArray) -> FloatArray:
        """The probability that each text is true of some pictures, float32 [T, n]."""
        logits = text_logits(self.context, self.scorer, self.language, self.texts, rows)
        for row, placement in enumerate(self.placements):
            logits[row] = placement(logits[row])
        return probability(calibrated_match(self.context, self.scorer, logits, self.language))


def place_texts(
    context: MatchContext,
    scorer: str,
    texts: FloatArray,
    rows: IdArray,
    language: str = "",
    step: Callable[[], None] = lambda: None,
) -> PlacedTexts:
    """Place texts [T, dim] among some pictures of the context, by their rows.

    Of many pictures a dear scorer sees a sample, as for a zero. `step` is called again and again,
    and may raise to stop.
    """
    zero = context.zero(scorer, language)
    placements: tuple[Placement, ...] = ()
    if zero is not None and len(texts) and len(rows):
        most = DEAR_SAMPLE if is_dear(context, scorer) else None
        chosen = zero_sample(context, scorer, language, rows, most)
        tally = Tally.empty(len(texts))
        for start in range(0, len(chosen), BLOCK):
            part = chosen[start : start + BLOCK]
            tally = tally.joined(text_logits(context, scorer, language, texts, part))
            step()
        among = context.surroundings(scorer, texts, language)
        floor = context.pair_floor(scorer)
        placements = tuple(zero.placements(among, tally, len(rows), floor))
    return PlacedTexts(
        context=context, scorer=scorer, language=language, texts=texts, placements=placements
    )


def place_on_picture(
    context: MatchContext, scorer: str, texts: FloatArray, picture: FloatArray, language: str = ""
) -> PlacedTexts:
    """Place texts [T, dim] by what the background reaches on one unit picture [dim], row 0."""
    alone = replace(context, matrix=EmbeddingMatrix.of(picture[None]), zeros={})
    alone = with_zeros(alone, (scorer,))
    return place_texts(alone, scorer, texts, np.zeros(1, np.int64), language)
