"""Scores drawn as bars of block characters."""

from textual.content import Content

from t2itui.text.words import number

EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(share: float, width: int) -> str:
    """Return a bar of `width` cells of which `share` (0 to 1) is filled, to an eighth of a cell."""
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(width)


def head(name: str, score: float) -> str:
    """Return what stands before a score's bar."""
    return f"{name} {number(score):>3} "


def score_line(name: str, score: float, share: float, width: int, style: str) -> Content:
    """Return a line of `width` cells: the scorer's name, the score, and the score as a bar."""
    words = head(name, score)
    return Content.assemble(words, (bar(share, max(0, width - len(words))), style))
