"""What generated pictures teach the matcher."""

from engine.storybook.claims import is_true
from tools.storybook.generator.prompts import generated_prompts
from tools.storybook.matcher.pairs import PairList, add_generated


def test_a_prompt_is_true_of_the_pictures_that_are_read_right_and_of_no_other() -> None:
    prompts, made = generated_prompts(4), PairList()
    add_generated(made, prompts, [True, False, True, False], first=10)
    own = {
        picture: label
        for number, picture, label in made.pairs
        if made.captions[number].text == prompts[picture - 10].text
    }
    assert own == {10: True, 11: False, 12: True, 13: False}
    others = [
        (made.captions[number].claim, picture, label)
        for number, picture, label in made.pairs
        if made.captions[number].text != prompts[picture - 10].text
    ]
    assert {picture for _, picture, _ in others} <= {10, 12} and others
    for claim, picture, label in others:
        assert not label and not is_true(claim, prompts[picture - 10].scene)
