"""The shell commands that repeat what is on a screen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.requests import SHOW, Filters, SearchRequest
from t2itui.job_twins import program
from t2itui.scope_names import scope_name

if TYPE_CHECKING:
    from engine.comparing.sheet import Line, Sheet
    from engine.results import Receipt


def search_command(home: Path | None, request: SearchRequest) -> str:
    """Return the command line that answers `request`."""
    words = ["search"]
    words += ["--top", str(request.top), "--scorer", request.scorer]
    words += ["--threshold", f"{request.threshold:g}"]
    words += filter_options(request.filters)
    words += ["--encoder", request.encoder_id] if request.encoder_id else []
    words += ["--offline"] if request.offline else []
    words += ["--", request.query] if request.query.startswith("-") else [request.query]
    return program(home, *words)


def compare_command(home: Path | None, sheet: Sheet | None, *options: str) -> str:
    """Return the command line that compares what is on the sheet; without one, with options."""
    words = ["compare", *options]
    if sheet is not None:
        words += ["--encoder", sheet.encoder] if sheet.encoder else []
        words += _line_options(sheet.lines)
        words += ["--"] if any(name.startswith("-") for name in sheet.pictures) else []
        words += sheet.pictures
    return program(home, *words)


def _line_options(lines: tuple[Line, ...]) -> list[str]:
    """Options in the order of the lines; those of a pair stand together."""
    words: list[str] = []
    place = 0
    while place < len(lines):
        one, *other = lines[place : place + 2]
        if one.pair is not None and other and other[0].pair == one.pair:
            words += ["--pair", one.text, other[0].text]
            place += 2
        else:
            words += ["-t", one.text]
            place += 1
    return words


def filter_options(filters: Filters) -> list[str]:
    """Return the options that stand for these filters."""
    words: list[str] = []
    for folder in filters.folders:
        words += ["--in", scope_name(folder)]
    for name, moment in (("--since", filters.since), ("--until", filters.until)):
        if moment is not None:
            words += [name, datetime.fromtimestamp(moment).strftime("%Y-%m-%dT%H:%M:%S")]
    words += ["--min-side", str(filters.min_side)] if filters.min_side else []
    return [*words, "--synthetic", filters.synthetic] if filters.synthetic != SHOW else words


def request_of(receipt: Receipt, *, top: int) -> SearchRequest:
    """Return the request that leads to a receipt."""
    return SearchRequest(
        query=receipt.query,
        top=top,
        scorer=receipt.ranked_by,
        threshold=receipt.threshold,
        filters=filters_of(receipt.filters),
    )


def filters_of(kept: Mapping[str, object]) -> Filters:
    """Return the filters that a receipt keeps; only those that were set are among them."""
    folders, since, until = kept.get("folders"), kept.get("since"), kept.get("until")
    min_side, synthetic = kept.get("min_side"), kept.get("synthetic")
    return Filters(
        folders=tuple(Path(str(each)) for each in folders) if isinstance(folders, list) else (),
        since=float(since) if isinstance(since, int | float) else None,
        until=float(until) if isinstance(until, int | float) else None,
        min_side=min_side if isinstance(min_side, int) else 0,
        synthetic=synthetic if isinstance(synthetic, str) else SHOW,
    )
