"""Truth for many claims at once is the truth of each."""

from random import Random

import numpy as np

from engine.storybook.captions import claim_of, partial_claim
from engine.storybook.claims import Claim, Subject, is_true, swapped
from engine.storybook.gallery import truth_matrix
from tools.storybook.encoder.batches import without_colour
from tools.storybook.negatives import absent, recombined
from tools.storybook.sampling import sample_scene

SCENES = [sample_scene(seed) for seed in range(60)]


def many_claims() -> list[Claim]:
    claims = [Claim(foreign=True), Claim(subjects=(Subject(animal="dog"), Subject(animal="dog")))]
    for scene in SCENES:
        rng = Random(scene.seed)
        claims += [claim_of(scene, level, rng) for level in (1, 2, 3)]
        claims += [partial_claim(scene, rng), without_colour(partial_claim(scene, rng))]
        claims.append(absent(scene, rng))
        mixed, pair = recombined(scene, rng), swapped(claim_of(scene, 3, rng), scene, rng)
        claims += [mixed] if mixed else []
        claims += [pair[0]] if pair else []
    return claims


def test_the_matrix_agrees_with_single_decisions() -> None:
    claims = many_claims()
    expected = np.array([[is_true(claim, scene) for claim in claims] for scene in SCENES])
    assert (truth_matrix(claims, SCENES) == expected).all()
    assert 0.02 < expected.mean() < 0.5
