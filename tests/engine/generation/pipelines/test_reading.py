"""What the files of a generator say, and what is said of files that will not do."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from engine.errors import ModelMissingError, ModelUnusableError
from engine.models.generator_info import V_PREDICTION, GeneratorInfo, read_generator_info
from engine.settings import DEFAULT_GENERATOR
from tests.tiny_diffusion import save_safety_checker


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    """A diffusers folder to change."""
    return Path(shutil.copytree(tiny / "plain", tmp_path / "copy"))


def facts(source: Path | str, home: Path) -> GeneratorInfo:
    return read_generator_info(str(source), home / "generators.json")


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rename_variant(folder: Path, variant: str) -> None:
    for part in ("unet", "vae", "text_encoder"):
        for file in (folder / part).glob("*.safetensors"):
            file.rename(file.with_name(f"{file.stem}.{variant}.safetensors"))


def test_a_folder_tells_its_size_defaults_and_limits(tiny: Path, tmp_path: Path) -> None:
    found = facts(tiny / "plain", tmp_path)
    assert found.id.startswith("plain@") and len(found.id) == len("plain@") + 8
    assert (found.defaults.width, found.defaults.height, found.defaults.steps) == (64, 64, 25)
    assert (found.defaults.scheduler, found.defaults.guidance) == ("dpm++", 7.5)
    assert (found.multiple, found.smallest) == (8, 64)
    assert found.pipeline == "StableDiffusionPipeline"
    assert set(found.parts) == {"text_encoder", "unet", "vae"}
    assert found.size_bytes == sum(found.parts.values()) > 100_000
    assert "lcm" not in found.schedulers


def test_the_id_follows_the_content_and_is_remembered(copy: Path, tmp_path: Path) -> None:
    first = facts(copy, tmp_path)
    assert facts(copy, tmp_path).id == first.id
    assert first.id in (tmp_path / "generators.json").read_text()
    edit(copy / "scheduler" / "scheduler_config.json", prediction_type="v_prediction")
    second = facts(copy, tmp_path)
    assert second.id != first.id
    assert second.prediction_type == V_PREDICTION


def test_the_models_own_defaults_win(copy: Path, tmp_path: Path) -> None:
    own = {"steps": 9, "guidance_scale": 3, "scheduler": "euler-a", "width": 96, "height": 64}
    (copy / "t2itui.json").write_text(json.dumps(own))
    found = facts(copy, tmp_path).defaults
    assert (found.steps, found.guidance, found.scheduler) == (9, 3.0, "euler-a")
    assert (found.width, found.height) == (96, 64)


def test_a_distilled_model_paints_in_few_steps(copy: Path, tmp_path: Path) -> None:
    edit(copy / "unet" / "config.json", time_cond_proj_dim=16)
    found = facts(copy, tmp_path)
    assert found.schedulers == ("lcm",)
    assert (found.defaults.scheduler, found.defaults.steps, found.defaults.guidance) == (
        "lcm",
        4,
        1,
    )


def test_a_model_that_predicts_clean_latents_is_not_offered_euler_a(
    copy: Path, tmp_path: Path
) -> None:
    assert "euler-a" in facts(copy, tmp_path).schedulers
    edit(copy / "scheduler" / "scheduler_config.json", prediction_type="sample")
    assert facts(copy, tmp_path).schedulers == ("ddim", "dpm++")


@pytest.mark.parametrize("variant", ["fp16", "bf16"])
def test_a_variant_is_found_where_it_is_all_there_is(
    variant: str, copy: Path, tmp_path: Path
) -> None:
    rename_variant(copy, variant)
    assert facts(copy, tmp_path).variant == variant
    next((copy / "vae").glob("*.safetensors")).unlink()
    with pytest.raises(ModelMissingError, match="vae"):
        facts(copy, tmp_path)


def test_a_safety_checker_counts_only_with_its_weights(copy: Path, tmp_path: Path) -> None:
    save_safety_checker(copy, blocks=False)
    assert facts(copy, tmp_path).has_safety_checker
    shutil.rmtree(copy / "safety_checker")
    assert not facts(copy, tmp_path).has_safety_checker


def test_a_checkpoint_takes_its_configuration_from_the_folder_beside_it(
    tiny: Path, tmp_path: Path
) -> None:
    found = facts(tiny / "plain.safetensors", tmp_path)
    assert found.config == tiny / "plain"
    assert found.id.startswith("plain@")
    assert found.id != facts(tiny / "plain", tmp_path).id
    assert (found.pipeline, found.defaults.width) == ("StableDiffusionPipeline", 64)
    assert found.parts == {}


def test_a_lone_checkpoint_says_which_configurations_it_needs(
    tiny: Path, tmp_path: Path, empty_hub: Path
) -> None:
    lone = tmp_path / "lone.safetensors"
    shutil.copy(tiny / "plain.safetensors", lone)
    with pytest.raises(ModelMissingError, match="configurations") as error:
        facts(lone, tmp_path)
    assert f"t2itui models get {DEFAULT_GENERATOR}" in error.value.hint

    snapshot = empty_hub / f"models--{DEFAULT_GENERATOR.replace('/', '--')}/snapshots/abc"
    shutil.copytree(tiny / "plain", snapshot, ignore=shutil.ignore_patterns("*.safetensors"))
    assert facts(lone, tmp_path).config == snapshot


def test_a_model_of_the_hub_that_is_absent_comes_with_the_command(
    tmp_path: Path, empty_hub: Path
) -> None:
    with pytest.raises(ModelMissingError, match=str(empty_hub)) as error:
        facts(DEFAULT_GENERATOR, tmp_path)
    assert error.value.hint == f"t2itui models get {DEFAULT_GENERATOR}"


def test_a_model_of_the_hub_keeps_its_name(tiny: Path, tmp_path: Path, empty_hub: Path) -> None:
    snapshot = empty_hub / "models--some--model/snapshots/abc"
    shutil.copytree(tiny / "plain", snapshot)
    found = facts("some/model", tmp_path)
    assert (found.id, found.path) == ("some/model", snapshot)


UNET_INPUT = "model.diffusion_model.input_blocks.0.0.weight"


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"lora_unet_down.weight": (1,)}, "no weights of a UNet"),
        ({UNET_INPUT: (8, 9, 3, 3)}, "filling in"),
        ({UNET_INPUT: (8, 4, 3, 3), "conditioner.embedders.0.w": (1,)}, "no VAE"),
    ],
)
def test_a_checkpoint_of_another_kind_is_refused(
    tensors: dict[str, tuple[int, ...]], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "odd.safetensors"
    save_file({name: np.zeros(shape, np.float32) for name, shape in tensors.items()}, path)
    with pytest.raises(ModelUnusableError, match=reason):
        facts(path, tmp_path)


@pytest.mark.parametrize(
    "own",
    [
        *('{"steps": 1000000000}', '{"width": -1}', '{"scheduler": "evil"}', '{"steps": "x"}'),
        *("[" * 100_000, '{"guidance_scale": NaN}', '{"steps": null}', '{"guidance_scale": -1}'),
        '{"guidance_scale": 1' + "0" * 400 + "}",
    ],
    ids=range(9),
)
def test_defaults_beyond_reason_are_refused(copy: Path, tmp_path: Path, own: str) -> None:
    (copy / "t2itui.json").write_text(own)
    with pytest.raises(ModelUnusableError):
        facts(copy, tmp_path)


@pytest.mark.parametrize("part", ["unet", "vae"])
@pytest.mark.parametrize("channels", [[8] * 2000, [], None, "8"])
def test_a_network_beyond_reason_is_refused(
    copy: Path, tmp_path: Path, part: str, channels: object
) -> None:
    edit(copy / part / "config.json", block_out_channels=channels)
    with pytest.raises(ModelUnusableError, match="block_out_channels"):
        facts(copy, tmp_path)


def test_a_file_that_is_no_safetensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(ModelUnusableError, match="no safetensors"):
        facts(path, tmp_path)


def test_pickles_are_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusableError, match="pickle"):
        facts(tmp_path / "model.ckpt", tmp_path)
    for file in copy.glob("unet/*.safetensors"):
        file.rename(file.with_suffix(".bin"))
    with pytest.raises(ModelUnusableError, match="pickle"):
        facts(copy, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"_class_name": "StableVideoDiffusionPipeline"},
        {"_class_name": ["my_pipeline", "MyPipeline"]},
        {"text_encoder": ["my_code", "MyTower"]},
    ],
)
def test_other_pipelines_and_ones_with_code_of_their_own_are_refused(
    change: dict[str, Any], copy: Path, tmp_path: Path
) -> None:
    edit(copy / "model_index.json", **change)
    with pytest.raises(ModelUnusableError, match="cannot paint"):
        facts(copy, tmp_path)


def test_a_damaged_configuration_is_an_error_of_the_model(copy: Path, tmp_path: Path) -> None:
    edit(copy / "unet" / "config.json", block_out_channels="many")
    with pytest.raises(ModelUnusableError, match="block_out_channels"):
        facts(copy, tmp_path)
    (copy / "unet" / "config.json").unlink()
    with pytest.raises(ModelUnusableError, match="missing"):
        facts(copy, tmp_path)


def test_an_empty_folder_is_told_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="model_index"):
        facts(tmp_path, tmp_path)
