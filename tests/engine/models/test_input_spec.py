"""Preparing pictures for an encoder, against transformers' own image processors."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers.models.chinese_clip.image_processing_pil_chinese_clip import (
    ChineseCLIPImageProcessorPil,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from engine.errors import ModelUnusableError
from engine.models.input_spec import SHORTEST_EDGE_CROP, SQUASH, prepare, read_input_spec

OPENAI: dict[str, Any] = {
    "crop_size": 224,
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor",
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "size": 224,
}
ODD_CROP: dict[str, Any] = {"size": {"shortest_edge": 40}, "crop_size": {"height": 33, "width": 29}}
CROP_WIDER_THAN_SCALED: dict[str, Any] = {"size": {"shortest_edge": 20}, "crop_size": 31}
CHINESE: dict[str, Any] = {
    "size": {"height": 224, "width": 224},
    "do_center_crop": False,
    "resample": 3,
    "image_processor_type": "ChineseCLIPImageProcessor",
}
SIGLIP: dict[str, Any] = {
    "do_convert_rgb": None,
    "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "SiglipImageProcessor",
    "image_std": [0.5, 0.5, 0.5],
    "processor_class": "SiglipProcessor",
    "resample": 2,
    "size": {"height": 40, "width": 48},
}
PROCESSORS: dict[str, tuple[Any, dict[str, Any]]] = {
    "openai": (CLIPImageProcessorPil, OPENAI),
    "odd crop": (CLIPImageProcessorPil, ODD_CROP),
    "crop wider than scaled": (CLIPImageProcessorPil, CROP_WIDER_THAN_SCALED),
    "bare": (CLIPImageProcessorPil, {}),
    "chinese": (ChineseCLIPImageProcessorPil, CHINESE),
    "siglip": (SiglipImageProcessorPil, SIGLIP),
}
SIZES = [(300, 200), (200, 300), (225, 224), (17, 600), (601, 39), (224, 224), (1, 1), (33, 32)]


def picture(mode: str, size: tuple[int, int]) -> Image.Image:
    noise = np.random.default_rng(size[0]).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    return Image.fromarray(noise, "RGBA").convert(mode)


def save(folder: Path, content: object, name: str = "preprocessor_config.json") -> Path:
    (folder / name).write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("name", PROCESSORS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK"])
def test_pictures_are_prepared_as_transformers_does(name: str, mode: str, tmp_path: Path) -> None:
    kind, settings = PROCESSORS[name]
    spec = read_input_spec(save(tmp_path, settings))
    whole = kind(**{**settings, "do_convert_rgb": True})
    bytes_only = kind(
        **{**settings, "do_convert_rgb": True, "do_rescale": False, "do_normalize": False}
    )
    for size in SIZES:
        image = picture(mode, size)
        pixels = prepare(image, spec)
        assert pixels.shape == (spec.height, spec.width, 3)
        expected = bytes_only(image, return_tensors="np")["pixel_values"][0]
        np.testing.assert_array_equal(pixels, expected.transpose(1, 2, 0))
        values = (pixels * spec.scale - np.array(spec.mean)) / np.array(spec.std)
        expected = whole(image, return_tensors="np")["pixel_values"][0]
        np.testing.assert_allclose(values.transpose(2, 0, 1), expected, atol=1e-5)


def test_the_two_ways_to_fit_a_picture_are_told_apart(tmp_path: Path) -> None:
    assert read_input_spec(save(tmp_path, OPENAI)).mode == SHORTEST_EDGE_CROP
    spec = read_input_spec(save(tmp_path, SIGLIP))
    assert (spec.mode, spec.height, spec.width) == (SQUASH, 40, 48)


def test_a_processor_configuration_stands_in_for_the_preprocessor_one(tmp_path: Path) -> None:
    save(tmp_path, {"image_processor": SIGLIP}, "processor_config.json")
    assert read_input_spec(tmp_path).height == 40


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {"size": {"shortest_edge": 224}, "do_center_crop": False},
        {"size": {"height": 224, "width": 224}, "do_center_crop": True, "crop_size": 200},
        {"size": {"height": "224", "width": 224}, "do_center_crop": False},
        {"size": {"longest_edge": 224}},
        {"size": 1000000},
        {"size": 0},
        {"size": {"shortest_edge": 0}},
        {"size": {"height": 0, "width": 224}, "do_center_crop": False},
        {"size": {"shortest_edge": 224}, "crop_size": 0},
        {"do_resize": False},
        {"image_mean": [0.5]},
    ],
)
def test_settings_that_are_not_understood_are_refused(content: object, tmp_path: Path) -> None:
    if content is not None:
        save(tmp_path, content)
    with pytest.raises(ModelUnusableError):
        read_input_spec(tmp_path)
