"""Queries, understood: what the library has to offer them, and which encoder is to answer."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from sqlite_utils import Database

from cache.collections import CollectionRecord, collection_ids, find_collection, has_own_pictures
from cache.embeddings import EncoderRecord, count_embeddings_of, encoders
from cache.errors import CacheError
from cache.labels import CalibrationRecord, list_calibrations
from cache.library import counts
from cache.matchers import matchers
from cache.pictures import scope
from cache.sql import revision
from cache.store import Cache
from cache.texts import get_texts
from engine.collections import BUILT_IN
from engine.errors import EmptyLibraryError, EngineError, RequestError
from engine.language import language_of, unread
from engine.library.collections import BuiltInCollection
from engine.requests import Filters, SearchRequest
from engine.results import IdArray
from engine.scoring.registry import check_scorer, search_scorers
from engine.search.pictures import QueryPictures, Reference
from engine.search.query import ParsedQuery, Term, parse, plain_text
from engine.search.receipts import ReceiptKey
from engine.settings import EngineSettings
from engine.states import ScorerKind, Synthetic, matcher_scorer


def _none() -> IdArray:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LibrarySnapshot:
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
    """The id of the one that ships with the built-in collection."""
    collection: CollectionScope | None = None
    """The built-in collection where it is beside pictures of the person's own."""
    left_out: IdArray = field(default_factory=_none)
    """Sorted ids of pictures that take no part."""

    def calibrations_of(self, encoder_id: str) -> tuple[CalibrationRecord, ...]:
        """What labels did to the scorers of an encoder."""
        return tuple(each for each in self.calibrations if each.encoder_id == encoder_id)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectionScope:
    """The built-in collection's part of a snapshot."""

    folder: Path
    picture_ids: IdArray
    """Sorted."""
    embedded: Mapping[str, int]
    """By encoder id."""


def read_snapshot(db: Database) -> LibrarySnapshot:
    """Read what there is to choose from."""
    counted = counts(db)
    newest: dict[str, int] = {}
    for matcher in matchers(db):
        newest.setdefault(matcher.encoder_id, matcher.id)
    shipped = find_collection(db)
    return LibrarySnapshot(
        revision=revision(db),
        pictures=counted.pictures,
        encoders={record.id: record for record in encoders(db) if counted.embedded.get(record.id)},
        embedded=counted.embedded,
        matchers=newest,
        calibrations=tuple(list_calibrations(db)),
        shipped_matcher=None if shipped is None else shipped.matcher_id,
        collection=_read_scope(db, shipped),
    )


def _read_scope(db: Database, record: CollectionRecord | None) -> CollectionScope | None:
    ids = collection_ids(db)
    if record is None or not len(ids) or not has_own_pictures(db):
        return None
    return CollectionScope(
        folder=Path(record.folder),
        picture_ids=ids,
        embedded=count_embeddings_of(db, ids.tolist()),
    )


def scoped_snapshot(snapshot: LibrarySnapshot, folders: Sequence[Path]) -> LibrarySnapshot:
    """The part of a snapshot that a query scoped to `folders` is about.

    The built-in collection and a person's own pictures never answer together, unless folders of
    both are named; without any, the person's own pictures answer.
    """
    built_in = snapshot.collection
    if built_in is None:
        return snapshot
    named = [folder for folder in folders if folder.is_relative_to(built_in.folder)]
    if not named:
        own = {n: count - built_in.embedded.get(n, 0) for n, count in snapshot.embedded.items()}
        pictures = snapshot.pictures - len(built_in.picture_ids)
        return _narrowed(snapshot, pictures, own, built_in.picture_ids)
    if len(named) < len(folders):
        return snapshot
    return _narrowed(snapshot, len(built_in.picture_ids), built_in.embedded, _none())


def _narrowed(
    snapshot: LibrarySnapshot, pictures: int, embedded: Mapping[str, int], left_out: IdArray
) -> LibrarySnapshot:
    return replace(
        snapshot,
        pictures=pictures,
        embedded=embedded,
        encoders={name: record for name, record in snapshot.encoders.items() if embedded.get(name)},
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
    snapshot: LibrarySnapshot,
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
    if not snapshot.encoders:
        raise EmptyLibraryError(
            "the library has no picture to search",
            hint=f"Index a folder: t2itui index DIR. Or take the {BUILT_IN.name} back,"
            f" {BUILT_IN.summary}: {BUILT_IN.take_back}",
        )
    if wanted is not None:
        if wanted in snapshot.encoders:
            return snapshot.encoders[wanted]
        raise RequestError(
            f"no picture is indexed with the encoder {wanted}",
            hint=f"There are: {', '.join(snapshot.encoders)}",
            field="encoder_id",
        )

    def badness(record: EncoderRecord) -> tuple[bool, int, int, bool, str]:
        return (
            ready is not None and record.id not in ready,
            len(unread(texts, record.languages)),
            -snapshot.embedded[record.id],
            preferred not in (record.id, record.source),
            record.id,
        )

    return min(snapshot.encoders.values(), key=badness)


_NO_REFERENCE: tuple[Reference | None, ...] = (None,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedQuery:
    """A request that can be answered."""

    request: SearchRequest
    query: ParsedQuery
    references: tuple[Reference | None, ...]
    """The picture that each term names; None for a text."""
    encoder: EncoderRecord
    snapshot: LibrarySnapshot
    key: ReceiptKey
    matcher_id: int | None = None
    """The trained matcher that scores this query; it knows texts, not pictures."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of the query, as an encoder gets them."""
        return texts_of(self.query, self.references)

    @property
    def language(self) -> str:
        """Of the texts; the first language of the encoder where they do not tell."""
        spoken = [language_of(text) for text in self.texts]
        known = [language for language in spoken if language in self.encoder.languages]
        return known[0] if known else self.encoder.languages[0]


class QueryResolver:
    """Understands requests; reads the cache, starts no model."""

    def __init__(
        self,
        cache: Cache,
        pictures: QueryPictures,
        settings: EngineSettings,
        collection: BuiltInCollection | None = None,
    ) -> None:
        self._cache = cache
        self._pictures = pictures
        self._settings = settings
        self._collection = collection
        self._snapshot: LibrarySnapshot | None = None

    async def resolve(
        self, request: SearchRequest, *, as_text: bool = False, everywhere: bool = False
    ) -> ResolvedQuery:
        """Understand a request. Raises RequestError, EmptyLibraryError, PictureError.

        With `as_text` the query is a text as it stands, whatever it looks like; `everywhere` takes
        in the built-in collection and the person's own pictures alike.
        """
        check(request)
        await self.prepare_collection(request.filters)
        query, references = plain_text(request.query), _NO_REFERENCE
        if not as_text:
            query, references = await self._understand(parse(request.query))
        snapshot = await self.snapshot()
        if not everywhere:
            snapshot = scoped_snapshot(snapshot, request.filters.folders)
        texts = texts_of(query, references)
        ready = None
        if request.offline:
            ready = await self._cache.read(known_texts, tuple(snapshot.encoders), texts)
        encoder = choose_encoder(
            snapshot,
            texts,
            wanted=request.encoder_id,
            preferred=self._settings.encoder,
            ready=ready,
        )
        matcher = snapshot.matchers.get(encoder.id) if texts and not any(references) else None
        calibrations = snapshot.calibrations_of(encoder.id) if texts else ()
        key = ReceiptKey(
            query=str(query),
            pictures=tuple(reference.identity for reference in references if reference),
            encoder=encoder.id,
            match=_match_of_key(matcher, max((each.id for each in calibrations), default=0)),
            filters=request.filters,
            revision=snapshot.revision,
        )
        return ResolvedQuery(
            request=request,
            query=query,
            references=references,
            encoder=encoder,
            snapshot=snapshot,
            key=key,
            matcher_id=matcher,
        )

    async def snapshot(self) -> LibrarySnapshot:
        """What the library offers now; counted again only when it has changed."""
        if self._snapshot is None or self._snapshot.revision != await self._cache.read(revision):
            self._snapshot = await self._cache.read(read_snapshot)
        return self._snapshot

    async def prepare_collection(self, filters: Filters) -> None:
        """See to it that the built-in collection is there where the answer may lie in it.

        Raises RequestError where it is asked for and left out.
        """
        if self._collection is None:
            return
        asked = self._collection.is_named_by(filters.folders)
        if not asked and self._snapshot is not None and self._snapshot.pictures:
            return
        try:
            await self._collection.prepare(asked=asked)
        except (CacheError, EngineError):
            # What is there answers, even if it is out of date; with nothing there, it is said why.
            state = await self._collection.state()
            if state.folder is None and (asked or state.is_alone):
                raise

    async def in_scope(
        self, filters: Filters, picture_ids: IdArray, snapshot: LibrarySnapshot
    ) -> IdArray | None:
        """Indices of the pictures that the filters let in; None for all of them.

        Raises EmptyLibraryError where there is none.
        """
        out = np.isin(picture_ids, snapshot.left_out, assume_unique=True)
        if filters == Filters():
            return np.flatnonzero(~out) if out.any() else None
        inside = await self._cache.read(
            scope,
            folders=tuple(str(folder) for folder in filters.folders),
            since=filters.since,
            until=filters.until,
            min_side=filters.min_side,
            synthetic=None
            if filters.synthetic == Synthetic.SHOW
            else filters.synthetic == Synthetic.ONLY,
            generated_for=self._generated_for(filters),
        )
        indices = np.flatnonzero(np.isin(picture_ids, inside, assume_unique=True) & ~out)
        if not len(indices):
            raise EmptyLibraryError(
                f"the filters let none of {len(picture_ids):,} pictures in",
                hint="Widen the folders, dates or size; t2itui library lists the folders.",
            )
        return indices

    def _generated_for(self, filters: Filters) -> str:
        """The collection whose generated pictures take part: that whose folder is named."""
        if self._collection is None or self._collection.folder not in filters.folders:
            return ""
        return self._collection.about.name

    async def _understand(
        self, query: ParsedQuery
    ) -> tuple[ParsedQuery, tuple[Reference | None, ...]]:
        references = [await self._pictures.find(term) for term in query.terms]
        terms = tuple(
            _named(term, reference) for term, reference in zip(query.terms, references, strict=True)
        )
        return ParsedQuery(terms=terms), tuple(references)


def check(request: SearchRequest) -> None:
    """Raise RequestError for numbers and names that make no sense."""
    if not 0 <= request.threshold <= 1 or math.isnan(request.threshold):
        raise RequestError(
            f"the threshold {request.threshold:g} is not between 0 and 1", field="threshold"
        )
    check_scorer(request.scorer, search_scorers())
    if request.filters.synthetic not in tuple(Synthetic):
        raise RequestError(
            f"painted pictures cannot be {request.filters.synthetic!r}",
            hint=f"Take one of {', '.join(tuple(Synthetic))}.",
            field="synthetic",
        )
    if request.top < 0:
        raise RequestError(f"{request.top} results make no sense: 0 means all", field="top")


def texts_of(query: ParsedQuery, references: Sequence[Reference | None]) -> tuple[str, ...]:
    """The texts among the terms."""
    pairs = zip(query.terms, references, strict=True)
    return tuple(term.text for term, reference in pairs if reference is None)


def _match_of_key(matcher_id: int | None, calibration_id: int) -> str:
    """What a receipt key says of `match`; 0 stands for no calibration."""
    name = ScorerKind.LABEL_FREE.value if matcher_id is None else matcher_scorer(matcher_id)
    return f"{name}, calibration {calibration_id}" if calibration_id else name


def _named(term: Term, reference: Reference | None) -> Term:
    return term if reference is None else replace(term, raw=reference.name, quoted=True)
