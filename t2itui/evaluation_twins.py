"""The shell commands that make, show, compare and forget evaluations."""

from __future__ import annotations

from pathlib import Path

from engine.evaluation.request import COSINE, MATCH, TEMPLATES, EvaluateRequest
from t2itui.job_twins import program


def evaluate_command(home: Path | None, request: EvaluateRequest) -> str:
    """Return the command that evaluates in the same way."""
    options: list[tuple[str, object]] = [
        ("--images", request.images),
        ("--encoder", request.encoder),
        *_scorers(request.scorers),
        ("--threshold", f"{request.threshold:g}"),
        ("--queries", None if request.queries == "captions" else request.queries),
        ("--words", request.words),
        ("--split", None if request.split == "test" else request.split),
        ("--language", request.language or None),
        ("--limit", request.limit),
        ("--seed", request.seed or None),
        *(("--template", each) for each in request.templates if request.templates != TEMPLATES),
        *(("--class-name", f"{folder}={word}") for folder, word in request.names),
        ("--resamples", None if request.resamples == 1000 else request.resamples),
    ]
    words = [word for name, value in options if value is not None for word in (name, str(value))]
    words += ["--no-swaps"] if not request.swaps else []
    words += ["--offline"] if request.offline else []
    return program(home, "eval", request.data, *words)


def _scorers(names: tuple[str, ...]) -> list[tuple[str, object]]:
    return [] if names == (COSINE, MATCH) else [("--scorer", name) for name in names]


def show_command(home: Path | None, evaluation_id: int, *, plot: Path | None = None) -> str:
    """Return the command that shows a kept evaluation, or also draws it into a file."""
    drawn = [] if plot is None else ["--plot", str(plot)]
    return program(home, "eval", "--show", str(evaluation_id), *drawn)


def compare_command(home: Path | None, before: int, after: int) -> str:
    """Return the command that shows what changed from one evaluation to another."""
    return program(home, "eval", "--compare", str(before), str(after))


def trend_command(home: Path | None, evaluation_id: int, measure: str) -> str:
    """Return the command that shows how a figure went over all evaluations of the same data."""
    chosen = [] if measure == "r@1" else ["--measure", measure]
    return program(home, "eval", "--trend", str(evaluation_id), *chosen)


def forget_command(home: Path | None, evaluation_id: int) -> str:
    """Return the command that drops an evaluation."""
    return program(home, "eval", "--forget", str(evaluation_id))
