"""The Evaluate screen: how well the scorers do on data whose truth is known."""

from __future__ import annotations

from t2itui.screens.base import AppScreen


class EvaluateScreen(AppScreen):
    """To be filled in on its branch."""

    MODE = "evaluate"
