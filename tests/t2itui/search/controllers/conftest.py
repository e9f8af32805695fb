"""A desk with an open engine for every test."""

import pytest

from tests.t2itui.search.controllers.desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk().open()
