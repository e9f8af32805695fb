"""`t2itui tag`: which words are true of pictures, in the shell."""

from pathlib import Path

import pytest

from tests.t2itui.cli.conftest import RunCli, json_lines


def words(folder: Path, *texts: str) -> str:
    path = folder / "words.txt"
    path.write_text("\n".join(texts), encoding="utf-8")
    return str(path)


def words_of(picture: dict[str, object]) -> list[str]:
    tags = picture["tags"]
    assert isinstance(tags, list)
    return [tag["word"] for tag in tags]


def test_the_words_of_a_folder_are_written_a_line_for_each_picture(
    library: RunCli, tmp_path: Path
) -> None:
    own = words(tmp_path, "a dog", "a cat", "a piano")
    asked = ("tag", "--in", str(tmp_path / "dogs"), "--words", own)
    head, *pictures = json_lines(library(*asked, "--json"))
    assert (head["type"], head["words"], head["threshold"]) == ("tagging", 3, 0.5)
    assert [each["path"] for each in pictures] == [
        str(tmp_path / "dogs" / f"0{number}.jpg") for number in range(8)
    ]
    for each in pictures:
        assert words_of(each) == ["a dog"]
        assert each["is_alone"] is False
    plain = library(*asked)
    assert plain.exit_code == 0
    assert plain.stdout.splitlines()[0].startswith(f"{tmp_path}/dogs/00.jpg: a dog 0.")


def test_the_shipped_nouns_that_have_a_vector_are_asked(library: RunCli, tmp_path: Path) -> None:
    done = library("tag", str(tmp_path / "dogs" / "00.jpg"), "--json")
    head, picture = json_lines(done)
    assert head["words"] == 4
    assert "328 of 332 words are left out" in done.stderr
    assert words_of(picture) == ["dog"]


def test_a_picture_of_which_nothing_is_true_ends_with_1(library: RunCli, tmp_path: Path) -> None:
    done = library(
        "tag", str(tmp_path / "rest" / "30.jpg"), "--words", words(tmp_path, "a dog", "a cat")
    )
    assert done.exit_code == 1
    assert "none passes" in done.stdout


@pytest.mark.parametrize(
    "arguments", [(), ("--in", "x", "--top", "-1"), ("a.jpg", "--threshold", "7")]
)
def test_wrong_usage_ends_with_2(run_cli: RunCli, arguments: tuple[str, ...]) -> None:
    assert run_cli("tag", *arguments).exit_code == 2
