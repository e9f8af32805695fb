"""Embeddings of texts: from the cache, or from the encoder's model and then into the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from cache.errors import CacheError
from cache.records import EncoderRecord, TextRecord
from cache.store import Cache
from cache.texts import get_texts, imported_texts, put_texts
from engine.errors import ModelMissingError, ModelUnusableError, OfflineError
from engine.models.encoders import Encoders
from engine.results import FloatArray

BANK_SIZE = 200
"""Background texts."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bank:
    """Background texts of one encoder, as far as they are known."""

    texts: tuple[str, ...]
    vectors: FloatArray
    """[B, dim]."""
    used_model: bool


class Texts:
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

    async def bank(self, encoder: EncoderRecord, language: str, *, offline: bool) -> Bank:
        """The background texts: the shipped ones, made up with imported texts where unknown.

        The model embeds what is missing where it is on this machine and may start.
        """
        shipped = background_texts()[language if language in background_texts() else "en"]
        known = await self._cache.read(get_texts, encoder.id, shipped)
        missing = [text for text in shipped if text not in known]
        used_model = bool(missing) and not offline and self._is_here(encoder)
        if used_model:
            known |= await self._run_model(encoder, missing)
        elif missing:
            imported = await self._cache.read(imported_texts, encoder.id)
            others = sorted((item for item in imported if item.text not in known), key=_shuffled)
            known |= {item.text: item for item in others[: BANK_SIZE - len(known)]}
        texts = tuple(sorted(known))
        vectors = [known[text].vector for text in texts]
        return Bank(
            texts=texts,
            vectors=np.stack(vectors) if vectors else np.zeros((0, encoder.dim), np.float32),
            used_model=used_model,
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

    def _is_here(self, encoder: EncoderRecord) -> bool:
        return self._encoders.locate(encoder.source or encoder.id) is not None

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
        await self._keep(encoder, records)
        return records

    async def _keep(self, encoder: EncoderRecord, records: Mapping[str, TextRecord]) -> None:
        try:
            await self._cache.write(put_texts, encoder.id, list(records.values()))
        except CacheError:
            # The answer does not depend on it; that no receipt is kept is told with the answer.
            return


@cache
def background_texts() -> Mapping[str, tuple[str, ...]]:
    """The shipped background texts by language: the same 200 things in each."""
    lines = (
        (resources.files("engine") / "data" / "background.tsv")
        .read_text(encoding="utf-8")
        .splitlines()
    )
    english, chinese = zip(*(line.split("\t") for line in lines), strict=True)
    return {"en": english, "zh": chinese}


def _shuffled(item: TextRecord) -> bytes:
    """An order that is the same everywhere, and has nothing to do with what texts say."""
    return hashlib.sha256(item.text.encode()).digest()


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(repr(text) for text in texts)
