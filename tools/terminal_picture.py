"""Makes a picture of the app in a real terminal: `python -m tools.terminal_picture OUT.webp`.

An xterm that draws Sixel stands on a screen of its own (Xvfb), so what is taken is what a person
sees, pictures in pixels. A query is typed, then keys are pressed (named as xdotool names them,
commas apart). Debian: apt-get install xterm xvfb xdotool imagemagick fonts-dejavu
"""

from __future__ import annotations

import io
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from PIL import Image, ImageChops

NEEDS = ("Xvfb", "xterm", "xdotool", "import")
"""Programs; `import` is ImageMagick's."""
XTERM = (
    *("xterm", "-ti", "vt340", "-geometry"),
    "{size}+0+0",
    *("-fa", "DejaVu Sans Mono", "-fs", "9", "-b", "0", "-bw", "0"),
    *("-xrm", "XTerm*decTerminalID: vt340", "-xrm", "XTerm*numColorRegisters: 256"),
    *("-xrm", "XTerm*maxGraphicSize: 2000x2000", "-xrm", "XTerm*cursorBlink: false"),
)
LOOKS, LOOK_S = 60, 0.7
"""The screen is looked at so often until two looks are alike."""
FEW_COLOURS = 64
"""More than these are there once pictures are drawn."""
CURSOR = 400
"""More pixels than a cursor has."""
QUALITY = 80


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--size", default="110x36", show_default=True, help="Columns x lines.")
@click.option("--query", required=True)
@click.option("--keys", default="", metavar="KEYS", help="Pressed then, commas apart.")
@click.option("--warm", default="", metavar="PICTURE", help="Look for the words in it before.")
def main(out: Path, size: str, query: str, keys: str, warm: str) -> None:
    """Write a picture of the app on a new home to OUT."""
    if lacking := [name for name in NEEDS if shutil.which(name) is None]:
        raise click.ClickException(f"{', '.join(lacking)}: not installed; see the module's words")
    program = [sys.executable, "-m", "t2itui"]
    with tempfile.TemporaryDirectory() as home, screen() as display:
        environment = {**os.environ, "T2ITUI_HOME": home, "DISPLAY": display}
        before = [["search", query], *([["where", warm, query]] if warm else [])]
        for words in before:
            subprocess.run([*program, *words], check=True, env=environment, capture_output=True)
        pressed = ["Return", *(key for key in keys.split(",") if key)]
        image = picture_of(program, size, query, pressed, environment)
    out.parent.mkdir(parents=True, exist_ok=True)
    image.save(out, quality=QUALITY)
    click.echo(f"{out}: {image.width}x{image.height}, {out.stat().st_size // 1024} KB")


@contextmanager
def screen() -> Iterator[str]:
    """A screen that nobody sees; its name."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1000x24"]
    process = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as lines:
            yield f":{lines.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


def picture_of(
    program: Sequence[str],
    size: str,
    query: str,
    keys: Sequence[str],
    environment: Mapping[str, str],
) -> Image.Image:
    """The terminal after a query and some keys, each once what was before it has come to rest."""
    terminal = [part.format(size=size) for part in XTERM]
    with subprocess.Popen([*terminal, "-e", shlex.join(program)], env=environment) as process:
        try:
            image = settled(environment, None)
            # Without a window manager keys go to what the pointer is over.
            focus = ["search", "--onlyvisible", "--class", "xterm", "windowfocus"]
            subprocess.run(["xdotool", *focus], check=True, env=environment)
            for action in (["type", "--delay", "30", query], *(["key", key] for key in keys)):
                subprocess.run(["xdotool", *action], check=True, env=environment)
                image = settled(environment, image)
            return image.crop(image.getbbox())
        finally:
            process.terminate()


def settled(environment: Mapping[str, str], before: Image.Image | None) -> Image.Image:
    """The screen, once the app is on it, something has changed, and two looks are alike."""
    last: Image.Image | None = None
    for _ in range(LOOKS):
        time.sleep(LOOK_S)
        command = ["import", "-window", "root", "png:-"]
        shot = subprocess.run(command, check=True, env=environment, capture_output=True).stdout
        image = Image.open(io.BytesIO(shot)).convert("RGB")
        has_pictures = image.getcolors(FEW_COLOURS) is None
        if has_pictures and image == last and differs(image, before):
            return image
        last = image
    raise click.ClickException("the terminal does not come to rest, or a key changed nothing")


def differs(image: Image.Image, other: Image.Image | None) -> bool:
    """Whether more than a blinking cursor is another."""
    box = None if other is None else ImageChops.difference(image, other).getbbox()
    return other is None or (box is not None and (box[2] - box[0]) * (box[3] - box[1]) > CURSOR)


if __name__ == "__main__":
    main()
