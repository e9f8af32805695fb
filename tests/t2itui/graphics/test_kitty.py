"""Kitty uploads and placeholders, read back."""

import io
import re
import unicodedata
from base64 import standard_b64decode

import pytest
from PIL import Image
from rich.cells import cell_len

from t2itui.graphics.encoding import CHUNK, MARKS, KittyImage

COMMAND = re.compile(r"\x1b_G([^;\x1b]*);?([^\x1b]*)\x1b\\")


def test_an_upload_is_a_png_in_chunks_with_a_virtual_placement() -> None:
    kitty = KittyImage(columns=10, rows=5)
    image = Image.effect_noise((100, 100), 90).convert("RGB")
    commands = COMMAND.findall(kitty.upload(image, (80, 80)))
    first = dict(pair.split("=") for pair in commands[0][0].split(","))
    assert {key: first[key] for key in "aUfqicr"} == {
        "a": "T",
        "U": "1",
        "f": "100",
        "q": "2",
        "i": str(kitty.id),
        "c": "10",
        "r": "5",
    }
    assert len(commands) > 1
    assert [keys[-3:] for keys, _ in commands] == ["m=1"] * (len(commands) - 1) + ["m=0"]
    assert all(len(payload) <= CHUNK for _, payload in commands)
    png = standard_b64decode("".join(payload for _, payload in commands))
    assert Image.open(io.BytesIO(png)).size == (80, 80)


def test_a_small_picture_is_sent_as_small_as_it_is() -> None:
    sent = KittyImage(columns=10, rows=5).upload(Image.new("RGB", (20, 10)), (80, 80))
    payload = "".join(payload for _, payload in COMMAND.findall(sent))
    assert Image.open(io.BytesIO(standard_b64decode(payload))).size == (20, 10)


def test_placeholders_carry_row_column_and_id() -> None:
    kitty = KittyImage(columns=4, rows=3)
    rows = list(kitty.cells())
    assert len(rows) == 3
    for y, row in enumerate(rows):
        match = re.fullmatch(r"\x1b\[0;38;5;(\d+)m(.*)\x1b\[0m", row)
        assert match
        cells = re.findall("\U0010eeee(.)(.)(.)", match[2])
        assert [(MARKS.index(row), MARKS.index(column)) for row, column, _ in cells] == [
            (y, x) for x in range(4)
        ]
        assert {MARKS.index(high) << 24 | int(match[1]) for *_, high in cells} == {kitty.id}


def test_ids_differ_and_keep_clear_of_the_theme_colours() -> None:
    ids = [KittyImage(columns=1, rows=1).id for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(16 <= each & 0xFF <= 255 and each & 0xFFFF00 == 0 and each >> 24 for each in ids)


def test_the_marks_are_those_of_the_protocol() -> None:
    assert [hex(ord(mark)) for mark in MARKS[:8]] == [
        *("0x305", "0x30d", "0x30e", "0x310", "0x312", "0x33d", "0x33e", "0x33f")
    ]
    assert len(MARKS) == len(set(MARKS)) == 128
    assert list(MARKS) == sorted(MARKS)
    assert all(unicodedata.combining(mark) == 230 and cell_len(mark) == 0 for mark in MARKS)


@pytest.mark.parametrize("columns", [1, 128])
def test_a_picture_as_wide_as_there_are_marks_can_be_placed(columns: int) -> None:
    assert next(KittyImage(columns=columns, rows=1).cells()).count("\U0010eeee") == columns


def test_tmux_gets_commands_wrapped_with_escapes_doubled() -> None:
    kitty = KittyImage(columns=1, rows=1, tmux=True)
    assert kitty.remove() == f"\x1bPtmux;\x1b\x1b_Ga=d,d=I,q=2,i={kitty.id}\x1b\x1b\\\x1b\\"
