"""A studio that paints sheets."""

from tests.engine.generation.conftest import studio as studio
