"""How far a stage is."""

import pytest

from tools.storybook.progress import EVERY, Progress


def test_what_is_left_follows_from_the_rate_of_this_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    progress = Progress(1000, "pictures", done=200, clock=lambda: now)
    progress.at(220)
    assert capsys.readouterr().err == ""
    now = EVERY
    progress.at(300)
    assert capsys.readouterr().err == "300 of 1,000 pictures, 10 a second, 0:01:10 left\n"
    now += 1.0
    progress.at(310)
    assert capsys.readouterr().err == ""
    progress.at(1000)
    assert capsys.readouterr().err == "1,000 of 1,000 pictures\n"
