"""From a request to a case: the query understood, the encoder chosen, what the answer rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cache.counters import revision
from cache.errors import CacheError
from cache.generated import STORYBOOK
from cache.pictures import scope
from cache.records import EncoderRecord
from cache.store import Cache
from engine.builtin.storybook import Storybook
from engine.errors import EmptyLibraryError, EngineError, RequestError
from engine.language import language_of
from engine.requests import ONLY, SHOW, SYNTHETIC, Filters, SearchRequest
from engine.results import IdArray
from engine.scoring.ranking import SCORERS
from engine.search.pictures import Pictures, Reference
from engine.search.plan import Offer, choose_encoder, known_texts, offer_for, read_offer
from engine.search.query import Query, Term, parse, plain_text
from engine.search.receipts import Basis
from engine.settings import EngineSettings

LABEL_FREE = "label-free"
ROUGH = "rough"

_NO_REFERENCE: tuple[Reference | None, ...] = (None,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request that can be answered."""

    request: SearchRequest
    query: Query
    references: tuple[Reference | None, ...]
    """The picture that each term names; None for a text."""
    encoder: EncoderRecord
    offer: Offer
    basis: Basis
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


class Cases:
    """Understands requests; reads the cache, starts no model."""

    def __init__(
        self,
        cache: Cache,
        pictures: Pictures,
        settings: EngineSettings,
        storybook: Storybook | None = None,
    ) -> None:
        self._cache = cache
        self._pictures = pictures
        self._settings = settings
        self._storybook = storybook
        self._offer: Offer | None = None

    async def open(
        self, request: SearchRequest, *, as_text: bool = False, everywhere: bool = False
    ) -> Case:
        """Understand a request. Raises RequestError, EmptyLibraryError, PictureError.

        With `as_text` the query is a text as it stands, whatever it looks like; `everywhere` takes
        in the built-in library and the person's own pictures alike.
        """
        check(request)
        await self._prepare_storybook(request.filters)
        query, references = plain_text(request.query), _NO_REFERENCE
        if not as_text:
            query, references = await self._understand(parse(request.query))
        offer = await self.offer()
        if not everywhere:
            offer = offer_for(offer, request.filters.folders)
        texts = texts_of(query, references)
        ready = None
        if request.offline:
            ready = await self._cache.read(known_texts, tuple(offer.encoders), texts)
        encoder = choose_encoder(
            offer,
            texts,
            wanted=request.encoder_id,
            preferred=self._settings.encoder,
            ready=ready,
        )
        matcher = offer.matchers.get(encoder.id) if texts and not any(references) else None
        basis = Basis(
            query=str(query),
            pictures=tuple(reference.identity for reference in references if reference),
            encoder=encoder.id,
            match=_match(matcher, offer.labelled(encoder.id) if texts else 0),
            filters=request.filters,
            revision=offer.revision,
        )
        return Case(
            request=request,
            query=query,
            references=references,
            encoder=encoder,
            offer=offer,
            basis=basis,
            matcher_id=matcher,
        )

    async def offer(self) -> Offer:
        """What the library offers now; counted again only when it has changed."""
        if self._offer is None or self._offer.revision != await self._cache.read(revision):
            self._offer = await self._cache.read(read_offer)
        return self._offer

    async def _prepare_storybook(self, filters: Filters) -> None:
        """See to it that the built-in library is there where the answer may lie in it.

        Raises RequestError where it is asked for and left out.
        """
        book = self._storybook
        if book is None:
            return
        asked = any(folder.is_relative_to(book.folder) for folder in filters.folders)
        if not asked and self._offer is not None and self._offer.pictures:
            return
        try:
            state = await book.prepare(asked=asked)
        except (CacheError, EngineError):
            # What is there answers, even if it is out of date; with nothing there, it is said why.
            state = await book.state()
            if state.folder is None and (asked or state.is_alone):
                raise
        if asked and state.is_left_out:
            raise RequestError(
                "the storybook is left out", hint="Take it back: t2itui library --storybook on"
            )

    async def in_scope(
        self, filters: Filters, picture_ids: IdArray, offer: Offer
    ) -> IdArray | None:
        """Indices of the pictures that the filters let in; None for all of them.

        Raises EmptyLibraryError where there is none.
        """
        out = np.isin(picture_ids, offer.left_out, assume_unique=True)
        if filters == Filters():
            return np.flatnonzero(~out) if out.any() else None
        inside = await self._cache.read(
            scope,
            folders=tuple(str(folder) for folder in filters.folders),
            since=filters.since,
            until=filters.until,
            min_side=filters.min_side,
            synthetic=None if filters.synthetic == SHOW else filters.synthetic == ONLY,
            painted_for=STORYBOOK if self._names_storybook(filters) else "",
        )
        indices = np.flatnonzero(np.isin(picture_ids, inside, assume_unique=True) & ~out)
        if not len(indices):
            raise EmptyLibraryError(
                f"the filters let none of {len(picture_ids):,} pictures in",
                hint="Widen the folders, dates or size; t2itui library lists the folders.",
            )
        return indices

    def _names_storybook(self, filters: Filters) -> bool:
        return self._storybook is not None and self._storybook.folder in filters.folders

    async def _understand(self, query: Query) -> tuple[Query, tuple[Reference | None, ...]]:
        references = [await self._pictures.find(term) for term in query.terms]
        terms = tuple(
            _named(term, reference) for term, reference in zip(query.terms, references, strict=True)
        )
        return Query(terms=terms), tuple(references)


def check(request: SearchRequest) -> None:
    """Raise RequestError for numbers and names that make no sense."""
    if not 0 <= request.threshold <= 1 or math.isnan(request.threshold):
        raise RequestError(f"the threshold {request.threshold:g} is not between 0 and 1")
    check_scorer(request.scorer)
    if request.filters.synthetic not in SYNTHETIC:
        raise RequestError(
            f"painted pictures cannot be {request.filters.synthetic!r}",
            hint=f"Take one of {', '.join(SYNTHETIC)}.",
        )
    if request.top < 0:
        raise RequestError(f"{request.top} results make no sense: 0 means all")


def check_scorer(scorer: str) -> None:
    """Raise RequestError for a scorer that does not exist."""
    if scorer not in SCORERS:
        raise RequestError(
            f"no scorer is called {scorer!r}", hint=f"There are: {', '.join(SCORERS)}"
        )


def texts_of(query: Query, references: Sequence[Reference | None]) -> tuple[str, ...]:
    """The texts among the terms."""
    pairs = zip(query.terms, references, strict=True)
    return tuple(term.text for term, reference in pairs if reference is None)


def _match(matcher_id: int | None, labelled: int) -> str:
    """What a basis says of `match`."""
    name = LABEL_FREE if matcher_id is None else f"matcher {matcher_id}"
    return f"{name}, calibration {labelled}" if labelled else name


def _named(term: Term, reference: Reference | None) -> Term:
    return term if reference is None else replace(term, raw=reference.name, quoted=True)
