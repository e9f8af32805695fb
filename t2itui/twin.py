"""The shell commands that repeat what is on a screen."""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import TYPE_CHECKING

from engine.requests import Filters, SearchRequest

if TYPE_CHECKING:
    from pathlib import Path


def search_command(request: SearchRequest, like: Path | None = None) -> str:
    """Return the command line that answers `request`, or ranks by likeness to a picture."""
    words = ["t2itui", "search"]
    words += ["--like", str(like)] if like is not None else []
    words += ["--top", str(request.top), "--scorer", request.scorer]
    words += ["--threshold", f"{request.threshold:g}"]
    words += filter_options(request.filters)
    words += ["--encoder", request.encoder_id] if request.encoder_id else []
    words += ["--offline"] if request.offline else []
    if like is None:
        words += ["--", request.query] if request.query.startswith("-") else [request.query]
    return shlex.join(words)


def filter_options(filters: Filters) -> list[str]:
    """Return the options that stand for these filters."""
    words: list[str] = []
    for folder in filters.folders:
        words += ["--in", str(folder)]
    for name, moment in (("--since", filters.since), ("--until", filters.until)):
        if moment is not None:
            words += [name, datetime.fromtimestamp(moment).strftime("%Y-%m-%dT%H:%M:%S")]
    return [*words, "--min-side", str(filters.min_side)] if filters.min_side else words
