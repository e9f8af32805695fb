"""Trains the encoder's local head: `python -m tools.storybook.encoder.local_head`.

The encoder stays as it is, and so does every figure of its card; two linear maps are trained over
the states of its last layers, one for patches and one for tokens (engine/models/local_head.py).

- Patches learn from where things were drawn: a patch of an animal, of a prop, or of neither is
  asked which of their names it shows, a patch of an animal also which colour it has and what it
  does. The names are embedded as whole texts, as a search does.
- Tokens and patches learn late interaction: the captions of a few pictures, and the same with one
  thing exchanged, are told apart by the mean cosine that a search re-ranks by.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import click
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPModel, PreTrainedTokenizerBase
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from engine.collections import BUILT_IN
from engine.local.phrases import content_tokens
from engine.models.local_head import FILE
from engine.storybook.captions import claim_of, full_claim, partial_claim
from engine.storybook.claims import Claim, Subject, swapped
from engine.storybook.scenes import UNSEEN_PAIRS, Scene
from engine.storybook.vocabulary import (
    ACTIONS,
    ANIMALS,
    COLOURS,
    EN_ANIMAL,
    EN_PLACE,
    EN_PLACE_NOUN,
    EN_PROP_NOUN,
    NO_PROP,
    PLACES,
    PROPS,
    ZH_ANIMAL,
    ZH_PLACE,
    ZH_PLACE_NOUN,
    ZH_PROP_NOUN,
)
from engine.storybook.wording import Language, write
from engine.workers.local_states import joined_layers, local_widths
from tools.storybook.encoder.network import GRID, SIDE, normalised, text_vectors, tokens, unit
from tools.storybook.negatives import seen_claim
from tools.storybook.optimising import DEFAULT_FOLDER, learning_rate_factor
from tools.storybook.renderer.render import coverage, render
from tools.storybook.sampling import sample_scene

PATCH_LAYERS, TOKEN_LAYERS = 4, 3
SCALE = 20.0
"""Of cosines, where names are told apart."""
PATCHED, CAPTIONED = 40, 14
"""Pictures of a step whose patches are asked, and those whose captions are."""
CLEAR = 0.33
"""An animal that covers this much of a patch is what the patch shows."""
RATE = 3e-3
JUDGED = 1000
"""Scenes by which cosines are read."""
SURE = 2.2
"""Log odds of a word at the median cosine of words that are shown: nine in ten."""
CHUNK = 250
"""Pictures that are rendered, and kept, in one go."""

PROP_KINDS = tuple(prop for prop in PROPS if prop != NO_PROP)


def names() -> list[tuple[str, ...]]:
    """What each kind of thing is called: animals, then props, then places."""
    animals = [
        (*(f"{article}{name}" for name in EN_ANIMAL[each] for article in ("", "a ", "the ")),
         *ZH_ANIMAL[each])
        for each in ANIMALS
    ]  # fmt: skip
    props = [
        (*EN_PROP_NOUN[each], *(name.removeprefix("a ") for name in EN_PROP_NOUN[each]),
         *ZH_PROP_NOUN[each])
        for each in PROP_KINDS
    ]  # fmt: skip
    places = [
        (*EN_PLACE_NOUN[each], *EN_PLACE[each], *ZH_PLACE_NOUN[each], *ZH_PLACE[each])
        for each in PLACES
    ]
    return [*animals, *props, *places]


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What is learned from, computed once: the encoder does not change."""

    scenes: list[Scene]
    inputs: Tensor
    """What the head maps, float16 [n, GRID * GRID, layers * width]."""
    kinds: Tensor
    """Which of `names` each patch shows, [n, GRID * GRID]."""
    animals: Tensor
    """Which animal of the scene each patch clearly shows, [n, GRID * GRID]; -1 for none."""


def gather(model: CLIPModel, folder: Path, count: int) -> Material:
    """Material of the first scenes of training; pictures are rendered once, and kept."""
    scenes, inputs, covered = [], [], []
    for first in range(0, count, CHUNK):
        some = [sample_scene(seed) for seed in range(first, first + CHUNK)]
        pictures, cover = _rendered(folder, first, some)
        x = normalised(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255.0)
        with torch.no_grad():
            out = model.vision_model(pixel_values=x, output_hidden_states=True)
        inputs.append(joined_layers([h[:, 1:] for h in out.hidden_states], PATCH_LAYERS).half())
        covered.append(torch.from_numpy(cover).flatten(2).transpose(1, 2).float())
        scenes += some
        click.echo(f"{len(scenes)} of {count} scenes", err=True)
    kinds, animals = _answers(scenes, torch.cat(covered))
    return Material(scenes=scenes, inputs=torch.cat(inputs), kinds=kinds, animals=animals)


def _rendered(folder: Path, first: int, scenes: Sequence[Scene]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures [n, SIDE, SIDE, 3] and what covers their patches [n, 3, GRID, GRID]."""
    path = folder / f"local-{SIDE}-{first:06d}-{len(scenes)}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        fine = np.stack([coverage(scene, 4 * GRID) for scene in scenes])
        cover = fine.reshape(len(scenes), 3, GRID, 4, GRID, 4).mean(axis=(3, 5))
        pictures = np.stack([np.asarray(render(scene, SIDE, supersample=3)) for scene in scenes])
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(file, pictures=pictures, cover=cover.astype(np.float16))
        partial.rename(path)
    with np.load(path, allow_pickle=False) as found:
        return found["pictures"], found["cover"]


def _answers(scenes: Sequence[Scene], cover: Tensor) -> tuple[Tensor, Tensor]:
    """What each patch shows most of: props count more, since they are small, and places less."""
    shown = torch.zeros(*cover.shape[:2], len(names()))
    animals = torch.full(cover.shape[:2], -1)
    places = len(ANIMALS) + len(PROP_KINDS)
    for row, scene in enumerate(scenes):
        for number, animal in enumerate(scene.animals):
            shown[row, :, ANIMALS.index(animal.animal)] += cover[row, :, number]
            animals[row][cover[row, :, number] >= CLEAR] = number
        if scene.prop != NO_PROP:
            shown[row, :, len(ANIMALS) + PROP_KINDS.index(scene.prop)] += 1.5 * cover[row, :, 2]
        bare = (1 - cover[row].sum(-1)).clamp(min=0)
        shown[row, :, places + PLACES.index(scene.place)] += 0.5 * bare
    return shown.argmax(-1), animals


class LocalHeads(nn.Module):
    """The two maps while they learn."""

    def __init__(self, model: CLIPModel) -> None:
        super().__init__()
        (vision, text), joint = local_widths(model), model.visual_projection.out_features
        self.patches = nn.Linear(PATCH_LAYERS * vision, joint)
        self.tokens = nn.Linear(TOKEN_LAYERS * text, joint)
        self.scale = nn.Parameter(torch.tensor(math.log(2 * SCALE)))

    def save(self, path: Path, *, scale: float, even: float) -> None:
        """Write the maps in half precision, and how their cosines are read."""
        state = {name: each.half() for name, each in self.state_dict().items() if "." in name}
        pair = {"pair.scale": torch.tensor([scale]), "pair.even": torch.tensor([even])}
        save_file(state | pair, path)


class Course:
    """What each step asks."""

    def __init__(
        self, model: CLIPModel, tokenizer: PreTrainedTokenizerBase, material: Material, seed: int
    ) -> None:
        self._model, self._tokenizer, self._material = model, tokenizer, material
        self._rng = Random(f"local:{seed}")
        self._names = [self._embed(each) for each in names()]
        shares = torch.bincount(material.kinds.flatten(), minlength=len(self._names)).float()
        # Small things would be drowned by what is everywhere.
        self._weights = (1 / shares.clamp(min=1)).sqrt()
        self._colours = self._of_animals("colour", COLOURS)
        self._actions = self._of_animals("action", ACTIONS)
        self._unseen = torch.tensor(
            [[(animal, colour) in UNSEEN_PAIRS for colour in COLOURS] for animal in ANIMALS]
        )

    def loss(self, heads: LocalHeads) -> Tensor:
        """The loss of a step."""
        rows = self._rng.sample(range(len(self._material.scenes)), PATCHED)
        patches = unit(heads.patches(self._material.inputs[rows].float()))
        return self._patch_loss(patches, rows) + self._late_loss(heads, patches, rows)

    def single_words(self) -> dict[str, Tensor]:
        """Unit texts of an English word for each animal, prop, colour and action."""
        words = {animal: f"a {animal}" for animal in ANIMALS}
        words |= {prop: EN_PROP_NOUN[prop][0] for prop in PROP_KINDS}
        words |= {each: each for each in (*COLOURS, *ACTIONS)}
        return dict(zip(words, self._embed(list(words.values())), strict=True))

    def _patch_loss(self, patches: Tensor, rows: list[int]) -> Tensor:
        texts = torch.stack([each[self._rng.randrange(len(each))] for each in self._names])
        logits = (patches @ texts.T * SCALE).flatten(0, 1)
        answers = self._material.kinds[rows].flatten()
        total = functional.cross_entropy(logits, answers, weight=self._weights)
        which = self._material.animals[rows]
        there = which >= 0
        seen = [
            self._material.scenes[rows[row]].animals[which[row, at]]
            for row, at in there.nonzero().tolist()
        ]
        kinds = torch.tensor([ANIMALS.index(each.animal) for each in seen])
        colours = torch.tensor([COLOURS.index(each.colour) for each in seen])
        actions = torch.tensor([ACTIONS.index(each.action) for each in seen])
        shown = patches[there]
        of_colour = torch.einsum("nd,ncd->nc", shown, self._colours[kinds]) * SCALE
        of_colour = of_colour.masked_fill(self._unseen[kinds], -1e4)
        of_action = torch.einsum("nd,nad->na", shown, self._actions[kinds]) * SCALE
        return (
            total
            + 0.5 * functional.cross_entropy(of_colour, colours)
            + 0.5 * functional.cross_entropy(of_action, actions)
        )

    def _late_loss(self, heads: LocalHeads, patches: Tensor, rows: list[int]) -> Tensor:
        """Captions against pictures, and each against itself with one thing exchanged."""
        true, false, of = [], [], []
        for number, row in enumerate(rows[:CAPTIONED]):
            scene, language = self._material.scenes[row], self._rng.choice(list(Language))
            claim = self._claim(scene)
            true.append(write(claim, language, self._rng).text)
            pair = swapped(claim, scene, self._rng)
            if pair is not None and seen_claim(pair[0]):
                false.append(write(pair[0], language, self._rng).text)
                of.append(number)
        inputs, said = self._words([*true, *false])
        scores = late_scores(unit(heads.tokens(inputs)), said, patches[:CAPTIONED])
        scores = scores * heads.scale.exp()
        own = torch.arange(CAPTIONED)
        found = scores[:, :CAPTIONED]
        contrast = functional.cross_entropy(found, own) + functional.cross_entropy(found.T, own)
        wrong = scores[of, torch.arange(CAPTIONED, scores.shape[1])]
        return contrast / 2 + functional.softplus(wrong - scores[of, of]).mean()

    def _claim(self, scene: Scene) -> Claim:
        style = self._rng.random()
        if style < 0.3:
            return full_claim(scene)
        return claim_of(scene, 2, self._rng) if style < 0.6 else partial_claim(scene, self._rng)

    @torch.no_grad()
    def _words(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """What the head maps, [n, length, layers * width], and which tokens are words."""
        found = self._tokenizer(
            texts, padding=True, return_offsets_mapping=True, return_tensors="pt"
        )
        ids, mask = found["input_ids"], found["attention_mask"]
        out = self._model.text_model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        said = torch.zeros_like(ids, dtype=torch.bool)
        for row, text in enumerate(texts):
            spans = [(start, end) for start, end in found["offset_mapping"][row].tolist()]
            inner = [at for at, (start, end) in enumerate(spans) if start < end]
            words = content_tokens(text, [spans[at] for at in inner])
            said[row, torch.tensor(inner)] = torch.from_numpy(words)
        return joined_layers(out.hidden_states, TOKEN_LAYERS), said

    def _of_animals(self, name: str, values: Sequence[str]) -> Tensor:
        """Texts that give each animal each value, [animals, values, joint]."""
        rows = []
        for animal in ANIMALS:
            claims = [
                Claim(subjects=(Subject(animal=animal).with_value(name, value),))
                for value in values
            ]
            wordings = [
                [write(claim, language, self._rng).text for language in Language for _ in range(2)]
                for claim in claims
            ]
            rows.append(torch.stack([unit(self._embed(each).mean(0)) for each in wordings]))
        return torch.stack(rows)

    @torch.no_grad()
    def _embed(self, texts: Sequence[str]) -> Tensor:
        return text_vectors(self._model, *tokens(self._tokenizer, texts))


def late_scores(words: Tensor, said: Tensor, patches: Tensor) -> Tensor:
    """What engine/scoring/late_interaction.py gives, [N, M], of texts [M, T, d] and patches."""
    cosines = torch.einsum("npd,mtd->nmpt", patches, words)
    cosines = cosines.masked_fill(~said[None, :, None], -1e4)
    of_words = cosines.amax(2).masked_fill(~said[None], 0).sum(-1) / said.sum(-1)
    return (of_words + cosines.amax(3).mean(2)) / 2


def read_cosines(
    heads: LocalHeads, material: Material, words: Mapping[str, Tensor]
) -> tuple[float, float]:
    """The scale and the even point of cosines: where shown and absent words are told apart best.

    `words` are unit texts by the name of what they say: kinds, colours and actions.
    """
    with torch.no_grad():
        patches = unit(heads.patches(material.inputs[:JUDGED].float()))
        best = torch.einsum("npd,wd->npw", patches, torch.stack(list(words.values()))).amax(1)
    shown = torch.tensor(
        [[name in _said(scene) for name in words] for scene in material.scenes[:JUDGED]]
    )
    present, absent = best[shown], best[~shown]
    points = torch.linspace(0.05, 0.6, 111)
    rates = [(present >= at).float().mean() + (absent < at).float().mean() for at in points]
    even = float(points[int(torch.stack(rates).argmax())])
    return float(SURE / (present.median() - even).clamp(min=0.02)), even


def _said(scene: Scene) -> set[str]:
    """Every word that is true of a scene."""
    own = ((each.animal, each.colour, each.action) for each in scene.animals)
    return {scene.prop, *(word for words in own for word in words)}


def train(model: CLIPModel, course: Course, steps: int, seed: int) -> LocalHeads:
    """Fit the maps."""
    torch.manual_seed(seed)
    heads = LocalHeads(model)
    optimiser = torch.optim.AdamW(heads.parameters(), lr=RATE, weight_decay=1e-3)
    started = time.monotonic()
    for step in range(steps):
        factor = learning_rate_factor(step / steps, step, warm_up=30, falls_from=0.2)
        for group in optimiser.param_groups:
            group["lr"] = RATE * factor
        loss = course.loss(heads)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step % 100 == 0:
            seconds = time.monotonic() - started
            click.echo(f"step {step}: loss {loss.item():.3f}, {seconds:.0f} s", err=True)
    return heads


@click.command()
@click.option("--encoder", type=click.Path(path_type=Path), default=BUILT_IN.encoder)
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER)
@click.option("--out", type=click.Path(path_type=Path), default=BUILT_IN.encoder / FILE)
@click.option("--scenes", default=4000, show_default=True)
@click.option("--steps", default=2000, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(encoder: Path, folder: Path, out: Path, scenes: int, steps: int, seed: int) -> None:
    """Train the local head of ENCODER on scenes of its training."""
    torch.set_num_threads(1)
    model = CLIPModel.from_pretrained(encoder, dtype=torch.float32).requires_grad_(False)
    tokenizer = CLIPTokenizer.from_pretrained(encoder)
    material = gather(model, folder, scenes)
    course = Course(model, tokenizer, material, seed)
    heads = train(model, course, steps, seed)
    scale, even = read_cosines(heads, material, course.single_words())
    heads.save(out, scale=scale, even=even)
    click.echo(f"{out}: {out.stat().st_size / 1e3:.0f} KB", err=True)


if __name__ == "__main__":
    main()
