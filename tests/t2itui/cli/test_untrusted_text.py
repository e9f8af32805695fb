"""Whatever a command writes of what others wrote, a terminal finds nothing in it to obey."""

import ast
import dataclasses
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.evaluation.results import as_body
from engine.jobs.codec import request_to_json
from engine.sheets.prompts import SheetPrompt
from engine.sheets.request import Axis, SheetRequest
from engine.states import AxisName
from t2itui.cli.main import COMMANDS
from t2itui.text.plain import plain, plain_json
from tests.engine.matchers import random_matcher
from tests.t2itui.cli.conftest import RunCli
from tests.t2itui.made_up_evaluations import evaluation
from tests.t2itui.made_up_trainings import training_report

EVIL = "\x1b]0;owned\x07\x1b[31m\x9b2J\x08\x7f\u202e\u2066\u200f\u061c\u2028\u2029\x85[/red]"
"""To begin with what a terminal obeys, then what turns text about or ends a line."""
ENCODER = f"clip{EVIL}"
STEERING = frozenset(
    map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F),
              *range(0x2066, 0x206A)])
)  # fmt: skip
DIM = 12


def steers(text: str) -> list[str]:
    """The characters of output that a terminal would obey; its own colours are not among them."""
    found = STEERING.intersection(text.replace("\n", ""))
    return sorted(f"U+{ord(character):04X}" for character in found)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which every text that others may have written is hostile."""
    from click.testing import CliRunner

    from t2itui.cli.main import cli

    folder = tmp_path_factory.mktemp("evil")
    names = [f"{EVIL}{number}.jpg" for number in range(6)]
    np.savez(folder / "p.npz", image=names, vector=np.eye(6, DIM, dtype=np.float32) + 0.1)
    texts = [f"a dog {word}" for word in ("red", "runs")]
    texts += [f"text {number} {EVIL}" for number in range(6)]
    np.savez(folder / "t.npz", text=texts, vector=np.eye(8, DIM, dtype=np.float32))
    home = folder / "home"
    for words in (
        ("cache", "import", "--encoder", ENCODER, "--pictures", str(folder / "p.npz"),
         "--texts", str(folder / "t.npz")),
        ("search", "a dog red", "--offline"),
        ("label", "a dog red", names[0], "--yes", "--encoder", ENCODER, "--offline"),
        ("label", texts[2], names[1], "--no", "--encoder", ENCODER, "--offline"),
    ):  # fmt: skip
        CliRunner().invoke(cli, ["--home", str(home), *words])
    plant(home)
    return home


def plant(home: Path) -> None:
    """Enter what no command makes without a model."""
    report = dataclasses.replace(training_report(), data=EVIL, device=EVIL, encoder=ENCODER)
    found = dataclasses.replace(
        evaluation(1), data=EVIL, encoder=ENCODER, match=EVIL, warnings=(EVIL,), request=EVIL
    )
    prompt = {"prompt": EVIL, "model": EVIL, "seed": 1, "request_key": "k"}
    sha = "ab" * 32
    rows: list[tuple[str, list[Any]]] = [
        ("insert into failures (path, size, mtime_ns, reason, failed_at) values (?, 1, 1, ?, 0)",
         [f"/{EVIL}.jpg", EVIL]),
        ("insert into folders (path) values (?)", [f"/{EVIL}"]),
        ("insert into files (path, picture_id, size, mtime_ns, present) values (?, 1, 1, 1, 0)",
         [f"/gone{EVIL}.jpg"]),
        ("insert into matchers (encoder_id, created_at, weights, report) values (?, 0, ?, ?)",
         [ENCODER, random_matcher(EVIL, DIM), json.dumps({EVIL: EVIL})]),
        ("insert into matchers (encoder_id, created_at, weights, report) values (?, 0, ?, ?)",
         [ENCODER, random_matcher(ENCODER, DIM, report=report.as_json()), report.as_json()]),
        ("insert into evaluations (created_at, data, encoder_id, body) values (0, ?, ?, ?)",
         [EVIL, ENCODER, as_body(found)]),
        ("insert into jobs (id, kind, title, state, created_at, updated_at, process, request,"
         " message) values (90, 'generate', ?, 'lost', 0, 0, 'x - 1 -', '{}', ?)", [EVIL, EVIL]),
        ("insert into pictures (id, sha256, width, height, format, partial, synthetic, added_at)"
         " values (900, ?, 8, 8, 'png', 0, 1, 0)", [sha]),
        ("insert into files (path, picture_id, size, mtime_ns, present) values (?, 900, 1, 1, 1)",
         [f"{home}/generated/ab/{sha}.png"]),
        ("insert into generated (id, request_key, model_id, prompt, recipe, seed, verdict,"
         " library, job_id, seconds, picture_id, created_at)"
         " values (1, 'k', ?, ?, ?, 1, 'fine', '', 90, 1, 900, 0)",
         [EVIL, EVIL, json.dumps(prompt)]),
        ("insert into sheets (id, created_at, used_at, title, request, size)"
         " values (1, 0, 0, ?, ?, 2)", [EVIL, request_to_json(hostile_sheet())]),
        ("insert into sheet_cells (sheet_id, number, generated_id) values (1, ?, 1)", [0]),
    ]  # fmt: skip
    with sqlite3.connect(home / "cache.sqlite3") as db:
        for sql, values in rows:
            db.execute(sql, values)
    db.close()


def hostile_sheet() -> SheetRequest:
    """A sheet whose prompts and axes are hostile."""
    prompts = tuple(SheetPrompt(prompt=f"{n} {EVIL}", group=EVIL) for n in range(2))
    return SheetRequest(prompts=prompts, axes=(Axis(name=AxisName.MODEL, values=(EVIL,)),))


def evil_picture(folder: Path) -> str:
    """A PNG whose recipe is hostile."""
    info = PngInfo()
    recipe = f"{EVIL} <lora:{EVIL[:6]}:1>\nSteps: 4, Sampler: {EVIL}, Seed: 1, Model: {EVIL}"
    info.add_itxt("parameters", recipe)
    Image.new("RGB", (8, 8)).save(folder / "evil.png", pnginfo=info)
    return str(folder / "evil.png")


INVOCATIONS: dict[str, list[tuple[str, ...]]] = {
    "index": [("index", f"/no{EVIL}"), ("index", "{folder}", "--encoder", f"./no{EVIL}")],
    "search": [
        ("search", "a dog red", "--offline"),
        ("search", f"a {EVIL}"),
        ("search", "never imported", "--offline"),
        ("search", '"a dog red" + "no.jpg"', "--offline"),
        ("search", "a dog red", "--offline", "--encoder", f"no{EVIL}"),
        ("search", "--like", f"/no{EVIL}.jpg"),
        ("search", "--like", f"{EVIL}1.jpg", "--offline"),
        ("search", "a dog red", "--in", f"/no{EVIL}", "--offline"),
    ],
    "compare": [
        ("compare", f"{EVIL}1.jpg", "-t", "a dog red", "-t", f"text 1 {EVIL}", "--offline"),
        ("compare", f"{EVIL}1.jpg", "-t", "a dog red", "-t", "a dog runs", "--offline"),
        ("compare", f"no{EVIL}.jpg", "-t", "a dog", "--offline"),
        ("compare", "--from", "{evil}", "--offline"),
    ],
    "where": [
        ("where", f"{EVIL}1.jpg", f"a dog {EVIL}", "--offline"),
        ("where", f"no{EVIL}.jpg", "a dog", "--offline"),
        ("where", "{evil}", f"a {EVIL}", "--encoder", f"no{EVIL}"),
    ],
    "tag": [
        ("tag", f"{EVIL}1.jpg", "--words", "{evil_words}", "--threshold", "0", "--offline"),
        ("tag", f"no{EVIL}.jpg", "--offline"),
        ("tag", "--in", f"/no{EVIL}", "--offline"),
        ("tag", f"{EVIL}1.jpg", "--words", "{evil}", "--offline"),
    ],
    "train": [("train", f"/no{EVIL}"), ("train", "{folder}", "--encoder", f"no{EVIL}")],
    "eval": [
        ("eval", "--list"),
        ("eval", "--show", "1"),
        ("eval", f"/no{EVIL}"),
        ("eval", "{evil}"),
    ],
    "label": [
        ("label", "--list"),
        ("label", f"no {EVIL}", f"no{EVIL}.jpg", "--yes"),
        ("label", "--forget", "--encoder", f"no{EVIL}"),
    ],
    "generate": [
        ("generate", "--unfinished"),
        ("generate", "--from", "{evil}", "--model", f"./no{EVIL}"),
        ("generate", "a dog", "--lora", f"no{EVIL}.safetensors"),
        ("generate", "--again", "90"),
    ],
    "sheet": [
        ("sheet", "--list"),
        ("sheet", "--show", "1"),
        ("sheet", "--resume", "1"),
        ("sheet", f"a {EVIL}", "--model", f"./no{EVIL}"),
        ("sheet", "a dog", "--axis", f"no{EVIL}=1"),
        ("sheet", "a dog", "--axis", f"scheduler=no{EVIL}"),
        ("sheet", "--prompts", "{evil}", "--model", f"./no{EVIL}"),
        ("sheet", "--prompts", f"no{EVIL}"),
    ],
    "library": [
        ("library",),
        ("library", "--failures"),
        ("library", "--vanished"),
        ("library", "--painted"),
        ("library", "--forget", f"/no{EVIL}"),
        ("library", "--remove", f"/no{EVIL}"),
    ],
    "history": [("history",), ("history", "{receipt}"), ("history", f"no{EVIL}")],
    "models": [
        ("models",),
        ("models", "import", "{evil}"),
        ("models", "get", f"no{EVIL}"),
        ("models", "export", "1", f"/no{EVIL}/x"),
    ],
    "cache": [
        ("cache", "import", "--encoder", ENCODER, "--pictures", "{evil}"),
        ("cache", "import", "--encoder", ENCODER, "--pictures", "{evil_npz}"),
        ("cache", "export", "{folder}/out.npz", "--encoder", ENCODER),
        ("cache", "export", "{folder}/out.npz", "--encoder", f"no{EVIL}"),
        ("cache", "states"),
        ("cache", "states", "--clear", "--encoder", f"no{EVIL}"),
    ],
    "doctor": [("doctor",)],
}
"""At least one of every command, with and beside everything hostile that it may write."""
NO_JSON = {("models", "import"), ("models", "export")}


def test_every_command_is_among_them() -> None:
    assert INVOCATIONS.keys() == COMMANDS.keys()


@pytest.mark.parametrize(
    ("words", "is_json"),
    [
        pytest.param(words, is_json, id=f"{name}-{number}-{'json' if is_json else 'words'}")
        for name, several in INVOCATIONS.items()
        for number, words in enumerate(several)
        for is_json in (False, True)
        if not (is_json and words[:2] in NO_JSON)
    ],
)
def test_nothing_that_a_command_writes_steers_a_terminal(
    home: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    is_json: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = run(home, tmp_path, words, is_json, monkeypatch)
    assert not isinstance(done.exception, Exception), done.exception
    assert not steers(done.stdout), done.stdout
    assert not steers(done.stderr), done.stderr
    if is_json:
        for line in done.stdout.split("\n")[:-1]:
            assert json.loads(line)["type"]


def run(
    home: Path, folder: Path, words: tuple[str, ...], is_json: bool, monkeypatch: pytest.MonkeyPatch
) -> Result:
    from click.testing import CliRunner

    from t2itui.cli.main import cli

    monkeypatch.setenv("COLUMNS", "400")
    arrays: dict[str, Any] = {EVIL.replace("/", ""): np.eye(2)}
    np.savez(folder / "e.npz", **arrays)
    with sqlite3.connect(home / "cache.sqlite3") as db:
        receipt = db.execute("select id from receipts").fetchone()[0]
    db.close()
    places = {
        "{evil}": evil_picture(folder),
        "{evil_npz}": str(folder / "e.npz"),
        "{evil_words}": evil_words(folder),
        "{receipt}": receipt,
    }
    named = [places.get(word, word.replace("{folder}", str(folder))) for word in words]
    return CliRunner().invoke(cli, ["--home", str(home), *named, *(["--json"] if is_json else [])])


def evil_words(folder: Path) -> str:
    """A file of words that have embeddings."""
    path = folder / "words.txt"
    path.write_text("".join(f"text {number} {EVIL}\n" for number in range(6)), encoding="utf-8")
    return str(path)


def test_what_is_hostile_was_shown_at_all(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the test above would look at nothing."""
    shown = {
        ("library",): 2, ("library", "--failures"): 2, ("library", "--vanished"): 1,
        ("library", "--painted"): 1, ("models",): 3, ("eval", "--list"): 2,
        ("eval", "--show", "1"): 3, ("label", "--list"): 1, ("generate", "--unfinished"): 1,
        ("history", "{receipt}"): 3, ("search", "a dog red", "--offline"): 3,
        ("tag", f"{EVIL}1.jpg", "--words", "{evil_words}", "--threshold", "0", "--offline"): 2,
    }  # fmt: skip
    for words, least in shown.items():
        told = run(home, tmp_path, words, False, monkeypatch)
        text = told.stdout + told.stderr
        assert text.count("owned") >= least, (words, text)
        raw = run(home, tmp_path, words, True, monkeypatch).stdout
        assert raw.count("\\u001b]0;owned\\u0007") >= least, (words, raw)


WRITERS = {"echo", "secho", "print", "write", "writelines", "print_json"}
MAY_WRITE = {
    # The place itself.
    "support/context.py": {"echo", "write"},
    # A line above the progress bar, made plain.
    "support/follow.py": {"print"},
}


def test_commands_write_through_output_alone() -> None:
    folder = Path(__file__).parents[3] / "t2itui" / "cli"
    for path in folder.rglob("*.py"):
        found = set(_written(ast.parse(path.read_text(encoding="utf-8"))))
        assert found <= MAY_WRITE.get(path.relative_to(folder).as_posix(), set()), path


def _written(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr in WRITERS:
                yield node.func.attr
            elif isinstance(node.func, ast.Name) and node.func.id in ("print", "echo", "secho"):
                yield node.func.id


@given(st.text())
def test_no_text_steers(text: str) -> None:
    assert not steers(plain(text)) and "\n" not in plain(text)
    assert plain(plain(text)) == plain(text)


@given(st.text() | st.dictionaries(st.text(), st.text()))
def test_json_says_the_same(value: object) -> None:
    text = plain_json(json.dumps(value, ensure_ascii=False))
    assert not steers(text)
    assert json.loads(text) == value


def test_names_are_exact_for_a_program(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("search", "a dog red", "--offline", "--paths", "-0", "--threshold", "0")
    done = run(home, tmp_path, words, False, monkeypatch)
    assert f"{EVIL}1.jpg" in done.stdout.split("\0")


@pytest.mark.parametrize("how", ["name", "digits"])
def test_a_picture_with_a_hostile_name_is_used_with_like_and_compare(
    home: Path, tmp_path: Path, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = tmp_path / f"real{EVIL.replace('/', '')}.jpg"
    Image.new("RGB", (40, 30), "red").save(path)
    sha = "cd" * 32
    with sqlite3.connect(home / "cache.sqlite3") as db:
        db.execute("delete from files where path like '%/real%'")
        db.execute("update pictures set sha256 = ? where id = 1", [sha])
        db.execute(
            "insert into files (path, picture_id, size, mtime_ns, present) values (?, 1, 1, 1, 1)",
            [str(path)],
        )
    db.close()
    name = str(path) if how == "name" else f"sha256:{sha}"
    options = ("--offline", "--encoder", ENCODER)
    done = run(home, tmp_path, ("search", "--like", name, *options), True, monkeypatch)
    lines = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    assert lines[0]["type"] == "receipt", done.output
    assert lines[1]["path"] == str(path)
    again = run(home, tmp_path, ("search", lines[0]["query"], *options), True, monkeypatch)
    assert json.loads(again.stdout.split("\n")[0])["id"] == lines[0]["id"]
    words = ("compare", name, "-t", "a dog red", "-t", "a dog runs", *options)
    done = run(home, tmp_path, words, True, monkeypatch)
    assert json.loads(done.stdout.split("\n")[0])["pictures"] == [name]
