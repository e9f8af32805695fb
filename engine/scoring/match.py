"""What `match` is: the logits of the scorer in force, as labels calibrate them.

The scorer in force is the trained matcher, or the label-free one where there is none. This is the
one place that makes logits into `match`, for searching, comparing, evaluating and training alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cache.labels import CalibrationRecord
from engine.results import FloatArray
from engine.scoring import label_free
from engine.scoring.calibration import calibrated
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.label_free import Background
from engine.scoring.matcher import Matcher, matcher_words
from engine.states import ScorerKind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatchContext:
    """What scorers work from: the pictures of one encoder, and what texts are held against."""

    matrix: EmbeddingMatrix
    logit_scale: float
    matcher: Matcher | None = None
    """The one in force; None leaves `match` to the label-free scorer."""
    matcher_id: int | None = None
    """None for one that is not in the cache."""
    backgrounds: Mapping[str, Background] = field(default_factory=dict)
    """By language; an empty name stands for every other language."""
    calibrations: Sequence[CalibrationRecord] = ()
    """What labels did to scorers of the encoder."""

    def background(self, language: str = "") -> Background:
        """What texts of a language are weighed against."""
        return self.backgrounds.get(language) or self.backgrounds[""]

    def is_rough(self, language: str = "") -> bool:
        """There is no matcher and too little background: `match` is a guess."""
        return self.matcher is None and self.background(language).is_rough

    def calibrated_scorer(self, language: str = "") -> str:
        """The exact scorer that labels calibrate; empty where they cannot."""
        if self.matcher is None:
            return self.background(language).scorer
        return "" if self.matcher_id is None else matcher_scorer(self.matcher_id)

    def calibration(self, language: str = "") -> CalibrationRecord | None:
        """What labels did to `match`; None where they did nothing."""
        scorer = self.calibrated_scorer(language)
        return next((each for each in self.calibrations if scorer and each.scorer == scorer), None)

    def shown_name(self, *, shipped: int | None, kind: str = "texts") -> str:
        """What `match` is, for people: `matcher 3, calibrated by 12 labels`.

        `shipped` is the id of the matcher that came with the program; `kind` says what a background
        without rivals is made of.
        """
        if self.matcher is None and not self.backgrounds:
            return ScorerKind.LABEL_FREE.value
        name = self._uncalibrated_name(shipped, kind)
        scorers = {self.calibrated_scorer(language) for language in ("", *self.backgrounds)} - {""}
        labels = sum(each.labels for each in self.calibrations if each.scorer in scorers)
        if not labels:
            return name
        return f"{name}, calibrated by {labels:,} label{'' if labels == 1 else 's'}"

    def _uncalibrated_name(self, shipped: int | None, kind: str) -> str:
        if self.matcher is not None:
            return matcher_words(self.matcher_id, shipped)
        background = self.background()
        if background.is_rough:
            return "label-free (rough)"
        count = len(background.vectors)
        if background.are_rivals:
            return f"label-free ({count} rival texts)"
        return f"label-free ({count} background {kind})"


def matcher_scorer(matcher_id: int) -> str:
    """The exact scorer that a matcher of the cache is."""
    return f"matcher {matcher_id}"


def match_logits(
    context: MatchContext, text: FloatArray, cosine: FloatArray, language: str
) -> FloatArray:
    """The logit of `match` of a text [dim] for every picture, [N]; `cosine` [N] is theirs."""
    if context.matcher is not None:
        logits = context.matcher.logits(text, context.matrix.columns)
    else:
        logits = label_free_logits(context, text, cosine, language)
    found = context.calibration(language)
    return logits if found is None else calibrated(logits, found.scale, found.shift)


def match_pair_logits(
    context: MatchContext, texts: FloatArray, pictures: FloatArray, languages: Sequence[str]
) -> FloatArray | None:
    """The same of texts, each for one picture, rows [n, dim] of both; None where not by pairs."""
    if context.matcher is None:
        return None
    logits, found = context.matcher.pair_logits(texts, pictures), context.calibration()
    return logits if found is None else calibrated(logits, found.scale, found.shift)


def label_free_logits(
    context: MatchContext, text: FloatArray, cosine: FloatArray, language: str
) -> FloatArray:
    """The label-free logit of a text for every picture, without what labels did to it."""
    return label_free.match_logits(
        context.background(language), context.matrix, text, cosine, context.logit_scale
    )
