"""The Kitty graphics protocol with Unicode placeholders.

https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders
"""

import io
from base64 import standard_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from random import randrange

from PIL import Image

CHUNK = 4096
"""Base64 characters that one command may carry."""

_PLACEHOLDER = "\U0010eeee"
_MARK_RANGES = """
0305 030D-030E 0310 0312 033D-033F 0346 034A-034C 0350-0352 0357 035B 0363-036F 0483-0487 0592-0595
0597-0599 059C-05A1 05A8-05A9 05AB-05AC 05AF 05C4 0610-0617 0657-065B 065D-065E 06D6-06DC 06DF-06E2
06E4 06E7-06E8 06EB-06EC 0730 0732-0733 0735-0736 073A 073D 073F-0741 0743 0745 0747 0749-074A
07EB-07F1 07F3 0816-0819 081B-0823 0825-0827 0829-082C
"""
MARKS = "".join(
    chr(code)
    for first, _, last in (part.partition("-") for part in _MARK_RANGES.split())
    for code in range(int(first, 16), int(last or first, 16) + 1)
)
"""The combining characters that stand for 0, 1, 2 ... in a placeholder."""

_PALETTE = range(16, 256)
"""Colours that carry an id's low byte: no theme changes them, and every terminal passes them on."""
_numbers = count(randrange(len(_PALETTE) * len(MARKS)))


def _next_id() -> int:
    high, low = divmod(next(_numbers), len(_PALETTE))
    return (1 + high % (len(MARKS) - 1)) << 24 | _PALETTE[low]


@dataclass(frozen=True, slots=True, kw_only=True)
class KittyImage:
    """One picture in the terminal's memory, shown wherever its placeholders are printed."""

    columns: int
    rows: int
    tmux: bool = False
    """Wrap commands so that tmux passes them on."""
    id: int = field(default_factory=_next_id)

    def upload(self, image: Image.Image, size: tuple[int, int]) -> str:
        """Commands that send an RGB picture, at most `size` pixels large, and make it placeable."""
        if image.width > size[0]:
            image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        file = io.BytesIO()
        image.save(file, "PNG", compress_level=1)
        payload = standard_b64encode(file.getvalue()).decode("ascii")
        first = f"a=T,U=1,f=100,q=2,i={self.id},c={self.columns},r={self.rows},"
        commands = []
        for start in range(0, len(payload), CHUNK):
            more = int(start + CHUNK < len(payload))
            keys = f"{'' if start else first}m={more}"
            commands.append(self._command(keys, payload[start : start + CHUNK]))
        return "".join(commands)

    def remove(self) -> str:
        """The command that frees the picture and everything shown of it."""
        return self._command(f"a=d,d=I,q=2,i={self.id}")

    def cells(self) -> Iterator[str]:
        """A row of placeholders for each row of cells, with their colour."""
        high = MARKS[self.id >> 24]
        for row in MARKS[: self.rows]:
            cells = "".join(f"{_PLACEHOLDER}{row}{MARKS[x]}{high}" for x in range(self.columns))
            yield f"\x1b[0;38;5;{self.id & 0xFF}m{cells}\x1b[0m"

    def _command(self, keys: str, payload: str = "") -> str:
        command = f"\x1b_G{keys};{payload}\x1b\\" if payload else f"\x1b_G{keys}\x1b\\"
        if self.tmux:
            return f"\x1bPtmux;{command.replace(chr(27), chr(27) * 2)}\x1b\\"
        return command
