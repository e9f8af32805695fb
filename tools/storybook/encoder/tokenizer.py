"""Learns the encoder's tokenizer from captions, as a plain `CLIPTokenizer`.

A byte-pair encoding over bytes whose words end in `</w>`. English merges are learned; a CJK
character is always put together from its own bytes and never with its neighbour; and every byte
has a token of its own, so that no text has unknown tokens (one would read as the end of the text).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from engine.storybook.captions import LEVELS, caption, partial_claim
from engine.storybook.wording import Language, write
from tools.storybook.negatives import sample_foreign
from tools.storybook.sampling import sample_scene

START, END, PAD = "<|startoftext|>", "<|endoftext|>", "<|pad|>"
ENGLISH_TOKENS = 1600
"""How many tokens English may have, bytes included."""
LENGTH = 64
"""Positions of the text tower; longer texts are cut."""
Merge = tuple[str, str]


def corpus(language: Language, count: int) -> Iterator[str]:
    """Captions of `count` scenes, true and foreign."""
    rng = Random(f"tokenizer:{language}")
    for seed in range(count):
        scene = sample_scene(seed)
        yield caption(scene, rng.choice(LEVELS), language, rng).text
        yield write(partial_claim(scene, rng), language, rng).text
        yield sample_foreign(language, rng).text


def train_tokenizer(count: int = 6000) -> CLIPTokenizer:
    """Learn the tokenizer; ids 0, 1 and 2 are start, end and padding."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words, merges = _english(count, alphabet)
    own = _characters({c for text in corpus(Language.CHINESE, count) for c in text if c > "\u2e80"})
    tokens = [START, END, PAD, *alphabet, *(f"{byte}</w>" for byte in alphabet), *words]
    tokens += [a + b for a, b in own]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=merges + own,  # type: ignore[arg-type]
        pad_token=PAD,
        model_max_length=LENGTH,
    )


def _english(count: int, alphabet: list[str]) -> tuple[list[str], list[Merge]]:
    """Tokens and merges learned from English captions, cut into words as CLIP cuts them."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    clip = CLIPTokenizer(pad_token=PAD).backend_tokenizer
    tokenizer.normalizer, tokenizer.pre_tokenizer = clip.normalizer, clip.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=ENGLISH_TOKENS,
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(Language.ENGLISH, count), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return list(model["vocab"]), [(a, b) for a, b in model["merges"]]


def _characters(characters: set[str]) -> list[Merge]:
    """Merges that put each character together from its bytes, inside and at the end of a word."""
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    merges: dict[Merge, None] = {}
    for character in sorted(characters):
        symbols = list(split.pre_tokenize_str(character)[0][0])
        head = symbols[0]
        for symbol in symbols[1:-1]:
            merges[head, symbol] = None
            head += symbol
        for end in ("", "</w>"):
            merges[head, symbols[-1] + end] = None
    return list(merges)


def save_tokenizer(folder: Path) -> None:
    """Learn the tokenizer and write its files into a folder."""
    train_tokenizer().save_pretrained(folder)
