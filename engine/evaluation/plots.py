"""Figures as files, by matplotlib, which is imported when one is drawn."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engine import disk
from engine.errors import EngineError, RequestError
from engine.evaluation.results import Evaluation, RetrievalFigures, RoutingFigures, SizeCurve
from engine.states import Direction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = (".png", ".svg", ".pdf")


def check_plots(paths: Sequence[Path]) -> None:
    """Raise, before any work, where a figure of that kind cannot be drawn."""
    for path in paths:
        if path.suffix.lower() not in KINDS:
            raise RequestError(
                f"{path} is no kind of figure", hint=f"Known: {', '.join(KINDS)}", field="plots"
            )
        folder = disk.from_root(path).parent
        if not disk.is_folder(folder):
            reason = disk.absence(folder, f"there is no folder {folder}")
            raise RequestError(reason, field="plots")
    if paths:
        new_figure((1, 1))


def new_figure(inches: tuple[float, float]) -> Figure:
    """An empty figure that needs no display. Raises EngineError where matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise EngineError(
            "figures need matplotlib, which is not installed",
            hint="Install it: pip install 't2itui[plots]'; the tables hold the same numbers.",
        ) from error
    return Figure(figsize=inches, layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """Write a figure. Raises EngineError where it cannot be written."""
    try:
        with warnings.catch_warnings():
            # Without a Chinese font there are boxes; a warning for each would be many.
            warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
            figure.savefig(path, dpi=150)
    except OSError as error:
        raise EngineError(f"{path} cannot be written: {error.strerror or error}") from error


_CHINESE = (
    "Noto Sans CJK SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "SimHei", "PingFang SC",
    "Microsoft YaHei",
)  # fmt: skip


def fonts() -> list[str]:
    """Fonts that are here: one with Chinese in it, where there is one, and the usual one."""
    from matplotlib import font_manager

    known = font_manager.fontManager.ttflist
    if not {font.name for font in known} & {*_CHINESE}:
        # The list is one that matplotlib remembers: fonts installed since are not in it.
        for path in {*font_manager.findSystemFonts()} - {font.fname for font in known}:
            with suppress(RuntimeError, OSError):
                font_manager.fontManager.addfont(path)
    here = {font.name for font in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *[name for name in _CHINESE if name in here]]


def label(text: str) -> str:
    """A text from outside as a figure shows it: no controls, no dollar that begins a formula."""
    return "".join(c for c in text if c == "\n" or c.isprintable()).replace("$", r"\$")


def draw_evaluation(found: Evaluation, path: Path) -> None:
    """Recall with intervals, precision by recall, routing by threshold and by library size with
    intervals, reliability diagrams."""
    curves = [each for each in found.retrieval if each.curve]
    drawn = (bool(curves), len(found.routing), bool(found.by_size), len(found.calibration))
    columns = 1 + sum(drawn)
    figure = new_figure((4.2 * columns, 3.8))
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    _draw_recall(axes.pop(0), found)
    if curves:
        _draw_curves(axes.pop(0), curves)
    for routing in found.routing:
        _draw_routing(axes.pop(0), routing)
    if found.by_size:
        _draw_by_size(axes.pop(0), found.by_size)
    for calibration in found.calibration:
        chart = axes.pop(0)
        full = [bar for bar in calibration.bins if bar.count]
        chart.plot([0, 1], [0, 1], color="0.6", linestyle="--")
        chart.plot([b.predicted for b in full], [b.observed for b in full], marker="o")
        chart.set(
            title=f"{calibration.scorer}: calibration error {calibration.error:.3f}",
            xlabel="predicted",
            ylabel="observed",
        )
    figure.suptitle(label(f"{found.data}, {found.encoder}"))
    save(figure, path)


def _draw_recall(axes: Axes, found: Evaluation) -> None:
    for each in found.retrieval:
        values = (each.r1, each.r5, each.r10)
        axes.errorbar(
            ["1", "5", "10"],
            [one.value for one in values],
            yerr=[
                [max(one.value - one.low, 0) for one in values],
                [max(one.high - one.value, 0) for one in values],
            ],
            marker="o",
            linestyle="-" if each.direction == Direction.TEXT_TO_PICTURE else "--",
            capsize=3,
            label=f"{each.scorer}, {each.direction.replace('_', ' ')}",
        )
    axes.set(title="recall@k", xlabel="k", ylim=(0, 1.02))
    axes.legend(fontsize="small", loc="lower right")


def _draw_curves(axes: Axes, curves: Sequence[RetrievalFigures]) -> None:
    for each in curves:
        recall, precision = zip(*each.curve_points, strict=True)
        axes.plot(
            recall,
            precision,
            linestyle="-" if each.direction == Direction.TEXT_TO_PICTURE else "--",
            label=f"{each.scorer}, {each.direction.replace('_', ' ')}: area {each.area:.3f}",
        )
    axes.set(title="precision by recall", xlabel="recall", ylabel="interpolated precision")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(fontsize="small")


def _draw_by_size(axes: Axes, curves: Sequence[SizeCurve]) -> None:
    for each in curves:
        sizes = [point.pictures for point in each.points]
        values = [point.balanced for point in each.points]
        (line,) = axes.plot(sizes, [one.value for one in values], marker="o", label=each.scorer)
        low, high = [one.low for one in values], [one.high for one in values]
        axes.fill_between(sizes, low, high, color=line.get_color(), alpha=0.15)
    axes.set(title="routing by library size", xlabel="pictures", ylabel="balanced accuracy")
    axes.set(xscale="log", ylim=(0, 1.02))
    axes.legend(fontsize="small")


def _draw_routing(axes: Axes, routing: RoutingFigures) -> None:
    thresholds = [point.threshold for point in routing.curve]
    for name in ("precision", "recall", "accuracy"):
        axes.plot(thresholds, [getattr(point, name) for point in routing.curve], label=name)
    axes.axvline(routing.best.threshold, color="0.6", linestyle=":", label="best")
    axes.set(title=f"{routing.scorer}: routing", xlabel="threshold", ylim=(0, 1.02))
    axes.legend(fontsize="small", loc="lower center")
