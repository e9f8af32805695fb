"""Chooses the rivals of the label-free match and its margin.

    python -m tests.bench.choose_rivals [--names]

A word is found by its best match over all pictures. Rivals are chosen so that words that captions
name come out above words that none names: greedily, one by one, out of a few class words drawn at
random; many times over, each time on another part of the words for tuning, for one list would
learn them by heart. All that were chosen at least once are the rivals.

The margin is the equal-error point of tuning words that took no part in choosing: each fifth of
them is scored against rivals that were chosen by the other four. As a fifth's list differs in
length, margins are taken over the mean, and not the sum, of the rivals' weights.

No judged word (both lists of tests/e2e/class_words.py, piano, pizza) is tuned on or becomes a
rival. Nor does a present word for tuning, a name with a sense in brackets, or one that begins with
a vowel: the published texts say 'a apple'.
"""

import argparse
from collections.abc import Sequence

import numpy as np

from engine.results import FloatArray, IdArray
from engine.scoring import label_free
from engine.search.text_embedder import random_prompts, rival_prompts
from tests.bench.measure_background import Lab, auc, tuning_words
from tests.e2e.class_words import ABSENT, CLEARLY_ABSENT, CLEARLY_PRESENT, PRESENT
from tests.e2e.real_vectors import load

BAGS, STEPS, DRAWN, PART = 10, 20, 60, 0.7
"""Lists, words in each, candidates drawn for each word, and the part of the words tuned on."""
FOLDS = 5
FORE = 60
"""A word's best match is sought among so many pictures by cosine and by first match."""
SCALE = 100.0


class Chooser:
    """Chooses rivals among class words, by row of the published texts."""

    def __init__(self, lab: Lab) -> None:
        vectors = lab.real.vectors[:1203]
        random = lab.bank(random_prompts()["en"])
        prepared = label_free.prepare(random, lab.columns, SCALE)
        prior = np.array([label_free.prior_of(random, vector) for vector in vectors])
        logits = np.float32(SCALE) * vectors @ lab.columns
        self.weights = np.exp(logits - prepared.peak)
        likely = np.argsort(prepared.log_total - logits, axis=1)[:, :FORE]
        self.fore = np.concatenate([likely, np.argsort(-logits, axis=1)[:, :FORE]], axis=1)
        self.odds = np.take_along_axis(logits - prepared.peak, self.fore, axis=1) + prior[:, None]

    def choose(self, present: IdArray, absent: IdArray, among: IdArray, seed: int) -> list[int]:
        """The union of the lists of all bags, in the order of choosing."""
        rng = np.random.default_rng(seed)
        found: list[int] = []
        for _ in range(BAGS):
            here, lacking = (
                rng.permutation(words)[: int(PART * len(words))] for words in (present, absent)
            )
            found += self.one_list(here, lacking, among, rng)
        return list(dict.fromkeys(found))

    def one_list(
        self, present: IdArray, absent: IdArray, among: IdArray, rng: np.random.Generator
    ) -> list[int]:
        """Words, each the best of those drawn beside the ones before it."""
        words = np.concatenate([present, absent])
        fore, odds = self.fore[words], self.odds[words]
        total = np.zeros(self.weights.shape[1], np.float32)
        chosen: list[int] = []
        for _ in range(STEPS):
            drawn = [word for word in rng.permutation(among)[:DRAWN].tolist() if word not in chosen]
            worth = []
            for word in drawn:
                best = (odds - np.log(total + self.weights[word])[fore]).max(axis=1)
                worth.append(soft_auc(best[: len(present)], best[len(present) :]))
            chosen.append(drawn[int(np.argmax(worth))])
            total += self.weights[chosen[-1]]
        return chosen


def soft_auc(present: FloatArray, absent: FloatArray) -> float:
    """The mean sigmoid of all differences in nats: AUC where it has a slope."""
    return float((1 / (1 + np.exp(absent[None] - present[:, None]))).mean())


def equal_error(present: FloatArray, absent: FloatArray) -> float:
    """The threshold at which as large a part of the one is below as of the other above."""
    thresholds = np.sort(np.concatenate([present, absent]))
    gaps = [abs((present < at).mean() - (absent >= at).mean()) for at in thresholds]
    best = np.flatnonzero(np.array(gaps) <= min(gaps) + 1e-9)
    return float(thresholds[best].mean())


def best_odds(lab: Lab, words: Sequence[str], rivals: Sequence[int]) -> FloatArray:
    """Best log odds of each word without a margin, over the mean of the rivals' weights."""
    odds = lab.odds(words, lab.real.vectors[list(rivals)], against=random_prompts()["en"])
    best: FloatArray = odds.max(axis=1) + np.float32(np.log(len(rivals)))
    return best


def held_out(
    lab: Lab, chooser: Chooser, words: Sequence[IdArray], among: IdArray
) -> list[FloatArray]:
    """Best log odds of present and absent words, each scored by rivals chosen without it."""
    rng = np.random.default_rng(0)
    mixed = [rng.permutation(some) for some in words]
    found: list[list[FloatArray]] = [[], []]
    for fold in range(FOLDS):
        ours = [some[fold::FOLDS] for some in mixed]
        present, absent = (np.setdiff1d(some, out) for some, out in zip(mixed, ours, strict=True))
        rivals = chooser.choose(present, absent, among, seed=1 + fold)
        for scores, some in zip(found, ours, strict=True):
            scores.append(best_odds(lab, [lab.real.texts[row][2:] for row in some], rivals))
    return [np.concatenate(scores) for scores in found]


def main() -> None:
    """Choose, and print how well the choice does."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--names", action="store_true", help="print the chosen texts and end")
    only_names = parser.parse_args().names
    lab = Lab(load())
    judged = {*PRESENT, *ABSENT, *CLEARLY_PRESENT, *CLEARLY_ABSENT, "piano", "pizza"}
    tuning = tuning_words(lab.real)
    present, absent = (np.array([lab.index[f"a {word}"] for word in some]) for some in tuning)
    among = np.array(
        [
            lab.index[f"a {word}"]
            for word in lab.real.classes()
            if word not in judged | {*tuning[0]} and word[0].lower() not in "aeiou"
        ]
    )
    chooser = Chooser(lab)
    rivals = chooser.choose(present, absent, among, seed=0)
    texts = sorted(lab.real.texts[row] for row in rivals)
    if only_names:
        print("\n".join(texts))
        return
    print(f"tuning: {len(present)} present, {len(absent)} absent; {len(among)} may be rivals")
    print(f"chosen: {len(rivals)}; the same as shipped: {texts == sorted(rival_prompts()['en'])}")
    out = held_out(lab, chooser, (present, absent), among)
    margin = equal_error(*out) - np.log(len(rivals))
    print(f"tuning words held out: AUC {auc(*out):.3f}, equal error at a margin of {margin:.2f}")
    judge(lab, f"the {len(rivals)} chosen", rivals)
    for seed in range(3):
        draw = np.random.default_rng(seed).permutation(among)[: len(rivals)].tolist()
        judge(lab, f"as many at random, draw {seed}", draw)


def judge(lab: Lab, name: str, rivals: Sequence[int]) -> None:
    """Print how well rivals tell the judged words apart, and what is right at some margins."""
    print(f"judged by {name}:")
    for kind, lists in (
        ("clear words", (CLEARLY_PRESENT, CLEARLY_ABSENT)),
        ("words by caption counts", (PRESENT, ABSENT)),
    ):
        here, lacking = (best_odds(lab, words, rivals) - np.log(len(rivals)) for words in lists)
        right = (
            f"{int((here >= at).sum())} + {int((lacking < at).sum())} at {at}"
            for at in (0.0, 0.5, label_free.MARGIN, 1.0)
        )
        print(f"  {kind:24} AUC {auc(here, lacking):.3f}; of 30 + 30: {', '.join(right)}")


if __name__ == "__main__":
    main()
