"""A screen over another is left once, however often it is told to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual import events

import t2itui
from t2itui.screens.search.filter_form import FilterForm
from t2itui.screens.search.screen import SearchScreen
from tests.t2itui.fakes import FakeEngine, answered, fake_app, until


@pytest.mark.parametrize("key", ["enter", "escape"])
async def test_a_key_pressed_twice_in_a_form_is_one_answer(key: str) -> None:
    engine = FakeEngine(60)
    async with fake_app(engine, start_query="a dog").run_test(size=(80, 24)) as pilot:
        screen = await answered(pilot)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(pilot.app.screen, FilterForm))
        form = pilot.app.screen
        assert isinstance(form, FilterForm)
        answers: list[object] = []
        form._result_callbacks[-1].callback = answers.append
        form.min_side.focus()
        await pilot.pause()
        for _ in range(3):
            pilot.app.post_message(events.Key(key, None))
        await until(pilot, lambda: pilot.app.screen is screen)
        await pilot.pause()
        assert isinstance(pilot.app.screen, SearchScreen)
        assert len(answers) == 1
        assert not [*pilot.app._notifications]


def test_screens_are_left_in_one_way() -> None:
    root = Path(t2itui.__file__).parent / "screens"
    texts = {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*.py")}
    found = [
        name
        for name, text in texts.items()
        if re.search(r"\bself\.dismiss\(|\bpop_screen\(", text) and "def dismiss(" not in text
    ]
    assert not found, "t2itui.screens.common.base.leave() is for that"
