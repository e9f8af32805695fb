"""Patch and token states from the encoder's process, against transformers' own modules."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import torch
from transformers import PreTrainedTokenizerFast
from transformers.models.bert.tokenization_bert import BertTokenizer
from transformers.models.chinese_clip.modeling_chinese_clip import ChineseCLIPModel
from transformers.models.clip.modeling_clip import CLIPModel
from transformers.models.clip.tokenization_clip import CLIPTokenizer
from transformers.models.siglip.modeling_siglip import SiglipModel

from engine.collections import BUILT_IN
from engine.errors import EngineError
from engine.models.encoders import Encoders
from engine.results import FloatArray
from engine.settings import EngineSettings
from engine.states import PatchWay
from engine.workers import local_states
from engine.workers.device import Choice
from engine.workers.encoder_models import load_encoder
from tests.tiny_models import CHINESE_LENGTH, CLIP_LENGTH, SIGLIP_LENGTH

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOSE = 1e-4


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def encoders(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Encoders]:
    home = tmp_path_factory.mktemp("home")
    encoders = Encoders(EngineSettings(home=home, device="cpu", dtype="fp32"))
    yield encoders
    await encoders.aclose()


def noise(count: int, side: int = 32) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(7).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def unit(states: torch.Tensor) -> FloatArray:
    vectors: FloatArray = torch.nn.functional.normalize(states, dim=-1).numpy()
    return vectors


def pixel_values(pixels: np.ndarray[Any, np.dtype[np.uint8]], spec: Any) -> torch.Tensor:  # noqa: ANN401
    values = pixels.astype(np.float32) * np.float32(spec.scale)
    values = (values - np.float32(spec.mean)) / np.float32(spec.std)
    return torch.from_numpy(values.astype(np.float32)).permute(0, 3, 1, 2)


def by_keys(model: Any, values: torch.Tensor) -> FloatArray:  # noqa: ANN401
    """The last block with keys for queries, head by head, in transformers' own modules."""
    entered: list[torch.Tensor] = []
    layer = model.vision_model.encoder.layers[-1]
    hook = layer.layer_norm1.register_forward_hook(lambda _m, _in, out: entered.append(out))
    model.vision_model(pixel_values=values)
    hook.remove()
    attention, width = layer.self_attn, layer.self_attn.head_dim
    keys, content = attention.k_proj(entered[0]), attention.v_proj(entered[0])
    gathered = []
    for start in range(0, attention.embed_dim, width):
        part = slice(start, start + width)
        like = (keys[..., part] @ keys[..., part].transpose(1, 2)) / width**0.5
        gathered.append(like.softmax(-1) @ content[..., part])
    states = attention.out_proj(torch.cat(gathered, -1))[:, 1:]
    return unit(model.visual_projection(model.vision_model.post_layernorm(states)))


@pytest.mark.parametrize(("name", "kind"), [("clip", CLIPModel), ("chinese", ChineseCLIPModel)])
async def test_patches_of_clips_are_gathered_by_keys(
    name: str,
    kind: Any,  # noqa: ANN401
    encoders: Encoders,
    tiny: Path,
) -> None:
    source, pixels = str(tiny / name), noise(11)
    found = await encoders.patch_states(source, pixels)
    assert (found.rows, found.columns) == (4, 4)
    assert found.vectors.dtype == np.float32
    model = kind.from_pretrained(source)
    with torch.inference_mode():
        expected = by_keys(model, pixel_values(pixels, (await encoders.describe(source)).spec))
    np.testing.assert_allclose(found.vectors, expected, atol=CLOSE)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=-1), 1, atol=1e-5)


async def test_each_patch_of_a_siglip_goes_through_the_pooling_head_alone(
    encoders: Encoders, tiny: Path
) -> None:
    source, pixels = str(tiny / "siglip"), noise(9)
    found = await encoders.patch_states(source, pixels)
    model: Any = SiglipModel.from_pretrained(source)
    values = pixel_values(pixels, (await encoders.describe(source)).spec)
    head = model.vision_model.head
    with torch.inference_mode():
        states = model.vision_model(pixel_values=values).last_hidden_state
        expected = np.stack(
            [unit(head(states[:, patch : patch + 1])) for patch in range(states.shape[1])], axis=1
        )
        content = torch.nn.functional.linear(
            states, head.attention.in_proj_weight[-24:], head.attention.in_proj_bias[-24:]
        )
        through = head.attention.out_proj(content)
        through = through + head.mlp(head.layernorm(through))
    assert (found.rows, found.columns) == (4, 4)
    np.testing.assert_allclose(found.vectors, expected, atol=CLOSE)
    np.testing.assert_allclose(found.vectors, unit(through), atol=CLOSE)


async def test_the_other_ways_are_those_of_their_papers(tiny: Path) -> None:
    model: Any = CLIPModel.from_pretrained(tiny / "clip")
    values = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    vision = model.vision_model
    layer = vision.encoder.layers[-1]
    with torch.inference_mode():
        out = vision(pixel_values=values, output_hidden_states=True)
        projected = local_states.by_way(model, PatchWay.PROJECTED, values)
        plain = model.visual_projection(vision.post_layernorm(out.last_hidden_state))[:, 1:]
        torch.testing.assert_close(projected, plain, atol=CLOSE, rtol=0)
        # The value path is the layer itself where every patch attends to itself alone.
        alone = torch.cat(
            [layer(out.hidden_states[-2][:, patch : patch + 1], None) for patch in range(1, 17)],
            dim=1,
        )
        expected = model.visual_projection(vision.post_layernorm(alone))
        found = local_states.by_way(model, PatchWay.VALUES, values)
        torch.testing.assert_close(found, expected, atol=CLOSE, rtol=0)


async def test_tokens_of_clip_have_the_states_of_transformers(
    encoders: Encoders, tiny: Path
) -> None:
    source = str(tiny / "clip")
    texts = ["a red horse in the snow", "a dog", "", "Zürich! \u732b", "a cat " * 20]
    found = await encoders.token_states(source, texts)
    assert found[0].pieces == ("a", "red", "horse", "in", "the", "snow")
    assert found[1].spans == ((0, 1), (2, 5))
    assert found[2].vectors.shape == (0, 32)
    assert len(found[4].vectors) == CLIP_LENGTH - 2
    model: Any = CLIPModel.from_pretrained(source)
    tokenizer: Any = CLIPTokenizer.from_pretrained(source)
    for states in found:
        inputs = tokenizer(states.text, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            out = model.text_model(**inputs)
            expected = unit(model.text_projection(out.last_hidden_state))[0, 1:-1]
        np.testing.assert_allclose(states.vectors, expected, atol=CLOSE)
        assert len(states.spans) == len(states.vectors)


async def test_tokens_of_chinese_clip_are_characters(encoders: Encoders, tiny: Path) -> None:
    source = str(tiny / "chinese")
    found = await encoders.token_states(source, ["雪地里的红色马", "一只狗", "狗" * 40])
    assert found[0].pieces == tuple("雪地里的红色马")
    assert len(found[2].spans) == CHINESE_LENGTH - 2
    model: Any = ChineseCLIPModel.from_pretrained(source)
    tokenizer = BertTokenizer.from_pretrained(source)
    inputs = tokenizer(["雪地里的红色马", "一只狗"], padding=True, return_tensors="pt")
    with torch.inference_mode():
        out = model.text_model(**inputs)
        expected = unit(model.text_projection(out.last_hidden_state))
    np.testing.assert_allclose(found[0].vectors, expected[0, 1:8], atol=CLOSE)
    np.testing.assert_allclose(found[1].vectors, expected[1, 1:4], atol=CLOSE)


async def test_tokens_of_siglip_are_read_with_all_of_the_padding(
    encoders: Encoders, tiny: Path
) -> None:
    source, text = str(tiny / "siglip"), "A dog, in the snow"
    (found,) = await encoders.token_states(source, [text])
    assert found.pieces == ("A", "dog", "in", "the", "snow")
    model: Any = SiglipModel.from_pretrained(source)
    tokenizer: Any = PreTrainedTokenizerFast.from_pretrained(source)
    inputs = tokenizer([text], padding="max_length", return_tensors="pt")
    assert inputs["input_ids"].shape == (1, SIGLIP_LENGTH)
    with torch.inference_mode():
        out = model.text_model(input_ids=inputs["input_ids"])
        expected = unit(model.text_model.head(out.last_hidden_state))[0, :5]
    np.testing.assert_allclose(found.vectors, expected, atol=CLOSE)


async def test_siglip_2_has_the_states_of_transformers_too(
    encoders: Encoders, tiny: Path, tmp_path: Path
) -> None:
    source, text, pixels = tmp_path / "siglip2", "A dog, in the snow", noise(2)
    shutil.copytree(tiny / "siglip", source)
    config = source / "tokenizer_config.json"
    held = json.loads(config.read_text()) if config.exists() else {}
    config.write_text(json.dumps({**held, "tokenizer_class": "GemmaTokenizerFast"}))
    assert (await encoders.describe(str(source))).languages == ("en", "zh")
    first, second = [
        (await encoders.patch_states(str(each), pixels)).vectors
        for each in (tiny / "siglip", source)
    ]
    np.testing.assert_allclose(first, second, atol=CLOSE)
    (found,) = await encoders.token_states(str(source), [text])
    model: Any = SiglipModel.from_pretrained(source)
    make: Any = PreTrainedTokenizerFast
    tokenizer = make(tokenizer_file=str(source / "tokenizer.json"))
    ids = tokenizer(text.lower())["input_ids"]
    padded = torch.tensor([[*ids, *[model.config.text_config.pad_token_id] * SIGLIP_LENGTH]])
    with torch.inference_mode():
        out = model.text_model(input_ids=padded[:, :SIGLIP_LENGTH])
        expected = unit(model.text_model.head(out.last_hidden_state))[0, : len(found.vectors)]
    np.testing.assert_allclose(found.vectors, expected, atol=CLOSE)


async def test_states_do_not_depend_on_what_shares_their_batch(tiny: Path) -> None:
    encoder = load_encoder(
        tiny / "clip", Choice(device="cpu", dtype="fp32", name="CPU"), lambda _: None
    )
    texts = ["a red horse in the snow", "", "a dog"]
    together = encoder.token_states(encoder.tokenize(texts), lambda: None)
    for text, states in zip(texts, together, strict=True):
        (alone,) = encoder.token_states(encoder.tokenize([text]), lambda: None)
        np.testing.assert_allclose(states, alone, atol=1e-5)
    with pytest.raises(EngineError, match="in place of"):
        encoder.patch_states(noise(1, side=16), lambda: None)


async def test_the_storybook_reads_both_languages(encoders: Encoders) -> None:
    source = str(BUILT_IN.encoder)
    found = await encoders.patch_states(source, noise(2, side=96))
    assert (found.rows, found.columns, found.vectors.shape) == (6, 6, (2, 36, 192))
    english, chinese = await encoders.token_states(source, ["a brown dog", "一只棕色的狗"])
    assert english.pieces == ("a", "brown", "dog")
    assert "".join(chinese.pieces) == "一只棕色的狗"


async def test_weights_that_give_no_numbers_are_an_error(tiny: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(tiny / "clip", tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    weights["visual_projection.weight"] *= torch.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    encoder = load_encoder(folder, Choice(device="cpu", dtype="fp32", name="CPU"), lambda _: None)
    with pytest.raises(EngineError, match="no numbers"):
        encoder.patch_states(noise(1), lambda: None)
