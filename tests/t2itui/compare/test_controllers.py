"""Files and scores of a comparison over the real engine, without a screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.comparing.comparison import ComparisonRequest, Description, load_request
from engine.engine import Engine
from engine.errors import RequestError
from engine.settings import EngineSettings
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.screens.common.dialogs import Dialog
from t2itui.screens.compare.editing import ComparisonScores
from t2itui.screens.compare.files import (
    AddPicture,
    ComparisonFiles,
    ExportComparison,
    OpenComparison,
    SaveComparison,
)
from t2itui.session import Session
from tests.t2itui.compare.compare_library import GREEN, RED, make_compare_library

REQUEST = ComparisonRequest(
    pictures=("red_00.png",), lines=(Description(text=RED), Description(text=GREEN))
)


@pytest.fixture
async def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    """A session over a small library; the current folder is an empty one."""
    await make_compare_library(tmp_path / "home", tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    found = Session(graphics=Graphics(protocol=GraphicsProtocol.TEXT, reason="a test"))
    async with Engine.open(EngineSettings(home=tmp_path / "home")) as engine:
        found.open(engine)
        yield found


class Person:
    """Answers dialogs, and remembers which there were."""

    def __init__(self) -> None:
        self.answer: object = None
        self.asked: list[Dialog[Any]] = []

    async def __call__(self, dialog: Dialog[Any]) -> object:
        self.asked.append(dialog)
        return self.answer


async def test_a_comparison_is_saved_under_its_own_name_again_and_opened(session: Session) -> None:
    person = Person()
    files = ComparisonFiles(session, person)
    assert await files.save(REQUEST) is None and await files.open() is None
    person.answer = target = Path.cwd() / "mine.json"
    assert await files.save(REQUEST) == target
    assert load_request(target) == REQUEST == await files.open()
    await files.save(REQUEST)
    assert list(map(type, person.asked)) == [
        SaveComparison,
        OpenComparison,
        SaveComparison,
        OpenComparison,
        SaveComparison,
    ]
    first, last = person.asked[0], person.asked[-1]
    assert isinstance(first, SaveComparison) and isinstance(last, SaveComparison)
    assert (first._proposed.name, first._own) == ("red_00.json", None)
    assert (last._proposed, last._own) == (target, target)


async def test_the_next_example_begins_another_file(session: Session) -> None:
    person = Person()
    files = ComparisonFiles(session, person)
    person.answer = Path.cwd() / "mine.json"
    await files.save(REQUEST)
    one, two = await files.next_example(), await files.next_example()
    assert one != two and len(one.lines) == 10
    person.answer = None
    await files.save(one)
    assert isinstance(person.asked[-1], SaveComparison) and person.asked[-1]._own is None


async def test_a_picture_must_be_in_the_library_and_a_file_a_comparison(session: Session) -> None:
    person = Person()
    files = ComparisonFiles(session, person)
    assert await files.ask_picture(REQUEST) is None
    person.answer = "green_00.png"
    assert await files.ask_picture(REQUEST) == "green_00.png"
    assert isinstance(person.asked[-1], AddPicture)
    person.answer = "nowhere.png"
    with pytest.raises(RequestError, match="not in the library"):
        await files.ask_picture(REQUEST)
    person.answer = other = Path.cwd() / "other.json"
    other.write_text("[]")
    with pytest.raises(RequestError, match="is no comparison"):
        await files.open()


async def test_scores_hold_for_their_pictures_and_cover_their_lines(session: Session) -> None:
    scores = ComparisonScores(session)
    assert scores.of(REQUEST) == () and not scores.cover(REQUEST)
    scores.scored = await scores.compare(REQUEST)
    assert scores.scored is not None
    assert scores.cover(REQUEST)
    longer = ComparisonRequest(
        pictures=REQUEST.pictures, lines=(*REQUEST.lines, Description(text="more"))
    )
    assert scores.of(longer) == scores.scored.found and not scores.cover(longer)
    heats = [row.heats for row in scores.table(longer, longer.lines).rows]
    assert heats[-1] == (None, None) and None not in heats[0]
    other = ComparisonRequest(pictures=("green_00.png",), lines=REQUEST.lines)
    assert scores.of(other) == () and not scores.cover(other)
    person = Person()
    person.answer = target = Path.cwd() / "result.csv"
    assert await ComparisonFiles(session, person).export(scores.of(REQUEST), REQUEST) == target
    assert isinstance(person.asked[-1], ExportComparison) and target.exists()


async def test_what_is_compared_is_said_in_a_line(session: Session) -> None:
    scores = ComparisonScores(session)
    assert scores.words(ComparisonRequest(pictures=(), lines=()), 0) == ""
    assert scores.words(ComparisonRequest(pictures=(), lines=REQUEST.lines), 0).startswith(
        "no picture yet"
    )
    assert scores.words(ComparisonRequest(pictures=("a/b.png",), lines=()), 0).startswith(
        "b.png · no desc"
    )
    two = ComparisonRequest(pictures=("a.png", "b.png"), lines=REQUEST.lines)
    assert scores.words(two, 1) == "2 pictures by match · b.png · 2 descriptions"
    scores.turn_scorer()
    assert scores.words(two, 1).startswith("2 pictures by cosine")
    scores.scored = await scores.compare(REQUEST)
    assert "· among " in scores.words(REQUEST, 0) and "match: " in scores.words(REQUEST, 0)


async def test_thumbnails_are_read_once_and_without_an_engine_there_is_nothing(
    session: Session,
) -> None:
    scores = ComparisonScores(session)
    scores.thumbnails = await scores.read_thumbnails(REQUEST.pictures)
    assert set(scores.thumbnails) == {"red_00.png"}
    assert await scores.read_thumbnails(REQUEST.pictures) == {}
    closed = ComparisonScores(Session(graphics=session.graphics))
    assert await closed.compare(REQUEST) is None
    assert await closed.read_thumbnails(REQUEST.pictures) == {}
