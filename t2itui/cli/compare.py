"""`t2itui compare`: descriptions of growing detail against pictures."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import click

from t2itui.cli.context import Context, Exit, pass_context
from t2itui.cli.output import Output
from t2itui.plain import plain

if TYPE_CHECKING:
    from engine.comparing.sheet import Cell, Comparison, Sheet
    from engine.engine import Engine


@click.command()
@click.argument("pictures", nargs=-1)
@click.option("--text", "-t", "texts", multiple=True, help="A description; give several, in order.")
@click.option(
    "--pair", "pairs", nargs=2, multiple=True, metavar="TEXT TEXT",
    help="A description in two languages, kept side by side.",
)  # fmt: skip
@click.option(
    "--sheet",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Take pictures and descriptions from a file that --save wrote.",
)
@click.option(
    "--save", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write pictures and descriptions as a small JSON file.",
)  # fmt: skip
@click.option(
    "--export", "exports", multiple=True, type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE", help="Also write the result: .csv, .json, .png, .svg or .pdf.",
)  # fmt: skip
@click.option("--swaps", is_flag=True, help="Try each description with one word exchanged.")
@click.option("--encoder", metavar="ID", help="Default: as a search chooses.")
@click.option("--offline", is_flag=True, help="Start no model.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
def command(
    context: Context,
    pictures: tuple[str, ...],
    texts: tuple[str, ...],
    pairs: tuple[tuple[str, str], ...],
    sheet: Path | None,
    save: Path | None,
    exports: tuple[Path, ...],
    swaps: bool,
    encoder: str | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Compare PICTURES of the library with descriptions, typically of growing detail.

    For each description: cosine and match, the rank of the picture in the whole library under
    both, the change from the line before, the phrase that was added, and what the encoder cut off.

      t2itui compare horse.jpg -t "a horse" -t "a brown horse" -t "a brown horse eating grass"
    """
    from engine.comparing.files import check_exports
    from engine.comparing.sheet import Line, Sheet, load_sheet, save_sheet

    output = Output(as_json=as_json)

    def gathered() -> Sheet:
        loaded = None if sheet is None else load_sheet(sheet)
        before = loaded.lines if loaded else ()
        taken = max((line.pair for line in before if line.pair is not None), default=0)
        lines = [Line(text=text) for text in texts]
        for number, two in enumerate(pairs, taken + 1):
            lines += [Line(text=text, pair=number) for text in two]
        return Sheet(
            pictures=pictures or (loaded.pictures if loaded else ()),
            lines=(*before, *lines),
            encoder=encoder or (loaded.encoder if loaded else None),
        )

    async def work(engine: Engine) -> Exit:
        from t2itui.cli.waiting import waiting_for_models

        check_exports(exports)
        asked = gathered()
        comparing = engine.comparer.compare(asked, swaps=swaps, offline=offline)
        found = await waiting_for_models(engine, comparing)
        if save is not None:
            save_sheet(asked, save)
        (write_json if as_json else write_comparison)(found, output)
        for path in exports:
            from engine.comparing.files import export

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
        by_cosine, by_match = swap.told_apart
        apart = {"told_apart": {"cosine": by_cosine, "match": by_match}}
        output.record("swap", {**asdict(swap), "picture": found.pictures[swap.picture], **apart})


def write_comparison(found: Comparison, output: Output) -> None:
    """Write a table for each picture, bars beside the numbers, and the swaps below."""
    output.line(f"{plain(found.encoder)}  match: {plain(found.match)}", dim=True)
    for number, picture in enumerate(found.pictures):
        output.line()
        output.line(f"{plain(picture)} among {found.library:,} pictures", bold=True)
        rows = [
            (
                *_cells(row.cells[number]),
                str(row.tokens or "-") + ("!" if row.lost else ""),
                _told(row.text, row.added, row.lost),
            )
            for row in found.rows
        ]
        head = ("cosine", "change", "rank", "match", "change", "rank", "bar", "tokens",
                "description")  # fmt: skip
        output.table(head, rows, left="bar")
    _write_swaps(found, output)


def _cells(cell: Cell) -> tuple[str, ...]:
    return (
        f"{cell.cosine:.3f}",
        _change(cell.cosine_change),
        f"{cell.cosine_rank:,}",
        f"{cell.match:.3f}",
        _change(cell.match_change),
        f"{cell.match_rank:,}",
        ("#" * round(10 * cell.match)).ljust(10, "."),
    )


def _change(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}"


def _told(text: str, added: str, lost: str) -> str:
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
    by_cosine, by_match = (sum(swap.told_apart[place] for swap in found.swaps) for place in (0, 1))
    output.line(
        f"swapped: cosine tells {by_cosine} of {count} apart, match {by_match} of {count}",
        bold=True,
    )
    rows = [
        (
            PurePath(found.pictures[swap.picture]).name,
            f"{swap.cosine:+.3f} {_mark(swap.told_apart[0])}",
            f"{swap.match:+.2f} {_mark(swap.told_apart[1])}",
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
