"""The Compare screen: descriptions of growing detail against pictures."""

from __future__ import annotations

from t2itui.screens.base import AppScreen


class CompareScreen(AppScreen):
    """To be filled in on its branch."""

    MODE = "compare"
