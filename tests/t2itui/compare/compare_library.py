"""A small real library whose descriptions, and their variants, all have vectors: no model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from textual.pilot import Pilot

from engine.engine import Engine
from engine.evaluation.swaps import variants
from engine.requests import ImportRequest
from engine.settings import EngineSettings
from t2itui.app import T2ITuiApp
from t2itui.screens.compare.screen import CompareScreen
from tests.t2itui.fakes import until
from tests.t2itui.real_library import ENCODER, write_library

RED, GREEN, BLUE = (f"something {colour}" for colour in ("red", "green", "blue"))
CHINESE = "红色的东西"
BLURRED = "made-up/blurred"


async def make_compare_library(home: Path, folder: Path) -> None:
    """The library of colours, with every other colour too, and one description in Chinese."""
    request = write_library(folder)
    more = [variant.text for variant in variants(RED) if variant.text not in (GREEN, BLUE)]
    texts = [*more, CHINESE]
    vectors = np.random.default_rng(5).normal(size=(len(texts), 64)).astype(np.float32)
    np.savez(folder / "more.npz", text=np.array(texts), vector=vectors)
    others = ImportRequest(encoder_id=ENCODER, texts=folder / "more.npz", languages=("en", "zh"))
    async with Engine.open(EngineSettings(home=home)) as engine:
        await engine.import_vectors(request).wait()
        await engine.import_vectors(others).wait()


async def import_blurred(home: Path, folder: Path) -> None:
    """The library of colours under a second encoder, which tells them apart less well."""
    random = np.random.default_rng(8)
    for name in ("pictures", "texts"):
        with np.load(folder / f"{name}.npz") as arrays:
            named = {key: arrays[key] for key in arrays if key != "vector"}
            vectors = arrays["vector"] + 0.2 * random.normal(size=arrays["vector"].shape)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        np.savez(folder / f"{name}-2.npz", vector=vectors.astype(np.float32), **named)
    request = ImportRequest(
        encoder_id=BLURRED,
        pictures=folder / "pictures-2.npz",
        texts=folder / "texts-2.npz",
        root=folder / "photos",
    )
    async with Engine.open(EngineSettings(home=home)) as engine:
        await engine.import_vectors(request).wait()


async def begun(
    pilot: Pilot[None], pictures: tuple[str, ...], texts: tuple[str, ...]
) -> CompareScreen:
    """The screen once these are compared."""
    screen = await shown(pilot)
    screen.begin(pictures, texts)
    await scored(pilot, screen)
    return screen


async def shown(pilot: Pilot[None]) -> CompareScreen:
    """The screen, empty, once the engine is open."""
    app = pilot.app
    assert isinstance(app, T2ITuiApp)
    await until(pilot, lambda: app.session.engine is not None)
    await app.switch_mode("compare")
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, CompareScreen)
    return screen


async def scored(pilot: Pilot[None], screen: CompareScreen) -> None:
    """Wait for the scores of every line."""
    await until(pilot, lambda: screen.is_scored and not screen.is_waiting)
    await pilot.pause()


def texts_of(screen: CompareScreen) -> list[str]:
    return [line.text for line in screen.request.lines]


def drawn(screen: CompareScreen) -> list[str]:
    """The lines of the heatmap, its heading first."""
    rows = len(screen.heatmap.table.rows)
    return [screen.heatmap.render_line(y).text for y in range(rows + 1)]
