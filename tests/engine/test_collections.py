"""The entry of the built-in collection: its files ship, and its names lead there and back."""

from engine.collections import BUILT_IN
from engine.models.paths import as_folder, as_path


def test_everything_that_the_entry_names_ships() -> None:
    files = (BUILT_IN.folder / BUILT_IN.records, BUILT_IN.vectors, BUILT_IN.thumbnails)
    assert all(path.is_file() for path in (*files, BUILT_IN.matcher))
    assert BUILT_IN.encoder.is_dir() and BUILT_IN.generator.is_dir()


def test_its_name_stands_for_its_models() -> None:
    assert as_folder(BUILT_IN.name) == BUILT_IN.encoder
    assert as_path(BUILT_IN.name) == BUILT_IN.generator


def test_a_picture_of_it_has_one_short_name_on_every_machine() -> None:
    path = str(BUILT_IN.folder / "0004.webp")
    assert BUILT_IN.holds(path)
    assert BUILT_IN.short_name(path) == "storybook/0004.webp"
    assert BUILT_IN.long_name("storybook/0004.webp") == path


def test_other_names_stay_as_they_are() -> None:
    for name in ("/photos/1.jpg", "./storybook/0004.webp/x", "storybook", "a/storybook/0004.webp"):
        assert not BUILT_IN.holds(name)
        assert (BUILT_IN.short_name(name), BUILT_IN.long_name(name)) == (name, name)
