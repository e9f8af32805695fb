"""Encoders in int8: measured on the machine, used where that pays, and an encoder of their own."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cache.embeddings import load_matrix
from cache.store import Cache
from engine.doctor import _int8
from engine.errors import ModelUnusableError
from engine.events import JobFinished, JobNote
from engine.jobs.jobs import Jobs
from engine.library.indexing import Indexer
from engine.models import quantized
from engine.models.encoders import Encoders
from engine.models.quantized import Int8Measure, measured, recalled
from engine.requests import IndexRequest, SearchRequest
from engine.search.searcher import Searcher
from engine.settings import EngineSettings
from engine.workers import encoder_models
from engine.workers.device import Choice
from engine.workers.encoder_models import load_encoder
from tests.engine.library.pictures import fill

PAYS = Int8Measure(device="cpu", dtype="fp32", agreement=0.995, gain=3.0)


@pytest.fixture
def settings(tmp_path: Path, tiny: Path) -> EngineSettings:
    return EngineSettings(
        home=tmp_path / "home", encoder=str(tiny / "clip"), device="cpu", dtype="fp32", int8=True
    )


def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (6, 32, 32, 3), np.uint8)


async def test_vectors_in_int8_are_near_those_in_fp32_under_another_id(
    settings: EngineSettings,
) -> None:
    encoders, source = Encoders(settings), settings.encoder
    loaded = await encoders.load(f"{source}#int8")
    assert (loaded.device, loaded.dtype) == ("cpu", "int8")
    assert loaded.agreement is not None and 0.99 <= loaded.agreement < 1
    whole = await encoders.describe(source)
    assert loaded.info.id == f"{whole.id}#int8" and loaded.info.spec == whole.spec
    ours = await encoders.embed_pixels(f"{source}#int8", pixels())
    theirs = await encoders.embed_pixels(source, pixels())
    cosines = (ours * theirs).sum(1)
    assert cosines.min() >= 0.99 and cosines.max() < 1 - 1e-7
    words = (await encoders.embed_texts(f"{source}#int8", ["a dog in snow"])).vectors
    assert (
        float(words[0] @ (await encoders.embed_texts(source, ["a dog in snow"])).vectors[0]) > 0.99
    )
    states = await encoders.patch_states(f"{source}#int8", pixels())
    assert states.vectors.shape[:2] == (6, 16)
    await encoders.aclose()


async def test_it_is_measured_once_for_a_model_and_a_machine(
    settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = await Encoders(settings).describe(settings.encoder)
    stages: list[str] = []
    assert recalled(settings, info.id) is None
    found = await measured(settings, info, stages.append)
    assert (found.device, found.dtype) == ("cpu", "fp32")
    assert 0.9 < found.agreement < 1 and found.gain > 0
    assert "measuring int8" in stages
    monkeypatch.setattr(quantized, "WorkerProcess", None)
    assert await measured(settings, info, stages.append) == found
    assert recalled(replace(settings, dtype="bf16"), info.id) is None
    (settings.home / "int8.json").write_text(json.dumps({info.id: {"gain": []}}))
    assert recalled(settings, info.id) is None


@pytest.mark.parametrize(
    ("found", "is_worth", "said"),
    [
        (
            PAYS,
            True,
            "int8 is used for m: 3.0 times as fast as fp32, cosine to fp32 at least 0.9950",
        ),
        (replace(PAYS, gain=1.05), False, "int8 is not used for m: 1.1 times"),
        (replace(PAYS, agreement=0.985), False, "not used for m: 3.0 times"),
        (replace(PAYS, device="cuda"), False, "it runs on cuda, and int8 on a CPU"),
    ],
)
def test_it_is_used_where_it_is_right_and_faster(
    found: Int8Measure, is_worth: bool, said: str
) -> None:
    assert found.is_worth is is_worth
    assert said in found.sentence("m")


@pytest.mark.parametrize("pays", [True, False])
async def test_an_index_takes_the_encoder_that_pays_and_a_search_finds_it(
    settings: EngineSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pays: bool
) -> None:
    async def known(*given: object) -> Int8Measure:
        return PAYS if pays else replace(PAYS, gain=0.5)

    monkeypatch.setattr(quantized, "measured", known)
    fill(tmp_path / "pictures", 5)
    cache, encoders = await Cache.open(settings.home), Encoders(settings)
    jobs, indexer = Jobs(cache), Indexer(cache, encoders, settings)
    notes: list[str] = []
    jobs.subscribe(
        lambda event: notes.append(event.message) if isinstance(event, JobNote) else None
    )
    await jobs.recover()
    job = jobs.start(indexer.job(IndexRequest(folders=(tmp_path / "pictures",))))
    assert isinstance(await job.wait(), JobFinished)
    assert any(f"int8 is {'used' if pays else 'not used'}" in note for note in notes)
    whole = (await encoders.describe(settings.encoder)).id
    expected = f"{whole}#int8" if pays else whole
    assert len((await cache.read(load_matrix, expected))[0]) == 5
    searcher = Searcher(cache, encoders, settings)
    found = await searcher.search(SearchRequest(query="a dog"))
    assert found.receipt.encoder == expected
    await searcher.aclose()
    await jobs.aclose()
    await indexer.aclose()
    await encoders.aclose()
    await cache.aclose()


async def test_doctor_says_what_was_measured(settings: EngineSettings) -> None:
    encoders = Encoders(settings)
    info = await encoders.describe(settings.encoder)
    check = await _int8(settings, encoders)
    assert check.message == f"int8 is asked for, and measured at the next index with {info.id}"
    quantized._keep(settings, info.id, PAYS)
    said = (await _int8(settings, encoders)).message
    assert "3.0 times as fast as fp32" in said
    assert said.endswith(f"its embeddings are of {info.id}#int8")


def test_a_model_that_int8_changes_is_refused(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_models, "MIN_INT8_AGREEMENT", 1.0)
    with pytest.raises(ModelUnusableError) as error:
        load_encoder(tiny / "clip", Choice(device="cpu", dtype="int8", name=""), lambda stage: None)
    assert error.value.hint == "Name it without #int8."
