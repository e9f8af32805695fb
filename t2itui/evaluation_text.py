"""Evaluations as tables and bars of text, for pipes, screen readers and terminals alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from engine.evaluation.over_time import MEASURES, figures_of
from t2itui.plain import plain
from t2itui.text_plots import curve_lines, reliability_lines

if TYPE_CHECKING:
    from engine.evaluation.bootstrap import Interval
    from engine.evaluation.results import Evaluation, Paired, Retrieval
    from engine.training.report import TrainingReport
    from t2itui.cli.output import Output

_WAYS = {"text_to_picture": "text -> picture", "picture_to_text": "picture -> text"}


def write_evaluation(found: Evaluation, output: Output) -> None:
    """Write everything that was measured."""
    output.line(
        f"{plain(found.data)}: {found.texts:,} texts, {found.pictures:,} pictures", bold=True
    )
    output.line(
        f"{plain(found.encoder)}  match: {plain(found.match)}  {found.seconds:.1f} s"
        + (f"  evaluation {found.id}" if found.id else ""),
        dim=True,
    )
    write_directions(found, output)
    write_decisions(found, output)


def write_directions(found: Evaluation, output: Output) -> None:
    """Write recall both ways, what sets the scorers apart, and the groups of queries."""
    for direction in dict.fromkeys(each.direction for each in found.retrieval):
        _write_direction(found, direction, output)


def write_decisions(found: Evaluation | TrainingReport, output: Output) -> None:
    """Write what does not concern the order of pictures: swaps, routing, calibration."""
    write_swaps(found, output)
    write_routing(found, output)
    write_calibration(found, output)


def _write_direction(found: Evaluation, direction: str, output: Output) -> None:
    rows = [each for each in found.retrieval if each.direction == direction]
    write_retrieval(rows, direction, output)
    if found.kind == "classes" and direction == "picture_to_text":
        output.line("  r@k is top-k accuracy here: one class is right", dim=True)
    for paired in (each for each in found.paired if each.direction == direction):
        output.line(f"  {difference(paired)}", dim=paired.p > 0.05)
    if rows[0].groups:
        _write_groups(rows, output)


def write_retrieval(rows: Sequence[Retrieval], direction: str, output: Output) -> None:
    """Write the recall of some scorers in one direction."""
    first = rows[0]
    output.line()
    rights = f", {first.rights:.1f} right ones each" if first.rights > 1 else ""
    output.line(
        f"{_WAYS[direction]}: {first.queries:,} queries, {first.candidates:,} candidates{rights}",
        bold=True,
    )
    head = ("scorer", "r@1", "r@5", "r@10", "median rank", "mAP", "95 % of r@1")
    output.table(head, [_retrieval_row(each) for each in rows], left="scorer")


def _retrieval_row(each: Retrieval) -> tuple[str, ...]:
    return (
        each.scorer,
        f"{each.r1.value:.3f}",
        f"{each.r5.value:.3f}",
        f"{each.r10.value:.3f}",
        f"{each.median_rank.value:g}",
        f"{each.average_precision.value:.3f}",
        _bounds(each.r1),
    )


def _write_groups(rows: Sequence[Retrieval], output: Output) -> None:
    names = [f"{each.scorer} {measure}" for each in rows for measure in ("r@1", "mAP")]
    head = ("group", "queries", *names, "")
    cells = [
        (
            group.name,
            f"{group.queries:,}",
            *(
                f"{value:.3f}"
                for each in rows
                for value in (each.groups[i].r1, each.groups[i].average_precision)
            ),
            "",
        )
        for i, group in enumerate(rows[0].groups)
    ]
    output.table(head, cells, left="group")


def difference(paired: Paired) -> str:
    """What sets two scorers apart, with how sure that is."""
    apart = paired.difference
    sure = f"p = {paired.p:.3f}" if paired.p >= 0.001 else "p < 0.001"
    return (
        f"{paired.one} - {paired.other}, {paired.measure}: {apart.value:+.3f}"
        f" ({apart.low:+.3f} to {apart.high:+.3f}, {sure})"
    )


def write_swaps(found: Evaluation | TrainingReport, output: Output) -> None:
    """Write how well true texts are told from swapped ones, over all and by attribute."""
    if not found.swaps:
        return
    output.line()
    output.line(f"true texts against swapped ones: {found.swaps[0].pairs:,} pairs", bold=True)
    rows = [
        (each.scorer, f"{each.auc.value:.3f}", _bounds(each.auc), f"{each.told_apart:.3f}")
        for each in found.swaps
    ]
    output.table(("scorer", "AUC", "95 %", "told apart"), rows, left="scorer")
    output.line()
    output.line("told apart, by what was swapped", bold=True)
    by_name = [
        (name, f"{count:,}", *(f"{each.attributes[i][2]:.3f}" for each in found.swaps), "")
        for i, (name, count, _) in enumerate(found.swaps[0].attributes)
    ]
    head = ("swapped", "pairs", *(each.scorer for each in found.swaps), "")
    output.table(head, by_name, left="swapped")


def write_routing(
    found: Evaluation | TrainingReport, output: Output, *, with_curves: bool = True
) -> None:
    """Write where queries are sent at the threshold and at the best one, and the curves."""
    if not found.routing:
        return
    first = found.routing[0]
    output.line()
    output.line(
        f"retrieve or generate: {first.present:,} present and {first.absent:,} absent queries"
        f" ({first.protocol})",
        bold=True,
    )
    rows = []
    for each in found.routing:
        for name, point in (("at", each.at), ("best", each.best)):
            if point is not None:
                rows.append(
                    (
                        each.scorer,
                        f"{name} {point.threshold:.3f}",
                        f"{point.precision:.3f}",
                        f"{point.recall:.3f}",
                        f"{point.accuracy:.3f}",
                    )
                )
    head = ("scorer", "threshold", "precision", "recall", "accuracy")
    output.table(head, rows, left="scorer")
    for each in found.routing:
        kinds = ", ".join(f"{name} {share:.3f} of {count}" for name, count, share in each.kinds)
        where = "best" if each.at is None else f"{each.at.threshold:g}"
        output.line(f"  {each.scorer} at {where}: right for {kinds}")
        for line in curve_lines(each) if with_curves else ():
            output.line(f"  {line}")


def write_calibration(
    found: Evaluation | TrainingReport, output: Output, *, with_diagrams: bool = True
) -> None:
    """Write the calibration errors, and the reliability diagrams."""
    for each in found.calibration:
        output.line()
        output.line(
            f"calibration of {each.scorer}: expected calibration error {each.error:.3f},"
            f" Brier {each.brier:.3f}, {each.pairs:,} pairs, half of them right",
            bold=True,
        )
        for line in reliability_lines(each) if with_diagrams else ():
            output.line(f"  {line}")


def write_list(entries: Sequence[Evaluation], output: Output) -> None:
    """Write evaluations, one a line."""
    if output.as_json:
        from engine.evaluation.lines import head as head_of

        for each in entries:
            output.record("evaluation", head_of(each))
        return
    if not entries:
        output.say("no evaluations yet: t2itui eval DATA makes one")
        return
    rows = [
        (
            str(each.id),
            datetime.fromtimestamp(each.created_at).strftime("%Y-%m-%d %H:%M"),
            each.encoder,
            each.match,
            " ".join(
                f"{one.scorer} {one.r1.value:.3f}"
                for one in each.retrieval
                if one.direction == each.retrieval[0].direction
            ),
            f"{each.texts:,} x {each.pictures:,}",
            each.data,
        )
        for each in entries
    ]
    head = ("id", "time", "encoder", "match", "r@1, text -> picture", "size", "data")
    output.table(head, rows, left="encoder match r@1, text -> picture")


def write_change(before: Evaluation, after: Evaluation, output: Output) -> None:
    """Write what changed from one evaluation to another, figure by figure."""
    changes = changes_of(before, after)
    if output.as_json:
        for name, old, new in changes:
            values = {"figure": name, "before": old, "after": new, "change": new - old}
            output.record("change", values)
        return
    for name, each in (("before", before), ("after", after)):
        output.line(
            f"{name}: {each.id}  {plain(each.data)}  {plain(each.encoder)}  {plain(each.match)}"
            f"  {each.texts:,} x {each.pictures:,}"
        )
    if (before.data, before.texts, before.pictures) != (after.data, after.texts, after.pictures):
        output.say("note: these were not made on the same texts and pictures")
    rows = [
        (name, f"{old:.3f}", f"{new:.3f}", f"{new - old:+.3f}", "") for name, old, new in changes
    ]
    output.table(("figure", "before", "after", "change", ""), rows, left="figure")


def changes_of(before: Evaluation, after: Evaluation) -> list[tuple[str, float, float]]:
    """The figures that both evaluations have: name, before, after."""
    old, new = figures_of(before), figures_of(after)
    return [
        (f"{scorer}, {MEASURES[measure]}", old[scorer, measure], value)
        for (scorer, measure), value in new.items()
        if (scorer, measure) in old
    ]


def _bounds(interval: Interval) -> str:
    return f"{interval.low:.3f}-{interval.high:.3f}"
