"""Generation whose models are fakes: a generator that paints one colour, an encoder that
sees colours and reads their names."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cache.content_files import content_path
from cache.embeddings import EncoderRecord, add_embeddings, put_encoder
from cache.pictures import add_names
from cache.store import Cache
from engine.collections import BUILT_IN, Collection
from engine.events import JobEvent
from engine.generation.generation import Generation
from engine.generation.request import GenerateRequest
from engine.jobs.jobs import Jobs
from engine.library.collections import BuiltInCollection
from engine.models.encoder_info import EncoderInfo
from engine.models.encoders import Encoders, TextEmbeddings
from engine.models.generator_info import EPSILON, GeneratorDefaults, GeneratorInfo
from engine.models.generator_messages import EventBridge, GeneratedImage
from engine.models.generators import Generators
from engine.models.input_spec import SQUASH, InputSpec
from engine.models.parameters import GenerationParameters, Texts
from engine.models.process import OnEvent
from engine.models.schedulers import SCHEDULERS
from engine.models.vocabulary import Vocabulary
from engine.requests import WhereRequest
from engine.results import FloatArray, Receipt, WhereResult, WordMap
from engine.search.query import prompts_of
from engine.search.searcher import Searcher
from engine.settings import EngineSettings
from engine.states import OutputCheck, PatchWay
from tests.engine.search.libraries import unit

COLOURS = {"red": (220, 20, 20), "green": (20, 220, 20), "blue": (20, 20, 220)}
CHINESE = {"红": "red", "绿": "green", "蓝": "blue"}
DIM = 64


def colour_in(text: str) -> str | None:
    """The colour that a text names."""
    spoken = [name for name in COLOURS if name in text.lower()]
    spoken += [name for word, name in CHINESE.items() if word in text]
    return spoken[0] if spoken else None


class ColourEncoders(Encoders):
    """Pictures lie at their colour, other texts anywhere.

    Texts lie at the colour they name and away from the others, as contrastive training has it.
    """

    embedded = 0

    async def describe(self, source: str) -> EncoderInfo:
        return EncoderInfo(
            id=source,
            source=source,
            folder=Path(),
            family="clip",
            dim=DIM,
            logit_scale=100.0,
            languages=("en", "zh"),
            spec=InputSpec(height=2, width=2, mode=SQUASH),
            local_way=PatchWay.KEYS,
        )

    def locate(self, source: str) -> Path | None:
        return Path()

    async def embed_pixels(
        self, source: str, pixels: NDArray[np.uint8], *, threads: int = 0
    ) -> FloatArray:
        self.embedded += len(pixels)
        vectors = np.zeros((len(pixels), DIM), np.float32)
        colours = pixels.reshape(len(pixels), -1, 3).mean(axis=1)
        vectors[:, :3] = colours - colours.min(axis=1, keepdims=True) + 1
        return unit(vectors)

    async def embed_texts(
        self, source: str, texts: Sequence[str], *, priority: int = 0, threads: int = 0
    ) -> TextEmbeddings:
        vectors = np.stack([_text_vector(text) for text in texts])
        return TextEmbeddings(
            vectors=unit(vectors), tokens=[3] * len(texts), lost=[""] * len(texts)
        )


def _text_vector(text: str) -> FloatArray:
    colour = colour_in(text)
    if colour is not None:
        vector = np.zeros(DIM, np.float32)
        vector[: len(COLOURS)] = -0.5
        vector[list(COLOURS).index(colour)] = 1
        return vector
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)


@dataclass
class Gate:
    """Steps are taken as the test lets them; open from the start."""

    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)


class ColourGenerators(Generators):
    """Paints the colour that the prompt names; the seed decides one pixel."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self.gate = Gate()
        self.gate.is_open.set()
        self.checks: list[OutputCheck] = []
        """On the next pictures; those after them are fine."""
        self.warnings: tuple[str, ...] = ()
        """That come with every picture."""
        self.seeds: list[int] = []
        self.sources: list[str] = []
        self.previewed: list[bool] = []
        """Whether previews were asked for, picture by picture."""
        self.together = 1
        """Pictures that are best painted at once."""
        self.batches: list[int] = []
        """How many were asked for at once."""
        self._process = asyncio.Lock()
        """Which does one call after the other."""
        self.running = 0
        """Calls that are not answered."""
        self.most_running = 0
        self.vocabulary: Vocabulary | None = None
        """Of the model that the library brings."""

    @property
    def configured(self) -> str:
        return "made-up/painter"

    def locate(self, source: str) -> Path | None:
        return Path()

    async def describe(self, source: str) -> GeneratorInfo:
        return GeneratorInfo(
            id=source,
            source=source,
            path=Path(),
            pipeline="StableDiffusionPipeline",
            prediction_type=EPSILON,
            defaults=GeneratorDefaults(
                steps=4, guidance=7.5, scheduler="ddim", width=32, height=32
            ),
            multiple=8,
            smallest=8,
            schedulers=tuple(SCHEDULERS),
            variant="",
            size_bytes=100,
            has_safety_checker=False,
            vocabulary=None if source == self.configured else self.vocabulary,
        )

    async def generate(
        self,
        source: str,
        parameters: GenerationParameters,
        seed: int,
        *,
        preview: bool = False,
        bridge: OnEvent | None = None,
    ) -> GeneratedImage:
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            async with self._process:
                self.previewed.append(preview)
                bridge = bridge or EventBridge(report=_nobody)
                await self._take_steps(parameters.steps, preview, bridge)
                self.seeds.append(seed)
                self.sources.append(source)
                return self._image(parameters, seed)
        finally:
            self.running -= 1

    async def most_together(self, source: str, bridge: OnEvent | None = None) -> int:
        return self.together

    async def generate_batch(
        self,
        source: str,
        parameters: GenerationParameters,
        seeds: Sequence[int],
        *,
        texts: Sequence[Texts] = (),
        preview: bool = False,
        bridge: OnEvent | None = None,
    ) -> list[GeneratedImage]:
        self.batches.append(len(seeds))
        each = [parameters.saying(own) for own in texts] or [parameters] * len(seeds)
        return [
            await self.generate(source, own, seed, preview=preview, bridge=bridge)
            for own, seed in zip(each, seeds, strict=True)
        ]

    async def _take_steps(self, steps: int, preview: bool, bridge: OnEvent) -> None:
        bridge({"event": "loading", "stage": "loading unet", "done": 50, "total": 100})
        for step in range(1, steps + 1):
            self.gate.entered.set()
            await self.gate.is_open.wait()
            bridge({"event": "step", "step": step, "total": steps, "pace": 0.5})
            if preview:
                bridge({"event": "preview", "rgb": "A" * 16, "width": 2, "height": 2})
        bridge({"event": "decoding", "total": steps})

    def _image(self, parameters: GenerationParameters, seed: int) -> GeneratedImage:
        colour = COLOURS[colour_in(parameters.prompt) or "red"]
        pixels = np.full((parameters.height, parameters.width, 3), colour, np.uint8)
        pixels[0, 0] = seed % 251
        return GeneratedImage(
            pixels=pixels,
            check=self.checks.pop(0) if self.checks else OutputCheck.FINE,
            parameters=parameters,
            seed=seed,
            device="cpu",
            dtype="fp32",
            seconds=1.25,
            warnings=self.warnings,
        )


def _nobody(event: JobEvent) -> None:
    """Nobody listens."""


@dataclass
class OneWord:
    """Knows where one word is, and of all others that they are nowhere."""

    word: str = "dog"
    strengths: tuple[tuple[float, ...], ...] = ((0.1, 0.9), (0.0, 0.44))
    seen: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    asked: list[WhereRequest] = field(default_factory=list)

    async def find(self, request: WhereRequest) -> WhereResult:
        self.asked.append(request)
        strengths = np.array(self.strengths, np.float32)
        if request.text.strip('"') != self.word:
            strengths = strengths / np.float32(10)
        found = WordMap(
            word=request.text.strip('"'),
            phrase=request.text.strip('"'),
            start=0,
            end=len(request.text),
            strengths=strengths,
            evidence=strengths,
        )
        return WhereResult(
            picture=request.picture,
            picture_id=None,
            text=request.text,
            encoder="made-up/colours",
            words=(found,),
            seen=self.seen,
            cached=True,
            seconds=0.0,
        )


class StudioKit:
    """Everything around painting, over a real cache."""

    def __init__(
        self, cache: Cache, settings: EngineSettings, collection: Collection | None = None
    ) -> None:
        self.cache = cache
        self.settings = settings
        self.encoders = ColourEncoders(settings)
        self.generators = ColourGenerators(settings)
        self.collection = BuiltInCollection(cache, collection or BUILT_IN)
        book = self.collection if collection is not None else None
        self.searcher = Searcher(cache, self.encoders, settings, book)
        self.jobs = Jobs(cache)
        self.words = OneWord()
        self.events: list[JobEvent] = []
        self.jobs.subscribe(self.events.append)
        self.generation = Generation(
            cache=cache,
            jobs=self.jobs,
            generators=self.generators,
            encoders=self.encoders,
            scorer=self.searcher.prompt_scorer,
            collection=self.collection,
            settings=settings,
            finder=lambda: self.words,
        )

    async def fill(self, count: int = 12) -> list[int]:
        """Give the library green pictures, known by name."""
        record, vectors = space("made-up/colours"), green(count)
        await self.cache.write(put_encoder, record)
        ids = await self.cache.write(add_names, [f"/photos/{n}.jpg" for n in range(count)])
        await self.cache.write(add_embeddings, record.id, ids, vectors)
        return ids

    def request_for(self, receipt: Receipt) -> GenerateRequest:
        """What to generate for a decision."""
        prompt, negative = prompts_of(receipt.query)
        return GenerateRequest(prompt=prompt, negative=negative)

    def of(self, kind: type[JobEvent]) -> list[JobEvent]:
        """The events of a kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]


def space(name: str) -> EncoderRecord:
    """A space of colours."""
    return EncoderRecord(id=name, dim=DIM, logit_scale=100.0, source=name, languages=("en", "zh"))


def green(count: int) -> FloatArray:
    """Vectors of rather green pictures, [count, DIM]."""
    noise = np.random.default_rng(0).normal(0, 0.1, (count, DIM)).astype(np.float32)
    return unit(noise + _text_vector("green"))


def stored(home: Path, sha256: str) -> bytes:
    """The file of a painted picture."""
    return content_path(home, sha256).read_bytes()
