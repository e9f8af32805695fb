"""LoRAs and checkpoints of other makers are used, or refused with the reason."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import ModelUnusableError
from engine.models.generator_info import read_generator_info
from engine.models.parameters import Lora
from tests.engine.generation.pipelines.test_denoising import (
    CPU,
    SEED,
    TASK,
    Notes,
    denoiser_of,
    load,
    paint,
)
from tests.tiny_diffusion import tiny_pipeline

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
TEXT = "cond_stage_model.transformer."


def layers() -> dict[str, torch.Tensor]:
    """The attention weights of the tiny UNet, which a LoRA changes."""
    ends = (".to_q.weight", ".to_v.weight")
    state = tiny_pipeline().unet.state_dict()
    return {name.removesuffix(".weight"): w for name, w in state.items() if name.endswith(ends)}


def kohya(*, dora: bool) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    found = {}
    for name, weight in layers().items():
        key = "lora_unet_" + name.replace(".", "_")
        found[f"{key}.lora_down.weight"] = torch.randn(2, weight.shape[1])
        found[f"{key}.lora_up.weight"] = torch.randn(weight.shape[0], 2)
        found[f"{key}.alpha"] = torch.tensor(1.0)
        if dora:
            found[f"{key}.dora_scale"] = torch.ones(weight.shape[0], 1)
    return found


def first_diffusers() -> dict[str, torch.Tensor]:
    found = {}
    for name, weight in layers().items():
        base, part = name.rsplit(".", 1)
        found[f"{base}.processor.{part}_lora.down.weight"] = torch.randn(2, weight.shape[1])
        found[f"{base}.processor.{part}_lora.up.weight"] = torch.randn(weight.shape[0], 2)
    return found


def pair(name: str) -> dict[str, torch.Tensor]:
    return {f"{name}.lora_A.weight": torch.ones(2, 32), f"{name}.lora_B.weight": torch.ones(32, 2)}


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        (pair("transformer.blocks.0.attn.to_q"), "made for Flux or SD 3"),
        (pair("lora_te2_text_model_encoder_layers_0"), "made for Stable Diffusion XL"),
        (first_diffusers(), "of the first form that diffusers wrote"),
        (pair("unet.nothing.of.the.kind"), "cannot be added to this model"),
        ({}, "it holds no weights"),
        ({"x": torch.ones(2)}, "cannot be added to this model"),
    ],
    ids=range(6),
)
def test_a_lora_of_another_family_is_refused_with_the_reason(
    tiny: Path, tmp_path: Path, tensors: dict[str, torch.Tensor], reason: str
) -> None:
    denoiser = denoiser_of(load(tiny / "plain", tmp_path), CPU)
    plain = paint(denoiser)
    path = tmp_path / "foreign.safetensors"
    save_file(tensors, path)
    for _ in range(2):
        with pytest.raises(ModelUnusableError, match=reason) as caught:
            denoiser.generate(replace(TASK, loras=(Lora(path=path),)), SEED, Notes(), None)
        assert "the model's own family" in caught.value.hint
    np.testing.assert_array_equal(paint(denoiser), plain)


def test_a_dora_is_used_as_a_lora_and_that_is_told(tiny: Path, tmp_path: Path) -> None:
    told = []
    for name, is_dora in (("plain", False), ("dora", True)):
        path = tmp_path / f"{name}.safetensors"
        save_file(kohya(dora=is_dora), path)
        task = replace(TASK, loras=(Lora(path=path),))
        denoiser = denoiser_of(load(tiny / "plain", tmp_path), CPU)
        told.append(denoiser.generate(task, SEED, Notes(), None))
    assert told[0].warnings == ()
    assert "dora.safetensors is a DoRA: its magnitudes are left out" in told[1].warnings[0]
    np.testing.assert_array_equal(told[0].pixels, told[1].pixels)
    assert denoiser.generate(TASK, SEED, Notes(), None).warnings == ()


def changed(tiny: Path, folder: Path, name: str, **change: str | None) -> Path:
    """The tiny checkpoint with names that begin so renamed, or left out; beside its folder."""
    (folder / name).symlink_to(tiny / "plain", target_is_directory=True)
    tensors = load_file(tiny / "plain.safetensors")
    for old, new in change.items():
        old = {"text": f"{TEXT}text_model.", "all_text": "cond_stage", "vae": "first_stage"}[old]
        kept = {key: value for key, value in tensors.items() if not key.startswith(old)}
        if new is not None:
            kept |= {
                new + key.removeprefix(old): value
                for key, value in tensors.items()
                if key.startswith(old)
            }
        tensors = kept
    save_file(tensors, folder / f"{name}.safetensors")
    return folder / f"{name}.safetensors"


def test_a_checkpoint_with_the_names_of_novelai_paints_the_same(tiny: Path, tmp_path: Path) -> None:
    path = changed(tiny, tmp_path, "nai", text=TEXT)
    expected = paint(denoiser_of(load(tiny / "plain.safetensors", tmp_path), CPU))
    np.testing.assert_array_equal(paint(denoiser_of(load(path, tmp_path), CPU)), expected)


def test_one_with_such_names_that_lacks_weights_is_refused(tiny: Path, tmp_path: Path) -> None:
    path = changed(tiny, tmp_path, "nai", text=TEXT)
    tensors = load_file(path)
    del tensors[f"{TEXT}final_layer_norm.weight"]
    save_file(tensors, path)
    with pytest.raises(ModelUnusableError, match="no weights for final_layer_norm"):
        load(path, tmp_path)


@pytest.mark.parametrize(("part", "named"), [("all_text", "text encoder"), ("vae", "VAE")])
def test_a_checkpoint_without_a_part_is_refused(
    tiny: Path, tmp_path: Path, part: str, named: str
) -> None:
    path = changed(tiny, tmp_path, "pruned", **{part: None})
    with pytest.raises(ModelUnusableError, match=f"has no {named}") as caught:
        read_generator_info(str(path), tmp_path / "generators.json")
    assert "all its parts" in caught.value.hint
