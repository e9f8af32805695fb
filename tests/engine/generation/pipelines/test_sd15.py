"""Stable Diffusion 1.5 at full width: from a folder and from one checkpoint, in half precision."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from engine.events import GenerationProgress, JobEvent
from engine.generation.request import GenerateRequest
from engine.models.checkpoints import read_header
from engine.models.generator_info import read_generator_info
from engine.models.generator_messages import GeneratedImage
from engine.models.generators import Generators
from engine.models.parameters import Lora
from engine.settings import EngineSettings
from engine.states import GenerationPhase, OutputCheck
from engine.workers.device import is_native
from engine.workers.loras import Loras
from engine.workers.pipelines import PipelineSource, load_pipeline
from tests.engine.generation.pipelines.asking import generate, phase_of
from tests.sd15 import VOCABULARY, save_sd15

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

Pipeline: TypeAlias = Any

SEED = 3


@pytest.fixture(scope="session")
def sd15(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `sd15` in fp16, `sd15.safetensors` in bf16, and `lora.safetensors`; 2.5 GB."""
    folder = tmp_path_factory.mktemp("sd15")
    save_sd15(folder / "sd15", folder / "sd15.safetensors", folder / "lora.safetensors")
    yield folder
    shutil.rmtree(folder)


def layers_with_lora(pipe: Pipeline) -> int:
    """Count what was changed in the UNet and in the text tower."""
    parts = (pipe.unet, pipe.text_encoder)
    names = [name for part in parts for name, _ in part.named_parameters()]
    return sum(".lora_A." in name for name in names)


def load(path: Path, home: Path, dtype: str) -> Pipeline:
    info = read_generator_info(str(path), home / "generators.json")
    source = PipelineSource(
        id=info.id,
        path=info.path,
        config=info.config,
        pipeline=info.pipeline,
        variant=info.variant,
        parts=info.parts,
        multiple=info.multiple,
        smallest=info.smallest,
    )
    return load_pipeline(source, dtype, lambda stage, done, total: None)


def test_a_checkpoint_gives_each_part_the_weights_of_the_folder(sd15: Path, tmp_path: Path) -> None:
    folder = load(sd15 / "sd15", tmp_path, "bf16")
    assert folder.unet.config.block_out_channels == [320, 640, 1280, 1280]
    assert folder.vae.config.scaling_factor == 0.18215
    tokenizer: CLIPTokenizer = folder.tokenizer
    assert (len(tokenizer), tokenizer.eos_token_id) == (VOCABULARY, VOCABULARY - 1)
    assert tokenizer("a dog").input_ids[0] == VOCABULARY - 2
    file = load(sd15 / "sd15.safetensors", tmp_path, "bf16")
    for part in ("unet", "vae", "text_encoder"):
        expected, found = (getattr(pipe, part).state_dict() for pipe in (folder, file))
        assert expected.keys() == found.keys()
        for key, weight in expected.items():
            assert torch.equal(found[key], weight), f"{part}: {key}"
    assert {p.dtype for p in file.unet.parameters()} == {torch.bfloat16}
    assert not layers_with_lora(file)
    Loras(file).use((Lora(path=sd15 / "lora.safetensors", weight=0.5),))
    names = read_header(sd15 / "lora.safetensors").tensors
    wanted = sum(name.endswith(".lora_down.weight") for name in names)
    assert layers_with_lora(file) == wanted > 100, "a part of the LoRA was passed over"


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
async def test_it_paints_in_its_process_from_either_and_with_a_lora_of_another_trainer(
    dtype: str, sd15: Path, tmp_path: Path
) -> None:
    settings = EngineSettings(home=tmp_path, dtype=dtype, generator=str(sd15 / "sd15"))
    generators = Generators(settings)
    events: list[JobEvent] = []

    async def paint(**changes: Any) -> GeneratedImage:  # noqa: ANN401
        events.clear()
        request = GenerateRequest(
            prompt="a red dog", steps=2, width=64, height=64, preview=False, **changes
        )
        painted = await generate(generators, request, SEED, events.append)
        assert (painted.check, painted.pixels.shape) == (OutputCheck.FINE, (64, 64, 3))
        progress = [event for event in events if isinstance(event, GenerationProgress)]
        steps = [each.done for each in progress if each.phase is GenerationPhase.STEP]
        assert steps == [1, 2] and phase_of(events[-1]) is GenerationPhase.DECODING
        is_kept = painted.device != "cpu" or is_native(dtype)
        assert painted.dtype == (dtype if is_kept else "fp32")
        assert is_kept or "so fp32 is used" in painted.warnings[0]
        return painted

    try:
        folder = await paint()
        changed = await paint(loras=(Lora(path=sd15 / "lora.safetensors", weight=0.7),))
        file = await paint(model=str(sd15 / "sd15.safetensors"))
    finally:
        await generators.aclose()
    assert file.parameters.model_id != folder.parameters.model_id
    # The last bits of bf16 are lost in the file; a weight in a wrong place shows far more.
    assert distance(folder, file) < distance(folder, changed) / 10


def distance(first: GeneratedImage, second: GeneratedImage) -> float:
    """The mean difference of two pictures' levels."""
    return float(np.abs(first.pixels.astype(int) - second.pixels).mean())
