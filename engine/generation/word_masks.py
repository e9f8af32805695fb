"""Masks by word: the patches of a start picture that show what is to be painted anew."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from engine.errors import RequestError
from engine.generation.request import upright_size
from engine.models.parameters import MAX_SIDE, GenerationParameters, MaskMap
from engine.requests import WhereRequest
from engine.results import WhereResult, WordMap

SHARE = 0.5
"""Of the strongest patch's strength: from here on a patch shows what is looked for."""
_LEVELS = 255


class FindsWords(Protocol):
    """Says where words are in pictures."""

    async def find(self, request: WhereRequest) -> WhereResult: ...


class WordMasks:
    """Turns the word that a request names into the part of its start picture."""

    def __init__(self, finder: Callable[[], FindsWords]) -> None:
        self._finder = finder
        """Called where there is a word: who looks for words is imported then."""

    async def fill(
        self, parameters: GenerationParameters, *, grow: int | None
    ) -> GenerationParameters:
        """The parameters with the map of their word, which is widened by half a patch by default.

        Raises RequestError where the word is nowhere, and what looking for it raises.
        """
        start, word = parameters.start_picture, parameters.mask_word
        if start is None or not word:
            return parameters
        # Quoted, it is looked for as one phrase.
        text = '"' + re.sub('["“”]', " ", word) + '"'
        found = await self._finder().find(WhereRequest(picture=str(start), text=text))
        part = found.words[0]
        if not part.is_there:
            raise RequestError(
                f"{word!r} is nowhere in {start.name}: its strength is {part.strength:.2f}, and"
                f" chance alone may reach 0.50 ({found.encoder} looked)",
                hint="Name what can be seen there, or the part itself: --mask FILE, --mask-box.",
                field="mask_word",
            )
        map_ = MaskMap(
            rows=part.strengths.shape[0],
            columns=part.strengths.shape[1],
            levels=_levels(part),
            seen=found.seen,
        )
        if grow is None:
            grow = await asyncio.to_thread(_half_a_patch, start, map_)
        return replace(parameters, mask_map=map_, mask_grow=grow)


def _levels(part: WordMap) -> str:
    """How strong each patch is beside the strongest, so that SHARE of that is half of all."""
    shares = part.strengths / part.strength * (0.5 / SHARE)
    levels: bytes = (shares.clip(0, 1) * _LEVELS).round().astype(np.uint8).tobytes()
    return levels.hex()


def _half_a_patch(picture: Path, map_: MaskMap) -> int:
    """In pixels of a picture as it is painted on."""
    width, height = upright_size(picture)
    scale = min(1.0, MAX_SIDE / max(width, height))
    left, top, right, bottom = map_.seen
    across = (right - left) * width / map_.columns
    down = (bottom - top) * height / map_.rows
    return round(scale * (across + down) / 4)
