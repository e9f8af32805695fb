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
    """In the library; None until the cache was read."""
    encoder: str = ""
    device: str = ""
    """Device and dtype of a loaded model; empty while none is loaded."""
    graphics: str = ""


async def read_status(engine: Engine, graphics: str) -> Status:
    """Ask the engine for the figures; none of them starts a model."""
    counts = await engine.library.counts()
    loaded = [state for state in engine.encoders.state() if state.device]
    return Status(
        pictures=counts.pictures,
        encoder=_main_encoder(counts.embedded, engine.settings.encoder),
        device=f"{loaded[0].device} {loaded[0].dtype}" if loaded else "",
        graphics=graphics,
    )


def _main_encoder(embedded: dict[str, int], configured: str) -> str:
    """The encoder of most pictures; the configured one where it has any, or nothing has."""
    if embedded.get(configured) or not any(embedded.values()):
        return configured
    return max(embedded, key=lambda encoder: embedded[encoder])
