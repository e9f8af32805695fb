"""Finds out how this terminal can show pictures, before the app takes it over."""

import os
import sys

from t2itui.graphics.capability import PROTOCOLS, Graphics, ProtocolName


def detect(force: str | None = None) -> Graphics:
    """Ask the terminal; `force` is a protocol's name, or None or `auto` to choose the best.

    Raises:
        ValueError: `force` is none of those.
    """
    for protocol in PROTOCOLS:
        if force == protocol:
            return Graphics(protocol=protocol, reason="asked for by --graphics")
    if force not in (None, "auto"):
        raise ValueError(f"graphics must be one of auto, {', '.join(PROTOCOLS)}")
    protocol, reason = _choose()
    return Graphics(protocol=protocol, reason=reason)


def _choose() -> tuple[ProtocolName, str]:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "text", "there is no terminal"
    if os.environ.get("TERM", "dumb") == "dumb":
        return "text", "TERM says the terminal is dumb"
    return "halfcell", "half cells work everywhere"
