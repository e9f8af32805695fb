"""Lists of words: everyday nouns and those of collections, which ship, and a person's own.

A word is asked in the form in which the background texts are worded ("a dog", 一只狗): what a text
is worth is measured by what these reach (engine/scoring/decision.py), and another opening, such as
"a photo of", would move all words against them alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from cache.embeddings import EncoderRecord
from engine.collections import BUILT_IN
from engine.errors import RequestError
from engine.language import CHINESE
from engine.untrusted.documents import lines_of, read_text

LANGUAGES = ("en", CHINESE)
"""Those that the lists which ship are written in, by column."""
_OPENING = re.compile(r"^(a |an |the |一\w(?=\w))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Word:
    """A word, and the text that an encoder is asked."""

    word: str
    text: str


def words_of(encoder: EncoderRecord, language: str = "") -> tuple[Word, ...]:
    """The list that ships for an encoder: a collection's own words, or everyday nouns.

    In its first language that there is a list in, unless another one is named.
    """
    language = language or next((each for each in encoder.languages if each in LANGUAGES), "en")
    is_built_in = encoder.source in (BUILT_IN.name, str(BUILT_IN.encoder))
    return _shipped(
        BUILT_IN.words if is_built_in else None,
        LANGUAGES.index(language) if language in LANGUAGES else 0,
    )


def own_words(texts: Sequence[str]) -> tuple[Word, ...]:
    """A person's own words, each asked as it stands."""
    return tuple(Word(word=text, text=text) for text in dict.fromkeys(texts))


def read_words(path: Path) -> list[str]:
    """The lines of a file of words; RequestError where it cannot be read or is empty."""
    try:
        lines = lines_of(read_text(path, or_pipe=True))
    except (OSError, ValueError) as error:
        raise RequestError(f"{path} cannot be read as text: {error}", field="words") from error
    words = [line.strip() for line in lines if line.strip()]
    if not words:
        raise RequestError(f"{path} holds no words", field="words")
    return words


@cache
def _shipped(path: Path | None, column: int) -> tuple[Word, ...]:
    file = resources.files("engine") / "data" / "nouns.tsv" if path is None else path
    texts = [line.split("\t")[column] for line in file.read_text(encoding="utf-8").splitlines()]
    return tuple(Word(word=_OPENING.sub("", text), text=text) for text in texts)
