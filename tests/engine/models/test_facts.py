"""Finding models on this machine and reading what they are, without a process."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import ModelMissingError, ModelUnusableError
from engine.models import paths
from engine.models.encoder_info import read_scalar
from engine.models.encoders import Encoders
from engine.settings import EngineSettings

ID = "openai/clip-vit-base-patch32"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, in use."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "hf" / "hub"


@pytest.fixture
def encoders(tmp_path: Path) -> Encoders:
    (tmp_path / "home").mkdir()
    return Encoders(EngineSettings(home=tmp_path / "home"))


def put_snapshot(hub: Path, tiny: Path, commit: str, ref: str = "") -> Path:
    model = hub / "models--openai--clip-vit-base-patch32"
    snapshot = model / "snapshots" / commit
    shutil.copytree(tiny / "clip", snapshot)
    if ref:
        (model / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
        (model / "refs" / ref).write_text(commit)
    return snapshot


async def test_a_model_of_the_hub_goes_by_its_id(hub: Path, tiny: Path, encoders: Encoders) -> None:
    snapshot = put_snapshot(hub, tiny, "abc", "main")
    assert encoders.locate(ID) == snapshot
    facts = await encoders.describe(ID)
    assert (facts.id, facts.source, facts.folder, facts.dim) == (ID, ID, snapshot, 32)
    assert facts.languages == ("en",)


async def test_a_pinned_revision_is_another_encoder(
    hub: Path, tiny: Path, encoders: Encoders
) -> None:
    put_snapshot(hub, tiny, "abc", "main")
    other = put_snapshot(hub, tiny, "def", "refs/pr/15")
    assert (await encoders.describe(f"{ID}@def")).folder == other
    assert (await encoders.describe(f"{ID}@refs/pr/15")).folder == other
    assert (await encoders.describe(f"{ID}@def")).id == f"{ID}@def"
    assert encoders.locate(f"{ID}@0123") is None


async def test_a_snapshot_without_safetensors_gives_way_to_one_that_has_them(
    hub: Path, tiny: Path, encoders: Encoders
) -> None:
    main = put_snapshot(hub, tiny, "abc", "main")
    (main / "model.safetensors").rename(main / "pytorch_model.bin")
    with pytest.raises(ModelUnusableError, match=r"pytorch_model\.bin, a pickle") as caught:
        await encoders.describe(ID)
    assert caught.value.hint.endswith(f"t2itui models get {ID}")
    converted = put_snapshot(hub, tiny, "def", "refs/pr/15")
    assert (await encoders.describe(ID)).folder == converted


async def test_an_absent_model_names_the_place_and_the_command(
    hub: Path, encoders: Encoders
) -> None:
    assert encoders.locate(ID) is None
    with pytest.raises(ModelMissingError) as caught:
        await encoders.describe(ID)
    assert str(hub / "models--openai--clip-vit-base-patch32") in caught.value.message
    assert caught.value.hint == f"t2itui models get {ID}"


@pytest.mark.parametrize(
    "source", ["./none", "../../etc", "a/b/c", "~none/x", "/", "a--b", "x\x00y"]
)
async def test_a_folder_that_holds_no_model_is_an_error(
    source: str, hub: Path, encoders: Encoders
) -> None:
    assert encoders.locate(source) is None
    with pytest.raises(ModelMissingError):
        await encoders.describe(source)


async def test_a_folder_with_pickled_weights_alone_is_refused(
    tiny: Path, tmp_path: Path, encoders: Encoders
) -> None:
    folder = shutil.copytree(tiny / "clip", tmp_path / "old")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelUnusableError, match="can run any program"):
        await encoders.describe(str(folder))


async def test_a_folder_goes_by_its_name_and_content(
    tiny: Path, tmp_path: Path, encoders: Encoders
) -> None:
    first = (await encoders.describe(str(tiny / "clip"))).id
    assert first.startswith("clip@")
    assert len(first) == len("clip@") + 8
    copy = shutil.copytree(tiny / "clip", tmp_path / "elsewhere" / "clip")
    assert (await encoders.describe(str(copy))).id == first
    weights = load_file(copy / "model.safetensors")
    weights["text_projection.weight"][0, 0] += 1e-3
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    again = Encoders(EngineSettings(home=tmp_path / "home"))
    assert (await again.describe(str(copy))).id != first


async def test_the_hash_of_a_folder_is_remembered_between_starts(
    tiny: Path, tmp_path: Path, encoders: Encoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await encoders.describe(str(tiny / "clip"))
    monkeypatch.setattr("engine.models.encoder_info.hash_folder", None)
    again = Encoders(EngineSettings(home=tmp_path / "home"))
    assert await again.describe(str(tiny / "clip")) == first
    (tmp_path / "home" / "encoders.json").write_text("[broken")
    with pytest.raises(TypeError):
        await Encoders(EngineSettings(home=tmp_path / "home")).describe(str(tiny / "clip"))


async def test_a_home_that_cannot_be_written_is_no_hindrance(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    encoders = Encoders(EngineSettings(home=tmp_path / "file" / "home"))
    assert (await encoders.describe(str(tiny / "clip"))).dim == 32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_the_logit_scale_is_read_in_any_number_format(dtype: torch.dtype, tmp_path: Path) -> None:
    tensors = {
        "a": torch.ones(7),
        "logit_scale": torch.tensor(4.59375, dtype=dtype),
        "z": torch.ones(1),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    assert read_scalar(tmp_path, "logit_scale") == 4.59375
    assert read_scalar(tmp_path, "logit_bias") is None


def test_weights_in_parts_need_every_part(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    for name, tensor in (("one", "a"), ("two", "logit_scale")):
        save_file({tensor: torch.tensor([2.0])}, tmp_path / f"{name}.safetensors")
    names = {"a": "one.safetensors", "logit_scale": "two.safetensors"}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": names}))
    assert paths.is_complete(tmp_path)
    assert read_scalar(tmp_path, "logit_scale") == 2
    (tmp_path / "one.safetensors").unlink()
    assert not paths.is_complete(tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "../../secret.safetensors"}}))
    with pytest.raises(ModelUnusableError):
        paths.weight_files(tmp_path)


@pytest.mark.parametrize("kind", ["siglip2", "blip", None, 3])
async def test_models_of_another_kind_are_refused(
    kind: object, tiny: Path, tmp_path: Path, encoders: Encoders
) -> None:
    folder = shutil.copytree(tiny / "clip", tmp_path / "other")
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(ModelUnusableError, match="no encoder that this program knows"):
        await encoders.describe(str(folder))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "preprocessor_config.json"])
async def test_damaged_files_are_named(
    name: str, tiny: Path, tmp_path: Path, encoders: Encoders
) -> None:
    folder = shutil.copytree(tiny / "clip", tmp_path / "damaged")
    (folder / name).write_bytes(b"\xff\xfe not what it was")
    with pytest.raises(ModelUnusableError, match=name):
        await encoders.describe(str(folder))


async def test_a_model_may_say_what_it_reads(
    tiny: Path, tmp_path: Path, encoders: Encoders
) -> None:
    folder = shutil.copytree(tiny / "clip", tmp_path / "bilingual")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"languages": ["en", "zh"]}))
    assert (await encoders.describe(str(folder))).languages == ("en", "zh")
