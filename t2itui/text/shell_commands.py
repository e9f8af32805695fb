"""The shell commands that repeat what is on a screen."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine import numbers
from engine.collections import BUILT_IN
from engine.requests import Filters, SearchRequest, WhereRequest
from engine.states import Synthetic
from t2itui.settings import home_folder
from t2itui.text.words import scope_name

if TYPE_CHECKING:
    from engine.comparing.comparison import ComparisonRequest, Description
    from engine.jobs.codec import JobRequest
    from engine.results import Receipt


def search_command(home: Path | None, request: SearchRequest) -> str:
    """Return the command line that answers `request`."""
    words = ["search"]
    words += ["--top", str(request.top), "--scorer", request.scorer]
    words += ["--threshold", f"{request.threshold:g}"]
    words += filter_options(request.filters)
    words += ["--encoder", request.encoder_id] if request.encoder_id else []
    words += ["--offline"] if request.offline else []
    words += ["--exact"] if request.exact else []
    words += ["--", request.query] if request.query.startswith("-") else [request.query]
    return program(home, *words)


def compare_command(home: Path | None, request: ComparisonRequest | None, *options: str) -> str:
    """Return the command line that compares the same; without a request, with options."""
    words = ["compare", *options]
    if request is not None:
        for encoder in request.encoders:
            words += ["--encoder", encoder]
        words += _line_options(request.lines)
        words += ["--"] if any(name.startswith("-") for name in request.pictures) else []
        words += request.pictures
    return program(home, *words)


def _line_options(lines: tuple[Description, ...]) -> list[str]:
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


def where_command(home: Path | None, request: WhereRequest) -> str:
    """Return the command line that shows where the words of a description are in a picture."""
    words = ["where"]
    words += ["--encoder", request.encoder_id] if request.encoder_id else []
    words += ["--offline"] if request.offline else []
    is_odd = request.picture.startswith("-") or request.text.startswith("-")
    words += ["--"] if is_odd else []
    return program(home, *words, request.picture, request.text)


def filter_options(filters: Filters) -> list[str]:
    """Return the options that stand for these filters."""
    words: list[str] = []
    for folder in filters.folders:
        words += ["--in", scope_name(folder)]
    for name, moment in (("--since", filters.since), ("--until", filters.until)):
        if moment is not None:
            words += [name, numbers.local_time(moment).strftime("%Y-%m-%dT%H:%M:%S")]
    words += ["--min-side", str(filters.min_side)] if filters.min_side else []
    return (
        [*words, "--synthetic", filters.synthetic] if filters.synthetic != Synthetic.SHOW else words
    )


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
        synthetic=synthetic if isinstance(synthetic, str) else Synthetic.SHOW,
    )


def program(home: Path | None, *words: str) -> str:
    """Return a command line; the home is named where the shell would take another one."""
    place = [] if home is None or home == home_folder() else ["--home", str(home)]
    return shlex.join(["t2itui", *place, *words])


def job_command(home: Path | None, request: JobRequest) -> str:
    """Return the command that starts a job with the same request."""
    from engine.jobs.codec import command_words

    return program(home, *command_words(request))


def tag_command(home: Path | None, picture: str, *, encoder_id: str, threshold: float) -> str:
    """Return the command that tags a picture."""
    options = ("--encoder", encoder_id, "--threshold", f"{threshold:g}")
    return program(home, "tag", *options, "--", picture)


def models_command(home: Path | None) -> str:
    """Return the command that lists matchers with their reports."""
    return program(home, "models")


def export_matcher_command(home: Path | None, matcher_id: int, target: Path) -> str:
    """Return the command that writes a matcher to a file."""
    return program(home, "models", "export", str(matcher_id), str(target))


def import_matcher_command(home: Path | None, source: Path) -> str:
    """Return the command that takes a matcher in from a file."""
    return program(home, "models", "import", str(source))


def remove_matcher_command(home: Path | None, matcher_id: int) -> str:
    """Return the command that deletes a matcher."""
    return program(home, "models", "remove", str(matcher_id))


def label_command(
    home: Path | None, text: str, picture: str, encoder_id: str, *, fits: bool | None
) -> str:
    """Return the command that says whether a text fits a picture, or takes that back (None)."""
    said = "--undo" if fits is None else "--yes" if fits else "--no"
    return program(home, "label", said, "--encoder", encoder_id, "--", text, picture)


def labels_command(home: Path | None, encoder_id: str) -> str:
    """Return the command that lists the labels of an encoder."""
    return program(home, "label", "--list", "--encoder", encoder_id)


def forget_labels_command(home: Path | None, encoder_id: str) -> str:
    """Return the command that takes all labels of an encoder back."""
    return program(home, "label", "--forget", "--encoder", encoder_id)


def forget_command(home: Path | None, folder: Path) -> str:
    """Return the command that forgets a folder."""
    return program(home, "library", "--forget", str(folder))


def detach_command(home: Path | None, folder: Path) -> str:
    """Return the command that takes shards out of the library."""
    return program(home, "library", "detach", str(folder))


def collection_command(home: Path | None, *, on: bool) -> str:
    """Return the command that takes the built-in collection in or leaves it out."""
    return program(home, "library", f"--{BUILT_IN.name}", "on" if on else "off")


def failures_command(home: Path | None) -> str:
    """Return the command that lists what could not be read."""
    return program(home, "library", "--failures")


def vanished_command(home: Path | None) -> str:
    """Return the command that lists the files that are gone."""
    return program(home, "library", "--vanished")


def library_command(home: Path | None) -> str:
    """Return the command that shows what the library holds."""
    return program(home, "library")


def replay_command(home: Path | None, receipt_id: str) -> str:
    """Return the command that replays a receipt."""
    return program(home, "history", receipt_id)


def forget_receipt_command(home: Path | None, receipt_id: str) -> str:
    """Return the command that deletes a receipt."""
    return program(home, "history", "--forget", receipt_id)


def show_command(home: Path | None, evaluation_id: int, *, plot: Path | None = None) -> str:
    """Return the command that shows a kept evaluation, or also draws it into a file."""
    drawn = [] if plot is None else ["--plot", str(plot)]
    return program(home, "eval", "--show", str(evaluation_id), *drawn)


def compare_evaluations_command(home: Path | None, before: int, after: int) -> str:
    """Return the command that shows what changed from one evaluation to another."""
    return program(home, "eval", "--compare", str(before), str(after))


def forget_evaluation_command(home: Path | None, evaluation_id: int) -> str:
    """Return the command that drops an evaluation."""
    return program(home, "eval", "--forget", str(evaluation_id))
