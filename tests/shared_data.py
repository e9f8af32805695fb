"""Real photos and vectors that lie beside a checkout; tests that need them are skipped without."""

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def needs(name: str) -> pytest.MarkDecorator:
    """Skip a test where the data folder `name` is not beside the checkout."""
    return pytest.mark.skipif(
        not (DATA / name).is_dir(), reason=f"{name} is not beside the checkout"
    )
