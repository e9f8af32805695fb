"""Turns texts into the tokens of a tower, and says which words did not fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from tokenizers import Regex, normalizers
from transformers import PreTrainedTokenizerFast
from transformers.models.bert.tokenization_bert import BertTokenizer
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from engine.errors import ModelUnusableError
from engine.models.families import CHINESE_CLIP, CLIP, Family

Tokenizer: TypeAlias = Any
"""A fast tokenizer of transformers."""

# SigLIP was trained on text without ASCII punctuation, SigLIP 2 on lower case alone.
_PUNCTUATION = r"[!-/:-@\[-`{-~]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenized:
    """Texts as a tower takes them."""

    ids: list[list[int]]
    """Cut to the tower's length, not padded."""
    counts: list[int]
    """Tokens of each whole text, with the marks at its ends."""
    lost: list[str]
    """The words of each text that were cut off; empty where none were."""


class TextInput:
    """The tokenizer of one model.

    Texts are encoded whole and cut here, keeping the mark at the end: the result equals
    `truncation=True` of transformers, and the place of the cut is known.
    """

    def __init__(self, folder: Path, family: Family, limit: int) -> None:
        self._tokenizer = _load(folder, family)
        self._pads_to_limit = family.is_siglip
        self.limit = min(limit, int(self._tokenizer.model_max_length))
        """Tokens that the tower reads, with the marks at both ends."""

    def tokenize(self, texts: Sequence[str]) -> Tokenized:
        """Encode `texts`."""
        texts = [text.encode(errors="replace").decode() for text in texts]
        encoded: Any = self._tokenizer(
            texts, return_offsets_mapping=True, truncation=False, verbose=False
        )
        ids, lost = [], []
        for text, whole, offsets in zip(
            texts, encoded["input_ids"], encoded["offset_mapping"], strict=True
        ):
            is_cut = len(whole) > self.limit
            ids.append([*whole[: self.limit - 1], whole[-1]] if is_cut else whole)
            lost.append(_words_from(text, offsets[self.limit - 1][0]) if is_cut else "")
        return Tokenized(ids=ids, counts=[len(whole) for whole in encoded["input_ids"]], lost=lost)

    def pad(self, ids: Sequence[list[int]]) -> dict[str, torch.Tensor]:
        """Return the keyword arguments of the tower, int64 [n, length]."""
        length = self.limit if self._pads_to_limit else max(map(len, ids))
        padding = self._tokenizer.pad_token_id or 0
        padded = [row + [padding] * (length - len(row)) for row in ids]
        inputs = {"input_ids": torch.tensor(padded)}
        if not self._pads_to_limit:
            mask = [[1] * len(row) + [0] * (length - len(row)) for row in ids]
            inputs["attention_mask"] = torch.tensor(mask)
        return inputs


def _words_from(text: str, start: int) -> str:
    """Return `text` from the word that the character at `start` belongs to."""
    while 0 < start < len(text) and _joins(text[start - 1]) and _joins(text[start]):
        start -= 1
    return text[start:].strip()


def _joins(character: str) -> bool:
    """Tell whether a character is part of a longer word; Chinese characters stand alone."""
    return character.isalnum() and not "\u2e80" <= character <= "\u9fff"


def _load(folder: Path, family: Family) -> Tokenizer:
    try:
        if family.name == CLIP:
            return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        if family.name == CHINESE_CLIP:
            return BertTokenizer.from_pretrained(folder, local_files_only=True)
        return _load_siglip(folder, family)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelUnusableError(
            f"the tokenizer in {folder} cannot be used: {error}", hint="Fetch the model again."
        ) from error


def _load_siglip(folder: Path, family: Family) -> Tokenizer:
    tokenizer: Tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    steps: list[normalizers.Normalizer] = [normalizers.Lowercase()]
    if not family.keeps_punctuation:
        steps += [
            normalizers.Replace(Regex(_PUNCTUATION), ""),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    backend = tokenizer.backend_tokenizer
    if backend.normalizer is not None:
        steps.append(backend.normalizer)
    backend.normalizer = normalizers.Sequence(steps)
    return tokenizer
