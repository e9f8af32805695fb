"""What can be asked of a training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.evaluation.request import TEMPLATES, EvaluateRequest
from engine.states import DataKind, ScorerKind


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """Fit a matcher on data whose truth is known."""

    data: str
    """As an evaluation takes it: captions, a folder of classes, or a collection's name."""
    images: Path | None = None
    encoder: str | None = None
    queries: str = DataKind.CAPTIONS
    words: Path | None = None
    split: str = "train"
    """Of data that is split; empty for all of it."""
    language: str = ""
    limit: int | None = None
    templates: tuple[str, ...] = TEMPLATES
    names: tuple[tuple[str, str], ...] = ()
    seed: int = 0
    validation: float = 0.15
    """Part of the pictures that stopping and the temperature are decided on."""
    held_out: float = 0.2
    """Part of the pictures that the report is made on."""
    hidden: int = 256
    epochs: int = 12
    with_two_branch: bool = False
    """Also fit a two-branch similarity network, for the report alone."""
    force: bool = False
    """Keep a matcher that does no better than the label-free match."""
    offline: bool = False
    resamples: int = 1000

    def as_evaluation(self) -> EvaluateRequest:
        """What gathers the same data."""
        return EvaluateRequest(
            data=self.data,
            images=self.images,
            encoder=self.encoder,
            queries=self.queries,
            words=self.words,
            split=self.split,
            language=self.language,
            limit=self.limit,
            templates=self.templates,
            names=self.names,
            seed=self.seed,
            offline=self.offline,
            resamples=self.resamples,
            scorers=(ScorerKind.COSINE, ScorerKind.LABEL_FREE, ScorerKind.MATCH),
        )
