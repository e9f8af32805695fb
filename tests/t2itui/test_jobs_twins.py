"""The commands that the screens copy are understood by the command line."""

import shlex
from pathlib import Path

import pytest

from engine.requests import ExportRequest, ImportRequest, IndexRequest
from t2itui import job_twins as twins
from t2itui.cli.context import Context
from t2itui.cli.main import cli

FOLDER = Path(__file__).parent
FILE = Path(__file__)


@pytest.mark.parametrize(
    "command",
    [
        twins.index_command(None, IndexRequest(folders=(FOLDER, FOLDER.parent))),
        twins.index_command(FOLDER, IndexRequest(folders=(FOLDER,), encoder="a/b", per_class=3)),
        twins.import_command(
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
        twins.export_command(
            None, ExportRequest(encoder_id="a/b", target=FOLDER / "out", layout="clip-retrieval")
        ),
        twins.download_command(None, "a/b"),
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
