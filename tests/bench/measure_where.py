"""How well words are found in pictures of the storybook, whose masks are known by construction.

`python -m tests.bench.measure_where [SCENES [--every-way]]`, on held-out scenes, in both languages:

- the pointing game (Zhang et al., "Top-down Neural Attention by Excitation Backprop", 2016): the
  hottest patch of the word of an animal, or of a prop, hits if the thing covers a tenth of it or
  more; beside a random patch and the middle of the picture;
- words that the scene shows, that it lacks though the encoder knows them, and foreign ones: how
  many are said to be there;
- true captions told from the same with one thing exchanged (AUC), by cosine and by late
  interaction.

With `--every-way` the pointing game is played by each way of engine/workers/local_states.py, too.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import CLIPModel

from engine.collections import BUILT_IN
from engine.local.maps import word_evidence
from engine.local.phrases import content_tokens
from engine.models.input_spec import prepare, read_input_spec
from engine.models.local_head import PairOdds, read_pair_odds
from engine.results import WORD_THRESHOLD, FloatArray
from engine.scoring.late_interaction import maxsim
from engine.scoring.metrics import auc
from engine.search.text_embedder import random_prompts
from engine.states import PatchWay
from engine.storybook.gallery import swapped_claims
from engine.storybook.scenes import Scene
from engine.storybook.vocabulary import FOREIGN_CHINESE, FOREIGN_ENGLISH, NO_PROP, PROPS
from engine.storybook.wording import Language, fixed_wording, thing_words
from engine.workers import local_states
from engine.workers.device import Choice
from engine.workers.encoder_models import EncoderModel, load_encoder
from tools.storybook.encoder.network import GRID, normalised
from tools.storybook.held_out import held_out_scenes
from tools.storybook.renderer.render import coverage, render
from tools.storybook.sampling import Split

SCENES = 300
RENDERED = 128
COVERED = 0.1
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Thing:
    """Something that a scene shows."""

    row: int
    """Of the scene."""
    is_prop: bool
    name: str
    """As the vocabulary has it."""
    cells: NDArray[np.bool_]
    """The patches that it covers, [GRID * GRID]."""
    is_central: bool
    """It covers the middle of the picture, a patch wide."""


def things(scenes: Sequence[Scene]) -> list[Thing]:
    found = []
    for row, scene in enumerate(scenes):
        fine = coverage(scene, 8 * GRID)
        layers = [(animal.animal, fine[n], False) for n, animal in enumerate(scene.animals)]
        if scene.prop != NO_PROP:
            layers.append((scene.prop, fine[2], True))
        for name in dict.fromkeys(name for name, _, _ in layers):
            mask = np.sum([each for other, each, _ in layers if other == name], axis=0)
            share = mask.reshape(GRID, 8, GRID, 8).mean(axis=(1, 3)).ravel()
            middle = slice(4 * GRID - 4, 4 * GRID + 4)
            if (share >= COVERED).any():
                found.append(
                    Thing(
                        row=row,
                        is_prop=name in PROPS,
                        name=name,
                        cells=share >= COVERED,
                        is_central=bool(mask[middle, middle].mean() >= COVERED),
                    )
                )
    return found


def pointing(shown: Sequence[Thing], patches: FloatArray, texts: FloatArray, names: list[str],
             background: FloatArray) -> tuple[float, float]:  # fmt: skip
    """The share of hits among animals and among props."""
    hits: dict[bool, list[bool]] = {False: [], True: []}
    for thing in shown:
        word = texts[names.index(thing.name)][None]
        evidence = word_evidence(patches[thing.row], word, background).evidence[0]
        hits[thing.is_prop].append(bool(thing.cells[int(evidence.argmax())]))
    return float(np.mean(hits[False])), float(np.mean(hits[True]))


def presence(scenes: Sequence[Scene], patches: FloatArray, texts: FloatArray, names: list[str],
             foreign: FloatArray, background: FloatArray,
             pair: PairOdds | None) -> str:  # fmt: skip
    """How many words are said to be there that are shown, absent, and foreign."""
    said: dict[str, list[bool]] = {"shown": [], "absent": [], "foreign": []}
    for row, scene in enumerate(scenes):
        there = {*(animal.animal for animal in scene.animals), scene.prop}
        found = word_evidence(patches[row], np.concatenate([texts, foreign]), background, pair)
        strong = found.strengths.max(axis=1) >= WORD_THRESHOLD
        for name, is_said in zip(names, strong, strict=False):
            said["shown" if name in there else "absent"].append(bool(is_said))
        said["foreign"] += [bool(each) for each in strong[len(names) :]]
    return ", ".join(f"{kind} {np.mean(each):.3f}" for kind, each in said.items())


def swapped(scenes: Sequence[Scene], encoder: EncoderModel, vectors: FloatArray,
            patches: FloatArray, language: Language) -> tuple[float, float]:  # fmt: skip
    """AUC of true captions against those with one thing exchanged: by cosine, by maxsim."""
    by_cosine, by_words = [], []
    for claims in swapped_claims(scenes):
        texts = [fixed_wording(claim, language) for claim in claims]
        tokenized = encoder.tokenize(texts)
        embedded = encoder.embed_texts(tokenized.ids, _go_on)
        states = encoder.token_states(tokenized, _go_on)
        rows = np.arange(len(texts)) % len(scenes)
        by_cosine.append((embedded * vectors[rows]).sum(axis=1))
        scores = []
        for text, row, tokens, spans in zip(texts, rows, states, tokenized.spans, strict=True):
            inner = [(start, end) for start, end in spans if start < end]
            words = tokens[content_tokens(text, inner)]
            scores.append(float(maxsim(words, patches[row][None])[0]))
        by_words.append(np.array(scores, np.float32))
    return auc(*by_cosine), auc(*by_words)


def by_every_way(pixels: NDArray[np.uint8]) -> dict[str, FloatArray]:
    """Unit patches of the shipped encoder without its local head, by the name of the way."""
    model = CLIPModel.from_pretrained(BUILT_IN.encoder, dtype=torch.float32)
    found = {}
    for way in PatchWay:
        if way is PatchWay.POOLED:
            continue
        with torch.inference_mode():
            values = normalised(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255.0)
            states = local_states.by_way(model, way, values)
            found[way.value] = torch.nn.functional.normalize(states, dim=-1).numpy()
    return found


def _go_on() -> None:
    """Nothing stops a measurement."""


def main() -> None:
    arguments = [each for each in sys.argv[1:] if not each.startswith("--")]
    scenes = held_out_scenes(Split.SEEN, int(arguments[0]) if arguments else SCENES)
    torch.set_num_threads(1)
    encoder = load_encoder(
        BUILT_IN.encoder, Choice(device="cpu", dtype="fp32", name="cpu"), lambda _: None
    )
    spec = read_input_spec(BUILT_IN.encoder)
    pixels = np.stack([prepare(render(scene, RENDERED), spec) for scene in scenes])
    vectors, patches = encoder.embed_pixels(pixels, _go_on), encoder.patch_states(pixels, _go_on)
    shown, pair = things(scenes), read_pair_odds(BUILT_IN.encoder)
    for is_prop, kind in ((False, "animals"), (True, "props")):
        those = [thing for thing in shown if thing.is_prop is is_prop]
        chance = np.mean([thing.cells.mean() for thing in those])
        middle = np.mean([thing.is_central for thing in those])
        print(f"{len(those)} {kind}: a random patch hits {chance:.3f}, the middle {middle:.3f}")
    embed: Callable[[Sequence[str]], FloatArray] = lambda texts: encoder.embed_texts(  # noqa: E731
        encoder.tokenize(texts).ids, _go_on
    )
    for language, foreign in (
        (Language.ENGLISH, [f"a {word}" for word in FOREIGN_ENGLISH]),
        (Language.CHINESE, list(FOREIGN_CHINESE)),
    ):
        words = thing_words(language)
        names, texts = list(words), embed(list(words.values()))
        background = embed(random_prompts()[language.value])
        animals, props = pointing(shown, patches, texts, names, background)
        print(f"{language.value}: hits animals {animals:.3f}, props {props:.3f}")
        said = presence(scenes, patches, texts, names, embed(foreign), background, pair)
        print(f"{language.value}: said to be there: {said}")
        cosine, late = swapped(scenes, encoder, vectors, patches, language)
        print(f"{language.value}: AUC of true over swapped: cosine {cosine:.3f}, maxsim {late:.3f}")
        if "--every-way" in sys.argv:
            for way, states in by_every_way(pixels).items():
                animals, props = pointing(shown, states, texts, names, background)
                print(f"{language.value}, {way}: hits animals {animals:.3f}, props {props:.3f}")


if __name__ == "__main__":
    main()
