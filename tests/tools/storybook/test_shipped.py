"""What ships with the program: the gallery, and an encoder that still does what was measured."""

import json

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from engine.collections import BUILT_IN
from engine.models.encoder_info import hash_folder
from engine.scoring.matcher import read_matcher
from engine.storybook.claims import Claim, Subject, is_true
from engine.storybook.gallery import FIGURES, read_records
from tools.storybook.gallery import gallery_scenes
from tools.storybook.renderer.render import render

needs_gallery = pytest.mark.skipif(
    not (BUILT_IN.folder / BUILT_IN.records).exists(), reason="the gallery is not rendered yet"
)
needs_encoder = pytest.mark.skipif(not FIGURES.exists(), reason="no encoder ships yet")


@needs_gallery
def test_the_gallery_is_the_one_that_the_code_draws() -> None:
    records = list(read_records(BUILT_IN.folder))
    assert [record.scene for record in records] == gallery_scenes()
    for record in records[::100]:
        with Image.open(BUILT_IN.folder / record.file) as image:
            shipped = np.asarray(image.convert("RGB").resize((128, 128)), dtype=np.int16)
        rendered = np.asarray(render(record.scene, 512, supersample=2).resize((128, 128)))
        assert np.abs(shipped - rendered).mean() < 5


@needs_gallery
def test_the_gallery_is_small_and_whole() -> None:
    files = {record.file for record in read_records(BUILT_IN.folder)}
    assert {path.name for path in BUILT_IN.folder.iterdir()} == files | {BUILT_IN.records}
    assert sum(path.stat().st_size for path in BUILT_IN.folder.iterdir()) < 15e6


SLACK = 0.02
"""How far below what was measured a figure may lie: less than any real change costs."""


@needs_encoder
def test_encoder_and_matcher_still_do_what_they_did_when_they_were_measured() -> None:
    """Fails when weights, tokenizer, preprocessing or drawings change."""
    from tools.storybook.check import measure_subset

    expected = json.loads(FIGURES.read_text(encoding="utf-8"))["subset"]
    found = measure_subset(BUILT_IN.encoder, BUILT_IN.matcher, BUILT_IN.folder, BUILT_IN.vectors)
    assert found.keys() == expected.keys()
    worse = {
        name: (expected[name], value)
        for name, value in found.items()
        if value < expected[name] - SLACK
    }
    assert not worse


@needs_encoder
def test_shipped_vectors_are_those_that_the_shipped_encoder_makes() -> None:
    """Fails when weights, tokenizer or preprocessing change by a hair."""
    from tools.storybook.encoder.folder import EncoderFolder

    encoder = EncoderFolder(BUILT_IN.encoder)
    with safe_open(BUILT_IN.vectors, framework="numpy") as file:
        texts = json.loads(file.metadata()["texts"])
        of_texts, of_pictures = file.get_tensor("text_vectors"), file.get_tensor("vectors")
    records = list(read_records(BUILT_IN.folder))[::50]
    images = [Image.open(BUILT_IN.folder / record.file).convert("RGB") for record in records]
    same = (encoder.embed_pictures(images) * of_pictures[::50]).sum(axis=1)
    assert same.min() > 0.9999
    assert (encoder.embed_texts(texts) * of_texts).sum(axis=1).min() > 0.9999


@needs_encoder
def test_the_shipped_encoder_is_small() -> None:
    assert sum(path.stat().st_size for path in BUILT_IN.encoder.iterdir()) < 12e6


@needs_encoder
def test_matcher_and_vectors_belong_to_the_encoder_and_route_the_suggestions() -> None:
    """Through the scorer that the program uses, on the vectors that it starts with."""
    from tools.storybook.encoder.folder import EncoderFolder

    encoder_id = f"{BUILT_IN.encoder.name}@{hash_folder(BUILT_IN.encoder)}"
    matcher = read_matcher(BUILT_IN.matcher.read_bytes(), encoder_id)
    with safe_open(BUILT_IN.vectors, framework="numpy") as file:
        assert file.metadata()["encoder_id"] == encoder_id
        vectors = file.get_tensor("vectors")
    records = list(read_records(BUILT_IN.folder))
    encoder = EncoderFolder(BUILT_IN.encoder)
    queries = {
        "a brown horse eating grass": True,
        "一匹棕色的马在吃草": True,
        "a red car": False,
        "a purple elephant in the snow": False,
        "草地上有一头蓝色的牛在吃草": False,
        "一座火山": False,
    }
    columns = np.ascontiguousarray(vectors.T)
    for text, vector in zip(queries, encoder.embed_texts(list(queries)), strict=True):
        odds = matcher.logits(vector, columns)
        assert bool(odds.max() >= 0) is queries[text], text
        if queries[text]:
            horse = Claim(subjects=(Subject(animal="horse", colour="brown", action="eating"),))
            assert is_true(horse, records[int(odds.argmax())].scene)
