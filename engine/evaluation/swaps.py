"""Captions with one thing exchanged, by word lists: for photos, whose truth no grammar knows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

ENGLISH: dict[str, tuple[str, ...]] = {
    "colour": (
        "red", "blue", "green", "yellow", "orange", "purple", "pink", "brown", "black", "white",
        "gray",
    ),
    "animal": (
        "dog", "cat", "horse", "elephant", "cow", "sheep", "chicken", "bird", "squirrel",
        "butterfly", "spider",
    ),
    "animals": ("dogs", "cats", "horses", "elephants", "cows", "chickens", "birds", "butterflies"),
    "person": ("man", "woman", "boy", "girl"),
    "people": ("men", "women", "boys", "girls"),
    "number": ("two", "three", "four", "five"),
    "size": ("big", "small", "large", "tiny", "little"),
    "age": ("young", "old"),
    "action": (
        "running", "sitting", "standing", "sleeping", "jumping", "swimming", "climbing", "walking",
        "eating",
    ),
    "place": (
        "beach", "snow", "forest", "street", "field", "pool", "mountain", "kitchen", "lake",
        "desert",
    ),
    "clothing": ("shirt", "jacket", "dress", "coat", "hat", "helmet", "sweater", "shorts"),
    "vehicle": ("bicycle", "motorcycle", "car", "truck", "bus", "boat", "skateboard", "train"),
    "side": ("left", "right"),
    "time": ("day", "night", "sunset"),
}  # fmt: skip
"""Words that exclude one another, by what they tell."""

CHINESE: dict[str, tuple[str, ...]] = {
    "colour": (
        "红色", "蓝色", "绿色", "黄色", "橙色", "紫色", "粉色", "棕色", "黑色", "白色", "灰色",
    ),
    "animal": ("狗", "猫", "马", "大象", "牛", "羊", "鸡", "鸟", "松鼠", "蝴蝶", "蜘蛛"),
    "person": ("男人", "女人", "男孩", "女孩"),
    "number": ("两", "三", "四", "五"),
    "action": ("跑", "坐", "站", "睡觉", "跳", "游泳", "走路"),
    "place": ("海滩", "雪地", "森林", "街道", "田野", "厨房", "沙漠"),
    "side": ("左", "右"),
    "time": ("白天", "夜晚", "傍晚"),
}  # fmt: skip

_ATTRIBUTES = {word: attribute for attribute, words in ENGLISH.items() for word in words}
_WORD = re.compile(r"\w+")
_ARTICLE = re.compile(r"\b([Aa])n?( +)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A text with one word exchanged for another that excludes it."""

    text: str
    attribute: str
    """What was exchanged: colour, animal, place ..."""
    old: str
    new: str


def variants(text: str, also: Iterable[str] = ()) -> list[Variant]:
    """Every variant of a text, in the order of its words.

    A word that occurs in one of the texts `also`, which describe the same thing, is not put in:
    it might be true. Words are matched whole and in any case; Chinese ones as they stand.
    """
    told = " ".join((text, *also)).lower()
    spoken = set(re.findall(r"\w+", told))
    found: list[tuple[int, Variant]] = []
    for hit in _WORD.finditer(text):
        attribute = _ATTRIBUTES.get(hit[0].lower(), "")
        others = [word for word in ENGLISH.get(attribute, ()) if word not in spoken]
        found += [(hit.start(), _english(text, hit, attribute, word)) for word in others]
    for attribute, words in CHINESE.items() if not text.isascii() else ():
        for hit in re.finditer("|".join(words), text):
            others = [word for word in words if word not in told]
            found += [(hit.start(), _put(text, hit, attribute, word)) for word in others]
    return [variant for _, variant in sorted(found, key=lambda pair: pair[0])]


def random_variant(text: str, also: Iterable[str], random: Random) -> Variant | None:
    """One variant of a text, each attribute as likely as another; None where there is none."""
    every = variants(text, also)
    if not every:
        return None
    attribute = random.choice(sorted({variant.attribute for variant in every}))
    return random.choice([variant for variant in every if variant.attribute == attribute])


def _english(text: str, hit: re.Match[str], attribute: str, word: str) -> Variant:
    """Put a word in, capitalised as the old one, with the article that it takes."""
    new = word.capitalize() if hit[0][0].isupper() else word
    changed = with_article(text[: hit.start()], word) + new + text[hit.end() :]
    return Variant(text=changed, attribute=attribute, old=hit[0], new=new)


def takes_an(word: str) -> bool:
    """The article before the word is `an`; told by its first letter."""
    return word.startswith(("a", "e", "i", "o", "u"))


def with_article(before: str, word: str) -> str:
    """What stands before a word, its last article as the word takes it."""
    article = _ARTICLE.search(before)
    if article is None:
        return before
    letter = article[1] + ("n" if takes_an(word) else "")
    return before[: article.start()] + letter + article[2]


def _put(text: str, hit: re.Match[str], attribute: str, word: str) -> Variant:
    changed = text[: hit.start()] + word + text[hit.end() :]
    return Variant(text=changed, attribute=attribute, old=hit[0], new=word)
