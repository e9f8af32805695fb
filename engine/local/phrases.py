"""The words of a description that can be looked for in a picture, each with the stop words by it.

"a brown horse in the snow"   ->   a brown | horse | in the snow
"雪地里的一匹马"               ->   雪地里的 | 一匹马      (by the tokenizer's pieces)
'a "hot air balloon"'         ->   a "hot air balloon"   (what is quoted stays together)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.language import CHINESE, language_of

STOP_WORDS = frozenset(
    re.findall(
        r"\S+",
        """a an the this that these those some any each every both all another other
    and or but nor so as than then while with without within of in on at by for from to into onto
    upon over under above below behind before after between beside near next across through along
    around against up down out off about is are was were be been being am has have had do does did
    its it his him her hers he she they them their there here who which whose what where when how
    we you i my your our not no very too also just one two three there's it's""",
    )
)
"""English words that are nowhere in a picture by themselves."""
BEFORE = frozenset(
    "一二两三几个只条匹头张辆棵朵位件座片群双这那每有在正着是和与及跟从向被把用对为很都也"
)
"""Chinese characters that belong to what follows."""
AFTER = frozenset("的里上中下内外旁边了们")
"""Those that belong to what goes before."""

_UNIT = re.compile(r'"([^"“”]*)"|[“”]([^"“”]*)[“”]|[\w\'’-]+')
_HAN = re.compile(r"[\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A word to look for, with the stop words by it."""

    text: str
    """What is looked for."""
    word: str
    """What it is called: the same without stop words."""
    start: int
    """Where it stands in the description."""
    end: int


@dataclass(frozen=True, slots=True)
class _Unit:
    """A stretch of a description."""

    start: int
    end: int
    is_stop: bool = False
    joins_before: bool = False
    """A stop word of what goes before it."""


def phrases(text: str, spans: Sequence[tuple[int, int]] = ()) -> tuple[Phrase, ...]:
    """The phrases of a description, in order; the whole of it where all are stop words.

    `spans` are those of its tokens, by which Chinese is split; without them it is by characters.
    """
    groups: list[list[_Unit]] = []
    waiting: list[_Unit] = []
    for unit in _units(text, spans):
        if not unit.is_stop:
            groups.append([*waiting, unit])
            waiting = []
        elif groups and unit.joins_before and not waiting:
            groups[-1].append(unit)
        else:
            waiting.append(unit)
    if groups:
        groups[-1] += waiting
    elif waiting:
        groups = [waiting]
    return tuple(_phrase(text, group) for group in groups)


def content_tokens(text: str, spans: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """Which tokens of a text belong to no stop word, [tokens]; all, where none does."""
    stops = np.zeros(len(text) + 1, np.bool_)
    for unit in _units(text, spans):
        stops[unit.start : unit.end] = unit.is_stop
    said = [
        any(c.isalnum() for c in text[start:end]) and not stops[start:end].all()
        for start, end in spans
    ]
    found = np.array(said, np.bool_)
    return found if found.any() else np.ones(len(spans), np.bool_)


def has_chinese(text: str) -> bool:
    """Whether it takes a tokenizer to split a text."""
    return language_of(text) == CHINESE


def _phrase(text: str, group: list[_Unit]) -> Phrase:
    start, end = group[0].start, group[-1].end
    said = [unit for unit in group if not unit.is_stop] or group
    word = text[said[0].start : said[-1].end]
    return Phrase(
        text=re.sub(r'["“”]', "", text[start:end]),
        word=word.strip('"“” '),
        start=start,
        end=end,
    )


def _units(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[_Unit]:
    for found in _UNIT.finditer(text):
        if found.lastindex:
            if any(c.isalnum() for c in found[found.lastindex]):
                yield _Unit(found.start(), found.end())
        else:
            yield from _words(text, found.start(), found.end(), spans)


def _words(text: str, start: int, end: int, spans: Sequence[tuple[int, int]]) -> Iterator[_Unit]:
    """The words between two places: Chinese by pieces, the rest as it is."""
    at = start
    for han in _HAN.finditer(text, start, end):
        if at < han.start():
            yield _word(text, at, han.start())
        yield from _pieces(text, han.start(), han.end(), spans)
        at = han.end()
    if at < end:
        yield _word(text, at, end)


def _word(text: str, start: int, end: int) -> _Unit:
    return _Unit(start, end, is_stop=text[start:end].lower().replace("’", "'") in STOP_WORDS)


def _pieces(text: str, start: int, end: int, spans: Sequence[tuple[int, int]]) -> Iterator[_Unit]:
    """Chinese between two places by the tokenizer's pieces.

    Single characters beside each other are a word: a tokenizer that does not know it as a whole, or
    none, spells it so. A piece that it makes of several bytes of one character counts once.
    """
    cuts = {start, end} | {at for span in spans for at in span if start < at < end}
    if not spans:
        cuts |= set(range(start, end))
    spelled: _Unit | None = None
    for left, right in pairwise(sorted(cuts)):
        piece = set(text[left:right])
        is_stop = piece <= BEFORE | AFTER
        if right == left + 1 and not is_stop:
            spelled = _Unit(left if spelled is None else spelled.start, right)
            continue
        if spelled is not None:
            yield spelled
            spelled = None
        yield _Unit(left, right, is_stop=is_stop, joins_before=piece <= AFTER)
    if spelled is not None:
        yield spelled
