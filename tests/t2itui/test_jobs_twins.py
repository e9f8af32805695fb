"""The commands that the screens copy are understood by the command line."""

import asyncio
import shlex
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeAlias

import pytest

from engine.requests import (
    DownloadRequest,
    EvaluateRequest,
    ExportRequest,
    ImportRequest,
    IndexRequest,
)
from t2itui.cli.main import cli
from t2itui.cli.support.context import Context
from t2itui.text import shell_commands as evaluation_twins
from t2itui.text import shell_commands as twins

FOLDER = Path(__file__).parent
FILE = Path(__file__)
Work: TypeAlias = Callable[[object], Coroutine[None, None, None]]

EVERYTHING = EvaluateRequest(
    data=str(FILE),
    images=FOLDER,
    encoders=("a/b", "c/d"),
    queries="words",
    words=FILE,
    split="",
    language="zh",
    scorers=("match", "fusion"),
    threshold=0.25,
    limit=9,
    seed=3,
    templates=("a {}",),
    names=(("cane", "dog"),),
    resamples=0,
    swaps=False,
    offline=True,
)


@pytest.mark.parametrize(
    "command",
    [
        twins.job_command(None, IndexRequest(folders=(FOLDER, FOLDER.parent))),
        twins.job_command(FOLDER, IndexRequest(folders=(FOLDER,), encoder="a/b", per_class=3)),
        twins.job_command(
            None,
            ImportRequest(
                encoder_id="a/b",
                pictures=FILE,
                texts=FILE,
                root=FOLDER,
                logit_scale=64.5,
                languages=("en", "zh"),
            ),
        ),
        twins.job_command(
            None, ExportRequest(encoder_id="a/b", target=FOLDER / "out", layout="clip-retrieval")
        ),
        twins.job_command(None, DownloadRequest(model="a/b")),
        evaluation_twins.job_command(None, EvaluateRequest(data="storybook")),
        evaluation_twins.job_command(FOLDER, EVERYTHING),
        evaluation_twins.show_command(None, 3, plot=FOLDER / "x.png"),
        evaluation_twins.compare_evaluations_command(None, 1, 2),
        evaluation_twins.forget_evaluation_command(FOLDER, 3),
        twins.library_command(None),
        twins.failures_command(None),
        twins.vanished_command(None),
        twins.forget_command(None, FOLDER),
        twins.replay_command(None, "0123456789ab"),
        twins.forget_receipt_command(None, "0123456789ab"),
    ],
)
def test_a_copied_command_is_understood_by_the_command_line(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is parsed to the end; what it would then do has tests of its own."""
    ran: list[object] = []
    monkeypatch.setattr(Context, "run", lambda *arguments, **_: ran.append(arguments))
    program, *words = shlex.split(command)
    assert program == "t2itui"
    cli.main(words, standalone_mode=False)
    assert len(ran) == 1


def test_the_command_of_an_evaluation_asks_for_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    async def evaluate(engine: object, request: object, plots: object, output: object) -> None:
        asked.append(request)

    def run(context: Context, output: object, work: Work, **_: bool) -> None:
        asyncio.run(work(None))

    monkeypatch.setattr(Context, "run", run)
    monkeypatch.setattr("t2itui.cli.eval._evaluate", evaluate)
    _, *words = shlex.split(evaluation_twins.job_command(None, EVERYTHING))
    cli.main(words, standalone_mode=False)
    assert asked == [EVERYTHING]
