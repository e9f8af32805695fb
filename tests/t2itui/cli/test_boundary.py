"""Whatever ends a run gives an exit code and a sentence; 1 is kept for the answer "nothing"."""

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from engine.errors import RequestError, T2IError
from t2itui import streams
from t2itui.cli.main import cli
from t2itui.cli.support import boundary
from t2itui.crash import log_errors
from t2itui.streams import OutputLostError


@pytest.fixture(autouse=True)
def own_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the descriptors of the tests' own process alone."""
    monkeypatch.setattr(streams, "abandon", lambda: None)


def raising(error: BaseException) -> Callable[[], object]:
    def work() -> object:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RecursionError("too deep"), 3, "unexpected error: RecursionError: too deep"),
        (OSError(36, "File name too long"), 3, "File name too long"),
        (MemoryError(), 3, "no more memory"),
        (RuntimeError("can't start new thread"), 3, "no more memory, threads or processes"),
        (BlockingIOError(11, "Resource temporarily unavailable"), 3, "no more memory"),
        (ImportError("libx.so: failed to map segment from shared object"), 3, "no more memory"),
        (T2IError("it cannot be done", hint="Do this instead."), 3, "Do this instead."),
        (RequestError("what is this"), 2, "error: what is this"),
        (click.UsageError("no such thing"), 2, "no such thing"),
        (click.ClickException("no"), 3, "Error: no"),
        (click.Abort(), 130, "cancelled"),
        (KeyboardInterrupt(), 130, "cancelled"),
        (OutputLostError(OSError(28, "No space left on device")), 3, "standard output: No space"),
        (OutputLostError(OSError(9, "Bad file descriptor")), 3, "standard output: it is closed"),
        (OutputLostError(BrokenPipeError(32, "Broken pipe")), 0, ""),
        (SystemExit(1), 1, ""),
        (SystemExit(None), 0, ""),
    ],
)
def test_an_error_is_a_sentence_and_a_code(
    error: BaseException,
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    assert boundary.run(raising(error), lambda: tmp_path) == code
    said = capsys.readouterr()
    assert words in said.err
    assert "Traceback" not in said.err
    assert bool(said.err) == bool(words)


def test_the_traceback_of_an_unforeseen_error_is_in_the_log_that_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert boundary.run(raising(ValueError("who knew")), lambda: tmp_path) == 3
    log = tmp_path / "logs" / "crash.log"
    assert str(log) in capsys.readouterr().err
    assert "Traceback" in log.read_text()
    assert "ValueError: who knew" in log.read_text()


def test_an_unforeseen_error_without_a_home_is_told_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def no_home() -> Path:
        raise T2IError("there is no place")

    assert boundary.run(raising(ValueError("who knew")), no_home) == 3
    assert "No home folder" in capsys.readouterr().err


def test_an_answer_that_gets_lost_at_the_end_is_no_answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lost = OutputLostError(OSError(28, "No space left on device"))
    monkeypatch.setattr(streams, "finish", raising(lost))
    assert boundary.run(lambda: 1, lambda: tmp_path) == 3
    assert "No space left" in capsys.readouterr().err


def test_what_a_job_logs_of_its_error_is_kept_and_not_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = logging.root.handlers[:]
    try:
        log_errors(tmp_path)
        try:
            raise ZeroDivisionError("oops")
        except ZeroDivisionError:
            logging.getLogger("engine.jobs").exception("job 3 failed")
    finally:
        logging.root.handlers = before
    kept = (tmp_path / "logs" / "crash.log").read_text()
    assert "job 3 failed" in kept
    assert "ZeroDivisionError: oops" in kept
    assert capsys.readouterr().err == ""


WRITE = """
import sys
from t2itui import streams
from t2itui.cli.support import boundary
streams.take_over()
print(f"closed {{streams.is_closed()}}", file=sys.stderr)
def work():
    {line}
sys.exit(boundary.run(work, lambda: None))
"""
MANY = "for number in range(100000): print(number)"


@pytest.mark.parametrize(
    ("redirection", "line", "code", "words"),
    [
        (">/dev/full", "print('a')", 3, "standard output: No space left on device"),
        (">/dev/full", MANY, 3, "standard output: No space left on device"),
        (">&-", "print('a')", 3, "standard output: it is closed"),
        (">&-", "pass", 0, "closed True"),
        ("<&-", "print(sys.stdin.read())", 0, "closed False"),
        ("2>&-", "print('a'); print('b', file=sys.stderr)", 0, ""),
        ("2>/dev/full", "print('a'); print('b', file=sys.stderr)", 0, ""),
        (">&- 2>&- <&-", "assert open('/dev/null').fileno() > 2", 0, ""),
        ("| head -1", MANY, 0, "closed False"),
    ],
)
def test_streams_may_be_full_or_closed(redirection: str, line: str, code: int, words: str) -> None:
    script = WRITE.format(line=line)
    done = subprocess.run(
        [
            "bash",
            "-c",
            f'"$0" -c "$1" {redirection}; exit ${{PIPESTATUS[0]}}',
            sys.executable,
            script,
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1:strict", "utf-8"])
def test_a_name_that_the_encoding_lacks_is_written_as_escapes(encoding: str) -> None:
    script = WRITE.format(line="print('\\u9a6c \\xe9')")
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONIOENCODING": encoding,
            "PYTHONPATH": ":".join(sys.path),
        },
    )
    assert done.returncode == 0, done.stderr
    codec = encoding.partition(":")[0]
    assert done.stdout.strip() == "马 é".encode(codec, "backslashreplace")


EMPTY = (
    ("--home", "", "library"),
    ("index", ""),
    ("library", "--forget", ""),
    ("library", "--remove", ""),
    ("search", "a dog", "--in", ""),
    ("search", "--like", ""),
    ("generate", "a dog", "--save-as", ""),
    ("cache", "export", "", "--encoder", "x"),
    ("models", "import", ""),
)


@pytest.mark.parametrize("words", EMPTY, ids=" ".join)
def test_an_empty_path_is_not_the_current_folder(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("T2ITUI_HOME", str(tmp_path / "home"))
    done = CliRunner().invoke(cli, list(words))
    assert done.exit_code == 2, done.output
    assert "it is empty: name a path" in done.output
    assert list(tmp_path.iterdir()) == []


def test_every_path_of_the_command_line_is_a_given_one() -> None:
    folder = Path(__file__).parents[3] / "t2itui" / "cli"
    found = {path.name for path in folder.rglob("*.py") if "click.Path" in path.read_text()}
    assert found == {"paths.py"}
