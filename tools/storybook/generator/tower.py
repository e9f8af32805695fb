"""Training of the text tower: `python -m tools.storybook.generator.tower`.

The storybook's encoder reads both languages already; its text tower is taught to say what it read
as a code (`codes`), at the end of the text and at every token of padding behind it.
"""

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import click
import torch
from torch import Tensor
from transformers.models.clip.modeling_clip import CLIPTextModel

from engine.collections import BUILT_IN
from engine.storybook.captions import claim_of, full_claim, partial_claim
from engine.storybook.claims import Claim
from engine.storybook.scenes import Scene
from engine.storybook.vocabulary import NO_PROP
from engine.storybook.wording import Language, write
from tools.storybook.generator.codes import blank, code_of, right_share
from tools.storybook.generator.learning import Learner, Plan, open_learner
from tools.storybook.generator.networks import TOKENIZER, TOWER, Tokenizer, text_tower
from tools.storybook.generator.prompts import held_out_prompts
from tools.storybook.generator.shards import FOLDER
from tools.storybook.sampling import sample_scene

Tower: TypeAlias = Any
"""A CLIPTextModel, whose types say less than it takes."""

EMPTY_SHARE = 0.03
"""Share of empty texts."""
BLANK_WEIGHT = 0.3
"""How much the states before the end of a text count."""
TAIL = 6
"""Tokens of padding that short batches have; one batch of WHOLE_EVERY has all of them."""
WHOLE_EVERY = 12
MEASURED = (100, 100, 50)
"""Prompts of each kind that are read at the end."""


def tower_claim(scene: Scene, rng: Random) -> Claim | None:
    """A claim of the scene as people write them; None for an empty text."""
    style = rng.random()
    if style < EMPTY_SHARE:
        return None
    if style < 0.45:
        return full_claim(scene)
    if style < 0.6:
        return replace(claim_of(scene, 2, rng), place=scene.place)
    if style < 0.7:
        return claim_of(scene, rng.choice((1, 2)), rng)
    if style < 0.8:
        return Claim(place=scene.place, time=scene.time, prop=_stated_prop(scene))
    return partial_claim(scene, rng)


def _stated_prop(scene: Scene) -> str | None:
    return None if scene.prop == NO_PROP else scene.prop


def texts_and_codes(rng: Random, count: int) -> tuple[list[str], Tensor]:
    """Random texts and what the tower is to say of them, [count, WIDTH]."""
    texts, codes = [], []
    for _ in range(count):
        claim = tower_claim(sample_scene(rng.randrange(50_000_000), two_share=0.08), rng)
        language = Language.ENGLISH if rng.random() < 0.5 else Language.CHINESE
        texts.append("" if claim is None else write(claim, language, rng).text)
        codes.append(code_of(claim))
    return texts, torch.stack(codes)


def tokenized(tokenizer: Tokenizer, texts: list[str], whole: bool) -> Tensor:
    """Token numbers [n, tokens] with padding, all of it or a short tail."""
    found = tokenizer(
        texts, padding="longest", truncation=True, return_tensors="pt", max_length=None
    )["input_ids"]
    length = tokenizer.model_max_length if whole else found.shape[1] + TAIL
    more = min(length, tokenizer.model_max_length) - found.shape[1]
    pad = found.new_full((len(found), max(more, 0)), tokenizer.pad_token_id)
    return torch.cat([found, pad], dim=1)


def tower_loss(tower: Tower, ids: Tensor, codes: Tensor, end: int) -> Tensor:
    """Square error of the states: blank before the end of the text, the code from there on."""
    states = tower(ids)[0].float()
    ended = (ids == end).cumsum(1) > 0
    aims = torch.where(ended[..., None], codes[:, None], blank().to(codes.device))
    error = (states - aims).square().mean(2)
    before = ~ended
    loss: Tensor = (error * ended).sum() / ended.sum()
    loss = loss + BLANK_WEIGHT * (error * before).sum() / before.sum()
    return loss


@torch.inference_mode()
def last_states(tower: Tower, tokenizer: Tokenizer, texts: list[str]) -> Tensor:
    """States at the last token of padding, [n, WIDTH]."""
    ids = tokenized(tokenizer, texts, whole=True)
    states: Tensor = tower(ids.to(tower.device))[0]
    return states[:, -1].float().cpu()


def measured(tower: Tower, tokenizer: Tokenizer) -> dict[str, float]:
    """Share of held-out prompts whose code is read wholly right, by kind of prompt."""
    prompts = held_out_prompts(*MEASURED, first=5000)
    found = last_states(tower, tokenizer, [prompt.text for prompt in prompts])
    shares = {}
    for kind in dict.fromkeys(prompt.kind for prompt in prompts):
        rows = [k for k, prompt in enumerate(prompts) if prompt.kind is kind]
        expected = torch.stack([code_of(prompts[k].claim) for k in rows])
        shares[str(kind)] = right_share(found[rows], expected)
    return shares


def write_tower(learner: Learner, tower: CLIPTextModel, tokenizer: Tokenizer) -> None:
    """Write the averaged tower and its tokenizer where the other parts find them."""
    config: Any = tower.config
    final: Tower = CLIPTextModel(config)
    final.load_state_dict(learner.averages.values)
    final.save_pretrained(learner.plan.folder / TOWER)
    tokenizer.save_pretrained(learner.plan.folder / TOKENIZER)
    shares = measured(final.eval(), tokenizer)
    click.echo(f"codes read wholly right: {shares}")


def train(plan: Plan) -> Learner:
    """Train the tower as planned, leaving checkpoints, a log and the tower itself."""
    tower, tokenizer = text_tower(BUILT_IN.encoder)
    tower.set_attn_implementation("eager")
    tower.requires_grad_(True).train()
    learner = open_learner(plan, tower, {})
    total = 0.0
    while not learner.over:
        rng = Random(int(learner.random().integers(2**62)))
        texts, codes = texts_and_codes(rng, plan.batch)
        ids = tokenized(tokenizer, texts, learner.step % WHOLE_EVERY == 0).to(plan.device)
        with torch.autocast(plan.device, torch.bfloat16):
            loss = tower_loss(tower, ids, codes.to(plan.device), tokenizer.eos_token_id)
        total += learner.learn(loss)
        if learner.step % 50 == 0:
            learner.log(error=total / 50)
            total = 0.0
        learner.save_if_due()
    learner.save()
    write_tower(learner, tower, tokenizer)
    return learner


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER)
@click.option("--pictures", "texts", default=150_000, show_default=True, help="Texts to read.")
@click.option("--batch", default=48, show_default=True)
@click.option("--rate", default=1e-3, show_default=True)
@click.option("--minutes", type=float, help="Stop for now after so many.")
@click.option("--device", default="cpu", show_default=True)
def main(
    folder: Path, texts: int, batch: int, rate: float, minutes: float | None, device: str
) -> None:
    """Teach the text tower to say codes."""
    plan = Plan(
        folder=folder,
        name="tower",
        pictures=texts,
        unit="texts",
        batch=batch,
        rate=rate,
        minutes=minutes,
        device=device,
        level_share=0.5,
        decay=0.99,
    )
    train(plan)


if __name__ == "__main__":
    main()
