"""Embeddings of texts: from the cache, or from the encoder's model and then into the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from cache.embeddings import EncoderRecord
from cache.errors import CacheError
from cache.store import Cache
from cache.texts import TextRecord, get_texts, imported_texts, put_texts
from engine.errors import ModelMissingError, ModelUnusableError, OfflineError
from engine.states import ProcessState

if TYPE_CHECKING:
    from engine.models.encoders import Encoders
    from engine.results import FloatArray
    from engine.scoring.label_free import BackgroundPrompts

RANDOM_PROMPTS = 200
"""How many of them there are in each language."""


class TextEmbedder:
    """Reads and embeds texts; starts a model only where the cache does not know a text."""

    def __init__(self, cache: Cache, encoders: Encoders) -> None:
        self._cache = cache
        self._encoders = encoders

    async def embed(
        self, encoder: EncoderRecord, texts: Sequence[str], *, offline: bool
    ) -> tuple[Mapping[str, TextRecord], bool]:
        """The embeddings of texts by text, and whether a model took part.

        Raises OfflineError where a model would be needed and is forbidden, ModelMissingError where
        it is not on this machine, ModelUnusableError where it is no longer the one that indexed.
        """
        known = await self._cache.read(get_texts, encoder.id, texts)
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if not missing:
            return known, False
        if offline:
            raise OfflineError(
                f"{_listed(missing)} is new to {encoder.id}: its model would have to start",
                hint="Ask without --offline once; from then on the cache answers.",
            )
        return known | await self._run_model(encoder, missing), True

    async def background_prompts(
        self, encoder: EncoderRecord, language: str, *, offline: bool
    ) -> BackgroundPrompts:
        """The random prompts and the rivals; imported texts stand in for unknown random ones.

        The model embeds what is missing where it is on this machine and may start.
        """
        if language not in random_prompts():
            language = "en"
        shipped, listed = random_prompts()[language], rival_prompts()[language]
        known = dict(await self._cache.read(get_texts, encoder.id, (*shipped, *listed)))
        missing = [text for text in dict.fromkeys((*shipped, *listed)) if text not in known]
        is_here = bool(missing) and self.is_here(encoder)
        if is_here and not offline:
            known |= await self._run_model(encoder, missing)
        random = {text: known[text] for text in shipped if text in known}
        level = _stacked([random[text] for text in sorted(random)], encoder.dim)
        if len(random) < len(shipped):
            imported = await self._cache.read(imported_texts, encoder.id)
            others = sorted((item for item in imported if item.text not in random), key=_shuffled)
            random |= {item.text: item for item in others[: RANDOM_PROMPTS - len(random)]}
        from engine.scoring.label_free import BackgroundPrompts

        return BackgroundPrompts(
            random=_stacked([random[text] for text in sorted(random)], encoder.dim),
            level=level,
            rivals=_stacked([known[text] for text in listed if text in known], encoder.dim),
            language=language,
            used_model=is_here and not offline,
            is_lasting=not (is_here and offline),
        )

    async def check(self, encoder: EncoderRecord) -> str:
        """What to load for an encoder, made sure that its vectors fit those in the cache."""
        source = encoder.source or encoder.id
        try:
            facts = await self._encoders.describe(source)
        except ModelMissingError as error:
            imported = await self._cache.read(imported_texts, encoder.id)
            if not imported:
                raise
            raise ModelMissingError(
                error.message,
                hint=f"{error.hint}\nWithout a model, {len(imported):,} imported texts can be"
                f" asked, such as {imported[len(imported) // 2].text!r}.",
            ) from error
        if facts.id != encoder.id:
            raise ModelUnusableError(
                f"the model in {source} is {facts.id} by now, and the library was indexed with"
                f" {encoder.id}",
                hint=f"Index again with it: t2itui index DIR --encoder {source}",
            )
        return source

    def is_here(self, encoder: EncoderRecord) -> bool:
        """Whether the model of an encoder is on this machine; it looks at the disk."""
        return self._encoders.locate(encoder.source or encoder.id) is not None

    def is_idle(self, encoder: EncoderRecord) -> bool:
        """Whether the model of an encoder is in memory and has nothing to do."""
        source = encoder.source or encoder.id
        return any(
            each.source == source and each.state is ProcessState.READY
            for each in self._encoders.state()
        )

    async def _run_model(
        self, encoder: EncoderRecord, texts: Sequence[str]
    ) -> dict[str, TextRecord]:
        source = await self.check(encoder)
        found = await self._encoders.embed_texts(source, texts)
        records = {
            text: TextRecord(text=text, vector=vector, tokens=tokens, lost=lost, imported=False)
            for text, vector, tokens, lost in zip(
                texts, found.vectors, found.tokens, found.lost, strict=True
            )
        }
        await self._store(encoder, records)
        return records

    async def _store(self, encoder: EncoderRecord, records: Mapping[str, TextRecord]) -> None:
        try:
            await self._cache.write(put_texts, encoder.id, list(records.values()))
        except CacheError:
            # The answer does not depend on it; that no receipt is kept is told with the answer.
            return


@cache
def random_prompts() -> Mapping[str, tuple[str, ...]]:
    """The shipped random texts by language: the same 200 things in each."""
    return _read("background.tsv")


@cache
def rival_prompts() -> Mapping[str, tuple[str, ...]]:
    """The shipped rivals by language: the same things in each (see scoring.label_free)."""
    return _read("rivals.tsv")


def bank_texts() -> tuple[str, ...]:
    """All shipped texts, in every language, each once."""
    banks = (*random_prompts().values(), *rival_prompts().values())
    return tuple(dict.fromkeys(text for bank in banks for text in bank))


def _read(name: str) -> Mapping[str, tuple[str, ...]]:
    lines = (resources.files("engine") / "data" / name).read_text(encoding="utf-8").splitlines()
    english, chinese = zip(*(line.split("\t") for line in lines), strict=True)
    return {"en": english, "zh": chinese}


def _stacked(records: Sequence[TextRecord], dim: int) -> FloatArray:
    vectors = [record.vector for record in records]
    return np.stack(vectors) if vectors else np.zeros((0, dim), np.float32)


def _shuffled(item: TextRecord) -> bytes:
    """An order that is the same everywhere, and has nothing to do with what texts say."""
    return hashlib.sha256(item.text.encode()).digest()


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(repr(text) for text in texts)
