"""A small real library: pictures on the disk and vectors in which coloured words have meaning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.engine import Engine
from engine.requests import ImportRequest
from engine.settings import EngineSettings
from t2itui.app import T2ITuiApp
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.session import Session

ENCODER = "made-up/colours"
COLOURS = ("red", "green", "blue")
EACH = 12
DIM = 64


def write_library(folder: Path) -> ImportRequest:
    """Write pictures and vectors: a colour's pictures lie near its word, far from other words."""
    random = np.random.default_rng(3)
    axes = np.linalg.qr(random.normal(size=(DIM, DIM)))[0]
    root = folder / "photos"
    root.mkdir(parents=True)
    names, vectors = [], []
    for number, colour in enumerate(COLOURS):
        for turn in range(EACH):
            name = f"{colour}_{turn:02}.png"
            picture = Image.new("RGB", (48, 36), colour)
            picture.putpixel((turn, 0), (turn, turn, turn))
            picture.save(root / name)
            names.append(name)
            noise = random.normal(size=DIM) * 0.1
            vectors.append(0.3 * axes[number] + 0.9 * axes[-1] + 0.3 * noise)
    words = [f"something {colour}" for colour in COLOURS]
    others = [f"other {number}" for number in range(40)]
    texts = np.concatenate([axes[: len(words)], axes[len(words) : len(words) + len(others)]])
    np.savez(folder / "pictures.npz", image=np.array(names), vector=_unit(np.array(vectors)))
    np.savez(folder / "texts.npz", text=np.array(words + others), vector=_unit(texts))
    return ImportRequest(
        encoder_id=ENCODER,
        pictures=folder / "pictures.npz",
        texts=folder / "texts.npz",
        root=root,
    )


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, dtype=np.float32)


async def make_library(home: Path, folder: Path) -> None:
    """Import the library into the cache at `home`."""
    request = write_library(folder)
    async with Engine.open(EngineSettings(home=home)) as engine:
        await engine.import_vectors(request).wait()


def real_app(home: Path, *, start_query: str = "") -> T2ITuiApp:
    """The app over the real engine at `home`."""
    settings = EngineSettings(home=home)
    graphics = Graphics(protocol=GraphicsProtocol.HALF_CELLS, reason="a test")
    session = Session(graphics=graphics, home=home, start_query=start_query)
    return T2ITuiApp(lambda: Engine.open(settings), session)
