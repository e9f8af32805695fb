"""What can be asked of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.settings import DEFAULT_THRESHOLD
from engine.states import DataKind, ScorerKind

QUERIES = (DataKind.CAPTIONS.value, DataKind.WORDS.value)
"""What captioned pictures can be asked by."""
DEFAULT_SCORERS = (ScorerKind.COSINE, ScorerKind.MATCH)

TEMPLATES = ("a photo of a {}.", "a {}.", "a close-up photo of a {}.", "a photo of the {}.")
"""What is said of a class; the mean of their embeddings stands for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateRequest:
    """Score a data set and measure."""

    data: str
    """A file of captions, a folder of classes, or the name of a collection."""
    images: Path | None = None
    """Where the pictures lie; None looks beside the data."""
    encoder: str | None = None
    """Encoder id, hub id or folder; None takes the one that knows most of the pictures."""
    queries: str = DataKind.CAPTIONS
    """captions, or words: class words that occur in captions."""
    words: Path | None = None
    """The words, one a line; None takes the texts that were imported for the encoder."""
    split: str = "test"
    """Of data that is split; empty for all of it."""
    language: str = ""
    """Of the texts of a collection: one of its languages, or empty for all."""
    scorers: tuple[str, ...] = DEFAULT_SCORERS
    threshold: float = DEFAULT_THRESHOLD
    limit: int | None = None
    """Take at most so many pictures, at random."""
    seed: int = 0
    templates: tuple[str, ...] = TEMPLATES
    names: tuple[tuple[str, str], ...] = ()
    """What to call the class of a folder."""
    resamples: int = 1000
    swaps: bool = True
    """Also try captions with one word exchanged."""
    offline: bool = False
    """Start no model: texts and pictures without an embedding are left out."""
