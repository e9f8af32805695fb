"""Targets, batches and losses: exact about what is true, silent about what is kept out."""

from dataclasses import replace
from random import Random

import numpy as np
import torch

from engine.storybook.captions import full_claim
from engine.storybook.claims import Claim, Subject, is_true
from engine.storybook.scenes import UNSEEN_PAIRS, Animal, Scene
from engine.storybook.vocabulary import ANIMALS, COLOURS
from engine.storybook.wording import Language, write
from tools.storybook.encoder.batches import (
    ASKED,
    Batch,
    Rendered,
    ask,
    augmented,
    false_caption,
    make_batch,
    truth_table,
)
from tools.storybook.encoder.heads import (
    CLASS_SIZES,
    IGNORED,
    PAIR_SIZES,
    SET_SIZES,
    SLOT_SIZES,
    Heads,
    claim_targets,
    pair_classes,
    scene_targets,
    slot_classes,
)
from tools.storybook.encoder.losses import Read, choice_loss, losses
from tools.storybook.encoder.network import Seen
from tools.storybook.negatives import seen_claim
from tools.storybook.sampling import mirrored, sample_scene

SCENES = [sample_scene(seed) for seed in range(24)]


def rendered(scenes: list[Scene]) -> Rendered:
    """Blank pictures whose left half is the first animal."""
    labels = np.zeros((len(scenes), 28, 28), dtype=np.uint8)
    labels[:, :, :14] = 1
    pictures = np.zeros((len(scenes), 112, 112, 3), dtype=np.uint8)
    return Rendered(pictures=pictures, labels=labels, scenes=scenes)


def test_a_full_claim_and_its_scene_have_the_same_targets_where_the_claim_speaks() -> None:
    for scene in SCENES:
        shown, stated = scene_targets(scene), claim_targets(full_claim(scene))
        spoken = stated.classes != IGNORED
        assert (shown.classes[spoken] == stated.classes[spoken]).all()
        assert (shown.sets == stated.sets).all()
        assert len(shown.classes) == len(CLASS_SIZES) and len(shown.sets) == sum(SET_SIZES)


def test_an_unstated_attribute_is_ignored() -> None:
    targets = claim_targets(Claim(subjects=(Subject(animal="dog"),)))
    assert (targets.classes == IGNORED).all()
    colours = slice(SET_SIZES[0], SET_SIZES[0] + SET_SIZES[1])
    assert targets.weights[: SET_SIZES[0]].all() and not targets.weights[colours].any()


def test_pairs_kept_from_training_weigh_nothing() -> None:
    start = sum(SET_SIZES[:3])
    pairs = scene_targets(SCENES[0]).weights[start : start + SET_SIZES[3]]
    assert np.count_nonzero(pairs == 0) == len(UNSEEN_PAIRS)


def test_a_batch_says_exactly_which_caption_is_true_of_which_picture() -> None:
    batch = make_batch(rendered(SCENES), Random(1))
    for i, scene in enumerate(batch.scenes):
        for j, caption in enumerate(batch.texts):
            if batch.truth[i, j] >= 0:
                assert batch.truth[i, j] == is_true(caption.claim, scene)
            else:
                assert batch.blind[i]
        assert batch.truth[i, i] == 1
    assert 0 < batch.blind.sum() < 24 and 0 < batch.flipped.sum() < 24


def test_flipped_pictures_are_described_as_they_are_shown() -> None:
    batch = make_batch(rendered(SCENES), Random(2))
    for before, after, flipped in zip(SCENES, batch.scenes, batch.flipped, strict=True):
        assert after == (mirrored(before) if flipped else before)


def test_a_colour_is_not_decided_for_a_colour_blind_picture() -> None:
    scene = SCENES[0]
    animal = scene.animals[0]
    right = Claim(subjects=(Subject(animal=animal.animal, colour=animal.colour),))
    table = truth_table([right, Claim(foreign=True)], [scene, scene], np.array([True, False]))
    assert table.tolist() == [[-1, 0], [1, 0]]


def test_false_captions_are_false_and_name_nothing_kept_out() -> None:
    for seed in range(200):
        scene = sample_scene(seed)
        claim = false_caption(scene, Random(seed)).claim
        assert not is_true(claim, scene)
        assert seen_claim(claim)


def test_a_claim_of_a_combination_kept_out_is_recognised() -> None:
    assert not seen_claim(Claim(subjects=(Subject(animal="elephant", colour="purple"),)))
    assert seen_claim(Claim(subjects=(Subject(animal="elephant", colour="gray"),)))


def test_the_losses_fall_when_vectors_agree_with_the_truth() -> None:
    """Unit vectors that point the same way for true pairs must cost less than random ones."""
    torch.manual_seed(0)
    scenes: list[Scene] = SCENES[:8]
    batch = make_batch(rendered(scenes), Random(3))
    heads, count = Heads(64, 48), len(batch.texts)
    random = torch.nn.functional.normalize(torch.randn(8, 64), dim=-1)
    other = torch.nn.functional.normalize(torch.randn(count, 64), dim=-1)
    agreeing = other.clone()
    agreeing[:8] = random
    scale = torch.tensor(20.0)
    patches, coverage = torch.zeros(8, 36, 48), torch.zeros(8, 2, 6, 6)
    costs = [
        losses(
            batch,
            Read(seen=seen(random, patches), coverage=coverage, texts=texts, choices=alike(batch)),
            scale,
            heads,
        )
        for texts in (agreeing, other)
    ]
    assert costs[0].contrast < 0.3 * costs[1].contrast
    assert costs[0].pairs < costs[1].pairs


def test_a_patch_is_asked_for_the_animal_that_covers_it_where_it_is_shown() -> None:
    """A head that answers with the first animal on the left half is right, mirrored or not."""
    scenes = [scene for scene in SCENES if len(scene.animals) == 1]
    batch = make_batch(rendered(scenes), Random(4))
    shown = augmented(
        torch.from_numpy(batch.pictures),
        torch.from_numpy(batch.labels),
        torch.from_numpy(batch.flipped),
        torch.from_numpy(batch.blind),
        torch.Generator().manual_seed(0),
    )
    left = shown.coverage[:, 0, :, 0].mean(dim=1) > 0.9
    assert (left != torch.from_numpy(batch.flipped)).all()
    heads = Heads(16, sum(SLOT_SIZES))
    with torch.no_grad():
        heads.patch.weight.copy_(torch.eye(sum(SLOT_SIZES)))
        heads.patch.bias.zero_()
    covered = (shown.coverage[:, 0].flatten(1) > 0.2)[..., None]
    costs = []
    for shift in (0, 1):
        rows = [slot_classes(scene.animals[0]) for scene in batch.scenes]
        answers = one_hot([tuple((k + shift) for k in row) for row in rows])
        patches = torch.where(covered, answers[:, None], one_hot([(0, 0, 0)] * len(rows))[:, None])
        vectors = torch.nn.functional.normalize(torch.randn(len(batch.texts), 16), dim=-1)
        read = Read(
            seen=seen(vectors[: len(rows)], 12.0 * patches),
            coverage=shown.coverage,
            texts=vectors,
            choices=alike(batch, 16),
        )
        costs.append(losses(batch, read, torch.tensor(5.0), heads).patches.item())
    assert costs[0] < 0.05 < 1.0 < costs[1]


def seen(vectors: torch.Tensor, patches: torch.Tensor) -> Seen:
    """What a tower makes of pictures whose patches never change."""
    return Seen(vectors=vectors, patches=patches, before=patches)


def test_a_patch_is_asked_whose_colour_and_action_it_shows() -> None:
    """Right pairs cost nothing, those of the picture's other animal much; the blind are not asked.

    The animal of each patch is named in its state by the place of one large number.
    """
    pairs = [scene for scene in SCENES if len(scene.animals) == 2]
    batch = make_batch(rendered(pairs), Random(8))
    coverage = torch.zeros(len(pairs), 2, 6, 6)
    coverage[:, 0, :, :3] = coverage[:, 1, :, 3:] = 1.0
    width = sum(PAIR_SIZES)
    heads = Heads(16, width)
    with torch.no_grad():
        heads.bound.weight.copy_(torch.eye(width))
        heads.bound.bias.zero_()
    vectors = torch.nn.functional.normalize(torch.randn(len(batch.texts), 16), dim=-1)
    costs = []
    for left, right in ((0, 1), (1, 0)):
        state = torch.zeros(len(pairs), 6, 6, width)
        for row, scene in enumerate(batch.scenes):
            for half, k in ((slice(0, 3), left), (slice(3, 6), right)):
                colour, action = pair_classes(scene.animals[k])
                state[row, :, half, action + PAIR_SIZES[0]] = 20.0
                if not batch.blind[row]:
                    state[row, :, half, colour] = 20.0
        read = Read(
            seen=seen(vectors[: len(pairs)], state.flatten(1, 2)),
            coverage=coverage,
            texts=vectors,
            choices=alike(batch, 16),
        )
        costs.append(losses(batch, read, torch.tensor(5.0), heads).bound.item())
    assert costs[0] < 0.01 < 5.0 < costs[1]


def alike(batch: Batch, width: int = 64) -> list[torch.Tensor]:
    """Vectors of the captions to choose from, all alike."""
    return [torch.full((len(each.captions), width), width**-0.5) for each in batch.choices]


def test_every_animal_is_asked_for_its_attributes_among_all_values() -> None:
    pairs = [scene for scene in SCENES if len(scene.animals) == 2]
    blind = np.zeros(len(pairs), np.bool_)
    for name in ASKED:
        choices = ask(name, pairs, blind, Random(6))
        assert len(choices.rows) == 2 * len(pairs)
        values = choices.open.shape[1]
        for row, kind, answer, is_open in zip(
            choices.rows, choices.kinds, choices.answers, choices.open, strict=True
        ):
            captions = choices.captions[kind * values : (kind + 1) * values]
            true = [is_true(caption.claim, pairs[row]) for caption in captions]
            assert true[answer] and is_open[answer]
            assert not any(t for k, t in enumerate(true) if is_open[k] and k != answer)
            left_out = [c for c, o, t in zip(captions, is_open, true, strict=True) if not (o or t)]
            assert not any(seen_claim(caption.claim) for caption in left_out)


def test_a_picture_without_its_colours_is_not_asked_for_them() -> None:
    blind = np.array([k % 2 == 0 for k in range(len(SCENES))])
    rows = ask("colour", SCENES, blind, Random(1)).rows
    assert not blind[rows].any() and len(rows)
    assert set(ask("action", SCENES, blind, Random(1)).rows) == set(range(len(SCENES)))


def test_choosing_the_other_animals_value_costs_much() -> None:
    """Pictures at their right captions cost little; at those of the other animal, much."""
    scene = next(
        scene
        for scene in SCENES
        if len({(a.animal, a.colour) for a in scene.animals}) == 2
        and len({a.animal for a in scene.animals}) == 2
        and len({a.colour for a in scene.animals}) == 2
    )
    one, other = scene.animals
    choices = ask("colour", [scene], np.zeros(1, np.bool_), Random(2))
    texts = torch.zeros(len(choices.captions), 3)
    texts[:, 2] = 1.0
    picture = torch.tensor([[1.0, 0.0, 0.0]])

    def place(animal: Animal, colour: str) -> int:
        return ANIMALS.index(animal.animal) * len(COLOURS) + COLOURS.index(colour)

    costs = []
    for mine, theirs in ((one.colour, other.colour), (other.colour, one.colour)):
        texts_asked = texts.clone()
        texts_asked[place(one, mine)] = texts_asked[place(other, theirs)] = picture[0]
        costs.append(choice_loss(picture, texts_asked, choices, torch.tensor(10.0)).item())
    assert costs[0] < 0.01 < 5.0 < costs[1]


def one_hot(rows: list[tuple[int, ...]]) -> torch.Tensor:
    """Classes of animal, colour and action as one row of ones and zeros each."""
    table = torch.zeros(len(rows), sum(SLOT_SIZES))
    for row, classes in enumerate(rows):
        start = 0
        for size, value in zip(SLOT_SIZES, classes, strict=True):
            table[row, start + value % size] = 1.0
            start += size
    return table


def test_another_true_caption_does_not_count_against_a_picture() -> None:
    """Two pictures of one scene, told apart by nothing, cost no more than one of them."""
    scene = SCENES[0]
    batch = replace(
        make_batch(rendered([scene, scene]), Random(5)),
        texts=[write(full_claim(scene), Language.ENGLISH, Random(k)) for k in range(2)],
        truth=np.ones((2, 2), dtype=np.int8),
    )
    same = torch.nn.functional.normalize(torch.ones(2, 16), dim=-1)
    patches, coverage = torch.zeros(2, 36, 48), torch.zeros(2, 2, 6, 6)
    read = Read(seen=seen(same, patches), coverage=coverage, texts=same, choices=alike(batch, 16))
    assert losses(batch, read, torch.tensor(20.0), Heads(16, 48)).contrast < 1e-6
