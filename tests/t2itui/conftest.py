"""What an error that nobody foresaw does in tests of the app: it fails them."""

import pytest

from t2itui.boundary import Boundary


@pytest.fixture(autouse=True)
def unforeseen_errors_end_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app would go on, and a test with it; `test_boundary.py` lets it."""
    monkeypatch.setattr(Boundary, "survives", lambda *_: False)
