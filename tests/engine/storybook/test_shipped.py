"""What ships with the program: the gallery, and an encoder that still does what was measured."""

import json

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from engine.models.facts import hash_folder
from engine.scoring.matcher import read_matcher
from engine.storybook.captions import Language
from engine.storybook.claims import Claim, Subject, is_true
from engine.storybook.gallery import gallery_scenes
from engine.storybook.records import RECORDS, read_records
from engine.storybook.render import render
from engine.storybook.scene import Split
from engine.storybook.shipped import ENCODER, FIGURES, GALLERY, MATCHER, VECTORS

needs_gallery = pytest.mark.skipif(
    not (GALLERY / RECORDS).exists(), reason="the gallery is not drawn yet"
)
needs_encoder = pytest.mark.skipif(not FIGURES.exists(), reason="no encoder ships yet")


@needs_gallery
def test_the_gallery_is_the_one_that_the_code_draws() -> None:
    records = list(read_records(GALLERY))
    assert [record.scene for record in records] == gallery_scenes()
    for record in records[::100]:
        with Image.open(GALLERY / record.file) as image:
            shipped = np.asarray(image.convert("RGB").resize((128, 128)), dtype=np.int16)
        drawn = np.asarray(render(record.scene, 512, supersample=2).resize((128, 128)))
        assert np.abs(shipped - drawn).mean() < 5


@needs_gallery
def test_the_gallery_is_small_and_whole() -> None:
    files = {record.file for record in read_records(GALLERY)}
    assert {path.name for path in GALLERY.iterdir()} == files | {RECORDS}
    assert sum(path.stat().st_size for path in GALLERY.iterdir()) < 15e6


@needs_encoder
def test_the_shipped_encoder_still_reads_what_it_read_when_it_was_measured() -> None:
    """Fails when weights, tokenizer, preprocessing or drawings change."""
    from engine.storybook.training.check import check_encoder
    from engine.storybook.training.encoder_folder import EncoderFolder

    measured = json.loads(FIGURES.read_text(encoding="utf-8"))
    found = check_encoder(EncoderFolder(ENCODER), Split.SEEN, 150)
    for language in Language:
        for name, value in found[language].attributes.items():
            assert value >= measured[f"seen {language}"]["attributes"][name] - 0.06, name
        assert found[language].swapped_auc >= measured[f"seen {language}"]["swapped_auc"] - 0.04


@needs_encoder
def test_the_shipped_encoder_is_small() -> None:
    assert sum(path.stat().st_size for path in ENCODER.iterdir()) < 12e6


@needs_encoder
def test_matcher_and_vectors_belong_to_the_encoder_and_route_the_suggestions() -> None:
    """Through the scorer that the program uses, on the vectors that it starts with."""
    from engine.storybook.training.encoder_folder import EncoderFolder

    encoder_id = f"{ENCODER.name}@{hash_folder(ENCODER)}"
    matcher = read_matcher(MATCHER.read_bytes(), encoder_id)
    with safe_open(VECTORS, framework="numpy") as file:
        assert file.metadata()["encoder_id"] == encoder_id
        vectors = file.get_tensor("vectors")
    records = list(read_records(GALLERY))
    encoder = EncoderFolder(ENCODER)
    with Image.open(GALLERY / records[0].file) as image:
        assert encoder.embed_pictures([image]) @ vectors[0] > 0.9999
    queries = {
        "a brown horse eating grass": True,
        "一匹棕色的马在吃草": True,
        "a red car": False,
        "a purple elephant": False,
        "一座火山": False,
    }
    columns = np.ascontiguousarray(vectors.T)
    for text, vector in zip(queries, encoder.embed_texts(list(queries)), strict=True):
        odds = matcher.log_odds(vector, columns)
        assert bool(odds.max() >= 0) is queries[text], text
        if queries[text]:
            horse = Claim(subjects=(Subject(animal="horse", colour="brown", action="eating"),))
            assert is_true(horse, records[int(odds.argmax())].scene)
