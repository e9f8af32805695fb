"""Prompts as people write them: lines, CSV, JSON lines, alternatives."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RequestError
from engine.sheets.prompts import (
    EXAMPLES,
    MAX_PROMPTS,
    SheetPrompt,
    alternatives,
    example_prompts,
    parse_prompts,
    prompts_from,
    read_prompts,
    spelt,
)


@pytest.mark.parametrize(
    ("text", "stands_for"),
    [
        ("a cat", ["a cat"]),
        ("a {red|blue} cat", ["a red cat", "a blue cat"]),
        ("a {red |}cat", ["a red cat", "a cat"]),
        ("{a|b}{c|d}", ["ac", "ad", "bc", "bd"]),
        ("a {big {red|blue}|small} cat", ["a big red cat", "a big blue cat", "a small cat"]),
        (r"a \{b\|c\} \\ \# d", [r"a {b|c} \ # d"]),
        ("a|b", ["a|b"]),
        ("(word:1.2), [x]", ["(word:1.2), [x]"]),
    ],
)
def test_alternatives_stand_for_every_text(text: str, stands_for: list[str]) -> None:
    assert alternatives(text) == stands_for


@pytest.mark.parametrize("text", ["a {b", "a b}", "{" * 30 + "}" * 30, "{a|b}" * 11])
def test_alternatives_that_do_not_close_or_are_too_many_are_refused(text: str) -> None:
    with pytest.raises(RequestError):
        alternatives(text)


def test_lines_may_be_comments_or_objects() -> None:
    found = parse_prompts(
        "\ufeff# a comment\n\na cat\r\n"
        '{"prompt": "a {red|blue} dog", "group": "basic", "negative": "blur"}\na cat\n'
    )
    assert found == (
        SheetPrompt(prompt="a cat"),
        SheetPrompt(prompt="a red dog", group="basic", negative="blur"),
        SheetPrompt(prompt="a blue dog", group="basic", negative="blur"),
    )


def test_a_first_line_that_names_columns_makes_csv_of_it() -> None:
    found = parse_prompts('Prompt, group\n"a cat, asleep", basic\n# not this\na dog\n')
    assert found == (
        SheetPrompt(prompt="a cat, asleep", group="basic"),
        SheetPrompt(prompt="a dog"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n{x", "line 2 of p.txt: a { is not closed"),
        ('a\n\n{"prompt": 1}', "line 3 of p.txt: prompt must be texts"),
        ('{"prompt": "a", "seed": "1"}', "line 1 of p.txt: it names 'seed'"),
        ('{"group": "a"}', "line 1 of p.txt: it has no prompt"),
        ('{"prompt": "a"', "line 1 of p.txt: it is no JSON"),
        ("prompt,group\n,x\n", "line 2 of p.txt: it has no prompt"),
        ('prompt\n"a\n', "is no CSV"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, said: str) -> None:
    with pytest.raises(RequestError, match=said.replace("{", r"\{")):
        parse_prompts(text, name="p.txt")


def test_a_file_is_read_within_limits_and_so_is_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RequestError, match="not UTF-8"):
        read_prompts(path)
    with pytest.raises(RequestError, match="there is no file"):
        read_prompts(tmp_path / "none.txt")
    path.write_text("\n".join(f"cat {n}" for n in range(MAX_PROMPTS + 1)))
    with pytest.raises(RequestError, match="more than 1,000 prompts"):
        read_prompts(path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("a cat\na dog\n",))
    writer.start()
    assert [each.prompt for each in read_prompts(pipe, or_pipe=True)] == ["a cat", "a dog"]
    writer.join()
    with pytest.raises(RequestError, match="no file but"):
        read_prompts(pipe)


_TEXT = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=30)


@given(prompt=_TEXT, group=st.just("") | _TEXT, negative=st.just("") | _TEXT)
def test_a_prompt_reads_as_it_is_spelt(prompt: str, group: str, negative: str) -> None:
    wanted = SheetPrompt(prompt=prompt, group=group, negative=negative)
    assert prompts_from([spelt(wanted)]) == (wanted,)


def test_the_examples_have_the_kinds_of_the_paper() -> None:
    kinds = ["basic", "nested", "conflicting", "abstract style", "metaphor"]
    for name in EXAMPLES:
        found = example_prompts(name)
        assert list(dict.fromkeys(each.group for each in found)) == kinds
    assert len(example_prompts("storybook")) == 10
    with pytest.raises(RequestError, match="no example"):
        example_prompts("../secrets")
