"""How the Evaluate screen is laid out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from t2itui.screens.evaluate.screen import EvaluateScreen
from t2itui.widgets.plots import PlotView
from tests.t2itui.evaluate.test_screen import ready
from tests.t2itui.fake_library import HostApp
from tests.t2itui.fakes import until
from tests.t2itui.made_up_evaluations import EvaluatingEngine, evaluation

Compare = Callable[..., bool]


def kept() -> EvaluatingEngine:
    engine = EvaluatingEngine()
    engine.evaluator.kept = [evaluation(1, "storybook", cosine=0.3), evaluation(2, "results")]
    return engine


def test_figures_of_retrieval_at_80x24(snap_compare: Compare) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await ready(pilot)

    app = HostApp(kept(), EvaluateScreen)
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_routing_drawn_at_120x36(snap_compare: Compare) -> None:
    async def before(pilot: Pilot[None]) -> None:
        screen = await ready(pilot)
        await pilot.press("right", "right", "right")
        views = list(screen.query(PlotView))[:2]
        await until(pilot, lambda: all("best" in str(view.render()) for view in views))
        await ready(pilot)

    app = HostApp(kept(), EvaluateScreen)
    assert snap_compare(app, terminal_size=(120, 36), run_before=before)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_routing_by_library_size(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[None]) -> None:
        screen = await ready(pilot)
        await pilot.press(*["right"] * 4)
        view = screen.query(PlotView).first()
        await until(pilot, lambda: "library size" in str(view.render()))
        await ready(pilot)

    app = HostApp(kept(), EvaluateScreen)
    assert snap_compare(app, terminal_size=size, run_before=before)
