"""Model folders that somebody else made cost their one request, with a reason."""

import json
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from engine.errors import ModelMissingError, ModelUnusableError
from engine.models.encoder_info import identify, read_encoder_info
from tests.tiny_models import save_tiny_clip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("clip") / "clip")


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    """A folder to change."""
    return Path(shutil.copytree(whole, tmp_path / "model"))


def refused(folder: Path, reason: str) -> None:
    with pytest.raises((ModelUnusableError, ModelMissingError), match=reason):
        identify(str(folder), folder.parent / "encoders.json")
        read_encoder_info(str(folder), "x")


def tensors(header: object, data: bytes = bytes(16)) -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + data


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (struct.pack("<Q", 2**63) + b"{", "header should have"),
        (tensors(b"[" * 500_000), "nested"),
        (tensors(b'{"a":' * 100_000), "nested"),
        (b"", "0 bytes"),
        *(
            (tensors({"logit_scale": {"dtype": "F32", "shape": [], "data_offsets": offsets}}), told)
            for offsets, told in (
                (["a", "b"], "does not fit"), ([], "does not fit"), ([-9, 4], "does not fit"),
                ([10**15, 10**15 + 4], "does not fit"), ([10**400, 4], "digits"),
                ([[1], [2]], "does not fit"),
            )
        ),
        (tensors(b'{"logit_scale": {"dtype": "F32", "shape": [], "data_offsets": [Infinity, 4]}}'),
         "Infinity"),
    ],
    ids=range(11),
)  # fmt: skip
def test_weights_with_a_header_that_is_none_are_refused(
    model: Path, content: bytes, reason: str
) -> None:
    (model / "model.safetensors").write_bytes(content)
    refused(model, reason)


@pytest.mark.parametrize("value", [1e30, -1e30, float("nan"), float("inf")])
def test_a_logit_scale_beyond_reason_is_refused(model: Path, value: float) -> None:
    state = safetensors.torch.load_file(model / "model.safetensors")
    state["logit_scale"] = torch.tensor(value)
    safetensors.torch.save_file(state, model / "model.safetensors")
    refused(model, "a logit scale of")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *(("{", "no JSON"), ("[" * 200_000, "nested"), ("[]", "no JSON object"), ("", "no JSON")),
        *(("\0\1\2", "."), ('{"projection_dim": ' + "9" * 1000 + "}", "digits")),
        ('{"model_type": "clip", "projection_dim": "x"}', "width"),
        ('{"model_type": "evil"}', "no encoder that this program knows"),
    ],
    ids=range(8),
)
def test_a_configuration_that_is_none_is_refused(model: Path, text: str, reason: str) -> None:
    (model / "config.json").write_text(text)
    refused(model, reason)


@pytest.mark.parametrize("what", ["device", "pipe", "parts", "list"])
def test_what_is_no_file_in_its_place_is_refused_at_once(model: Path, what: str) -> None:
    match what:
        case "device":
            (model / "preprocessor_config.json").unlink()
            (model / "preprocessor_config.json").symlink_to("/dev/zero")
        case "pipe":
            (model / "preprocessor_config.json").unlink()
            os.mkfifo(model / "preprocessor_config.json")
        case "parts" | "list":
            (model / "model.safetensors").unlink()
            parts: Any = {"a": "../../etc/passwd"} if what == "parts" else ["a"]
            index = json.dumps({"weight_map": parts})
            (model / "model.safetensors.index.json").write_text(index)
    refused(model, r"no file|does not name the parts")
