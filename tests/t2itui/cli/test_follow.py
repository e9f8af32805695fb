import os
import pty
import select
import subprocess
import sys

import pytest

from engine.events import JobProgress, TrainingProgress
from engine.states import FitStage, Unit
from t2itui.cli.support.follow import event_line
from t2itui.text.words import rate_words

SCRIPT = """
from engine.events import JobNote, JobProgress
from engine.states import Unit
from t2itui.cli.support.context import Output
from t2itui.cli.support.follow import BarWatcher
watcher = BarWatcher(Output())
watcher.show(JobProgress(job_id=1, stage="walking", done=0, total=0), 1)
watcher.show(JobNote(job_id=1, message="a note\\x1b[31m"), 1)
watcher.show(
    JobProgress(
        job_id=1, stage="indexing", done=30, total=90, unit=Unit.PICTURES, rate=12.5, eta_s=61.0
    ),
    1,
)
watcher.show(JobProgress(job_id=2, stage="another", done=1, total=2), 1)
watcher.close()
"""


def drawn_on_a_terminal(script: str) -> str:
    """What a script writes to a stderr that is a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm"}
    with subprocess.Popen([sys.executable, "-c", script], stderr=theirs, env=environment) as child:
        os.close(theirs)
        text = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                text += os.read(ours, 65536)
            except OSError:
                break
    os.close(ours)
    assert child.returncode == 0, text.decode()
    return text.decode()


def test_a_job_is_drawn_with_stage_rate_and_time_left() -> None:
    text = drawn_on_a_terminal(SCRIPT)
    assert "indexing" in text
    assert "30/90" in text
    assert "12.5 pictures/s  1:01 left" in text
    assert "a note" in text
    assert "a note\x1b[31m" not in text
    assert "another" not in text


@pytest.mark.parametrize(
    ("rate", "unit", "eta", "words"),
    [
        (0.0, Unit.PICTURES, None, ""),
        (2.0, Unit.PICTURES, None, "2.0 pictures/s"),
        (2_500_000.0, Unit.BYTES, 5.4, "2.5 MB/s  0:05 left"),
        (0.25, Unit.STEPS, 8.0, "4.0 s a step  0:08 left"),
    ],
)
def test_the_rate_says_what_is_known(
    rate: float, unit: Unit, eta: float | None, words: str
) -> None:
    event = JobProgress(job_id=1, stage="", done=0, total=0, unit=unit, rate=rate, eta_s=eta)
    assert rate_words(event) == words


def test_the_line_of_a_training_keeps_the_names_that_scripts_hold() -> None:
    event = TrainingProgress(
        job_id=1,
        what="matcher",
        stage=FitStage.EPOCHS,
        step=40,
        steps=400,
        epoch=2,
        epochs=12,
        loss=0.5,
        average_precision=0.7,
        recall=0.6,
        swap_auc=0.9,
        best=0.8,
        epochs_without_improvement=1,
        patience=3,
    )
    name, values = event_line(event)
    assert name == "training_progress"
    assert (values["stage"], values["apart"], values["since"]) == ("epochs", 0.9, 1)
    assert not {"swap_auc", "epochs_without_improvement"} & set(values)
