"""`t2itui compare`: descriptions of growing detail against pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import click

from t2itui.cli.support.context import Context, Exit, Output, pass_context
from t2itui.cli.support.paths import GivenPath

if TYPE_CHECKING:
    from engine.comparing.comparison import Comparison, ComparisonRequest, PictureScores
    from engine.engine import Engine

ORDER = "t2itui.compare.order"
HEAT = 5
"""Characters that stand for the colour of a cell."""


class InOrder(click.Command):
    """Remembers in which order options were given: descriptions are compared in that order."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        ctx.meta[ORDER] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)


@click.command(cls=InOrder)
@click.argument("pictures", nargs=-1)
@click.option("--text", "-t", "texts", multiple=True, help="A description; give several, in order.")
@click.option(
    "--pair", "pairs", nargs=2, multiple=True, metavar="TEXT TEXT",
    help="A description in two languages, kept side by side.",
)  # fmt: skip
@click.option(
    "--from",
    "source",
    type=GivenPath(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Take pictures and descriptions from a file that --save wrote.",
)
@click.option(
    "--save", type=GivenPath(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write pictures and descriptions as a small JSON file.",
)  # fmt: skip
@click.option(
    "--export", "exports", multiple=True, type=GivenPath(dir_okay=False, path_type=Path),
    metavar="FILE", help="Also write the result: .csv, .json, .png, .svg or .pdf.",
)  # fmt: skip
@click.option("--swaps", is_flag=True, help="Try each description with one word exchanged.")
@click.option(
    "--encoder", "encoders", multiple=True, metavar="ID",
    help="Default: as a search chooses; several stand side by side, each against the first.",
)  # fmt: skip
@click.option("--offline", is_flag=True, help="Start no model.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
def command(
    context: Context,
    pictures: tuple[str, ...],
    texts: tuple[str, ...],
    pairs: tuple[tuple[str, str], ...],
    source: Path | None,
    save: Path | None,
    exports: tuple[Path, ...],
    swaps: bool,
    encoders: tuple[str, ...],
    offline: bool,
    as_json: bool,
) -> None:
    """Compare PICTURES of the library with descriptions, typically of growing detail.

    For each description: cosine and match, the rank of the picture in the whole library under
    both, the change from the line before, the phrase that was added, and what the encoder cut off.

      t2itui compare horse.jpg -t "a horse" -t "a brown horse" -t "a brown horse eating grass"

    Of several encoders each has its tables, and a paired test says what sets it apart from the
    first: by match, and by the place that the picture has in the library.
    """
    from engine.comparing.comparison import (
        ComparisonRequest,
        Description,
        load_request,
        save_request,
    )
    from engine.comparing.files import check_exports

    output = Output(as_json=as_json)
    order: list[str] = click.get_current_context().meta[ORDER]

    def gathered() -> ComparisonRequest:
        loaded = None if source is None else load_request(source)
        before = loaded.lines if loaded else ()
        taken = max((line.pair for line in before if line.pair is not None), default=0)
        lines: list[Description] = []
        singles, doubles = iter(texts), enumerate(pairs, taken + 1)
        for name in order:
            match name:
                case "texts":
                    lines.append(Description(text=next(singles)))
                case "pairs":
                    number, two = next(doubles)
                    lines += [Description(text=text, pair=number) for text in two]
        return ComparisonRequest(
            pictures=pictures or (loaded.pictures if loaded else ()),
            lines=(*before, *lines),
            encoders=encoders or (loaded.encoders if loaded else ()),
        )

    async def work(engine: Engine) -> Exit:
        from engine.comparing.files import export
        from t2itui.cli.support.options import waiting_for_models

        check_exports(exports)
        asked = gathered()
        comparing = engine.comparer.compare(asked, swaps=swaps, offline=offline)
        found = await waiting_for_models(engine, comparing)
        if save is not None:
            save_request(asked, save)
        for each in found:
            (write_json if as_json else write_comparison)(each, output)
        write_beside(found, output)
        for path in exports:
            export(found, path)
        return Exit.ANSWERED

    context.run(output, work)


def write_json(found: Comparison, output: Output) -> None:
    """Write a line for each description and picture, then one for each swap."""
    head = {"pictures": list(found.pictures), "encoder": found.encoder, "match": found.match}
    output.record("comparison", {**head, "library": found.library})
    for row in found.rows:
        values = asdict(row)
        del values["cells"]
        for picture, cell in zip(found.pictures, row.cells, strict=True):
            output.record("pair_scores", {"picture": picture, **values, **asdict(cell)})
    for swap in found.swaps:
        by_cosine, by_match = swap.prefers_true
        apart = {"told_apart": {"cosine": by_cosine, "match": by_match}}
        output.record("swap", {**asdict(swap), "picture": found.pictures[swap.picture], **apart})


def write_comparison(found: Comparison, output: Output) -> None:
    """Write a table for each picture, the heat in characters, and the swaps below."""
    output.line(f"{found.encoder}  match: {found.match}", dim=True)
    limits = {scorer: _limits(found, scorer) for scorer in ("cosine", "match")}
    for number, picture in enumerate(found.pictures):
        output.line()
        output.line(f"{picture} among {found.library:,} pictures", bold=True)
        rows = [
            (
                *_cells(row.cells[number], limits),
                str(row.tokens or "-") + ("!" if row.lost else ""),
                _described(row.text, row.added, row.lost),
            )
            for row in found.rows
        ]
        head = ("cosine", "heat", "change", "rank", "match", "heat", "change", "rank", "tokens",
                "description")  # fmt: skip
        output.table(head, rows, left="heat")
    _write_swaps(found, output)


def write_beside(found: Sequence[Comparison], output: Output) -> None:
    """Write what sets every other encoder apart from the first, where there are several."""
    if len(found) < 2:
        return
    from engine.comparing.beside import beside
    from t2itui.text.heat_table import write_differences

    differences = beside(found)
    if output.as_json:
        for each in differences:
            output.record("beside", asdict(each))
        return
    output.line()
    write_differences(differences, output)


def _limits(found: Comparison, scorer: str) -> tuple[float, float]:
    """The lowest and the highest score of a scorer."""
    scores = [float(getattr(cell, scorer)) for row in found.rows for cell in row.cells]
    return min(scores), max(scores)


def _cells(cell: PictureScores, limits: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    return (
        f"{cell.cosine:.3f}",
        _heat(cell.cosine, *limits["cosine"]),
        _change(cell.cosine_change),
        f"{cell.cosine_rank:,}",
        f"{cell.match:.3f}",
        _heat(cell.match, *limits["match"]),
        _change(cell.match_change),
        f"{cell.match_rank:,}",
    )


def _heat(score: float, low: float, high: float) -> str:
    """The place of a score between the lowest and the highest, as the app's colours show it."""
    share = (score - low) / (high - low) if high > low else 0.5
    return ("#" * round(HEAT * share)).ljust(HEAT, ".")


def _change(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}"


def _described(text: str, added: str, lost: str) -> str:
    parts = [text]
    if added and added != text:
        parts.append(f"(+ {added})")
    if lost:
        parts.append(f"! cut off: {lost}")
    return "  ".join(parts)


def _write_swaps(found: Comparison, output: Output) -> None:
    if not found.swaps:
        return
    output.line()
    count = len(found.swaps)
    by_cosine, by_match = map(sum, zip(*(swap.prefers_true for swap in found.swaps), strict=True))
    output.line(
        f"swapped: cosine tells {by_cosine} of {count} apart, match {by_match} of {count}",
        bold=True,
    )
    rows = [
        (
            PurePath(found.pictures[swap.picture]).name,
            f"{swap.cosine:+.3f} {_mark(swap.prefers_true[0])}",
            f"{swap.match:+.2f} {_mark(swap.prefers_true[1])}",
            swap.attribute,
            swap.false,
        )
        for swap in found.swaps
    ]
    output.table(
        ("picture", "cosine", "log odds", "attribute", "false"), rows, left="picture attribute"
    )


def _mark(is_apart: bool) -> str:
    return "yes" if is_apart else "NO "
