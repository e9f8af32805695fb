"""The figures of the top line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the app works with at the moment."""

    pictures: int | None = None
    """In the library that is searched; None until the cache was read."""
    is_built_in: bool = False
    """It is the built-in one."""
    encoder: str = ""
    device: str = ""
    """Device and dtype of a loaded model; empty while none is loaded."""
    graphics: str = ""


async def read_status(engine: Engine, graphics: str, *, in_built_in: bool = False) -> Status:
    """Ask the engine for the figures; none of them starts a model.

    They are of the person's own pictures where there are any, unless the others are searched.
    """
    counts = await engine.library.counts()
    embedded, own = dict(counts.embedded), counts.own
    shows_built_in = bool(counts.built_in) and (in_built_in or not own)
    if counts.built_in:
        drawn = (await engine.collection.state()).encoder_id
        embedded[drawn] = counts.built_in if shows_built_in else embedded[drawn] - counts.built_in
        embedded = {drawn: embedded[drawn]} if shows_built_in else embedded
    loaded = [state for state in engine.encoders.state() if state.device]
    return Status(
        pictures=counts.built_in if shows_built_in else own,
        is_built_in=shows_built_in,
        encoder=_main_encoder(embedded, engine.settings.encoder),
        device=f"{loaded[0].device} {loaded[0].dtype}" if loaded else "",
        graphics=graphics,
    )


def _main_encoder(embedded: dict[str, int], configured: str) -> str:
    """The encoder of most pictures; the configured one where it has any, or nothing has."""
    if embedded.get(configured) or not any(embedded.values()):
        return configured
    return max(embedded, key=lambda encoder: embedded[encoder])
