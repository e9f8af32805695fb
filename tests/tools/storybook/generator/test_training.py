"""The generator's training scripts, run for a few steps on a few renderings."""

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline

from engine.collections import BUILT_IN
from tools.storybook.generator import decoder, tower, unet
from tools.storybook.generator.codes import STRENGTH, WIDTH, blank, code_of, span
from tools.storybook.generator.judges import make_judges
from tools.storybook.generator.latents import (
    CELLS,
    CHANNELS,
    load_code,
    load_latents,
    to_input,
)
from tools.storybook.generator.learning import Plan
from tools.storybook.generator.networks import (
    build_unet,
    build_vae,
    make_noise,
    text_states,
    text_tower,
)
from tools.storybook.generator.pipeline import Options, generate, load_pipeline
from tools.storybook.generator.positions import give_positions
from tools.storybook.generator.shards import open_renderings

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""diffusers' own, in setting the steps of DPM-Solver."""


@dataclass(frozen=True)
class Found:
    """What a UNet returns."""

    sample: torch.Tensor


class Oracle(torch.nn.Module):
    """A UNet that knows the latents, and is wrong by a share of them."""

    def __init__(self, latents: torch.Tensor, wrong: float) -> None:
        super().__init__()
        self.latents, self.wrong = latents, wrong

    def forward(self, noisy: torch.Tensor, steps: torch.Tensor, **_: torch.Tensor) -> Found:
        kept = make_noise().alphas_cumprod[steps][:, None, None, None]
        noise = (noisy - kept.sqrt() * self.latents) / (1 - kept).sqrt()
        assert float(noise.std()) == pytest.approx(1.0, abs=0.1)
        found = self.latents * (1 - self.wrong)
        return Found(sample=found)


@pytest.fixture(scope="module")
def source(folder: Path) -> unet.Source:
    """The renderings of the training folder."""
    return unet.open_source(folder)


def test_runs_go_on_and_leave_logs_and_a_pipeline(folder: Path, exported: Path) -> None:
    for name in ("tower", "unet", "decoder"):
        state = torch.load(folder / f"{name}.pt", weights_only=True)
        assert (state["step"], state["samples"]) == (2, 4), name
    lines = (folder / "unet.jsonl").read_text().splitlines()
    assert {"left_999", "left_700", "left_300"} < json.loads(lines[-1]).keys()
    assert (folder / "decoder.png").exists()
    facts = json.loads((exported / "training.json").read_text())
    assert [facts[name]["samples"] for name in ("tower", "unet", "decoder")] == [4, 4, 4]
    index = json.loads((exported / "model_index.json").read_text())
    assert index["_class_name"] == "StableDiffusionPipeline"
    schedule = json.loads((exported / "scheduler" / "scheduler_config.json").read_text())
    assert schedule["prediction_type"] == "sample" and schedule["rescale_betas_zero_snr"]
    for path in exported.rglob("*.json"):
        assert "_name_or_path" not in json.loads(path.read_text())


def test_the_pipeline_paints_from_its_seed_alone(exported: Path) -> None:
    pipe, options = load_pipeline(exported)
    one, two, other = generate(pipe, ["a dog"] * 3, [1, 1, 2], options)
    assert one.size == (96, 96)
    assert one.tobytes() == two.tobytes() != other.tobytes()
    ddim = Options(steps=2, scheduler="ddim", width=96, height=96)
    assert generate(pipe, ["a dog"], [1], ddim)[0].size == (96, 96)


def test_the_pipeline_starts_from_a_picture(folder: Path, exported: Path) -> None:
    pipe, _ = load_pipeline(exported)
    kind: Any = StableDiffusionImg2ImgPipeline
    other = kind(**pipe.components, requires_safety_checker=False)
    other.set_progress_bar_config(disable=True)
    x = (to_input(open_renderings(folder).pick(np.array([0]))) + 1) / 2
    found = other("a cow", image=x, strength=0.5, num_inference_steps=2, output_type="np").images
    assert found.shape == (1, 96, 96, 3) and np.isfinite(found).all()


def test_no_error_is_left_to_one_who_knows(source: unet.Source) -> None:
    batch, noise = source.held_out(), make_noise()
    states = torch.zeros(len(batch.latents), 1, WIDTH)
    for wrong in (0.0, 0.5):
        left = unet.error_left(Oracle(batch.latents, wrong), noise, batch, states, "cpu")
        near = batch.animals[:, None]
        centre = batch.latents.mean((0, 2, 3), keepdim=True)
        variance = ((batch.latents - centre).square() * near).sum()
        expected = float((wrong * batch.latents).square().mul(near).sum() / variance)
        assert left == pytest.approx([expected] * 3, abs=0.01)


def test_held_out_renderings_are_not_drawn(source: unet.Source) -> None:
    seen = torch.cat([source.draw(np.random.default_rng(k), 64).latents for k in range(4)])
    for latents in source.held_out().latents:
        assert not (seen == latents).all((1, 2, 3)).any()


def test_pure_noise_comes_first_and_all_steps_at_the_end() -> None:
    early = unet.noise_steps(0.1, 20_000, np.random.default_rng(0))
    late = unet.noise_steps(0.9, 20_000, np.random.default_rng(0))
    assert float((early == 999).float().mean()) == pytest.approx(unet.PURE, abs=0.02)
    assert float((late == 999).float().mean()) == pytest.approx(unet.PURE_LATE, abs=0.02)
    assert float((early < 500).float().mean()) < 0.25 < float((late < 500).float().mean())
    assert min(int(early.min()), int(late.min())) >= 0 and int(early.max()) == 999


def test_the_loss_looks_harder_at_animals(source: unet.Source) -> None:
    batch = source.held_out()

    def loss(near: torch.Tensor) -> float:
        torch.manual_seed(0)
        x = batch.latents * near
        changed = unet.Batch(latents=x, codes=batch.codes, animals=batch.animals)
        network = Oracle(torch.zeros_like(x), 0.0)
        steps = torch.full((len(x),), 999)
        states = torch.zeros(len(x), 1, WIDTH)
        return float(unet.diffusion_loss(network, make_noise(), changed, steps, states, "cpu"))

    near = batch.animals[:, None]
    share = float((batch.latents.square() * near.square()).sum()) / float(
        (batch.latents.square() * (1 - near).square()).sum()
    )
    assert loss(near) / loss(1 - near) > 2 * share


def test_pictures_and_latents_of_a_batch_belong_together(folder: Path) -> None:
    source = decoder.Source(renderings=open_renderings(folder), latents=load_latents(folder))
    batch = source.draw(np.random.default_rng(0), 8)
    assert torch.allclose(load_code(folder).encode(batch.pictures), batch.latents, atol=0.03)
    for number, animals in zip(batch.numbers.tolist(), batch.animals, strict=True):
        cover = source.renderings.coverage[number] / 255
        assert float(animals.mean()) == pytest.approx(float(cover.mean()), abs=1e-3)


def test_decoders_begin_with_positions() -> None:
    vae = build_vae()
    give_positions(vae)
    seen: list[torch.Tensor] = []
    for block in vae.decoder.up_blocks:
        block.register_forward_hook(lambda _, __, found: seen.append(found[0]))
    with torch.no_grad():
        vae.decoder(torch.randn(1, CHANNELS, CELLS, CELLS))
    for size, maps in zip((12, 24, 48, 96, 96), seen, strict=True):
        ramp = torch.arange(1, size + 1) / size
        assert torch.allclose(maps[0], ramp.expand(size, -1), atol=1e-4)
        assert torch.allclose(maps[1], ramp[:, None].expand(-1, size), atol=1e-4)
        parity = 1.0 - 2.0 * (torch.arange(size) % 2)
        assert torch.allclose(maps[2], parity.expand(size, -1), atol=1e-3)
        assert torch.allclose(maps[3], parity[:, None].expand(-1, size), atol=1e-3)


def test_guesses_begin_with_the_trained_decoder(folder: Path, exported: Path) -> None:
    assert exported.exists()
    plan = Plan(folder=folder, name="guesses", pictures=2, batch=2, rate=0.0)
    vae, judges = build_vae(), make_judges("cpu")
    decoder.begin(plan, vae, judges)
    trained = torch.load(folder / "decoder.pt", weights_only=True)["averages"]
    for name, value in decoder.reader(vae).state_dict().items():
        assert torch.equal(value, trained[name])
    guesser = decoder.open_guesser(plan)
    source = decoder.Source(renderings=open_renderings(folder), latents=load_latents(folder))
    batch = source.draw(np.random.default_rng(0), 3)
    guesser.unet.requires_grad_(False)
    found = guesser.guess(batch, np.random.default_rng(0), "cpu")
    assert found.shape == batch.latents.shape
    assert not torch.allclose(found, batch.latents, atol=0.1)


def test_an_error_on_an_animal_weighs_more() -> None:
    x, animals = torch.zeros(1, 3, 8, 8), torch.zeros(1, 8, 8)
    animals[:, :4] = 1
    above, below = x.clone(), x.clone()
    above[:, :, 1, 4] = 1
    below[:, :, 6, 4] = 1
    assert decoder.picture_loss(above, x, animals) > 3 * decoder.picture_loss(below, x, animals)


def test_the_tower_is_asked_for_blanks_and_then_for_the_code() -> None:
    _, tokenizer = text_tower(BUILT_IN.encoder)
    ids = tower.tokenized(tokenizer, ["a dog", "a red cow in the snow"], False)
    codes = torch.stack([code_of(None)] * 2)
    end = tokenizer.eos_token_id

    class Says(torch.nn.Module):
        def __init__(self, late: bool) -> None:
            super().__init__()
            self.late = late

        def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor]:
            ended = (ids == end).cumsum(1) > (1 if self.late else 0)
            return (torch.where(ended[..., None], codes[:, None], blank()),)

    assert float(tower.tower_loss(Says(False), ids, codes, end)) == 0.0
    assert tower.tokenized(tokenizer, ["a dog"], True).shape == (1, tokenizer.model_max_length)
    ids[:, -1] = end
    assert float(tower.tower_loss(Says(True), ids, codes, end)) > 0.0


def test_texts_and_codes_say_the_same() -> None:
    texts, codes = tower.texts_and_codes(Random(0), 300)
    assert codes.shape == (300, WIDTH)
    for text, code in zip(texts, codes, strict=True):
        nothing = text == ""
        assert bool((code[span("time")] == 0).all()) == nothing
        if "purple" in text:
            assert float(code[span("colour")].max()) in (0.0, STRENGTH)
    reds = [code for text, code in zip(texts, codes, strict=True) if "a red dog" in text]
    assert all(float(code[span("animal")][0]) == STRENGTH for code in reds)


def test_the_pipeline_reads_states_as_the_unet_was_taught(exported: Path) -> None:
    pipe, _ = load_pipeline(exported)
    states = text_states(pipe.text_encoder, pipe.tokenizer, ["a dog", ""])
    assert states.shape == (2, pipe.tokenizer.model_max_length, WIDTH)
    assert pipe.unet.config.cross_attention_dim == WIDTH
    assert build_unet(WIDTH).config.sample_size == pipe.unet.config.sample_size
