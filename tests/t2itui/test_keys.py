"""The table of keys: what it makes, what it refuses, and that README has it."""

import re
from pathlib import Path

import pytest
from textual.app import App
from textual.keys import _character_to_key

from t2itui.keys import KEYS, README_PLACES, TOGETHER, bindings, check_keymap, key_of, markdown
from t2itui.settings import AppSettings, SettingsError, load, save, settings_file

README = Path(__file__).parents[2] / "README.md"


def test_a_name_stands_once_in_its_place() -> None:
    for place, keys in KEYS.items():
        assert len({key.name for key in keys}) == len(keys), place


def test_places_that_are_awake_together_are_places() -> None:
    assert {place for places in TOGETHER for place in places} <= set(KEYS)


def test_no_key_of_the_table_clashes_by_itself() -> None:
    check_keymap({})


@pytest.mark.parametrize(
    ("keymap", "complaint"),
    [
        ({"search.unheard": "x"}, "names no binding: 'search.unheard'"),
        ({"search.like": " "}, "gives search.like no key"),
        ({"search.like": "s"}, "gives 's' to search.like, but search.scorer has it"),
        ({"search.like": "/"}, "gives 'slash' to search.like, but search.ask has it"),
        ({"search.like": "q"}, "gives 'q' to search.like, but app.quit has it"),
    ],
)
def test_a_keymap_that_cannot_work_is_refused_with_both_names(
    keymap: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        check_keymap(keymap)


def test_every_key_of_the_table_may_be_typed_in_full_width() -> None:
    typed = {_character_to_key(chr(code)): code for code in range(0x20, 0x7F)}
    wide = {key: chr(0x3000 if code == 0x20 else code + 0xFEE0) for key, code in typed.items()}
    wanted = {key for keys in KEYS.values() for each in keys for key in each.keys.split(",")}
    assert len(wanted & set(wide)) > 50
    for key in wanted & set(wide):
        assert key_of(wide[key]) == (key, chr(typed[key]))


def test_every_character_can_be_typed() -> None:
    for code in (*range(0x80, 0xD800), *range(0xE000, 0x10FFFF, 7)):
        name, character = key_of(chr(code))
        assert name
        assert len(character) == 1


def test_two_actions_may_exchange_their_keys() -> None:
    check_keymap({"search.like": "s", "search.scorer": "m"})


def test_keys_are_read_from_the_settings_and_written_back(tmp_path: Path) -> None:
    settings_file(tmp_path).write_text('threshold = 0.7\n[keys]\n"search.like" = "ctrl+l"\n')
    settings = load(tmp_path)
    assert settings.keys == {"search.like": "ctrl+l"}
    save(tmp_path, settings)
    assert load(tmp_path) == settings


def test_a_clash_in_the_settings_names_the_file_and_both_actions(tmp_path: Path) -> None:
    settings_file(tmp_path).write_text('[keys]\n"search.like" = "s"\n')
    with pytest.raises(SettingsError, match=r"search\.like, but search\.scorer") as caught:
        load(tmp_path)
    assert str(settings_file(tmp_path)) in str(caught.value)


def test_keys_that_are_no_text_are_refused(tmp_path: Path) -> None:
    settings_file(tmp_path).write_text('[keys]\n"search.like" = 3\n')
    with pytest.raises(SettingsError, match=r"search\.like"):
        load(tmp_path)


async def test_a_key_of_ones_own_does_what_the_table_says() -> None:
    class Rebound(App[None]):
        BINDINGS = bindings("grid")
        larger = 0

        def action_resize(self, by: int) -> None:
            self.larger += by

    app = Rebound()
    app.set_keymap({"grid.larger": "ctrl+l"})
    async with app.run_test() as pilot:
        await pilot.press("plus")
        assert app.larger == 0
        await pilot.press("ctrl+l")
        assert app.larger == 1


def test_readme_lists_the_keys_as_they_are() -> None:
    text = README.read_text(encoding="utf-8")
    assert "\n".join(markdown(*README_PLACES)) in text


def test_settings_without_keys_say_nothing_of_keys(tmp_path: Path) -> None:
    save(tmp_path, AppSettings(threshold=0.6))
    assert "keys" not in settings_file(tmp_path).read_text()


def test_of_a_key_that_means_two_things_help_says_in_which_state() -> None:
    for place, keys in KEYS.items():
        meanings: dict[str, list[str]] = {}
        for key in keys:
            for each in key.keys.split(",") if key.tooltip else ():
                meanings.setdefault(each, []).append(key.tooltip)
        for key_name, tooltips in meanings.items():
            if len(tooltips) > 1:
                assert all(re.search("While|unless", text) for text in tooltips), (place, key_name)
