"""The generator's training scripts, run for a few steps on a few pictures."""

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline

from engine.collections import BUILT_IN
from engine.storybook.claims import Claim, Subject
from engine.storybook.scenes import Animal, Scene
from engine.storybook.wording import Caption, Language
from tests.tools.storybook.generator.conftest import COUNT, Trained
from tools.storybook.generator import decoder, prompts, unet
from tools.storybook.generator.decoder import brought_back
from tools.storybook.generator.network import DECODER_FOLDER as DECODER
from tools.storybook.generator.network import VAE_FOLDER as VAE
from tools.storybook.generator.network import (
    build_unet,
    build_vae,
    load_vae,
    make_noise,
    text_states,
    text_tower,
)
from tools.storybook.generator.pictures import (
    Latents,
    cropped,
    random_pictures,
    read_rows,
    to_input,
    to_pixels,
    turned,
)
from tools.storybook.generator.pipeline import (
    Options,
    export_generator,
    generate,
    load_pipeline,
    read_options,
    write_options,
)
from tools.storybook.generator.prompts import training_caption, with_unusual_attributes
from tools.storybook.generator.trainer import Plan
from tools.storybook.generator.vae import whiten
from tools.storybook.optimising import load_checkpoint
from tools.storybook.renderer.render import facings
from tools.storybook.renderer.shards import load_shard
from tools.storybook.sampling import mirrored, sample_scene

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""diffusers' own, in setting the steps of DPM-Solver."""


def test_a_run_goes_on_from_its_checkpoint_and_leaves_a_sheet_and_a_vae(trained: Trained) -> None:
    for name in ("vae", "unet"):
        state = torch.load(trained.folder / f"{name}.pt", weights_only=True)
        assert (state["step"], state["samples"]) == (3, 6)
        assert {path.name for path in trained.folder.glob(f"{name}-*.png")} == {
            f"{name}-000001.png",
            f"{name}-000003.png",
        }
    record = json.loads((trained.generator / "training.json").read_text())
    assert record["vae"]["samples"] == record["unet"]["samples"] == 6
    assert record["decoder"]["samples"] == 4


def test_the_decoder_learns_and_latents_stay_what_they_are(trained: Trained) -> None:
    first, taught = (load_vae(trained.folder / name).state_dict() for name in (VAE, DECODER))
    changed = {name.split(".")[0] for name in first if not torch.equal(first[name], taught[name])}
    assert changed == {"decoder", "post_quant_conv"}
    shipped = load_vae(trained.generator / "vae").state_dict()
    assert all(torch.equal(shipped[name], value) for name, value in taught.items())


def test_a_decoder_is_taught_further_where_only_its_weights_are_left(
    trained: Trained, tmp_path: Path
) -> None:
    folder = tmp_path / "generator"
    unet.take_over(trained.generator, folder)
    plan = Plan(folder=folder, name="decoder", minutes=1, batch=2, learning_rate=0.0, steps=3)
    found = decoder.train(plan, trained.pictures, BUILT_IN.encoder)
    assert (found.step, found.samples) == (3, 6)
    before, after = (
        load_vae(path).state_dict() for path in (trained.generator / VAE, folder / DECODER)
    )
    assert all(torch.allclose(after[name], value) for name, value in before.items())


def test_a_unet_that_knows_brings_latents_back() -> None:
    """One that says the velocity from noise to nothing takes all noise out of nothing."""
    noise, latents = make_noise(), torch.zeros(4, 6, 16, 16)

    class Knowing:
        def __call__(self, noisy: torch.Tensor, steps: torch.Tensor, **_: object) -> Any:  # noqa: ANN401
            kept = noise.alphas_cumprod[steps][:, None, None, None]
            velocity = kept.sqrt() / (1 - kept).sqrt() * noisy
            return SimpleNamespace(sample=velocity)

    found = brought_back(Knowing(), noise, latents, torch.zeros(4, 1, 1))
    assert found.abs().max() < 1e-4


def test_an_exported_generator_is_trained_on_with_its_own_tower(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unet, "SHOWN", unet.SHOWN[:1])
    unet.take_over(trained.generator, tmp_path)
    plan = Plan(folder=tmp_path, name="unet", minutes=1, batch=2, learning_rate=1e-3, steps=4)
    begun = load_checkpoint(tmp_path / "unet.pt")
    assert begun is not None
    exported = load_checkpoint(trained.folder / "unet.pt")
    assert exported is not None
    for name, value in exported["averages"].items():
        assert torch.allclose(begun["module"][name], value, atol=2e-3)
    nowhere = tmp_path / "no encoder is needed"
    trainer = unet.train(plan, trained.pictures, nowhere, sheet_minutes=10)
    assert (trainer.step, trainer.samples) == (4, 8)
    export_generator(tmp_path, nowhere, tmp_path / "out")
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert (record["vae"]["samples"], record["unet"]["samples"]) == (6, 8)
    unet.take_over(trained.generator, tmp_path)
    kept = load_checkpoint(tmp_path / "unet.pt")
    assert kept is not None and kept["samples"] == 8


def test_the_folder_is_a_pipeline_of_small_half_precision_weights(trained: Trained) -> None:
    index = json.loads((trained.generator / "model_index.json").read_text())
    assert index["_class_name"] == "StableDiffusionPipeline"
    assert index["safety_checker"] == [None, None]
    weights = sum(path.stat().st_size for path in trained.generator.rglob("*.safetensors"))
    assert weights < 40e6
    assert not list(trained.generator.rglob("*.bin"))
    written = b"".join(path.read_bytes() for path in trained.generator.rglob("*.json"))
    assert str(Path.home()).encode() not in written and str(trained.folder).encode() not in written


def test_a_seed_generates_the_same_picture_again_whatever_else_is_generated(
    trained: Trained,
) -> None:
    pipe, options = load_pipeline(trained.generator)
    short = replace(options, steps=2)
    first = generate(pipe, ["a brown dog", "一只猫"], [5, 6], short, batch=1)
    again, _ = load_pipeline(trained.generator)
    second = generate(again, ["a brown dog", "一只猫"], [5, 7], short, batch=1)
    assert first[0].size == (64, 64)
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1].tobytes() != second[1].tobytes()


def test_both_schedulers_negative_prompts_and_img2img_work(trained: Trained) -> None:
    pipe, options = load_pipeline(trained.generator)
    ddim, dpm = (
        generate(pipe, ["a dog"], [1], replace(options, steps=3, scheduler=name))[0]
        for name in ("ddim", "dpm++")
    )
    assert ddim.tobytes() != dpm.tobytes()

    def generated(negative: str) -> bytes:
        noise = torch.Generator().manual_seed(1)
        found = pipe(
            "a dog", negative_prompt=negative, num_inference_steps=2, generator=noise,
            width=64, height=64, guidance_scale=5.0,
        )  # fmt: skip
        return bytes(found.images[0].tobytes())

    assert generated("night") != generated("")
    img2img: Any = StableDiffusionImg2ImgPipeline
    other = img2img(**pipe.components, requires_safety_checker=False)
    other.set_progress_bar_config(disable=True)
    noise = torch.Generator().manual_seed(1)
    changed = other("a dog", image=ddim, strength=0.5, num_inference_steps=4, generator=noise)
    assert changed.images[0].size == (64, 64)


def test_options_stay_when_weights_are_exported_again(trained: Trained, tmp_path: Path) -> None:
    write_options(tmp_path, Options(steps=7, guidance_scale=2.0))
    export_generator(trained.folder, BUILT_IN.encoder, tmp_path)
    assert read_options(tmp_path).steps == 7


def test_the_tower_alone_says_what_it_says_inside_the_encoder() -> None:
    from transformers import CLIPModel

    tower, tokenizer = text_tower(BUILT_IN.encoder)
    clip = CLIPModel.from_pretrained(BUILT_IN.encoder, dtype=torch.float32)
    length = tokenizer.model_max_length
    ids = tokenizer(["一只狗"], padding="max_length", max_length=length, return_tensors="pt")
    expected = clip.text_model(ids["input_ids"])[0]
    assert torch.equal(text_states(tower, tokenizer, ["一只狗"]), expected)


def test_whitened_latents_have_mean_0_and_deviation_1_and_decode_as_before(pictures: Path) -> None:
    torch.manual_seed(0)
    vae = build_vae().eval()
    batch = next(random_pictures(pictures, 6, Random(1)))
    x = to_input(batch.pixels)
    with torch.inference_mode():
        before = vae.decode(vae.encode(x).latent_dist.mean).sample
        deviation = (
            vae.encode(x).latent_dist.std
            / vae.encode(x).latent_dist.mean.std((0, 2, 3))[None, :, None, None]
        )
        whiten(vae, x)
        found = vae.encode(x).latent_dist
        after = vae.decode(found.mean).sample
    assert torch.allclose(found.mean.mean((0, 2, 3)), torch.zeros(6), atol=1e-4)
    assert torch.allclose(found.mean.std((0, 2, 3)), torch.ones(6), atol=1e-3)
    assert torch.allclose(before, after, atol=1e-3)
    assert torch.allclose(found.std, deviation, rtol=1e-3)


def test_latents_are_encoded_as_they_are_needed_and_kept(trained: Trained) -> None:
    facing = sum(turned(sample_scene(row)) is not None for row in range(COUNT))
    vae = load_vae(trained.folder / "vae")
    source = Latents(trained.pictures, trained.folder, vae)
    assert len(source) == 0
    source.grow(1)
    assert len(source) == facing < COUNT
    source.grow(1000)
    assert len(source) == facing
    folders = list(trained.folder.glob("latents-*"))
    assert len(folders) == 1 and len(list(folders[0].iterdir())) == 1


def test_latents_are_those_of_pictures_whose_animals_face_one_way(trained: Trained) -> None:
    """Encoded anew, a drawn scene's picture, turned as the rule says, has the drawn latents."""
    vae = load_vae(trained.folder / "vae")
    source = Latents(trained.pictures, trained.folder, vae)
    source.grow(1)
    batch = source.draw(8, Random(0))
    rows = {scene.seed: row for row in range(COUNT) if (scene := sample_scene(row))}
    for latents, scene, cover in zip(batch.latents, batch.scenes, batch.animals, strict=True):
        row = rows[scene.seed]
        way = turned(sample_scene(row))
        assert way is not None
        shown = read_rows(load_shard(trained.pictures, 0), 0, [row], [way])
        assert shown.scenes == [scene]
        with torch.no_grad():
            again = vae.encode(to_input(shown.pixels)).latent_dist.mode()[0]
        assert torch.allclose(again, latents, atol=0.02)
        coarse = shown.animals[0].reshape(16, 4, 16, 4).mean((1, 3))
        assert np.abs(coarse - cover.numpy()).mean() < 0.03


def test_animals_that_face_the_same_way_are_turned_together() -> None:
    scenes = [sample_scene(seed) for seed in range(60)]
    for scene in scenes:
        ways = set(facings(scene))
        assert turned(scene) is (ways.pop() if len(ways) == 1 else None)
    assert {turned(scene) for scene in scenes} == {True, False, None}


def test_pictures_that_face_one_way_are_mirrored_only_for_that(pictures: Path) -> None:
    for batch in islice(random_pictures(pictures, 4, Random(1), facing=True), 4):
        for scene in batch.scenes:
            original = sample_scene(scene.seed)
            assert (scene == mirrored(original)) or (scene == original)
            way = turned(original)
            assert way is not None and scene == (mirrored(original) if way else original)


def test_captions_to_learn_from_leave_nothing_unusual_out(monkeypatch: pytest.MonkeyPatch) -> None:
    claims: list[Claim] = []

    def write(claim: Claim, language: Language, rng: Random) -> Caption:
        claims.append(claim)
        return Caption(text="", language=language, claim=claim)

    monkeypatch.setattr(prompts, "write", write)
    animal = Animal(animal="dog", colour="brown", action="running", position="left")
    scene = Scene(animals=(animal,), place="snow", time="day", prop="none", seed=1)
    for number in range(200):
        training_caption(scene, Random(number))
    subjects = [subject for claim in claims for subject in claim.subjects]
    assert len(subjects) > 100
    assert {(s.position, s.action) for s in subjects} == {("left", "running")}


def test_an_animal_of_which_nothing_else_is_said_stands_in_the_middle() -> None:
    claim = Claim(subjects=(Subject(animal="dog"),), place="snow")
    scenes = [sample_scene(seed, two_share=0.0) for seed in range(60)]
    for scene in scenes:
        animal, found = scene.animals[0], with_unusual_attributes(claim, scene).subjects[0]
        assert found.position == (None if animal.position == "middle" else animal.position)
        assert found.action == (None if animal.action == "standing" else animal.action)
    two = next(s for s in map(sample_scene, range(99)) if len(s.animals) == 2)
    assert with_unusual_attributes(claim, two) == claim


def test_a_mirrored_picture_comes_with_the_mirrored_scene(pictures: Path) -> None:
    shard = load_shard(pictures, 0)
    plain = read_rows(shard, 0, [2, 3], [False, False])
    other = read_rows(shard, 0, [2, 3], [True, True])
    assert np.array_equal(plain.pixels[:, :, ::-1], other.pixels)
    assert np.array_equal(plain.animals[:, :, ::-1], other.animals)
    assert other.scenes == [mirrored(sample_scene(2)), mirrored(sample_scene(3))]


def test_windows_lie_inside_the_picture_and_hold_an_animal(pictures: Path) -> None:
    batch = next(random_pictures(pictures, 6, Random(3)))
    found = cropped(batch, 40, Random(0))
    assert found.pixels.shape == (6, 40, 40, 3) and found.animals.shape == (6, 40, 40)
    assert (found.animals.reshape(6, -1).max(1) > 0.5).all()


def test_pixels_survive_the_way_to_the_autoencoder_and_back() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    assert np.array_equal(to_pixels(to_input(pixels)), pixels)


def test_the_noise_ends_in_noise_alone_and_most_steps_show_something() -> None:
    alphas = make_noise().alphas_cumprod
    assert float(alphas[-1]) == 0.0
    assert 0.4 < float(alphas[499]) < 0.6


def test_steps_of_noise_are_drawn_from_all_over_and_mostly_where_shapes_are_decided() -> None:
    torch.manual_seed(0)
    steps = unet.noise_steps(20_000, 1000, torch.device("cpu"))
    assert (int(steps.min()), int(steps.max())) == (0, 999)
    tenths = torch.bincount(steps // 100, minlength=10) / len(steps)
    assert tenths.min() > 0.02
    assert tenths[7:].sum() > 0.6 and tenths[9] > tenths[:5].sum()


def test_an_error_in_one_direction_counts_more_than_one_that_evens_out() -> None:
    near = torch.ones(1, 1, 8, 8)
    same = torch.ones(1, 6, 8, 8)
    signs = (-1.0) ** torch.arange(8)
    even = same * signs[None, :] * signs[:, None]
    assert unet.multiscale(same, near).item() == pytest.approx((1 + 4 + 16) / 3)
    assert unet.multiscale(even, near).item() == pytest.approx(1 / 3)


def test_an_error_on_an_animal_counts_more() -> None:
    near = torch.ones(1, 1, 8, 8)
    near[..., :4] = 6.0
    left, right = torch.zeros(1, 6, 8, 8), torch.zeros(1, 6, 8, 8)
    left[..., :4] = right[..., 4:] = 1.0
    on_it, beside = unet.multiscale(left, near), unet.multiscale(right, near)
    assert on_it.item() == pytest.approx(6 * beside.item())


def test_the_unet_predicts_as_many_channels_as_the_latents_have() -> None:
    vae = build_vae()
    built = build_unet(vae, 128)
    assert built.config.in_channels == built.config.out_channels == vae.config.latent_channels
    assert built.config.sample_size == 16
