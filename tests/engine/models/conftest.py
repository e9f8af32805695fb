"""Small models for the tests of this folder, made once."""

from pathlib import Path

import pytest

from tests.tiny_models import save_tiny_chinese_clip, save_tiny_clip, save_tiny_siglip


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the models `clip`, `chinese` and `siglip`."""
    folder = tmp_path_factory.mktemp("models")
    save_tiny_clip(folder / "clip")
    save_tiny_chinese_clip(folder / "chinese")
    save_tiny_siglip(folder / "siglip", dim=24)
    return folder
