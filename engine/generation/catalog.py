"""The generators that the program knows, finds on this machine, or is set to use."""

from dataclasses import dataclass

from engine.errors import EngineError
from engine.generation.generators import Generators
from engine.models import places
from engine.results import ModelStatus
from engine.settings import DEFAULT_GENERATOR
from engine.storybook.shipped import PAINTER

GENERATOR = "generator"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGenerator:
    """A model of the hub in a format that the program can paint with."""

    id: str
    note: str
    """What it is good for, and what comes over the network."""


KNOWN = (
    KnownGenerator(id=DEFAULT_GENERATOR, note="the default; about 2.1 GB"),
    KnownGenerator(id="Lykon/dreamshaper-8", note="livelier than the default; about 2.1 GB"),
    KnownGenerator(
        id="SimianLuo/LCM_Dreamshaper_v7", note="paints in four steps; about 4.2 GB, in fp32"
    ),
)
BUILTIN = KnownGenerator(
    id=places.STORYBOOK, note="built in; paints the storybook's animals, not photographs"
)


async def statuses(generators: Generators) -> list[ModelStatus]:
    """List the generators of this machine, then the other known ones; starts no process."""
    listed = []
    if PAINTER.is_dir():
        listed.append(_status(BUILTIN, generators))
    if generators.configured not in {model.id for model in (*KNOWN, BUILTIN)}:
        listed.append(await _configured(generators))
    listed += [_status(model, generators) for model in KNOWN]
    return sorted(listed, key=lambda status: not status.location)


async def _configured(generators: Generators) -> ModelStatus:
    """Describe the generator of the settings; one that cannot be used is listed with the reason."""
    source = generators.configured
    try:
        facts = await generators.describe(source)
    except EngineError as error:
        return _listed(source, note=error.message)
    return _listed(facts.id, location=str(facts.path), note="of the settings")


def _status(model: KnownGenerator, generators: Generators) -> ModelStatus:
    location = str(generators.locate(model.id) or "")
    return _listed(model.id, location=location, note=model.note, known=True)


def _listed(name: str, *, note: str, location: str = "", known: bool = False) -> ModelStatus:
    return ModelStatus(
        id=name,
        kind=GENERATOR,
        known=known,
        location=location,
        indexed=0,
        languages=(),
        matcher="",
        note=note,
    )
