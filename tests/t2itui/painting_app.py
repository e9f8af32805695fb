"""The app over a real engine whose models are fakes: a painter of colours, an encoder of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from cache.collections import leave_collection_out
from cache.embeddings import add_embeddings, put_encoder
from cache.pictures import add_names
from cache.store import Cache
from engine.engine import Engine
from engine.models.generators import GeneratorState, Unloaded
from engine.settings import EngineSettings
from engine.states import ProcessState
from t2itui.app import T2ITuiApp
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.session import Session
from t2itui.settings import AppSettings
from tests.engine.generation.studio import ColourEncoders, ColourGenerators, green, space

ENCODER = "made-up/colours"
PICTURES = 12


class AppGenerators(ColourGenerators):
    """Gives back as much memory as the test says."""

    unloads: Unloaded | None = None

    def state(self) -> GeneratorState:
        return GeneratorState(
            state=ProcessState.OFF if self.unloads is None else ProcessState.READY
        )

    async def unload(self) -> Unloaded:
        assert self.unloads is not None
        return self.unloads


class Models:
    """The fakes of the engine that the app has open."""

    def __init__(self, settings: EngineSettings) -> None:
        self.generators = AppGenerators(settings)
        self.encoders = ColourEncoders(settings)


async def fill(home: Path) -> None:
    """A library of green pictures, and no storybook."""
    cache = await Cache.open(home)
    record = space(ENCODER)
    await cache.write(put_encoder, record)
    ids = await cache.write(add_names, [f"/photos/{n}.jpg" for n in range(PICTURES)])
    await cache.write(add_embeddings, record.id, ids, green(PICTURES))
    await cache.write(leave_collection_out)
    await cache.aclose()


def painting_app(
    home: Path,
    *,
    settings: AppSettings | None = None,
    protocol: GraphicsProtocol = GraphicsProtocol.HALF_CELLS,
) -> tuple[T2ITuiApp, Models]:
    """The app, and the models it paints and searches with."""
    engine_settings = EngineSettings(home=home)
    models = Models(engine_settings)

    def opener() -> AbstractAsyncContextManager[Engine]:
        return _open(engine_settings, models)

    graphics = Graphics(protocol=protocol, reason="a test")
    session = Session(graphics=graphics, settings=settings, home=home)
    return T2ITuiApp(opener, session), models


@asynccontextmanager
async def _open(settings: EngineSettings, models: Models) -> AsyncIterator[Engine]:
    async with Engine.open(settings) as engine:
        vars(engine).update(encoders=models.encoders, generators=models.generators)
        yield engine
