"""What the library has to offer a query, and which encoder is to answer it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from cache.counters import revision
from cache.encoders import encoders
from cache.library import counts
from cache.matchers import matchers
from cache.records import EncoderRecord
from cache.texts import get_texts
from engine.errors import EmptyLibraryError, RequestError
from engine.language import unread


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The encoders with pictures, at one revision of the library."""

    revision: int
    pictures: int
    encoders: Mapping[str, EncoderRecord]
    """Those with at least one picture, by id."""
    embedded: Mapping[str, int]
    matchers: Mapping[str, int]
    """The id of the matcher in force, by encoder id."""


def read_offer(db: Database) -> Offer:
    """Read what there is to choose from."""
    counted = counts(db)
    newest: dict[str, int] = {}
    for matcher in matchers(db):
        newest.setdefault(matcher.encoder_id, matcher.id)
    return Offer(
        revision=revision(db),
        pictures=counted.pictures,
        encoders={record.id: record for record in encoders(db) if counted.embedded.get(record.id)},
        embedded=counted.embedded,
        matchers=newest,
    )


def known_texts(db: Database, encoder_ids: Collection[str], texts: Sequence[str]) -> frozenset[str]:
    """The encoders, of those given, that have all of the texts in the cache."""
    return frozenset(
        encoder_id
        for encoder_id in encoder_ids
        if set(texts) <= set(get_texts(db, encoder_id, texts))
    )


def choose_encoder(
    offer: Offer,
    texts: Sequence[str],
    *,
    wanted: str | None,
    preferred: str,
    ready: Collection[str] | None,
) -> EncoderRecord:
    """Choose by language, then by how much of the library an encoder covers.

    `wanted` is taken as it is. Of equals, `preferred` goes first, then the lower id. `ready` names
    the encoders that can answer without a model, where no other may: they go before all others.

    Raises EmptyLibraryError where no picture has an embedding, RequestError for an unknown id.
    """
    if not offer.encoders:
        raise EmptyLibraryError(
            "the library has no picture to search",
            hint="Index a folder first: t2itui index DIR",
        )
    if wanted is not None:
        if wanted in offer.encoders:
            return offer.encoders[wanted]
        raise RequestError(
            f"no picture is indexed with the encoder {wanted}",
            hint=f"There are: {', '.join(offer.encoders)}",
        )

    def badness(record: EncoderRecord) -> tuple[bool, int, int, bool, str]:
        return (
            ready is not None and record.id not in ready,
            len(unread(texts, record.languages)),
            -offer.embedded[record.id],
            preferred not in (record.id, record.source),
            record.id,
        )

    return min(offer.encoders.values(), key=badness)
