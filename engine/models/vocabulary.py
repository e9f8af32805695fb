"""What a small generator learned words for; others are told apart before it guesses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.models.messages import Reply
from engine.models.paths import read_json

FILE = "vocabulary.json"
"""In a generator's folder: `name`, `short`, `about` and `words`; models of the world have none."""
_RUNS = re.compile(r"[a-z]+(?:['’][a-z]+)?|[\u3400-\u9fff]+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_ENDINGS = (("ies", "y"), ("es", ""), ("s", ""))
"""Plurals that stand for their singulars."""
_NAMED = 3
"""So many words that are not known are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The words of a generator's training, in lower case; Chinese ones as they are."""

    name: str
    """The generator, to begin a sentence with."""
    short: str
    """What it can generate, to follow 'knows'."""
    about: str
    """The same with its parts named."""
    words: frozenset[str]

    def unknown(self, prompt: str) -> tuple[str, ...]:
        """The words of a prompt that the generator never met, in order, each once.

        Chinese text is cut at the longest known word; characters between known words are one.
        """
        found: list[str] = []
        for run in _RUNS.findall(prompt.lower()):
            found += self._unknown_han(run) if _HAN.match(run) else self._unknown_word(run)
        return tuple(dict.fromkeys(found))

    def notice(self, prompt: str, *, full: bool = False) -> str:
        """A sentence on the words that are not known; empty where all are."""
        unknown = self.unknown(prompt)
        if not unknown:
            return ""
        named = ", ".join(f"“{word}”" for word in unknown[:_NAMED])
        more = " and others" if len(unknown) > _NAMED else ""
        one = len(unknown) == 1
        verb = "is no word of its" if one else "are no words of its"
        knows = self.about if full else self.short
        return f"{self.name} knows {knows}; {named}{more} {verb}: it will guess."

    def _unknown_word(self, word: str) -> list[str]:
        singulars = (
            word.removesuffix(ending) + single
            for ending, single in _ENDINGS
            if word.endswith(ending)
        )
        known = any(each in self.words for each in (word, *singulars))
        return [] if known else [word]

    def _unknown_han(self, run: str) -> Iterator[str]:
        longest = max((len(word) for word in self.words), default=0)
        start = place = 0
        while place < len(run):
            lengths = range(min(longest, len(run) - place), 0, -1)
            length = next((n for n in lengths if run[place : place + n] in self.words), 0)
            if length and start < place:
                yield run[start:place]
            place += length or 1
            start = place if length else start
        if start < place:
            yield run[start:place]


def read_vocabulary(folder: Path) -> Vocabulary | None:
    """The vocabulary in a generator's folder; None for one that has none.

    Raises ModelUnusableError where the file cannot be read, WireError where it lacks something.
    """
    found = read_json(folder / FILE)
    if found is None:
        return None
    fields = Reply(fields=found)
    return Vocabulary(
        name=fields.text("name"),
        short=fields.text("short"),
        about=fields.text("about"),
        words=frozenset(fields.texts("words")),
    )
