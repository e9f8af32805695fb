"""Chooses the rivals of the label-free match: `python -m tools.rivals shared/data/clip_vitb32`.

FOLDER holds `flickr8k_images.npz` (image, vector), `texts.npz` (text, vector: class words after
'a ') and `captions.token`, all in the space of one encoder. The chosen words go into
engine/data/rivals.tsv, in English and Chinese; `--check` only says whether they are what ships.

A word is found by its best match over all pictures. Rivals are chosen so that words that captions
name come out above words that none names: greedily, one by one, out of a few class words drawn at
random; many times over, each time on another part of the words, for one list would learn them by
heart. All that were chosen at least once are the rivals.

Only words of the tuning half of tests/bench/measure_routing.py take part, as what is judged or as
a rival. Present words become no rivals, nor do names with a sense in brackets, those that begin
with a vowel (the published texts say 'a apple'), and what other tests ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from engine.results import FloatArray, IdArray
from engine.scoring import label_free
from engine.scoring.decision import SAME
from engine.search.text_embedder import random_prompts, rival_prompts
from tests.bench.measure_routing import Words
from tests.e2e.class_words import ABSENT, CLEARLY_ABSENT, CLEARLY_PRESENT, PRESENT
from tests.e2e.real_vectors import load

BAGS, STEPS, DRAWN, PART = 10, 20, 60, 0.7
"""Lists, words in each, candidates drawn for each word, and the part of the words chosen by."""
FORE = 60
"""A word's best match is sought among so many pictures by cosine and by first match."""
CLEAR = 2
"""Captions of a photo that hold a word that is clearly in it."""
SCALE = 100.0
COMMON_LIMIT = 1.5
"""Most nats for how common a word is by its nearness to the random texts."""
ASKED = frozenset(
    {*PRESENT, *ABSENT, *CLEARLY_PRESENT, *CLEARLY_ABSENT}
    | {"piano", "pizza", "zebra", "refrigerator"}
)
"""What tests ask for: no rival is to be made for or against these."""


class Chooser:
    """Chooses rivals among words, all by row."""

    def __init__(self, words: FloatArray, random: FloatArray, pictures: FloatArray) -> None:
        columns = np.ascontiguousarray(pictures.T)
        prepared = label_free.prepare(random, columns, SCALE)
        common = np.array([commonness(random, word) for word in words])
        logits = np.float32(SCALE) * words @ columns
        self.weights = np.exp(logits - prepared.peak)
        likely = np.argsort(prepared.log_total - logits, axis=1)[:, :FORE]
        self.fore = np.concatenate([likely, np.argsort(-logits, axis=1)[:, :FORE]], axis=1)
        self.odds = np.take_along_axis(logits - prepared.peak, self.fore, axis=1) + common[:, None]

    def choose(self, present: IdArray, absent: IdArray, among: IdArray, seed: int) -> list[int]:
        """The union of the lists of all bags, in the order of choosing."""
        rng = np.random.default_rng(seed)
        found: list[int] = []
        for _ in range(BAGS):
            here, lacking = (
                rng.permutation(words)[: int(PART * len(words))] for words in (present, absent)
            )
            found += self._one_list(here, lacking, among, rng)
        return list(dict.fromkeys(found))

    def _one_list(
        self, present: IdArray, absent: IdArray, among: IdArray, rng: np.random.Generator
    ) -> list[int]:
        """Words, each the best of those drawn beside the ones before it."""
        words = np.concatenate([present, absent])
        fore, odds = self.fore[words], self.odds[words]
        total = np.zeros(self.weights.shape[1], np.float32)
        chosen: list[int] = []
        for _ in range(STEPS):
            drawn = [word for word in rng.permutation(among)[:DRAWN].tolist() if word not in chosen]
            apart = []
            for word in drawn:
                best = (odds - np.log(total + self.weights[word])[fore]).max(axis=1)
                apart.append(_soft_auc(best[: len(present)], best[len(present) :]))
            chosen.append(drawn[int(np.argmax(apart))])
            total += self.weights[chosen[-1]]
        return chosen


def commonness(random: FloatArray, word: FloatArray) -> float:
    """How near a word is to random texts, in standard deviations of their own nearness; nats."""
    nearness = random @ word
    others = nearness[nearness < SAME]
    among = (random @ random.sum(axis=0) - 1) / (len(random) - 1)
    found = (float(others.mean()) - float(among.mean())) / float(among.std())
    return float(np.clip(found, -COMMON_LIMIT, COMMON_LIMIT))


def _soft_auc(present: FloatArray, absent: FloatArray) -> float:
    """The mean sigmoid of all differences in nats: AUC where it has a slope."""
    return float((1 / (1 + np.exp(absent[None] - present[:, None]))).mean())


def chosen_rivals(folder: Path) -> list[str]:
    """The English texts of the rivals, in order."""
    words = Words(load(folder), random_prompts()["en"])
    photos = np.arange(len(words.real.names))
    present, absent = words.lists(photos, judged=False, captions=CLEAR)
    spoken = np.array([word[0].lower() not in "aeiou" for word in words.names])
    is_free = ~words.is_judged & spoken & ~np.isin(words.names, list(ASKED))
    among = np.setdiff1d(np.flatnonzero(is_free), present)
    random = words.vectors[words.background]
    chooser = Chooser(words.vectors, random, words.real.pictures)
    return sorted(f"a {words.names[row]}" for row in chooser.choose(present, absent, among, seed=0))


def in_both_languages(texts: Sequence[str], more: Path | None) -> list[tuple[str, str]]:
    """The texts with their Chinese, out of what ships and a file of further lines.

    Raises click.UsageError for texts whose Chinese nobody has given.
    """
    known: dict[str, str] = {}
    for listed in (random_prompts(), rival_prompts()):
        known |= dict(zip(listed["en"], listed["zh"], strict=True))
    if more is not None:
        lines = more.read_text(encoding="utf-8").splitlines()
        known |= dict(line.split("\t", 1) for line in lines)
    lacking = [text for text in texts if text not in known]
    if lacking:
        raise click.UsageError(f"--chinese has to name: {', '.join(lacking)}")
    return [(text, known[text]) for text in texts]


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("engine/data/rivals.tsv"),
    show_default=True,
)
@click.option(
    "--chinese",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Lines of an English text, a tab and the Chinese one, for texts that do not ship yet.",
)
@click.option("--check", is_flag=True, help="Write nothing, and fail where others ship.")
def main(folder: Path, out: Path, chinese: Path | None, check: bool) -> None:
    """Choose, and write or check."""
    texts = chosen_rivals(folder)
    if check:
        ship = list(rival_prompts()["en"])
        click.echo(f"{len(texts)} chosen, {len(ship)} ship; the same: {texts == ship}")
        raise SystemExit(int(texts != ship))
    lines = [
        f"{english}\t{translated}" for english, translated in in_both_languages(texts, chinese)
    ]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    click.echo(f"{len(lines)} rivals in {out}")


if __name__ == "__main__":
    main()
