"""What a terminal can draw pictures with: it is asked, only before the app takes it over."""

import os
import re
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

from textual_image._posix import get_tiocgwinsz

from t2itui.text.plain import plain


class GraphicsProtocol(StrEnum):
    """How a terminal is made to show pictures."""

    KITTY = "kitty"
    SIXEL = "sixel"
    HALF_CELLS = "halfcell"
    """Two pixels in each character."""
    TEXT = "text"
    """It shows none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graphics:
    """How pictures are drawn in this terminal, and why so."""

    protocol: GraphicsProtocol
    reason: str
    """A clause for `doctor` and the help screen."""
    cell_width: int = 10
    """Pixels; a VT340's where the terminal does not say."""
    cell_height: int = 20
    """Pixels."""
    colors: int = 256
    """Sixel colour registers."""
    truecolor: bool = False
    """The terminal is known to show 24-bit colours."""
    terminal: str = ""
    """Name and version as the terminal gives them; empty if it does not."""
    tmux: bool = False
    """Picture data has to be passed through tmux."""

    @property
    def is_text(self) -> bool:
        """No pictures are drawn."""
        return self.protocol is GraphicsProtocol.TEXT


HALF_CELLS = Graphics(
    protocol=GraphicsProtocol.HALF_CELLS, reason="nothing was asked of the terminal"
)


TIMEOUT_S = 1.5
"""How long a terminal may take to answer; a far one over SSH needs tenths of a second."""

_LAST_QUESTION = "\x1b[c"
_LAST_ANSWER = re.compile(rb"\x1b\[\?[\d;]*c")


@contextmanager
def open_terminal() -> Iterator[int]:
    """The controlling terminal, set to hand over what it answers at once and unseen.

    Raises:
        OSError: there is none, or it cannot be used.
    """
    terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    try:
        before = termios.tcgetattr(terminal)
        tty.setcbreak(terminal, termios.TCSANOW)
        try:
            yield terminal
        finally:
            termios.tcsetattr(terminal, termios.TCSANOW, before)
    except termios.error as error:
        raise OSError(*error.args) from error
    finally:
        os.close(terminal)


def ask(terminal: int, questions: str, *, timeout: float = TIMEOUT_S) -> str | None:
    """Everything answered to `questions`, or None if the terminal does not answer in `timeout` s.

    A question that every terminal answers follows (primary device attributes), so that nobody
    waits for one that goes unanswered.
    """
    os.write(terminal, (questions + _LAST_QUESTION).encode("ascii"))
    answer, deadline = b"", time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([terminal], [], [], left)[0]:
            break
        answer += os.read(terminal, 4096)
        if _LAST_ANSWER.search(answer):
            return answer.decode("ascii", "replace")
    return None


def cell_pixels() -> tuple[int, int] | None:
    """Width and height of a cell in pixels, where the terminal's device knows them."""
    rows, columns, width, height = get_tiocgwinsz()
    if not (rows and columns and width >= columns and height >= rows):
        return None
    return width // columns, height // rows


PLACEHOLDERS_SINCE = {"kitty": (0, 28), "ghostty": (1, 0)}
"""Terminals with Kitty's Unicode placeholders; older ones claim its graphics but lack these."""

_VERSION_QUESTION = "\x1b[>q"
_CELL_QUESTION = "\x1b[16t"
_REGISTERS_QUESTION = "\x1b[?1;1;0S"
_TRUECOLOR_QUESTION = "\x1b[48;2;1;2;3m\x1bP$qm\x1b\\\x1b[0m"
_KITTY_QUESTION = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a terminal says of itself."""

    name: str = ""
    """As in `kitty(0.32.1)`, from XTVERSION."""
    cell: tuple[int, int] | None = None
    """Pixels of a cell."""
    sixel: bool = False
    """From the primary device attributes."""
    registers: int = 256
    """Sixel colours, from XTSMGRAPHICS."""
    truecolor: bool = False
    """It gave back the 24-bit colour it was set to (DECRQSS)."""
    kitty: bool = False
    """It says it can show Kitty's graphics; asked only of those known to have placeholders."""


def detect(force: str | None = None) -> Graphics:
    """How to draw pictures here; asks the terminal, which takes 1.5 s if it never answers.

    `force` is a protocol's name, or None or `auto` to choose the best. A terminal found to show
    24-bit colours is declared to Textual through COLORTERM, which SSH does not pass on.

    Raises:
        ValueError: `force` is none of those.
    """
    if force not in (None, "auto", *GraphicsProtocol):
        raise ValueError(f"graphics must be one of auto, {', '.join(GraphicsProtocol)}")
    graphics = _without_asking() or _from_answers(_question())
    if graphics.truecolor:
        os.environ.setdefault("COLORTERM", "truecolor")
    for protocol in GraphicsProtocol:
        if force == protocol:
            return replace(graphics, protocol=protocol, reason="asked for by --graphics")
    return graphics


def _without_asking() -> Graphics | None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Graphics(protocol=GraphicsProtocol.TEXT, reason="there is no terminal")
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        return Graphics(
            protocol=GraphicsProtocol.TEXT, reason="TERM says that the terminal is dumb"
        )
    return None


def _question() -> Answers | None:
    """Ask the terminal; None if it does not answer."""
    try:
        with open_terminal() as terminal:
            said = ask(
                terminal,
                _VERSION_QUESTION + _CELL_QUESTION + _REGISTERS_QUESTION + _TRUECOLOR_QUESTION,
            )
            if said is None:
                return None
            answers = parse(said, device_cell=cell_pixels())
            if _has_placeholders(answers.name):
                kitty = "i=31;OK" in (ask(terminal, _KITTY_QUESTION) or "")
                answers = replace(answers, kitty=kitty)
            return answers
    except OSError:
        return None


def parse(said: str, *, device_cell: tuple[int, int] | None = None) -> Answers:
    """Read a terminal's answers; `device_cell` is what its device says of the size of a cell."""
    name = re.search(r"\x1bP>\|([^\x1b]*)\x1b\\", said)
    cell = re.search(r"\x1b\[6;(\d+);(\d+)t", said)
    attributes = re.search(r"\x1b\[\?([\d;]*)c", said)
    registers = re.search(r"\x1b\[\?1;0;(\d+)S", said)
    height, width = map(int, cell.groups()) if cell else (0, 0)
    return Answers(
        name=plain(name[1]) if name else "",
        cell=(width, height) if width and height else device_cell,
        sixel=attributes is not None and "4" in attributes[1].split(";")[1:],
        registers=int(registers[1]) if registers else 256,
        truecolor=bool(re.search(r"\x1bP1\$r[^\x1b]*48[:;]2[:;]{1,2}1[:;]2[:;]3", said)),
    )


def _has_placeholders(name: str) -> bool:
    parts = re.match(r"(\w+)[ (]v?(\d+)\.(\d+)", name)
    if parts is None or parts[1].lower() not in PLACEHOLDERS_SINCE:
        return False
    return (int(parts[2]), int(parts[3])) >= PLACEHOLDERS_SINCE[parts[1].lower()]


def _from_answers(answers: Answers | None) -> Graphics:
    if answers is None:
        return Graphics(
            protocol=GraphicsProtocol.HALF_CELLS, reason="the terminal did not answer when asked"
        )
    in_tmux = "TMUX" in os.environ or answers.name.startswith("tmux")
    protocol, reason = _choose(answers, in_tmux=in_tmux)
    width, height = answers.cell or (10, 20)
    return Graphics(
        protocol=protocol,
        reason=reason,
        cell_width=width,
        cell_height=height,
        colors=max(2, min(answers.registers, 256)),
        truecolor=answers.truecolor or in_tmux,
        terminal=answers.name,
        tmux=in_tmux,
    )


def _choose(answers: Answers, *, in_tmux: bool) -> tuple[GraphicsProtocol, str]:
    if "NO_COLOR" in os.environ:
        return GraphicsProtocol.HALF_CELLS, "NO_COLOR is set, so pictures are grey half cells"
    if in_tmux:
        return GraphicsProtocol.HALF_CELLS, "tmux passes on text alone, unless it is told otherwise"
    if answers.kitty:
        return GraphicsProtocol.KITTY, f"{answers.name} knows Unicode placeholders"
    if answers.sixel and answers.cell:
        return GraphicsProtocol.SIXEL, "the terminal lists Sixel among its attributes"
    if answers.sixel:
        return (
            GraphicsProtocol.HALF_CELLS,
            "the terminal shows Sixel but does not say how large its cells are",
        )
    return (
        GraphicsProtocol.HALF_CELLS,
        f"{answers.name or 'the terminal'} has no picture protocol that fits",
    )
