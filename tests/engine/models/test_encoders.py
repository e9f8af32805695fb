"""Encoders in their processes, with small real models through the loading code of the large."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import pytest_asyncio
import torch
from PIL import Image
from transformers.models.bert.tokenization_bert import BertTokenizer
from transformers.models.chinese_clip.modeling_chinese_clip import ChineseCLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.clip.modeling_clip import CLIPModel
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from engine.errors import EngineError, WorkerDiedError
from engine.models.encoders import Encoders
from engine.models.input_spec import prepare
from engine.results import FloatArray
from engine.settings import EngineSettings
from tests.engine.models.waiting import until
from tests.tiny_models import CHINESE_LENGTH, CLIP_LENGTH, SIGLIP_LENGTH

pytestmark = pytest.mark.asyncio(loop_scope="module")

Tokenizer: TypeAlias = Any

ENGLISH = ["a dog", "", "a red horse in the snow", "Zürich! \u732b <|endoftext|>"]
LONG = "a dog and a cat in the snow and a horse and a hippopotamus of the red photo"
CHINESE = ["一只狗", "雪地里的红色马", "a cat 和狗"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> EngineSettings:
    return EngineSettings(home=tmp_path_factory.mktemp("home"), device="cpu", dtype="fp32")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def encoders(settings: EngineSettings) -> AsyncIterator[Encoders]:
    encoders = Encoders(settings)
    yield encoders
    await encoders.aclose()


def noise(count: int, side: int = 32) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(3).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def unit(features: torch.Tensor) -> FloatArray:
    vectors: FloatArray = torch.nn.functional.normalize(features, dim=-1).numpy()
    return vectors


def by_transformers(model: Any, tokenizer: Tokenizer, texts: Sequence[str]) -> FloatArray:  # noqa: ANN401
    inputs = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        return unit(model.get_text_features(**inputs).pooler_output)


async def test_clip_gives_the_vectors_of_transformers(encoders: Encoders, tiny: Path) -> None:
    folder = tiny / "clip"
    model: Any = CLIPModel.from_pretrained(folder)
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    texts = [*ENGLISH, LONG]
    ours = await encoders.embed_texts(str(folder), texts)
    np.testing.assert_allclose(ours.vectors, by_transformers(model, tokenizer, texts), atol=1e-5)

    facts = await encoders.describe(str(folder))
    images = [Image.fromarray(picture) for picture in noise(11, side=70)]
    pixels = np.stack([prepare(image, facts.spec) for image in images])
    sizes = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    inputs = CLIPImageProcessorPil(**sizes)(images, return_tensors="pt")  # type: ignore[arg-type]
    with torch.inference_mode():
        expected = unit(model.get_image_features(**inputs).pooler_output)
    ours_pictures = await encoders.embed_pixels(str(folder), pixels)
    np.testing.assert_allclose(ours_pictures, expected, atol=1e-5)
    assert ours_pictures.dtype == np.float32
    assert facts.logit_scale == pytest.approx(model.logit_scale.exp().item(), rel=1e-6)
    assert facts.dim == 32


async def test_chinese_clip_gives_the_vectors_of_transformers(
    encoders: Encoders, tiny: Path
) -> None:
    folder = tiny / "chinese"
    model = ChineseCLIPModel.from_pretrained(folder)
    tokenizer = BertTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("雪地里a") == ["雪", "地", "里", "a"]
    ours = await encoders.embed_texts(str(folder), CHINESE)
    expected = by_transformers(model, tokenizer, CHINESE)
    np.testing.assert_allclose(ours.vectors, expected, atol=1e-5)
    assert (await encoders.describe(str(folder))).languages == ("zh",)


async def test_siglip_reads_lower_case_without_punctuation_padded_to_full_length(
    encoders: Encoders, tiny: Path
) -> None:
    source = str(tiny / "siglip")
    vectors = (
        await encoders.embed_texts(source, ["a dog in the snow", "A DOG, in the snow!"])
    ).vectors
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    from transformers import PreTrainedTokenizerFast
    from transformers.models.siglip.modeling_siglip import SiglipModel

    model: Any = SiglipModel.from_pretrained(source)
    tokenizer: Tokenizer = PreTrainedTokenizerFast.from_pretrained(source)
    inputs = tokenizer(["a dog in the snow"], padding="max_length", return_tensors="pt")
    assert inputs["input_ids"].shape == (1, SIGLIP_LENGTH)
    with torch.inference_mode():
        expected = unit(model.get_text_features(input_ids=inputs["input_ids"]).pooler_output)
    np.testing.assert_allclose(vectors[:1], expected, atol=1e-5)
    facts = await encoders.describe(source)
    assert facts.dim == 24
    assert facts.logit_scale == pytest.approx(np.exp(2))
    assert (await encoders.embed_pixels(source, noise(3))).shape == (3, 24)


async def test_words_that_the_tower_cuts_are_named(encoders: Encoders, tiny: Path) -> None:
    texts = [LONG, "a dog", "a " * (CLIP_LENGTH - 2), "a " * (CLIP_LENGTH - 1)]
    found = await encoders.embed_texts(str(tiny / "clip"), texts)
    assert found.lost == ["hippopotamus of the red photo", "", "", "a"]
    assert found.tokens[1:] == [4, CLIP_LENGTH, CLIP_LENGTH + 1]

    found = await encoders.embed_texts(str(tiny / "chinese"), ["一只狗" * 7])
    assert found.lost == [("一只狗" * 7)[CHINESE_LENGTH - 2 :]]
    found = await encoders.embed_texts(str(tiny / "siglip"), [f"{LONG}!"])
    assert found.lost == ["and a hippopotamus of the red photo!"]


async def test_many_texts_and_pictures_are_split_into_batches(
    encoders: Encoders, tiny: Path
) -> None:
    source = str(tiny / "clip")
    texts = [f"a dog {number}" for number in range(70)]
    together = (await encoders.embed_texts(source, texts)).vectors
    alone = (await encoders.embed_texts(source, texts[69:])).vectors
    np.testing.assert_allclose(together[69:], alone, atol=1e-5)
    pixels = noise(21)
    vectors = await encoders.embed_pixels(source, pixels)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(
        vectors[20:], await encoders.embed_pixels(source, pixels[20:]), atol=1e-5
    )


async def test_a_text_does_not_wait_for_the_pictures_of_a_call_that_runs(
    encoders: Encoders, tiny: Path
) -> None:
    source = str(tiny / "clip")
    await encoders.load(source)
    pictures = asyncio.create_task(encoders.embed_pixels(source, noise(4000)))
    await until(lambda: encoders.state()[0].state == "busy")
    for _ in range(3):
        await encoders.embed_texts(source, ["a dog"])
        assert not pictures.done()
    assert len(await pictures) == 4000


async def test_text_that_is_no_unicode_is_read_as_far_as_it_is(
    encoders: Encoders, tiny: Path
) -> None:
    found = await encoders.embed_texts(str(tiny / "clip"), ["a dog \udcff", "a dog ?"])
    np.testing.assert_array_equal(found.vectors[0], found.vectors[1])


async def test_nothing_to_embed_is_no_error(encoders: Encoders, tiny: Path) -> None:
    source = str(tiny / "clip")
    assert (await encoders.embed_texts(source, [])).vectors.shape == (0, 32)
    assert (await encoders.embed_pixels(source, noise(0))).shape == (0, 32)


async def test_pictures_of_a_wrong_size_are_refused(encoders: Encoders, tiny: Path) -> None:
    with pytest.raises(EngineError, match="shape"):
        await encoders.embed_pixels(str(tiny / "clip"), noise(2, side=31))


async def test_the_device_is_told_without_a_model(encoders: Encoders) -> None:
    assert (await encoders.probe()).startswith("cpu fp32, CPU with ")


async def test_loading_is_shared_told_and_survives_the_caller_who_asked_first(
    settings: EngineSettings, tiny: Path
) -> None:
    encoders = Encoders(settings)
    source = str(tiny / "clip")
    stages: list[str] = []
    first = asyncio.create_task(encoders.embed_texts(source, ["a dog"]))
    second = asyncio.create_task(encoders.load(source, stages.append))
    await until(lambda: stages)
    (state,) = encoders.state()
    assert (state.state, state.device) == ("loading", "")
    first.cancel()
    await asyncio.wait([first], timeout=0.1)
    assert first.cancelled()

    loaded = await second
    assert loaded.pid == state.pid
    assert stages == ["starting the model process", "loading the weights"]
    assert (loaded.device, loaded.dtype, loaded.agreement) == ("cpu", "fp32", None)
    (state,) = encoders.state()
    assert (state.state, state.device, state.dtype) == ("ready", "cpu", "fp32")

    os.kill(loaded.pid, signal.SIGKILL)
    await until(lambda: encoders.state()[0].state == "off")
    again = asyncio.create_task(encoders.load(source))
    await until(lambda: encoders.state()[0].pid)
    await encoders.aclose()
    with pytest.raises(WorkerDiedError):
        await again
