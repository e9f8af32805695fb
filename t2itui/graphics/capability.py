"""What a terminal can draw pictures with, as plain values."""

from dataclasses import dataclass
from typing import Literal, get_args

ProtocolName = Literal["kitty", "sixel", "halfcell", "text"]
PROTOCOLS: tuple[ProtocolName, ...] = get_args(ProtocolName)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graphics:
    """How pictures are drawn in this terminal, and why so."""

    protocol: ProtocolName
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
        return self.protocol == "text"


HALF_CELLS = Graphics(protocol="halfcell", reason="nothing was asked of the terminal")
