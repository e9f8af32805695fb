"""The encoders that the program knows, finds on this machine, or has vectors of."""

from dataclasses import dataclass

from sqlite_utils import Database

from cache.collections import find_collection
from cache.embeddings import EncoderRecord, count_embeddings
from cache.embeddings import encoders as cached_encoders
from cache.matchers import newest_matcher
from cache.store import Cache
from engine import disk
from engine.collections import BUILT_IN
from engine.errors import EngineError
from engine.models import paths
from engine.models.encoders import Encoders
from engine.models.generators import Generators
from engine.results import ModelStatus
from engine.scoring.matcher import matcher_words
from engine.settings import CHINESE_ENCODER, DEFAULT_ENCODER, DEFAULT_GENERATOR
from engine.states import ModelKind


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A model of the hub in a format that the program can run."""

    id: str
    languages: tuple[str, ...]
    note: str
    """What it is good for, and what comes over the network."""


KNOWN_ENCODERS = (
    KnownModel(id=DEFAULT_ENCODER, languages=("en",), note="the default; about 605 MB"),
    KnownModel(
        id="openai/clip-vit-base-patch16",
        languages=("en",),
        note="finer than patch32; about 599 MB",
    ),
    KnownModel(
        id="openai/clip-vit-large-patch14",
        languages=("en",),
        note="more exact, slower; about 1.7 GB",
    ),
    KnownModel(
        id="laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        languages=("en",),
        note="trained on LAION-2B; about 605 MB",
    ),
    KnownModel(id=CHINESE_ENCODER, languages=("zh",), note="the default for Chinese; about 753 MB"),
    KnownModel(
        id="OFA-Sys/chinese-clip-vit-large-patch14",
        languages=("zh",),
        note="more exact, slower; about 1.6 GB",
    ),
    KnownModel(
        id="google/siglip-base-patch16-224",
        languages=("en",),
        note="trained pair by pair; about 813 MB",
    ),
    KnownModel(
        id="google/siglip2-base-patch16-224",
        languages=("en", "zh"),
        note="reads many languages; about 1.5 GB",
    ),
)


BUILTIN_ENCODER = KnownModel(
    id=BUILT_IN.name, languages=BUILT_IN.languages, note=BUILT_IN.encoder_note
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """What the library has of one encoder."""

    record: EncoderRecord
    indexed: int
    matcher: str


async def encoder_statuses(cache: Cache, encoders: Encoders) -> list[ModelStatus]:
    """List the encoders in the library, then the others of this machine, then the other known.

    Starts no model and reads nothing from the network.
    """
    uses = await cache.read(_uses)
    listed = [_used(use, encoders) for use in uses]
    ids = {status.id for status in listed}
    configured = await _configured_encoder(encoders)
    if configured is not None and configured.id not in ids | {model.id for model in KNOWN_ENCODERS}:
        listed.append(configured)
    listed += [_unused(model, encoders) for model in KNOWN_ENCODERS if model.id not in ids]
    if BUILT_IN.name not in {use.record.source for use in uses} | {encoders.configured}:
        listed.append(_unused(BUILTIN_ENCODER, encoders))
    return sorted(listed, key=lambda status: (not status.indexed, not status.location))


def known_encoder(model_id: str) -> KnownModel | None:
    """Return what is known of a model, whatever its revision."""
    model_id = paths.without_int8(model_id)
    if model_id == BUILTIN_ENCODER.id:
        return BUILTIN_ENCODER
    name = paths.split_revision(model_id)[0]
    return next((model for model in KNOWN_ENCODERS if model.id == name), None)


def _uses(db: Database) -> list[_Use]:
    return [
        _Use(
            record=record,
            indexed=count_embeddings(db, record.id),
            matcher=_matcher(db, record.id),
        )
        for record in cached_encoders(db)
    ]


def _matcher(db: Database, encoder_id: str) -> str:
    newest, shipped = newest_matcher(db, encoder_id), find_collection(db)
    if newest is None:
        return "label-free"
    return matcher_words(newest.id, None if shipped is None else shipped.matcher_id)


def _used(use: _Use, encoders: Encoders) -> ModelStatus:
    source = use.record.source
    model = BUILTIN_ENCODER if source == BUILTIN_ENCODER.id else known_encoder(use.record.id)
    location = encoders.locate(source) if source else None
    return ModelStatus(
        id=use.record.id,
        kind=ModelKind.ENCODER,
        known=model is not None,
        location=str(location or ""),
        indexed=use.indexed,
        languages=use.record.languages,
        matcher=use.matcher,
        note=model.note if model else "" if source else "imported vectors",
    )


def _unused(model: KnownModel, encoders: Encoders) -> ModelStatus:
    return ModelStatus(
        id=model.id,
        kind=ModelKind.ENCODER,
        known=True,
        location=str(encoders.locate(model.id) or ""),
        indexed=0,
        languages=model.languages,
        matcher="",
        note=model.note,
    )


async def _configured_encoder(encoders: Encoders) -> ModelStatus | None:
    """Describe the encoder of the settings; one that cannot be used is listed with the reason."""
    source = encoders.configured
    try:
        info = await encoders.describe(source)
    except EngineError as error:
        if known_encoder(source) is not None:
            return None
        return ModelStatus(
            id=source,
            kind=ModelKind.ENCODER,
            known=False,
            location="",
            indexed=0,
            languages=(),
            matcher="",
            note=error.message,
        )
    return ModelStatus(
        id=info.id,
        kind=ModelKind.ENCODER,
        known=False,
        location=str(info.folder),
        indexed=0,
        languages=info.languages,
        matcher="",
        note="of the settings",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGenerator:
    """A model of the hub in a format that the program can paint with."""

    id: str
    note: str
    """What it is good for, and what comes over the network."""


KNOWN_GENERATORS = (
    KnownGenerator(id=DEFAULT_GENERATOR, note="the default; about 2.1 GB"),
    KnownGenerator(id="Lykon/dreamshaper-8", note="livelier than the default; about 2.1 GB"),
    KnownGenerator(
        id="SimianLuo/LCM_Dreamshaper_v7", note="paints in four steps; about 4.2 GB, in fp32"
    ),
)
BUILTIN_GENERATOR = KnownGenerator(id=BUILT_IN.name, note=BUILT_IN.generator_note)


async def generator_statuses(generators: Generators) -> list[ModelStatus]:
    """List the generators of this machine, then the other known ones; starts no process."""
    listed = []
    if disk.is_folder(BUILT_IN.generator):
        listed.append(_status(BUILTIN_GENERATOR, generators))
    if generators.configured not in {model.id for model in (*KNOWN_GENERATORS, BUILTIN_GENERATOR)}:
        listed.append(await _configured_generator(generators))
    listed += [_status(model, generators) for model in KNOWN_GENERATORS]
    return sorted(listed, key=lambda status: not status.location)


async def _configured_generator(generators: Generators) -> ModelStatus:
    """Describe the generator of the settings; one that cannot be used is listed with the reason."""
    source = generators.configured
    try:
        info = await generators.describe(source)
    except EngineError as error:
        return _listed(source, note=error.message)
    return _listed(info.id, location=str(info.path), note="of the settings")


def _status(model: KnownGenerator, generators: Generators) -> ModelStatus:
    location = str(generators.locate(model.id) or "")
    return _listed(model.id, location=location, note=model.note, known=True)


def _listed(name: str, *, note: str, location: str = "", known: bool = False) -> ModelStatus:
    return ModelStatus(
        id=name,
        kind=ModelKind.GENERATOR,
        known=known,
        location=location,
        indexed=0,
        languages=(),
        matcher="",
        note=note,
    )
