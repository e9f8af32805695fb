"""Learns the encoder's tokenizer from captions of both languages.

A byte-pair encoding over bytes in which words end in `</w>`, every CJK character is a word of its
own, and no byte is unknown, so that any text of any language has tokens.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from engine.storybook.captions import LEVELS, Language, caption, partial_claim, write
from engine.storybook.foreign import foreign_caption
from engine.storybook.scene import sample_scene

START, END, PAD = "<|startoftext|>", "<|endoftext|>", "<|pad|>"
VOCABULARY = 2560
LENGTH = 64
"""Positions of the text tower; longer texts are cut."""

_WORD = r"""\p{Han}|[\p{L}&&[^\p{Han}]]+|\p{N}|[^\s\p{L}\p{N}]+"""


def corpus(count: int) -> Iterator[str]:
    """Captions of `count` scenes, true and foreign, in both languages."""
    rng = Random("tokenizer")
    for seed in range(count):
        scene = sample_scene(seed)
        for language in Language:
            yield caption(scene, rng.choice(LEVELS), language, rng).text
            yield write(partial_claim(scene, rng), language, rng).text
            yield foreign_caption(language, rng).text


def train_tokenizer(count: int = 6000) -> PreTrainedTokenizerFast:
    """Learn the tokenizer; ids 0, 1 and 2 are start, end and padding."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORD), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[START, END, PAD],
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(count), trainer)
    _complete(tokenizer, alphabet)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[(START, 0), (END, 1)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=START,
        eos_token=END,
        pad_token=PAD,
        unk_token=END,
        model_max_length=LENGTH,
        clean_up_tokenization_spaces=False,
    )


def _complete(tokenizer: Tokenizer, alphabet: list[str]) -> None:
    """Give every byte its `</w>` form: without it a word ending in that byte loses its end."""
    state = json.loads(tokenizer.to_str())
    vocabulary: dict[str, int] = state["model"]["vocab"]
    for byte in sorted(alphabet):
        for form in (byte, f"{byte}</w>"):
            vocabulary.setdefault(form, len(vocabulary))
    merges = [tuple(pair) for pair in state["model"]["merges"]]
    tokenizer.model = models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>")


def save_tokenizer(folder: Path) -> None:
    """Learn the tokenizer and write its files into a folder."""
    train_tokenizer().save_pretrained(folder)
