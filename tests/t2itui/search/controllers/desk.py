"""Made-up widgets around the controllers of the Search screen, which need no terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from engine.engine import Engine
from engine.errors import T2IError
from engine.results import PictureTags, Receipt, SearchResult
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.screens.search.card import CardContent
from t2itui.screens.search.listing import Listing
from t2itui.session import Intent, Notice, Session
from t2itui.settings import AppSettings
from tests.t2itui.fake_host import FakeHost
from tests.t2itui.fakes import FakeEngine


def listing_of(query: str, *, passing: int = 7, threshold: float = 0.5) -> Listing:
    """An answer over sixty pictures."""
    searcher = FakeEngine(60, passing=passing).searcher
    receipt = searcher._receipt(query, threshold, "match")
    result = SearchResult(
        receipt=receipt, rows=(), cached=True, seconds=0.0, scores=searcher.scores
    )
    return Listing.of(result, hide_below=False)


@dataclass
class FakeResults:
    """An answer with a selected picture, and what is shown of it."""

    listing: Listing | None = None
    position: int = 0
    content: CardContent | None = None
    receipts: list[Receipt | None] = field(default_factory=list)
    labels: dict[int, bool] = field(default_factory=dict)
    marked: frozenset[int] = frozenset()
    tags: PictureTags | None = None

    @property
    def selected(self) -> int | None:
        return None if self.listing is None else int(self.listing.shown[self.position])

    @property
    def picture_id(self) -> int:
        assert self.listing is not None and self.selected is not None
        return self.listing.picture_id(self.selected)

    def select(self, position: int) -> None:
        self.position = position

    def show_receipt(self, receipt: Receipt | None) -> None:
        self.receipts.append(receipt)

    def show_labels(self, labels: Mapping[int, bool]) -> None:
        self.labels = dict(labels)

    def show_tags(self, tags: PictureTags | None) -> None:
        self.tags = tags

    def show_selection(self, picture_ids: frozenset[int]) -> None:
        self.marked = picture_ids


@dataclass
class FakeScreen(FakeHost):
    """What the controllers do to the Search screen, in words."""

    said: list[str] = field(default_factory=list)
    answers: list[Listing] = field(default_factory=list)
    firsts: list[Listing] = field(default_factory=list)
    has_first: asyncio.Event = field(default_factory=asyncio.Event)
    is_waiting: bool = False
    shows_answer: bool = False

    @property
    def has_answer(self) -> bool:
        return bool(self.answers)

    def show_query(self, query: str) -> None:
        self.said.append(f"query {query}")

    def show_asked(self) -> None:
        self.is_waiting = True

    def show_answer(self, listing: Listing) -> None:
        self.is_waiting = False
        self.answers.append(listing)

    def show_first(self, listing: Listing) -> None:
        assert self.is_waiting
        self.firsts.append(listing)
        self.has_first.set()

    def show_error(self, error: T2IError) -> None:
        self.is_waiting = False
        self.said.append(f"error {error.message}")

    def load_queries(self, queries: list[str]) -> None:
        self.said.append(f"past {len(queries)}")

    def show_greeting(self, pictures: int, queries: list[str]) -> None:
        self.said.append(f"greeting {pictures}")

    def show_first_start(self) -> None:
        self.said.append("first start")

    def suggest_refresh(self, words: str) -> bool:
        if self.shows_answer:
            self.said.append(words)
        return self.shows_answer

    def follow_library(self) -> None:
        """Nothing to redraw."""

    def follow_labelling(self) -> None:
        self.said.append("labelling")

    def ask_again(self) -> None:
        self.said.append("again")

    def search_for(self, query: str) -> None:
        self.said.append(f"search {query}")

    def copy(self, text: str, title: str) -> None:
        self.said.append(f"copied {text}")


@dataclass
class FakeStrip:
    """Two suggestions."""

    is_open: bool = False
    current: int = -1

    def open(self, pictures: int) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def first(self) -> str:
        self.current = 0
        return "suggestion 0"

    def next(self) -> str:
        self.current += 1
        return f"suggestion {self.current}"


class Desk:
    """A session over a made-up engine, with a screen of the controllers."""

    def __init__(
        self, engine: FakeEngine | None = None, settings: AppSettings | None = None
    ) -> None:
        self.engine = engine or FakeEngine(60)
        graphics = Graphics(protocol=GraphicsProtocol.TEXT, reason="a test")
        self.session = Session(graphics=graphics, settings=settings, clock=lambda: 0.0)
        self.screen = FakeScreen()
        self.results = FakeResults()
        self.intents: list[Intent] = []
        self.notices: list[Notice] = []
        self.session.intents.subscribe(self.intents.append)
        self.session.notices.subscribe(self.notices.append)

    def open(self) -> Desk:
        self.session.open(cast(Engine, self.engine))
        return self
