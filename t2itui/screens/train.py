"""The Train screen: matchers of one's own, their loss while they learn, their reports."""

from __future__ import annotations

from t2itui.screens.base import AppScreen


class TrainScreen(AppScreen):
    """To be filled in on its branch."""

    MODE = "train"
