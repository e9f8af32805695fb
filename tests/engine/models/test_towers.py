"""Loading and running a model, in this process."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import EngineError, ModelUnusableError, OutOfMemoryError
from engine.results import FloatArray
from engine.workers import device
from engine.workers.device import Choice, choose
from engine.workers.encoder_models import EncoderModel, ShrinkingBatches, load_encoder
from tests.tiny_models import save_tiny_clip

FP32 = Choice(device="cpu", dtype="fp32", name="CPU")
BF16 = Choice(device="cpu", dtype="bf16", name="CPU")


def go_on() -> None:
    """Cancel nothing."""


def load(folder: Path, choice: Choice = FP32) -> EncoderModel:
    return load_encoder(folder, choice, lambda stage: None)


def rows(items: list[int]) -> FloatArray:
    return np.array(items, np.float32)[:, None]


def test_bf16_is_used_where_it_agrees_with_fp32(tiny: Path) -> None:
    short, whole = load(tiny / "clip", BF16), load(tiny / "clip")
    assert (short.choice.dtype, short.warnings) == ("bf16", [])
    assert short.agreement is not None
    assert 0.999 <= short.agreement < 1
    ids = whole.tokenize(["a dog", "a cat in the snow"]).ids
    ours, expected = short.embed_texts(ids, go_on), whole.embed_texts(ids, go_on)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-6)
    cosines = (ours * expected).sum(1)
    assert (cosines > 0.999).all()
    assert (cosines < 1 - 1e-7).all()


def test_texts_of_any_length_come_out_in_the_order_they_were_given(tiny: Path) -> None:
    towers = load(tiny / "clip")
    ids = towers.tokenize(["two cats in the snow at night", "a dog", "a cat in the snow", ""]).ids
    alone = np.concatenate([towers.embed_texts([each], go_on) for each in ids])
    np.testing.assert_allclose(towers.embed_texts(ids, go_on), alone, atol=1e-5)


@pytest.mark.parametrize("tower", ["text_projection.weight", "visual_projection.weight"])
def test_bf16_gives_way_to_fp32_where_it_changes_the_vectors(
    tower: str, tiny: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny / "clip", tmp_path / "fragile")
    weights = load_file(folder / "model.safetensors")
    # Its inputs sum to zero, so 10 more everywhere changes nothing but the room for the rest.
    weights[tower] += 10
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    towers = load(folder, BF16)
    assert towers.choice.dtype == "fp32"
    assert towers.agreement is not None
    assert towers.agreement < 0.999
    assert "so fp32 is used" in towers.warnings[0]
    ids = towers.tokenize(["a dog"]).ids
    np.testing.assert_array_equal(
        towers.embed_texts(ids, go_on), load(folder).embed_texts(ids, go_on)
    )


def test_weights_that_do_not_fit_the_configuration_are_refused(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny / "clip", tmp_path / "mixed")
    deeper = save_tiny_clip(tmp_path / "deeper", layers=3)
    shutil.copy(deeper / "config.json", folder / "config.json")
    with pytest.raises(ModelUnusableError, match=r"incomplete: \d+ are missing"):
        load(folder)
    wider = save_tiny_clip(tmp_path / "wider", dim=40)
    shutil.copy(wider / "config.json", folder / "config.json")
    with pytest.raises(ModelUnusableError):
        load(folder)


def test_weights_cut_short_are_refused(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny / "clip", tmp_path / "short")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelUnusableError, match="cannot be loaded"):
        load(folder)


def test_a_pickle_beside_the_weights_is_never_opened(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny / "clip", tmp_path / "both")
    trap = tmp_path / "opened"
    (folder / "pytorch_model.bin").write_bytes(b"cposix\nsystem\n(S'touch %b'\ntR." % bytes(trap))
    load(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelUnusableError):
        load(folder)
    assert not trap.exists()


@pytest.mark.parametrize("name", ["tokenizer.json", "preprocessor_config.json"])
def test_a_missing_file_is_an_error_that_names_the_folder(
    name: str, tiny: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny / "siglip", tmp_path / "bare")
    (folder / name).unlink()
    with pytest.raises(ModelUnusableError, match=str(folder)):
        load(folder)


def test_vectors_that_are_no_numbers_are_an_error(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny / "clip", tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    weights["text_projection.weight"] *= torch.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    towers = load(folder)
    with pytest.raises(EngineError, match="no numbers"):
        towers.embed_texts(towers.tokenize(["a dog"]).ids, go_on)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate"),
        RuntimeError("MPS backend out of memory"),
        MemoryError(),
    ],
)
def test_a_batch_that_does_not_fit_is_halved_until_it_does(error: Exception) -> None:
    sizes: list[int] = []

    def embed(items: list[int]) -> FloatArray:
        sizes.append(len(items))
        if len(items) > 3:
            raise error
        return rows(items)

    batches = ShrinkingBatches(16, "cpu")
    found = batches.run(list(range(7)), embed, go_on, 1)
    assert found[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert sizes == [7, 3, 3, 1]
    batches.run([1, 2, 3, 4], embed, go_on, 1)
    assert sizes[4:] == [3, 1]


def test_an_item_that_alone_does_not_fit_is_out_of_memory() -> None:
    def embed(items: list[int]) -> FloatArray:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(OutOfMemoryError, match="not even one"):
        ShrinkingBatches(8, "cpu").run([1, 2, 3], embed, go_on, 1)


def test_other_errors_are_not_taken_for_want_of_memory() -> None:
    def embed(items: list[int]) -> FloatArray:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        ShrinkingBatches(8, "cpu").run([1, 2, 3], embed, go_on, 1)


def test_a_cancel_is_seen_between_two_batches() -> None:
    done: list[int] = []

    def embed(items: list[int]) -> FloatArray:
        done.extend(items)
        return rows(items)

    def check() -> None:
        if len(done) >= 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        ShrinkingBatches(2, "cpu").run(list(range(10)), embed, check, 1)
    assert done == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 amx_tile", "bf16"),
        ("flags : fpu amx_bf16", "bf16"),
        ("Features\t: fp asimd bf16 i8mm", "bf16"),
        ("flags\t\t: fpu avx2 avx512f", "fp32"),
        ("", "fp32"),
    ],
)
def test_bf16_is_chosen_on_a_cpu_that_has_it(
    flags: str, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{flags}\n")
    monkeypatch.setattr(device, "_CPU_INFO", tmp_path / "cpuinfo")
    assert choose("cpu", "auto").dtype == dtype
    assert choose("cpu", "fp32").dtype == "fp32"


def test_a_device_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    absent: Any = lambda: False  # noqa: E731
    monkeypatch.setattr(torch.cuda, "is_available", absent)
    with pytest.raises(ModelUnusableError, match="no cuda device") as caught:
        choose("cuda", "auto")
    assert caught.value.hint == "Set the device to auto or cpu."
    monkeypatch.setattr(torch.backends.mps, "is_available", absent)
    assert choose("auto", "auto").device == "cpu"
