"""The screens of the app, listed once: what stands behind its keys, what opens for an intent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from t2itui.screens.search.screen import SearchScreen
from t2itui.session import (
    ComparePictures,
    OpenSearch,
    OpenSheet,
    ReplayReceipt,
    Session,
    ShowScreen,
)

if TYPE_CHECKING:
    from t2itui.screens.common.base import AppScreen

SCREEN_OF: dict[type[ShowScreen], str] = {
    OpenSearch: "search",
    ReplayReceipt: "search",
    ComparePictures: "compare",
    OpenSheet: "sheet",
}
"""The mode of the screen that fulfils each intent."""


def _compare_screen(session: Session) -> AppScreen:
    from t2itui.screens.compare.screen import CompareScreen

    return CompareScreen(session)


def _evaluate_screen(session: Session) -> AppScreen:
    from t2itui.screens.evaluate.screen import EvaluateScreen

    return EvaluateScreen(session)


def _train_screen(session: Session) -> AppScreen:
    from t2itui.screens.train.screen import TrainScreen

    return TrainScreen(session)


def _library_screen(session: Session) -> AppScreen:
    from t2itui.screens.library.screen import LibraryScreen

    return LibraryScreen(session)


def _history_screen(session: Session) -> AppScreen:
    from t2itui.screens.history.screen import HistoryScreen

    return HistoryScreen(session)


def _sheet_screen(session: Session) -> AppScreen:
    from t2itui.screens.sheet.screen import SheetScreen

    return SheetScreen(session)


SCREENS: dict[str, Callable[[Session], AppScreen]] = {
    "search": SearchScreen,
    "compare": _compare_screen,
    "evaluate": _evaluate_screen,
    "train": _train_screen,
    "library": _library_screen,
    "history": _history_screen,
    "sheet": _sheet_screen,
}
"""What stands behind each of the keys 1 to 7; all but the first are imported when wanted."""
