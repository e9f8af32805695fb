"""Small pipelines for the tests of this folder, made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiny_diffusion import (
    make_as_published,
    save_checkpoint,
    save_lora,
    save_tiny_diffusion,
    tiny_pipeline,
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `plain`, `plain.safetensors` (the same weights), `other` and a LoRA."""
    folder = tmp_path_factory.mktemp("pipelines")
    pipe = tiny_pipeline()
    pipe.save_pretrained(folder / "plain")
    make_as_published(folder / "plain")
    save_checkpoint(folder / "plain.safetensors", pipe)
    save_lora(folder / "lora.safetensors", pipe)
    save_tiny_diffusion(folder / "other", seed=1)
    return folder


@pytest.fixture
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A hub cache that holds nothing."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    yield tmp_path / "hub"
