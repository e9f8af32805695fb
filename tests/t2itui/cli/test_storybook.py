"""The storybook in the shell: there on a fresh home, out and in again, never mixed in."""

from pathlib import Path

import pytest
from safetensors import safe_open

from engine.collections import BUILT_IN
from engine.storybook.claims import is_true
from engine.storybook.gallery import read_records
from engine.storybook.suggestions import SUGGESTIONS
from tests.t2itui.cli.conftest import RunCli, json_lines


def test_a_fresh_home_answers_in_both_languages_without_a_model(run_cli: RunCli) -> None:
    with safe_open(BUILT_IN.vectors, framework="numpy") as file:
        encoder_id = file.metadata()["encoder_id"]
    scenes = {record.file: record.scene for record in read_records(BUILT_IN.folder)}
    horse = SUGGESTIONS[0]
    for query in (horse.english, horse.chinese):
        result = run_cli("search", query, "--json", "--offline")
        assert result.exit_code == 0, result.output
        receipt, *rows = json_lines(result)
        assert (receipt["encoder"], receipt["considered"]) == (encoder_id, len(scenes))
        assert (receipt["cached"], receipt["route"]) == (True, "retrieve")
        assert is_true(horse.claim, scenes[Path(str(rows[0]["path"])).name])
        assert Path(str(rows[0]["path"])).is_file()
        assert "does not read" not in result.stderr
    result = run_cli("search", "a red car", "--offline")
    assert result.exit_code == 1
    assert "generate: none of 600 pictures" in result.stdout


def test_its_pictures_are_named_in_short_everywhere(
    run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    receipt, best, *_ = json_lines(run_cli("search", "--like", "storybook/0000.webp", "--json"))
    assert (receipt["considered"], Path(str(best["path"])).name) == (600, "0000.webp")
    query = '"storybook/0000.webp"'
    assert json_lines(run_cli("search", query, "--json", "--offline"))[0]["id"] == receipt["id"]
    (tmp_path / "storybook").mkdir()
    (tmp_path / "storybook" / "0000.webp").write_bytes(b"a file of one's own comes first")
    assert run_cli("search", query, "--offline").exit_code == 3


def test_off_is_remembered_and_on_takes_it_back(run_cli: RunCli) -> None:
    assert run_cli("search", "a red car", "--offline").exit_code == 1
    assert "left out" in run_cli("library", "--storybook", "off").stdout
    assert run_cli("search", "a red car", "--offline").exit_code == 3
    refused = run_cli("search", "a red car", "--in", "storybook")
    assert refused.exit_code == 2
    assert "t2itui library --storybook on" in refused.stderr
    on = json_lines(run_cli("library", "--storybook", "on", "--json"))
    assert on == [{"type": "storybook", "on": True, "pictures": 600}]
    assert "storybook (built in)" in run_cli("library").stdout
    assert run_cli("search", "a red car", "--offline").exit_code == 1


def test_own_pictures_answer_alone_and_the_storybook_when_it_is_named(library: RunCli) -> None:
    own = json_lines(library("search", "a dog", "--json"))
    assert own[0]["considered"] == 40
    drawn = json_lines(library("search", "a dog", "--json", "--offline", "--in", "storybook"))
    assert drawn[0]["considered"] == 600
    assert json_lines(library("search", "a dog", "--json"))[0]["considered"] == 40
    assert "600 pictures are beside your own" in library("library", "--storybook", "on").stdout


def test_forgetting_its_folder_leaves_it_out(run_cli: RunCli) -> None:
    run_cli("library", "--storybook", "on")
    assert run_cli("library", "--forget", "storybook").exit_code == 0
    assert run_cli("search", "a red car", "--offline").exit_code == 3


def test_indexing_without_a_real_model_says_what_the_storybooks_is_not_good_for(
    run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "photos").mkdir()
    result = run_cli("index", str(tmp_path / "photos"))
    assert result.exit_code == 3
    assert "t2itui models get openai/clip-vit-base-patch32" in result.stderr
    assert "On photographs its ranking means little" in result.stderr
    assert "t2itui index DIR --encoder storybook" in result.stderr
    wanted = run_cli("index", str(tmp_path / "photos"), "--encoder", "storybook")
    assert wanted.exit_code == 0, wanted.output
    assert "On photographs its ranking means little" in wanted.stderr
