"""An engine of made-up scores and pictures, shaped like the real one, for tests of the screens."""

from __future__ import annotations

import asyncio
import inspect
import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image, ImageDraw
from textual.app import App
from textual.pilot import Pilot

from engine.errors import EngineError
from engine.events import JobEvent, JobFinished, JobQueued, Report
from engine.requests import IndexRequest, SearchRequest, WhereRequest
from engine.results import (
    Chance,
    JobRecord,
    LibraryCounts,
    PictureTags,
    Receipt,
    Scores,
    SearchResult,
    SearchWarning,
    Shown,
    Tag,
    WhereResult,
    WordMap,
)
from engine.scoring import ranking
from engine.search.receipts import filters_as_json
from engine.settings import EngineSettings
from engine.states import JobKind, ZeroState
from t2itui.app import T2ITuiApp
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.screens.search.screen import SearchScreen
from t2itui.session import Session
from t2itui.settings import AppSettings
from tests.t2itui.fake_library import FakeAttachments

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.generation.request import GenerateRequest

ENCODER = "openai/clip-vit-base-patch32"


def made_up_scores(
    count: int, seed: int = 0, passing: int = 7, chance: Chance | None = None
) -> Scores:
    """Scores of `count` pictures, of which exactly `passing` lie above one half."""
    random = np.random.default_rng(seed)
    cosine = random.normal(0.18, 0.03, count).astype(np.float32)
    cosine[random.permutation(count)[:passing]] += 0.13
    cut = np.sort(cosine)[-passing - 1] if passing < count else -1.0
    logit = ((cosine - cut - 0.005) * 60).astype(np.float32)
    ids = np.arange(1, count + 1, dtype=np.int64)
    return ranking.make_scores(ids, cosine, logit, chance=chance)


def made_up_thumbnail(picture_id: int) -> bytes:
    """A WebP with a coloured disc, different for each id."""
    hue = picture_id * 67 % 256
    image = Image.new("HSV", (64, 48), (hue, 90, 200))
    ImageDraw.Draw(image).ellipse((12, 6, 52, 42), fill=((hue + 110) % 256, 200, 230))
    stream = io.BytesIO()
    image.convert("RGB").save(stream, "WEBP", lossless=True)
    return stream.getvalue()


@dataclass
class FakeLibrary:
    """Pictures named picture_0001.jpg and so on."""

    pictures: int
    folder: str = "/photos/set"
    name: str = "picture_{:04}.jpg"
    asked: list[int] = field(default_factory=list)
    """Ids whose thumbnails were fetched."""
    counted: int = 0
    """How often the library was counted."""
    gate: asyncio.Event | None = None
    """Where there is one, counting waits for it."""

    async def counts(self) -> LibraryCounts:
        self.counted += 1
        if self.gate is not None:
            await self.gate.wait()
        return LibraryCounts(
            pictures=self.pictures,
            present=self.pictures,
            vanished=0,
            partial=0,
            synthetic=0,
            failures=0,
            embedded={ENCODER: self.pictures},
            bytes_on_disk=0,
        )

    async def shown(self, picture_ids: Sequence[int]) -> list[Shown]:
        return [
            Shown(
                picture_id=each,
                path=f"{self.folder}/{self.name.format(each)}",
                present=each % 10 != 9,
                sha256=sha256(str(each).encode()).hexdigest(),
                width=640,
                height=480,
                size=38_000 + each,
                mtime=1_700_000_000.0 + each,
                partial=False,
                synthetic=False,
            )
            for each in picture_ids
        ]

    async def thumbnails(self, picture_ids: Sequence[int]) -> dict[int, bytes]:
        self.asked.extend(picture_ids)
        return {each: made_up_thumbnail(each) for each in picture_ids if each % 10 != 9}


class FakeLabels:
    """Nobody has judged anything."""

    async def said_for(self, query: str, *, encoder_id: str) -> dict[int, bool]:
        return {}


class FakeTagger:
    """Knows what a test says of pictures, once the words are embedded."""

    def __init__(self) -> None:
        self.words: tuple[str, ...] = ()
        """The tags of every picture."""
        self.is_embedded = False
        self.asked: list[tuple[int, str, float]] = []
        self.error: EngineError | None = None

    async def embed_words(self, encoder_id: str, *, if_idle: bool = False) -> None:
        if self.error is not None:
            raise self.error
        self.is_embedded = self.is_embedded or not if_idle

    async def at_hand(
        self, picture_id: int, *, encoder_id: str, threshold: float, top: int
    ) -> PictureTags | None:
        if not self.is_embedded:
            return None
        self.asked.append((picture_id, encoder_id, threshold))
        return PictureTags(
            path="",
            picture_id=picture_id,
            is_alone=False,
            tags=tuple(Tag(word=word, text=f"a {word}", match=0.93) for word in self.words[:top]),
        )


def made_up_maps(request: WhereRequest) -> WhereResult:
    """A map of 3 x 4 patches for each word: the first in the first patch; "nowhere" is nowhere."""
    words = []
    for position, word in enumerate(request.text.replace(",", "").split()):
        strengths = np.full((3, 4), 0.05, np.float32)
        strengths.flat[position % 12] = 0.1 if word == "nowhere" else 0.95 - position / 100
        start = request.text.index(word)
        words.append(
            WordMap(
                word=word,
                phrase=word,
                start=start,
                end=start + len(word),
                strengths=strengths,
                evidence=strengths,
            )
        )
    return WhereResult(
        picture=request.picture,
        picture_id=None,
        text=request.text,
        encoder=request.encoder_id or ENCODER,
        words=tuple(words),
        seen=(0.0, 0.0, 1.0, 1.0),
        cached=True,
        seconds=0.0,
    )


@dataclass
class FakeWords:
    """Finds every word in its own patch, or the error it was given."""

    asked: list[WhereRequest] = field(default_factory=list)
    error: EngineError | None = None
    gate: asyncio.Event | None = None
    """Where there is one, maps wait for it."""
    cancelled: int = 0

    async def find(self, request: WhereRequest) -> WhereResult:
        self.asked.append(request)
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if self.error is not None:
            raise self.error
        return made_up_maps(request)


class FakeZeros:
    """Passes on that something was measured."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[], None]] = []

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def measured(self) -> None:
        for listener in self.listeners:
            listener()


@dataclass
class FakeSearcher:
    """Answers every query with the same scores, or the error it was given."""

    scores: Scores
    notes: tuple[SearchWarning, ...] = ()
    error: EngineError | None = None
    gate: asyncio.Event | None = None
    """Where there is one, an answer waits for it."""
    asked: list[SearchRequest] = field(default_factory=list)
    liked: list[object] = field(default_factory=list)
    recorded: list[tuple[float, str]] = field(default_factory=list)
    looked: list[SearchRequest] = field(default_factory=list)
    labels: FakeLabels = field(default_factory=FakeLabels)
    tagger: FakeTagger = field(default_factory=FakeTagger)
    warmed: list[str] = field(default_factory=list)
    zeros: FakeZeros = field(default_factory=FakeZeros)
    zero: ZeroState | None = None
    """What answers are placed by."""

    async def warm_up(self, request: SearchRequest) -> None:
        self.warmed.append(request.query)

    async def scored(self, request: SearchRequest) -> SearchResult:
        self.asked.append(request)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        receipt = self._receipt(request.query, request.threshold, request.scorer)
        receipt = replace(receipt, filters=filters_as_json(request.filters))
        return SearchResult(
            receipt=receipt,
            rows=(),
            cached=True,
            seconds=0.002,
            warnings=self.notes,
            scores=self.scores,
        )

    async def preview(self, request: SearchRequest) -> SearchResult:
        return await self.scored(request)

    async def first_look(self, request: SearchRequest) -> SearchResult:
        self.looked.append(request)
        receipt = self._receipt(request.query, request.threshold, "cosine")
        return SearchResult(receipt=receipt, rows=(), cached=True, seconds=0.0, scores=self.scores)

    async def like(self, target: int | Path, request: SearchRequest) -> SearchResult:
        self.liked.append(target)
        return await self.scored(replace(request, query=f'"{target}"'))

    async def record(
        self, result: SearchResult, *, threshold: float, scorer: str, top: int = 20
    ) -> SearchResult:
        self.recorded.append((threshold, scorer))
        receipt = self._receipt(result.receipt.query, threshold, scorer)
        receipt = replace(receipt, filters=result.receipt.filters)
        return replace(result, receipt=receipt)

    def _receipt(self, query: str, threshold: float, scorer: str) -> Receipt:
        routing = ranking.route(self.scores, threshold)
        name = sha256(f"{query} {threshold} {scorer}".encode()).hexdigest()[:12]
        return Receipt(
            id=name,
            query=query,
            encoder=ENCODER,
            matcher="label-free (130 rival texts)",
            ranked_by=scorer,
            threshold=threshold,
            route=routing.route,
            reason=routing.reason,
            best_cosine=routing.best_cosine,
            best_match=routing.best_match,
            passed=routing.passed,
            considered=len(self.scores.picture_ids),
            histogram=ranking.histogram(self.scores),
            zero=self.zero,
            chance=None if self.scores.chance is None else self.scores.chance.half,
            chance_high=None if self.scores.chance is None else self.scores.chance.high,
            uncertain=routing.is_uncertain,
            filters={},
            override=None,
            created_at=1_700_000_000.0,
        )


@dataclass
class FakeHistory:
    """Earlier queries, the newest first."""

    queries: Sequence[str] = ()

    async def entries(self, limit: int, offset: int, containing: str) -> list[Receipt]:
        searcher = FakeSearcher(made_up_scores(10))
        return [searcher._receipt(query, 0.5, "match") for query in self.queries]


class FakeJobs:
    """Passes on the events a test makes up."""

    def __init__(self) -> None:
        self.listeners: list[Report] = []

    def subscribe(self, listener: Report) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def report(self, event: JobEvent) -> None:
        for listener in self.listeners:
            listener(event)

    def list(self) -> tuple[object, ...]:
        return ()

    async def remembered(self, limit: int) -> Sequence[JobRecord]:
        return []

    def find(self, job_id: int) -> None:
        return None


@dataclass
class FakeEncoders:
    """Model processes in whatever state a test says."""

    states: tuple[object, ...] = ()

    folder: Path | None = Path("/models/clip")
    """Where the configured encoder lies; None where it is not on the machine."""

    def state(self) -> tuple[object, ...]:
        return self.states

    def locate(self, source: str) -> Path | None:
        return self.folder


class FakeCollection:
    """Left out, so that the made-up pictures are the library."""

    async def prepare(self) -> None:
        """Nothing to enter."""


class FakeDownload:
    """A download that is done at once."""

    async def wait(self) -> JobFinished:
        return JobFinished(job_id=2, message="Downloaded.", seconds=0.0)


class FakeGeneration:
    """A generator that knows every word."""

    async def notice(self, request: GenerateRequest, library: str = "") -> str:
        return ""


class FakeEngine:
    """The parts of the engine that the screens use."""

    def __init__(
        self, pictures: int = 600, *, passing: int = 7, queries: Sequence[str] = ()
    ) -> None:
        self.settings = EngineSettings(home=Path("/nowhere"))
        self.library = FakeLibrary(pictures)
        self.searcher = FakeSearcher(made_up_scores(max(pictures, 1), passing=passing))
        self.history = FakeHistory(queries)
        self.jobs = FakeJobs()
        self.encoders = FakeEncoders()
        self.collection = FakeCollection()
        self.generation = FakeGeneration()
        self.words = FakeWords()
        self.attachments = FakeAttachments()
        self.patch_progress: tuple[int, int] | None = None
        self.indexed: list[IndexRequest] = []
        self.downloaded: list[str] = []

    async def where(self, request: WhereRequest) -> WhereResult:
        return await self.words.find(request)

    def index(self, request: IndexRequest) -> None:
        self.indexed.append(request)
        self.jobs.report(JobQueued(job_id=1, kind=JobKind.INDEX, title=str(request.folders[0])))

    def download(self, model_id: str) -> FakeDownload:
        self.downloaded.append(model_id)
        return FakeDownload()

    def opener(self) -> Callable[[], AbstractAsyncContextManager[Engine]]:
        """What the app opens its engine with."""

        @asynccontextmanager
        async def open_engine() -> AsyncIterator[Engine]:
            yield cast("Engine", self)

        return open_engine


def fake_app(
    engine: FakeEngine, *, settings: AppSettings | None = None, start_query: str = ""
) -> T2ITuiApp:
    """The app over a made-up engine, its pictures drawn with half cells."""
    graphics = Graphics(protocol=GraphicsProtocol.HALF_CELLS, reason="a test")
    session = Session(graphics=graphics, settings=settings, start_query=start_query)
    return T2ITuiApp(engine.opener(), session)


def search_screen(app: App[None]) -> SearchScreen:
    """The Search screen, which is there as long as the app runs."""
    screen = app._screen_stacks["search"][0]
    assert isinstance(screen, SearchScreen)
    return screen


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Let the app work until something holds; fails the test when it never does."""
    for _ in range(500):
        if condition():
            await pilot.pause()
            return
        await pilot.pause(0.01)
    raise AssertionError(f"never held: {inspect.getsource(condition).strip()}")


async def answered(pilot: Pilot[None]) -> SearchScreen:
    """Wait for an answer with all cards filled, and return the screen that shows it."""
    screen = search_screen(pilot.app)
    await until(pilot, lambda: screen.body.current == "results" and not screen.is_waiting)
    await until(pilot, lambda: is_filled(screen))
    return screen


def is_filled(screen: SearchScreen) -> bool:
    """Every card that has a picture shows it, and so does the detail."""
    cards = screen.results.grid.cards
    if len(cards) != screen.results.grid.shape.slots:
        return False
    filled = all(card.is_filled for card in cards if card.index is not None)
    return bool(cards) and filled and screen.results.detail.content is not None
