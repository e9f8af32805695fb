"""What the library has to offer a query, and which encoder is to answer it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from sqlite_utils import Database

from cache.counters import revision
from cache.embeddings import count_embeddings_of
from cache.encoders import encoders
from cache.labels import CalibrationRecord, list_calibrations
from cache.library import counts
from cache.matchers import matchers
from cache.records import EncoderRecord
from cache.storybook import StorybookRecord, find_storybook, has_own_pictures, storybook_ids
from cache.texts import get_texts
from engine.errors import EmptyLibraryError, RequestError
from engine.language import unread
from engine.results import IdArray


def _none() -> IdArray:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Offer:
    """The encoders with pictures, at one revision of the library."""

    revision: int
    pictures: int
    encoders: Mapping[str, EncoderRecord]
    """Those with at least one picture, by id."""
    embedded: Mapping[str, int]
    matchers: Mapping[str, int]
    """The id of the matcher in force, by encoder id."""
    calibrations: tuple[CalibrationRecord, ...] = ()
    """What labels did to scorers."""
    shipped_matcher: int | None = None
    """The id of the one that came with the storybook."""
    storybook: Storybook | None = None
    """The built-in library where it is beside pictures of the person's own."""
    left_out: IdArray = field(default_factory=_none)
    """Sorted ids of pictures that take no part."""

    def calibration(self, encoder_id: str, scorer: str) -> CalibrationRecord | None:
        """What labels did to a scorer of an encoder; None where they did nothing."""
        found = (
            each
            for each in self.calibrations
            if (each.encoder_id, each.scorer) == (encoder_id, scorer)
        )
        return next(found, None)

    def labelled(self, encoder_id: str) -> int:
        """A number for the state of an encoder's calibrations; 0 where there is none."""
        return max((c.id for c in self.calibrations if c.encoder_id == encoder_id), default=0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Storybook:
    """The built-in library's part of an offer."""

    folder: Path
    picture_ids: IdArray
    """Sorted."""
    embedded: Mapping[str, int]
    """By encoder id."""


def read_offer(db: Database) -> Offer:
    """Read what there is to choose from."""
    counted = counts(db)
    newest: dict[str, int] = {}
    for matcher in matchers(db):
        newest.setdefault(matcher.encoder_id, matcher.id)
    book = find_storybook(db)
    return Offer(
        revision=revision(db),
        pictures=counted.pictures,
        encoders={record.id: record for record in encoders(db) if counted.embedded.get(record.id)},
        embedded=counted.embedded,
        matchers=newest,
        calibrations=tuple(list_calibrations(db)),
        shipped_matcher=None if book is None else book.matcher_id,
        storybook=_read_storybook(db, book),
    )


def _read_storybook(db: Database, record: StorybookRecord | None) -> Storybook | None:
    ids = storybook_ids(db)
    if record is None or not len(ids) or not has_own_pictures(db):
        return None
    return Storybook(
        folder=Path(record.folder),
        picture_ids=ids,
        embedded=count_embeddings_of(db, ids.tolist()),
    )


def offer_for(offer: Offer, folders: Sequence[Path]) -> Offer:
    """The part of an offer that a query scoped to `folders` is about.

    The built-in library and a person's own pictures never answer together, unless folders of
    both are named; without any, the person's own pictures answer.
    """
    book = offer.storybook
    if book is None:
        return offer
    named = [folder for folder in folders if folder.is_relative_to(book.folder)]
    if not named:
        return _narrowed(
            offer,
            offer.pictures - len(book.picture_ids),
            {name: count - book.embedded.get(name, 0) for name, count in offer.embedded.items()},
            book.picture_ids,
        )
    if len(named) < len(folders):
        return offer
    return _narrowed(offer, len(book.picture_ids), book.embedded, _none())


def _narrowed(offer: Offer, pictures: int, embedded: Mapping[str, int], left_out: IdArray) -> Offer:
    return replace(
        offer,
        pictures=pictures,
        embedded=embedded,
        encoders={name: record for name, record in offer.encoders.items() if embedded.get(name)},
        left_out=left_out,
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
            hint="Index a folder: t2itui index DIR. Or take the storybook back, 600 drawn pictures"
            " that need no model: t2itui library --storybook on",
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
