"""How soon an encoder answers, and what its loading costs the program meanwhile.

`python -m tests.bench.bench_encoder [FOLDER]`; without a folder, a small model of random weights.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

from engine.models.encoders import Encoders
from engine.settings import EngineSettings

CALLS = 20
TICK_S = 0.001


class Stalls:
    """Measures by how much the event loop is late, a thousand times a second."""

    def __init__(self) -> None:
        self._late: list[float] = []

    async def during(self, work: Awaitable[object]) -> None:
        """Measure while `work` goes on."""
        watch = asyncio.create_task(self._watch())
        await work
        watch.cancel()

    def __str__(self) -> str:
        late = np.array(self._late) * 1e3
        return (
            f"p50 {np.median(late):.1f}  p99 {np.quantile(late, 0.99):.1f}  max {late.max():.1f} ms"
        )

    async def _watch(self) -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(TICK_S)
            self._late.append(time.perf_counter() - start - TICK_S)


async def milliseconds(call: Callable[[], Awaitable[object]]) -> float:
    """Return the median of CALLS."""
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()
        await call()
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3


async def measure(source: str, home: Path) -> None:
    """Print the figures of one encoder."""
    encoders = Encoders(EngineSettings(home=home))
    facts = await encoders.describe(source)
    idle, loading = Stalls(), Stalls()
    await idle.during(asyncio.sleep(2))
    start = time.perf_counter()
    await loading.during(encoders.load(source, lambda stage: print(f"  {_since(start)} {stage}")))
    print(f"  {_since(start)} ready: {encoders.state()[0]}")
    print(f"loop stall, idle:    {idle}")
    print(f"loop stall, loading: {loading}")
    text = await milliseconds(lambda: encoders.embed_texts(source, ["a dog in the snow"]))
    pixels = np.zeros((8, facts.spec.height, facts.spec.width, 3), np.uint8)
    eight = await milliseconds(lambda: encoders.embed_pixels(source, pixels))
    print(f"text, warm: {text:.1f} ms; 8 pictures: {eight:.1f} ms = {eight / text:.1f} texts")
    many = asyncio.create_task(encoders.embed_pixels(source, np.repeat(pixels, 40, 0)))
    await asyncio.sleep(0)
    beside = await milliseconds(lambda: encoders.embed_texts(source, ["a dog in the snow"]))
    print(
        f"text, while 320 pictures run: {beside:.1f} ms = {beside / text:.1f} of alone"
        f"{' (they had ended)' if many.done() else ''}"
    )
    many.cancel()
    await encoders.aclose()


def _since(start: float) -> str:
    return f"{time.perf_counter() - start:6.2f} s"


def main() -> None:
    """Measure the model named on the command line, or a small one."""
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            source = sys.argv[1]
        else:
            from tests.tiny_models import save_tiny_clip

            source = str(save_tiny_clip(Path(folder) / "clip"))
        asyncio.run(measure(source, Path(folder)))


if __name__ == "__main__":
    main()
