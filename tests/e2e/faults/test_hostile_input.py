"""Names, texts, models, vectors and settings that mean harm, given to the program from outside."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.e2e.faults.programs import (
    COMMAND,
    damage,
    new_home,
    noise_pictures,
    on_terminal,
    run,
    until,
)
from tests.tiny_models import save_tiny_clip

LIMIT_S = 120
WRONG_USAGE, CANNOT = 2, 3
BYTES = (
    *(b"esc\x1b[31mred\x1b[0m", b"osc\x1b]0;owned\x07", b"osc52\x1b]52;c;b3duZWQ=\x07"),
    *(b"line\nbreak", b"carriage\rreturn", b"tab\tname", b"back\x08\x08\x08", b"del\x7f"),
    *(b"latin\xe9", b"bad\xff\xfe", b"half\xed\xa0\x80", b"[bold red]markup[bold]", b"%s%n%x"),
    *(b"-rf", b"--json", b"$(touch owned)", b"`touch owned`", b"'; drop table files; --", b" "),
    *(b"\x1b[2J\x1b[H", b"sixel\x1bPq#0;2;0;0;0\x1b\\", b"kitty\x1b_Gf=100;AAAA\x1b\\"),
    b"l" * 240,
)
LETTERS = (
    *("c1\u009b31m", "c1osc\u009d0;owned\u009c", "bidi\u202egpj.exe", "iso\u2066\u2067\u2069"),
    *("lrm\u200f\u200e", "alm\u061c", "ls\u2028ps\u2029", "zwj\u200d\ufeff", "z" + "\u0301" * 100),
)
NAMES = (*BYTES, *(each.encode() for each in LETTERS))
TEXT = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202e\u2066\u200f\u2028\x85[/red]"
OWN = re.compile(rb"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b[78=>]|\x1b\(B|[\r\n\t]")
"""What the program itself writes to a terminal: colours, cursor, modes."""
FOREIGN = (b"\x1b]0;owned", b"\x1b]52", b"\x1bPq#0;2;0", b"\x1b_Gf=100;AAAA", b"\x1b[31mred")
STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def steers(written: bytes) -> list[str]:
    """What a terminal would obey of what others wrote."""
    text = OWN.sub(b"", written).decode("utf-8", "surrogateescape")
    found = {f"U+{ord(each):04X}" for each in STEERING.findall(text)}
    return sorted(found) + [repr(each) for each in FOREIGN if each in written]


def shown(home: Path, *words: str | bytes) -> tuple[int, bytes]:
    """What a command writes to a terminal, and its exit code."""
    command = [*COMMAND, *(os.fsdecode(word) for word in words)]
    with on_terminal(home, *command, COLUMNS="300") as terminal:
        code = terminal.process.wait(LIMIT_S)
        # What was written last may still be on its way.
        until(lambda: terminal.written.endswith(b"\n"), 1)
        return code, terminal.written


# Names


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A home whose library holds pictures with hostile names, and their folder."""
    folder = tmp_path_factory.mktemp("names")
    root = folder / "p"
    source = noise_pictures(folder / "source", len(NAMES) + 1)
    root.mkdir()
    for number, name in enumerate(NAMES):
        shutil.copy(source / f"{number:05}.jpg", root / os.fsdecode(name + b".jpg"))
    inside = root / "dir\x1b]0;owned\x07\u202e\n"
    inside.mkdir()
    shutil.copy(source / f"{len(NAMES):05}.jpg", inside / "inside.jpg")
    (root / "broken\x1b]0;owned\x07\u202e.jpg").write_bytes(b"nothing")
    home = new_home(folder / "home")
    code, written = shown(home, "index", str(root), "--encoder", "storybook")
    assert code == 0, written
    assert not steers(written)
    return home, root


COMMANDS = (
    ("search", "a dog", "--top", "0", "--threshold", "0"),
    ("search", "a dog", "--paths", "--top", "0", "--threshold", "0"),
    ("search", "a dog", "--json", "--top", "0"),
    ("library",),
    ("library", "--failures"),
    ("history",),
    ("search", f"a {TEXT}"),
    ("search", '"a dog" + \x1b]0;owned\x07'),
)


@pytest.mark.parametrize(
    "words",
    [COMMANDS[0], *(pytest.param(each, marks=pytest.mark.slow) for each in COMMANDS[1:])],
    ids=range(len(COMMANDS)),
)
def test_hostile_names_steer_no_terminal(named: tuple[Path, Path], words: tuple[str, ...]) -> None:
    home, _ = named
    code, written = shown(home, *words)
    assert code in (0, 1, WRONG_USAGE), written
    assert b"Traceback" not in written
    assert not steers(written), written
    assert not Path("owned").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("search", "--like", "{file}"),
        ("compare", "{file}", "-t", "a dog", "-t", f"a dog {TEXT}"),
        ("label", "a dog", "{file}", "--yes"),
        ("generate", "--from", "{file}"),
        ("eval", "{file}"),
        ("models", "import", "{file}"),
        ("cache", "import", "--encoder", TEXT, "--pictures", "{file}"),
        ("library", "--forget", "{file}"),
        ("--home", "{file}", "library"),
        ("index", "{file}"),
    ],
    ids=lambda words: words[0],
)
def test_a_file_with_a_hostile_name_is_used_or_refused(
    named: tuple[Path, Path], words: tuple[str, ...]
) -> None:
    home, root = named
    file = str(root / os.fsdecode(NAMES[19] + b".jpg"))
    code, written = shown(home, *(word.replace("{file}", file) for word in words))
    assert code in (0, 1, WRONG_USAGE, CANNOT), written
    assert b"Traceback" not in written
    assert not steers(written), written


@pytest.mark.slow
def test_a_search_in_the_app_draws_no_hostile_name_raw(named: tuple[Path, Path]) -> None:
    home, _ = named
    with on_terminal(home) as terminal:
        assert until(lambda: terminal.shows("Search") and terminal.shows("snow")), terminal.written
        terminal.type("a dog\r")
        assert until(lambda: terminal.shows("match"), 60), terminal.written[-2000:]
        # Its results, the library with its failures, the history.
        for keys in ("\x1b[C" * 12, "\r", "\x1b", "\x1bOP", "\x1b[15~", "\x1b[17~"):
            terminal.type(keys)
            until(lambda: False, 0.5)
        written = terminal.written
    assert [each for each in FOREIGN if each in written] == []
    assert not re.search("[\u202e\u2066\u2028\u061c]", written.decode("utf-8", "replace"))


@pytest.mark.slow
def test_a_pipe_gets_the_names_as_they_are(named: tuple[Path, Path]) -> None:
    home, root = named
    words = ("search", "a dog", "--paths", "-0", "--top", "0", "--threshold", "0", "--in")
    done = subprocess.run(
        [*COMMAND, "--home", str(home), *words, str(root)], capture_output=True, check=True
    )
    names = {path.rpartition(b"/")[2] for path in done.stdout.split(b"\0")}
    texts = {name + b".jpg" for name in NAMES if is_text(name)}
    assert texts <= names
    # What is no text in UTF-8 is listed with what to do.
    listed = run(home, "library", "--failures").stdout
    assert listed.count("its name is not valid UTF-8: rename it") == len(NAMES) - len(texts) > 0


def is_text(name: bytes) -> bool:
    try:
        return bool(name.decode())
    except UnicodeDecodeError:
        return False


# Texts


def hostile_png(path: Path) -> Path:
    """A picture with a recipe that means harm."""
    info = PngInfo()
    pairs = f"Steps: 2, Sampler: {TEXT}, Seed: {'9' * 400}, Size: 1x1"
    info.add_itxt("parameters", f"{TEXT}\n{pairs}")
    info.add_itxt("t2itui", "[" * 100_000)
    info.add_itxt(
        "prompt", '{"3": {"inputs": {"seed": 1e999, "positive": ["3", 0], "steps": NaN}}}'
    )
    Image.new("RGB", (64, 64), "red").save(path, pnginfo=info)
    return path


def test_hostile_texts_in_files_are_told_without_harm(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    picture = hostile_png(tmp_path / "a.png")
    captions = tmp_path / "captions.csv"
    captions.write_text(f'image,caption\na.png,"{TEXT}"\n{TEXT},b\n', encoding="utf-8")
    for words in (
        ("generate", "--from", str(picture), "--model", "storybook", "--steps", "1"),
        ("eval", str(captions), "--encoder", "storybook"),
        ("train", str(captions), "--encoder", "storybook", "--force"),
    ):
        code, written = shown(home, *words)
        assert code in (0, 1, WRONG_USAGE, CANNOT), written
        assert b"Traceback" not in written, written
        assert not steers(written), written
    assert damage(home) == []


# Models


class Evil:
    """Leaves a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self._mark}",)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("clip") / "clip")


def _weights(model: Path, content: bytes) -> None:
    (model / "model.safetensors").write_bytes(content)


def _header(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _configured(model: Path, **changes: object) -> None:
    path = model / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _in_place_of(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def _with_code(model: Path, mark: Path) -> None:
    (model / "evil.py").write_text(f"import os\nos.system('touch {mark}')\nclass Evil: pass\n")
    _configured(model, model_type="evil", auto_map={"AutoModel": "evil.Evil"})


CHANGES: dict[str, Callable[[Path, Path], object]] = {
    "pickle": lambda model, mark: _weights(model, pickle.dumps(Evil(mark))),
    "code": _with_code,
    "long header": lambda model, _: _weights(model, struct.pack("<Q", 2**63) + b"{"),
    "nested header": lambda model, _: _weights(model, _header(b"[" * 1_000_000)),
    "no weights": lambda model, _: _weights(model, b""),
    "weights elsewhere": lambda model, _: _in_place_of(
        model / "model.safetensors", lambda path: path.symlink_to("/etc/passwd")
    ),
    "device": lambda model, _: _in_place_of(
        model / "config.json", lambda path: path.symlink_to("/dev/zero")
    ),
    "pipe": lambda model, _: _in_place_of(model / "config.json", os.mkfifo),
    "nested": lambda model, _: (model / "config.json").write_text("[" * 200_000),
    "digits": lambda model, _: (model / "config.json").write_text('{"a": ' + "9" * 1000 + "}"),
    "wide": lambda model, _: _configured(model, projection_dim=10**9),
    "negative": lambda model, _: _configured(model, projection_dim=-1),
}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(name, marks=() if name in ("pickle", "pipe") else pytest.mark.slow)
        for name in CHANGES
    ],
)
def test_a_hostile_model_costs_its_one_command(clip: Path, tmp_path: Path, change: str) -> None:
    home, mark = new_home(tmp_path / "home"), tmp_path / "owned"
    model = Path(shutil.copytree(clip, tmp_path / "model"))
    CHANGES[change](model, mark)
    pictures = noise_pictures(tmp_path / "p", 3)
    done = run(home, "index", str(pictures), "--encoder", str(model))
    assert done.returncode in (WRONG_USAGE, CANNOT), done.stderr
    assert "Traceback" not in done.stderr and "bug in t2itui" not in done.stderr
    assert not mark.exists()
    done = run(home, "models", "--json")
    assert done.returncode == 0, done.stderr


# Vectors


def _npy(shape: str, dtype: str = "<f4", data: bytes = b"") -> bytes:
    """An array file whose header says what it likes."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def _npz(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def _saved(**arrays: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=True, **arrays)
    return stream.getvalue()


IMAGES = np.array(["a.jpg", "b.jpg"])
GOOD = np.eye(2, 8, dtype=np.float32)
VECTORS: dict[str, bytes] = {
    "pickled names": _saved(image=np.array(["a", None], dtype=object), vector=GOOD),
    "not finite": _saved(image=IMAGES, vector=np.full((2, 8), np.nan, np.float32)),
    "too many": _saved(image=IMAGES, vector=np.eye(3, 8, dtype=np.float32)),
    "no vectors": _saved(image=IMAGES),
    "absurd shape": _npz(image=_npy("(2,)", "<U5", bytes(40)), vector=_npy("(2, 10000000000)")),
    "negative shape": _npz(image=_npy("(2,)", "<U5", bytes(40)), vector=_npy("(2, -8)")),
    "bomb": _npz(image=_npy("(2,)", "<U5", bytes(40)), vector=_npy("(2, 8)", data=bytes(1 << 28))),
    "no archive": b"PK\x03\x04" + bytes(1000),
    "empty": b"",
    "header": _npz(image=b"\x93NUMPY\x01\x00" + b"\xff\xff" + b"(" * 65535, vector=b""),
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(name, marks=() if name == "pickled names" else pytest.mark.slow)
        for name in (*VECTORS, "device", "pipe", "folder")
    ],
)
def test_hostile_vectors_are_refused_whole(tmp_path: Path, kind: str) -> None:
    home, path = new_home(tmp_path / "home"), tmp_path / "v.npz"
    match kind:
        case "device":
            path.symlink_to("/dev/zero")
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case _:
            path.write_bytes(VECTORS[kind])
    for words in (
        ("cache", "import", "--encoder", "mine", "--pictures", str(path)),
        ("models", "import", str(path)),
    ):
        done = run(home, *words)
        assert done.returncode in (WRONG_USAGE, CANNOT), (words, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
    assert "mine" not in run(home, "library", "--json").stdout
    assert damage(home) == []


# Settings


SETTINGS: dict[str, bytes] = {
    "nested": b"a = " + b"[" * 100_000,
    "digits": b"threshold = " + b"9" * 400,
    "not a number": b"threshold = nan\nidle_seconds = inf\n",
    "other types": b'threshold = [1]\nencoder = 3\ngraphics = {a = 1}\njobs_go_on = "x"\n',
    "binary": bytes(range(256)) * 100,
    "not UTF-8": b'encoder = "\xff\xfe"\n',
    "controls": b'encoder = "\\u001b]0;owned\\u0007\\u202e"\n',
    "byte order mark": b"\xef\xbb\xbfthreshold = 0.4\n",
    "dates": b"threshold = 9999-12-31T23:59:60Z\n",
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(name, marks=() if name == "nested" else pytest.mark.slow)
        for name in (*SETTINGS, "device", "pipe", "folder", "loop")
    ],
)
def test_hostile_settings_are_named_or_left_out(tmp_path: Path, kind: str) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    path = home / "settings.toml"
    match kind:
        case "device":
            path.symlink_to("/dev/zero")
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
        case _:
            path.write_bytes(SETTINGS[kind])
    for words in (("search", "a brown horse", "--top", "1"), ("doctor",)):
        done = run(home, *words)
        said = done.stdout + done.stderr
        assert done.returncode in (0, 1, WRONG_USAGE, CANNOT), said
        assert "Traceback" not in said and "bug in t2itui" not in said, said
        assert not steers(said.encode()), said
        if done.returncode in (WRONG_USAGE, CANNOT):
            assert "settings.toml" in said or "encoder" in said, said
