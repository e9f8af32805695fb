"""Previews by a tiny decoder of a person's own choice, through the generator's process."""

from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderTiny

from engine.events import JobEvent, JobPreview
from engine.generation.request import GenerateRequest
from engine.models.generators import Generators
from engine.settings import EngineSettings
from engine.workers.previews import load_tiny_decoder
from tests.engine.generation.pipelines.asking import generate
from tests.tiny_pipelines import save_tiny_kind

CHANNELS = {"sdxl": 4, "flux": 16}
LARGER = 4
"""A side of what the decoder makes by one of the latents."""
REQUEST = GenerateRequest(prompt="a red horse", steps=2, width=64, height=96, seed=0)


def save_tiny_decoder(folder: Path, channels: int) -> Path:
    """A decoder of random weights, as the hub has it."""
    torch.manual_seed(0)
    kind: Any = AutoencoderTiny
    blocks = {"encoder_block_out_channels": (8, 8, 8), "decoder_block_out_channels": (8, 8, 8)}
    counts = {"num_encoder_blocks": (1, 1, 1), "num_decoder_blocks": (1, 1, 1)}
    kind(latent_channels=channels, **blocks, **counts).save_pretrained(folder)
    return folder


async def previews_of(
    model: Path, home: Path, taesd: Path | None
) -> tuple[set[Any], Sequence[str]]:
    """The sizes of the previews of a picture, and its warnings."""
    events: list[JobEvent] = []
    settings = EngineSettings(
        home=home, device="cpu", generator=str(model), taesd=taesd, idle_seconds=0
    )
    async with aclosing(Generators(settings)) as generators:
        painted = await generate(generators, REQUEST, 0, events.append)
    found = [event for event in events if isinstance(event, JobPreview)]
    assert found and all(len(each.rgb) == each.width * each.height * 3 for each in found)
    return {(each.width, each.height) for each in found}, painted.warnings


@pytest.mark.parametrize("name", CHANNELS)
async def test_a_tiny_decoder_of_the_settings_makes_finer_previews_of_packed_latents_too(
    name: str, tmp_path: Path
) -> None:
    model = tmp_path / name
    save_tiny_kind(model, name)
    ((width, height),), _ = await previews_of(model, tmp_path, None)
    decoder = save_tiny_decoder(tmp_path / "taesd", CHANNELS[name])
    finer, warnings = await previews_of(model, tmp_path, decoder)
    assert finer == {(width * LARGER, height * LARGER)}
    assert not any("preview" in warning for warning in warnings)


async def test_a_decoder_of_another_kind_of_model_is_told_and_previews_are_rough(
    tmp_path: Path,
) -> None:
    model = tmp_path / "flux"
    save_tiny_kind(model, "flux")
    rough, _ = await previews_of(model, tmp_path, None)
    decoder = save_tiny_decoder(tmp_path / "taesd", CHANNELS["sdxl"])
    assert load_tiny_decoder(decoder, "cpu", torch.float32, CHANNELS["flux"]) is None
    found, warnings = await previews_of(model, tmp_path, decoder)
    assert found == rough
    (told,) = [warning for warning in warnings if "preview" in warning]
    assert str(decoder) in told and "16 channels" in told
