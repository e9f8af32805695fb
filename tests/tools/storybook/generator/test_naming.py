"""Counting by eye."""

import numpy as np
import pytest
from PIL import Image

from tools.storybook.generator.naming import asked, counted, named, numbered
from tools.storybook.generator.prompts import Kind, held_out_prompts


def test_a_line_names_an_animal_and_what_it_does() -> None:
    assert named("cow eating") == ("cow", "eating")
    assert named("?") == (None, None)
    assert named("cow ?") == ("cow", None)
    assert named("butterfly flying") == ("butterfly", "running")
    for wrong in ("cwo eating", "cow flying"):
        with pytest.raises(ValueError):
            named(wrong)


def test_right_names_are_counted() -> None:
    prompts = asked(Kind.UNSEEN, 5)
    lines = [f"{p.scene.animals[0].animal} {p.scene.animals[0].action}" for p in prompts]
    assert counted(prompts, lines) == {"animal": 5, "action": 5, "both": 5}
    lines[0] = "?"
    lines[1] = lines[1].split()[0]
    assert counted(prompts, lines) == {"animal": 4, "action": 3, "both": 3}


def test_sheets_ask_for_the_prompts_that_figures_are_measured_by() -> None:
    figures = held_out_prompts()
    assert asked(Kind.USUAL, 100) == figures[:100]
    assert asked(Kind.UNSEEN, 50) == figures[100:150]
    assert asked(Kind.USUAL, 90, first=10) == figures[10:100]


def test_pictures_stand_in_rows_with_room_for_a_number() -> None:
    pictures = [Image.new("RGB", (8, 8), (k, 0, 0)) for k in range(12)]
    whole = np.asarray(numbered(pictures, 2))
    assert whole.shape == (2 * (16 + 14), 160, 3)
    assert whole[14 + 8, 8, 0] == 0 and whole[14 + 8, 16 * 9 + 8, 0] == 9
    assert whole[30 + 14 + 8, 16 + 8, 0] == 11
