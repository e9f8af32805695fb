from pathlib import Path

import pytest

from engine.errors import T2IError
from t2itui.settings import AppSettings, SettingsError, home_folder, load, save, settings_file


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load(tmp_path) == AppSettings()


def test_what_was_saved_is_loaded_again(tmp_path: Path) -> None:
    chosen = AppSettings(theme="textual-light", threshold=0.7, hide_below=True)
    save(tmp_path / "new", chosen)
    assert load(tmp_path / "new") == chosen
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["settings.toml"]


def test_a_byte_order_mark_as_windows_editors_write_it_is_no_setting(tmp_path: Path) -> None:
    settings_file(tmp_path).write_bytes(b"\xef\xbb\xbfthreshold = 0.4\r\n")
    assert load(tmp_path).threshold == 0.4


def test_a_whole_number_stands_for_a_float(tmp_path: Path) -> None:
    settings_file(tmp_path).write_text("threshold = 1")
    assert load(tmp_path).threshold == 1.0


def test_devices_are_typed_as_on_the_command_line(tmp_path: Path) -> None:
    settings_file(tmp_path).write_text('devices = "0, 1"')
    assert load(tmp_path).engine(tmp_path).devices == ("cuda:0", "cuda:1")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("threshold = 2.0", "threshold must lie between 0 and 1"),
        ('threshold = "high"', "threshold must be of type float"),
        ("hide_below = 1", "hide_below must be of type bool"),
        ('scorer = "luck"', "scorer must be one of match, cosine"),
        ("rerank = 0", "rerank must lie between 1"),
        ("colour = 1", "unknown setting 'colour'"),
        ('devices = "0,gpu"', "devices: 'gpu' is no device"),
        ("threshold =", "cannot be read"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str, complaint: str) -> None:
    settings_file(tmp_path).write_text(text)
    with pytest.raises(SettingsError, match=complaint) as caught:
        load(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_the_home_folder_is_the_option_then_the_variable_then_the_platforms(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("T2ITUI_HOME", str(tmp_path / "variable"))
    assert home_folder(tmp_path / "option") == tmp_path / "option"
    assert home_folder() == tmp_path / "variable"
    monkeypatch.delenv("T2ITUI_HOME")
    assert home_folder().name == "t2itui"


@pytest.mark.parametrize("named", ["~nobody-of-that-name/x", ""])
def test_without_a_home_the_message_says_how_to_name_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str
) -> None:
    def refuse(*args: object, **kw: object) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setenv("T2ITUI_HOME", named)
    monkeypatch.setattr("platformdirs.user_data_path", refuse)
    with pytest.raises(T2IError) as caught:
        home_folder()
    assert "--home" in caught.value.hint
    assert home_folder(tmp_path) == tmp_path
