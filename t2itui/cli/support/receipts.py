"""Decisions and their results, for people and as JSON lines."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from engine import numbers
from t2itui.cli.support.context import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.results import Receipt, ResultRow, SearchResult


def write_json(result: SearchResult, output: Output) -> None:
    """Write a decision and its rows as JSON lines."""
    output.record("receipt", receipt_json(result.receipt, cached=result.cached))
    for warning in result.warnings:
        output.say(f"note: {warning.message} {warning.hint}".rstrip())
    for row in result.rows:
        output.record("result", row_json(row))


def receipt_json(receipt: Receipt, *, cached: bool) -> dict[str, object]:
    """The fields of a receipt as `--json` writes them."""
    return {
        "id": receipt.id,
        "query": receipt.query,
        "encoder": receipt.encoder,
        "matcher": receipt.matcher,
        "ranked_by": receipt.ranked_by,
        "threshold": receipt.threshold,
        "route": receipt.route,
        "reason": receipt.reason,
        "best_cosine": receipt.best_cosine,
        "best_match": receipt.best_match,
        "passed": receipt.passed,
        "considered": receipt.considered,
        "cached": cached,
        "filters": receipt.filters,
        "override": receipt.override,
        "job": receipt.job,
        "result": receipt.result,
        "histogram": receipt.histogram,
        "chance": receipt.chance,
        "chance_high": receipt.chance_high,
        "uncertain": receipt.uncertain,
        "zero": receipt.zero,
        "zero_pictures": receipt.zero_pictures,
        "candidates": receipt.candidates,
        "recall": receipt.recall,
    }


def row_json(row: ResultRow) -> dict[str, object]:
    """The fields of a result as `--json` writes them."""
    values = asdict(row)
    order = ("rank", "path", "sha256", "cosine", "match", "synthetic", "missing")
    placed = {f"{name}_match": value for name, value in row.placed.items()}
    return {**{name: values[name] for name in order}, **row.others, **placed}


def write_answer(result: SearchResult, output: Output) -> None:
    """Write a decision and its rows for a person."""
    receipt = result.receipt
    how = "cached" if result.cached else "with the model"
    output.line(
        f"{receipt.route}: {receipt.reason}  ({result.seconds * 1000:.0f} ms, {how})",
        bold=True,
    )
    output.line(
        f"{receipt.encoder}  match: {receipt.matcher}  ranked by {receipt.ranked_by}"
        f"  receipt {receipt.id}",
        dim=True,
    )
    if receipt.job is not None:
        result_of = f": sha256 {receipt.result}" if receipt.result else ""
        output.line(f"job {receipt.job} painted for it{result_of}", dim=True)
    for warning in result.warnings:
        output.say(f"note: {warning.message} {warning.hint}".rstrip())
    width = len(str(len(result.rows)))
    for row in result.rows:
        passes = row.match >= receipt.threshold
        mark = "*" if passes else " "
        path = row.path + ("  (not on the disk any more)" if row.missing else "")
        output.line(
            f"{row.rank:>{width}} {mark} {row.match:6.3f}  {row.cosine:+.3f}"
            f"{''.join(f'  {name} {value:+.3f}' for name, value in row.others.items())}  {path}",
            dim=not passes,
        )


def write_receipts(receipts: Sequence[Receipt], output: Output) -> None:
    """Write receipts, one a line."""
    if output.as_json:
        for receipt in receipts:
            values = receipt_json(receipt, cached=True)
            output.record("receipt", {**values, "created_at": receipt.created_at})
        return
    if not receipts:
        output.say("no decisions yet: t2itui search TEXT makes one")
        return
    rows = [
        (
            receipt.id,
            numbers.local_time(receipt.created_at).strftime("%Y-%m-%d %H:%M"),
            receipt.route,
            f"{receipt.passed}/{receipt.considered}",
            f"{receipt.best_match:.2f}",
            receipt.query,
        )
        for receipt in receipts
    ]
    output.table(("id", "time", "route", "passed", "best", "query"), rows, left="id route")
