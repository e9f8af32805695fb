"""Evaluations and reports of trainings as tables, for pipes, screen readers and terminals alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine import numbers
from engine.states import DataKind, Direction
from t2itui.text.plain import plain
from t2itui.text.plots import (
    plot_lines,
    precision_recall_plots,
    reliability_plot,
    routing_plot,
    size_plots,
)
from t2itui.text.tables import LineWriter, write_table

if TYPE_CHECKING:
    from engine.evaluation.results import (
        EncoderDifference,
        Evaluation,
        PairedDifference,
        PointingFigures,
        RetrievalFigures,
        SizeCurve,
    )
    from engine.scoring.resampling import Interval
    from engine.training.report import TrainingReport


def write_evaluation(found: Evaluation, output: LineWriter) -> None:
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
    write_curves(found.retrieval, output)
    write_decisions(found, found.paired, output)
    write_beside(found.own_beside, output)


def write_beside(beside: Sequence[EncoderDifference], output: LineWriter) -> None:
    """Write encoders side by side: every other one against the first."""
    if not beside:
        return
    output.line()
    first = plain(beside[0].paired.other)
    output.line(f"beside {first}, on the same texts and pictures", bold=True)
    rows = [
        (
            each.scorer,
            f"{Direction(each.paired.direction).words}, {each.paired.measure}",
            f"{each.other_value:.3f}",
            f"{each.one_value:.3f}",
            f"{each.paired.difference.value:+.3f}",
            f"{each.paired.difference.low:+.3f} to {each.paired.difference.high:+.3f}",
            f"{each.paired.p:.3f}",
            each.paired.one,
        )
        for each in beside
    ]
    head = ("scorer", "figure", "first", "other", "change", "95 %", "p", "other encoder")
    write_table(output, head, rows, left="scorer figure")


def write_directions(found: Evaluation, output: LineWriter) -> None:
    """Write recall both ways, what sets the scorers apart, and the groups of queries."""
    for direction in dict.fromkeys(each.direction for each in found.retrieval):
        _write_direction(found, direction, output)
    _write_sums(found, output)
    if found.pointing is not None:
        _write_pointing(found.pointing, output)


def _write_pointing(found: PointingFigures, output: LineWriter) -> None:
    """Write how often the hottest patch of a phrase lies where it is."""
    output.line()
    output.line(
        f"pointing game: {found.phrases:,} phrases in {found.pictures:,} pictures", bold=True
    )
    named = (("hottest patch", found.hit), ("middle", found.centre), ("any patch", found.random))
    rows = [(name, f"{each.value:.3f}", _bounds(each), "") for name, each in named]
    write_table(output, ("point", "hits", "95 %", ""), rows, left="point")
    over = found.over_centre
    output.line(
        f"  hottest patch - middle: {over.value:+.3f} ({over.low:+.3f} to {over.high:+.3f},"
        f" p = {found.p:.3f})"
    )
    kinds = ", ".join(f"{plain(name)} {hit:.3f} of {count:,}" for name, count, hit in found.kinds)
    output.line(f"  {kinds}", dim=True)


def _write_sums(found: Evaluation, output: LineWriter) -> None:
    """Write Rsum, and the figures over folds where there are enough pictures for them."""
    sums = [each for each in found.recall_sums if not each.folds]
    if not sums:
        return
    output.line()
    named = ", ".join(f"{each.scorer} {each.value:.1f}" for each in sums)
    output.line(f"Rsum (r@1 + r@5 + r@10, both ways, of 600): {named}")
    if not found.folds:
        return
    first = found.folds[0]
    output.line()
    output.line(f"mean over {first.folds} folds of {first.pictures:,} pictures", bold=True)
    of_folds = {each.scorer: each.value for each in found.recall_sums if each.folds}
    rows = [
        (
            each.scorer,
            Direction(each.direction).words,
            f"{each.r1:.3f}",
            f"{each.r5:.3f}",
            f"{each.r10:.3f}",
            f"{each.median_rank:g}",
            f"{of_folds[each.scorer]:.1f}" if each.scorer in of_folds else "",
        )
        for each in found.folds
    ]
    head = ("scorer", "direction", "r@1", "r@5", "r@10", "median rank", "Rsum")
    write_table(output, head, rows, left="scorer direction")


def write_curves(
    retrieval: Sequence[RetrievalFigures], output: LineWriter, *, with_plots: bool = True
) -> None:
    """Write precision and gain of the first candidates, and precision at each level of recall."""
    for direction in dict.fromkeys(each.direction for each in retrieval):
        rows = [each for each in retrieval if each.direction == direction and each.curve]
        if rows:
            _write_cuts(rows, direction, output)
            _write_curve(rows, output)
    for plot in precision_recall_plots(retrieval) if with_plots else ():
        for line in plot_lines(plot):
            output.line(f"  {line}")


def _write_cuts(rows: Sequence[RetrievalFigures], direction: str, output: LineWriter) -> None:
    output.line()
    output.line(f"{Direction(direction).words}: precision and gain", bold=True)
    cuts = [cut.k for cut in rows[0].cuts]
    last = cuts[-1]
    head = (
        "scorer",
        *(f"P@{k}" for k in cuts),
        *(f"nDCG@{k}" for k in cuts if k > 1),
        f"95 % of nDCG@{last}",
    )
    cells = [
        (
            each.scorer,
            *(f"{cut.precision.value:.3f}" for cut in each.cuts),
            *(f"{cut.ndcg.value:.3f}" for cut in each.cuts if cut.k > 1),
            _bounds(each.cuts[-1].ndcg),
        )
        for each in rows
    ]
    write_table(output, head, cells, left="scorer")


def _write_curve(rows: Sequence[RetrievalFigures], output: LineWriter) -> None:
    output.line()
    output.line("interpolated precision by recall; area is the mean of the levels", dim=True)
    levels = [f"{recall:.1f}".removeprefix("0") for recall, _ in rows[0].curve_points]
    cells = [
        (each.scorer, *(f"{value:.2f}" for value in each.curve), f"{each.area:.3f}")
        for each in rows
    ]
    write_table(output, ("scorer", *levels, "area"), cells, left="scorer")


def write_decisions(
    found: Evaluation | TrainingReport,
    paired: Sequence[PairedDifference],
    output: LineWriter,
    *,
    with_plots: bool = True,
) -> None:
    """Write what does not concern the order of pictures: swaps, routing at the
    threshold and by library size, calibration."""
    write_swaps(found, output)
    write_routing(found, output, with_plots=with_plots)
    write_by_size(found, paired, output, with_plots=with_plots)
    write_calibration(found, output, with_plots=with_plots)


def write_training_report(
    report: TrainingReport, output: LineWriter, *, with_plots: bool = True
) -> None:
    """Write the figures of a matcher on its held-out pictures."""
    learned, watched, held_out = report.pictures
    output.line(
        f"{plain(report.data)}, {plain(report.encoder)}: {learned:,} pictures learned from,"
        f" {watched:,} to stop by, {held_out:,} held out; {plain(report.head)} by"
        f" {plain(report.loss)}, {report.epochs} epochs on {report.device}, {report.seconds:.0f} s",
        bold=True,
    )
    for direction in Direction:
        rows = [each for each in report.retrieval if each.direction == direction]
        write_retrieval(rows, direction, output)
    for paired in (*report.against_label_free, *report.against_cosine):
        if not paired.is_routing:
            output.line(f"  {paired.direction.replace('_', ' ')}: {difference(paired)}")
    write_decisions(report, report.against_label_free, output, with_plots=with_plots)


def _write_direction(found: Evaluation, direction: str, output: LineWriter) -> None:
    rows = [each for each in found.retrieval if each.direction == direction]
    write_retrieval(rows, direction, output)
    if found.kind == DataKind.CLASSES and direction == Direction.PICTURE_TO_TEXT:
        output.line("  r@k is top-k accuracy here: one class is right", dim=True)
    for paired in found.paired:
        if paired.direction == direction and not paired.is_routing:
            output.line(f"  {difference(paired)}", dim=paired.p > 0.05)
    if rows[0].groups:
        _write_groups(rows, output)


def write_retrieval(rows: Sequence[RetrievalFigures], direction: str, output: LineWriter) -> None:
    """Write the recall of some scorers in one direction."""
    first = rows[0]
    output.line()
    rights = f", {first.rights:.1f} right ones each" if first.rights > 1 else ""
    way = Direction(direction).words
    output.line(
        f"{way}: {first.queries:,} queries, {first.candidates:,} candidates{rights}",
        bold=True,
    )
    head = ("scorer", "r@1", "r@5", "r@10", "median rank", "mAP", "95 % of r@1")
    write_table(output, head, [_retrieval_row(each) for each in rows], left="scorer")


def _retrieval_row(each: RetrievalFigures) -> tuple[str, ...]:
    return (
        each.scorer,
        f"{each.r1.value:.3f}",
        f"{each.r5.value:.3f}",
        f"{each.r10.value:.3f}",
        f"{each.median_rank.value:g}",
        f"{each.average_precision.value:.3f}",
        _bounds(each.r1),
    )


def _write_groups(rows: Sequence[RetrievalFigures], output: LineWriter) -> None:
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
    write_table(output, head, cells, left="group")


def difference(paired: PairedDifference) -> str:
    """What sets two scorers apart, with how sure that is."""
    apart = paired.difference
    sure = f"p = {paired.p:.3f}" if paired.p >= 0.001 else "p < 0.001"
    return (
        f"{paired.one} - {paired.other}, {paired.measure}: {apart.value:+.3f}"
        f" ({apart.low:+.3f} to {apart.high:+.3f}, {sure})"
    )


def write_swaps(found: Evaluation | TrainingReport, output: LineWriter) -> None:
    """Write how well true texts are told from swapped ones, over all and by attribute."""
    if not found.swaps:
        return
    output.line()
    output.line(f"true texts against swapped ones: {found.swaps[0].pairs:,} pairs", bold=True)
    rows = [
        (each.scorer, f"{each.auc.value:.3f}", _bounds(each.auc), f"{each.told_apart:.3f}")
        for each in found.swaps
    ]
    write_table(output, ("scorer", "AUC", "95 %", "told apart"), rows, left="scorer")
    output.line()
    output.line("told apart, by what was swapped", bold=True)
    by_name = [
        (name, f"{count:,}", *(f"{each.attributes[i][2]:.3f}" for each in found.swaps), "")
        for i, (name, count, _) in enumerate(found.swaps[0].attributes)
    ]
    head = ("swapped", "pairs", *(each.scorer for each in found.swaps), "")
    write_table(output, head, by_name, left="swapped")


def write_routing(
    found: Evaluation | TrainingReport, output: LineWriter, *, with_plots: bool = True
) -> None:
    """Write where queries are sent at the threshold and at the best one."""
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
    write_table(output, head, rows, left="scorer")
    for each in found.routing:
        kinds = ", ".join(f"{name} {share:.3f} of {count}" for name, count, share in each.kinds)
        where = "best" if each.at is None else f"{each.at.threshold:g}"
        output.line(f"  {each.scorer} at {where}: right for {kinds}")
        plot = routing_plot(each) if with_plots else None
        for line in plot_lines(plot) if plot is not None else ():
            output.line(f"  {line}")


def write_by_size(
    found: Evaluation | TrainingReport,
    paired: Sequence[PairedDifference],
    output: LineWriter,
    *,
    with_plots: bool = True,
) -> None:
    """Write how queries are routed in libraries of several sizes, and what sets scorers apart."""
    for queries in dict.fromkeys(each.queries for each in found.by_size):
        curves = [each for each in found.by_size if each.queries == queries and each.points]
        if not curves:
            continue
        first = curves[0]
        output.line()
        output.line(
            f"retrieve or generate by library size: {queries} queries at {first.threshold:g},"
            f" {first.samples} samples of each size",
            bold=True,
        )
        write_table(output, _SIZE_HEAD, _size_rows(curves), left="scorer")
        for each in curves:
            output.line(f"  {each.scorer}: mean {each.mean:.3f}, drift {each.drift:.3f}")
        for plot in size_plots(curves) if with_plots else ():
            for line in plot_lines(plot):
                output.line(f"  {line}")
    for apart in paired:
        if apart.is_routing:
            output.line(f"  {difference(apart)}", dim=apart.p > 0.05)


_SIZE_HEAD = (
    "pictures",
    "scorer",
    "balanced",
    "95 %",
    "present",
    "95 %",
    "absent",
    "95 %",
    "queries",
)


def _size_rows(curves: Sequence[SizeCurve]) -> list[tuple[str, ...]]:
    """A row for each size and scorer; the rates are those of queries that are routed right."""
    return [
        (
            f"{point.pictures:,}",
            curve.scorer,
            *(
                cell
                for rate in (point.balanced, point.retrieved, point.generated)
                for cell in (f"{rate.value:.3f}", _bounds(rate))
            ),
            f"{point.present:,.0f} + {point.absent:,.0f}",
        )
        for points in zip(*(curve.points for curve in curves), strict=True)
        for curve, point in zip(curves, points, strict=True)
    ]


def write_calibration(
    found: Evaluation | TrainingReport, output: LineWriter, *, with_plots: bool = True
) -> None:
    """Write the calibration errors, and how often pairs belong together at each probability."""
    for each in found.calibration:
        output.line()
        output.line(
            f"calibration of {each.scorer}: expected calibration error {each.error:.3f},"
            f" Brier {each.brier:.3f}, {each.pairs:,} pairs, half of them right",
            bold=True,
        )
        rows = [
            (f"{bar.predicted:.3f}", f"{bar.observed:.3f}", f"{bar.count:,}", "")
            for bar in each.bins
            if bar.count
        ]
        write_table(output, ("predicted", "observed", "pairs", ""), rows)
        for line in plot_lines(reliability_plot(each)) if with_plots else ():
            output.line(f"  {line}")


def write_list(entries: Sequence[Evaluation], output: LineWriter) -> None:
    """Write evaluations, one a line."""
    if not entries:
        output.say("no evaluations yet: t2itui eval DATA makes one")
        return
    rows = [
        (
            str(each.id),
            numbers.local_time(each.created_at).strftime("%Y-%m-%d %H:%M"),
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
    write_table(output, head, rows, left="encoder match r@1, text -> picture")


def write_change(before: Evaluation, after: Evaluation, output: LineWriter) -> None:
    """Write what changed from one evaluation to another, figure by figure."""
    for name, each in (("before", before), ("after", after)):
        output.line(
            f"{name}: {each.id}  {plain(each.data)}  {plain(each.encoder)}  {plain(each.match)}"
            f"  {each.texts:,} x {each.pictures:,}"
        )
    if (before.data, before.texts, before.pictures) != (after.data, after.texts, after.pictures):
        output.say("note: these were not made on the same texts and pictures")
    rows = [
        (name, f"{old:.3f}", f"{new:.3f}", f"{new - old:+.3f}", "")
        for name, old, new in changes_of(before, after)
    ]
    write_table(output, ("figure", "before", "after", "change", ""), rows, left="figure")


def changes_of(before: Evaluation, after: Evaluation) -> list[tuple[str, float, float]]:
    """The figures that both evaluations have: name, before, after."""
    from engine.evaluation.results import figures_of

    old, new = figures_of(before), figures_of(after)
    return [
        (f"{scorer}, {name}", old[scorer, name], value)
        for (scorer, name), value in new.items()
        if (scorer, name) in old
    ]


def _bounds(interval: Interval) -> str:
    return f"{interval.low:.3f}-{interval.high:.3f}"
