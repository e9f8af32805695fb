"""How long the event loop stands still while one large picture is shown: ours and textual-image's.

Run it as `python -m tests.bench.bench_large_picture`. Each widget shows the same photo over the
whole of a pty of 120 x 36 cells, in Sixel; the first figure is the longest gap between two turns
of the loop by the clock, the second the processor time of the loop's own thread in it.
"""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from textual.app import App

from tests.bench.bench_stall import ThreadProgress
from tests.bench.on_pty import CELL, run_on_pty

SIDE = (2000, 1500)
CODE = """
import sys
from tests.bench.bench_large_picture import child
child({path!r}, {ours!r}, int(sys.argv[1]))
"""


def child(path: str, ours: bool, write_to: int) -> None:
    """Show the picture with one of the two widgets; called in a process of its own."""
    # textual-image asks the terminal when it is imported, so before the app has it.
    from textual_image.widget import SixelImage

    from t2itui.graphics.detection import Graphics, GraphicsProtocol
    from t2itui.graphics.picture import Picture

    graphics = Graphics(
        protocol=GraphicsProtocol.SIXEL,
        reason="bench",
        cell_width=CELL[0],
        cell_height=CELL[1],
        truecolor=True,
    )

    class Large(App[None]):
        """Nothing but the picture."""

        async def on_mount(self) -> None:
            self.run_worker(self._time_it())

        async def _time_it(self) -> None:
            pulse = ThreadProgress()
            async with pulse.phase("shown"):
                if ours:
                    picture = Picture(graphics=graphics)
                    await self.mount(picture)
                    picture.show(Path(path).read_bytes(), alt="photo")
                    while picture.reason is not None:
                        await pulse.rest()
                else:
                    await self.mount(SixelImage(path))
                await pulse.rest(0.5)
            pulse.stop()
            os.write(write_to, json.dumps(pulse.figures).encode())
            self.exit()

    Large().run()


def main() -> None:
    """Make a photo-like picture and measure both widgets on it."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 255, (30, 40, 3), np.uint8)
    photo = Image.fromarray(coarse).resize(SIDE, Image.Resampling.BICUBIC)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.jpg"
        photo.save(path, quality=90)
        print(
            "longest stall while one large picture is shown, Sixel: ms by the clock / of the loop"
        )
        for name, ours in (("ours", True), ("textual-image's widget", False)):
            run = run_on_pty(CODE.format(path=str(path), ours=ours))
            figures = run.result
            print(
                f"  {name:24}{figures['shown wall']:6.0f} /{figures['shown used']:5.0f}"
                f"   {run.written / 1e6:.2f} MB written"
            )


if __name__ == "__main__":
    main()
