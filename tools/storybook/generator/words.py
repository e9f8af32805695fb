"""The words of all captions, so that the program can tell which ones the generator never met.

`python -m tools.storybook.generator.words` writes them into the folder of what ships.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

import click

from engine.collections import BUILT_IN
from engine.models.vocabulary import FILE
from engine.storybook import vocabulary
from engine.storybook.captions import partial_claim
from engine.storybook.vocabulary import ACTIONS, ANIMALS, COLOURS, PLACES
from engine.storybook.wording import Language, write
from tools.storybook.sampling import sample_scene

CAPTIONS = 20_000
"""Captions whose words are gathered; more hold no other."""
JOINTS = (
    "a",
    "an",
    "the",
    "and",
    "or",
    "with",
    "of",
    "in",
    "on",
    "at",
    "by",
    "to",
    "from",
    "for",
    "is",
    "are",
    "it",
    "its",
    "this",
    "that",
    "there",
    "some",
    "one",
    "while",
    "photo",
    "photograph",
    "image",
)
"""English words of any prompt that change nothing in a picture."""
MEASURES = "一个只台辆条位张座块把朵件棵头匹幅这那些的地得了着是和与及在有里上中"
"""Chinese characters of any prompt, measure words among them."""
_ENGLISH = re.compile(r"[a-z]+(?:'[a-z]+)?")
_HAN = re.compile(r"[\u3400-\u9fff]+")


def caption_words() -> list[str]:
    """English words and Chinese terms of the captions, and characters that join the latter."""
    texts = [text.lower() for text in _texts()]
    english = {word for text in texts for word in _ENGLISH.findall(text)}
    terms = {term for term in _terms() if _HAN.fullmatch(term)}
    cut = re.compile("|".join(sorted(terms, key=len, reverse=True)))
    joints = {character for text in texts for character in "".join(_HAN.findall(cut.sub("", text)))}
    return sorted({*english, *JOINTS, *terms, *joints, *MEASURES})


def _texts() -> Iterator[str]:
    for number in range(CAPTIONS):
        rng = Random(f"words:{number}")
        claim = partial_claim(sample_scene(number), rng)
        for language in Language:
            yield write(claim, language, rng).text


def _terms() -> Iterator[str]:
    """Every Chinese wording of a thing, a colour, a deed, a place or a time."""
    for name, table in vars(vocabulary).items():
        if name.startswith("ZH_"):
            for wordings in table.values():
                yield from wordings
    for animal in (*ANIMALS, None):
        for action in ACTIONS:
            yield from vocabulary.chinese_actions(animal, action)


def write_words(folder: Path) -> int:
    """Write the vocabulary into a generator's folder; returns its size."""
    words = caption_words()
    content = {
        "name": f"The {BUILT_IN.name}'s generator",
        "short": "ten animals",
        "about": (
            f"ten animals ({', '.join(ANIMALS)}) in the colours {', '.join(COLOURS)},"
            f" {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}, in {', '.join(PLACES)}"
        ),
        "words": words,
    }
    text = json.dumps(content, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")
    return len(words)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=BUILT_IN.generator)
def main(folder: Path) -> None:
    """Write the vocabulary of the generator in FOLDER."""
    click.echo(f"{write_words(folder)} words in {folder / FILE}")


if __name__ == "__main__":
    main()
