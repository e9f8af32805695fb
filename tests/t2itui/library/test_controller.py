"""What the Library screen allows and has the engine do, without a screen."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from engine.collections import BUILT_IN
from engine.engine import Engine
from engine.errors import EngineError
from engine.requests import AttachRequest, IndexRequest
from engine.results import AttachedRecord
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.screens.library.controller import LibraryController
from t2itui.screens.library.state import LibraryTab, folder_rows
from t2itui.session import Session
from t2itui.widgets.rows import Row
from tests.t2itui.fake_library import FakeEngine
from tests.t2itui.library.test_screen import folder, model

OWN = Row(key="/farm", cells=("/farm",))
SHIPPED = Row(key="/shipped", cells=(BUILT_IN.label,))


def shards(path: str, *, is_here: bool = True) -> AttachedRecord:
    return AttachedRecord(
        folder=path,
        encoder_id="a/clip",
        shards=3,
        pictures=1200,
        attached_at=1.7e9,
        is_here=is_here,
    )


async def controller_of(engine: FakeEngine) -> LibraryController:
    session = Session(graphics=Graphics(protocol=GraphicsProtocol.TEXT, reason="a test"))
    session.engine = cast("Engine", engine)
    made = LibraryController(session)
    made.state = await made.read()
    return made


@pytest.mark.parametrize(
    ("tab", "row", "offered"),
    [
        (LibraryTab.FOLDERS, OWN, {"rescan", "forget", "rescan_all", "copy_path"}),
        (LibraryTab.FOLDERS, SHIPPED, {"forget", "rescan_all", "copy_path"}),
        (LibraryTab.FOLDERS, None, {"rescan_all"}),
        (LibraryTab.FAILURES, OWN, {"copy_path"}),
        (LibraryTab.ENCODERS, OWN, {"download"}),
        (LibraryTab.ENCODERS, None, set()),
    ],
)
async def test_a_table_offers_what_can_be_done_with_its_row(
    tab: LibraryTab, row: Row | None, offered: set[str]
) -> None:
    controller = await controller_of(FakeEngine())
    actions = ("rescan", "rescan_all", "forget", "download", "copy_path")
    assert {
        each for each in actions if controller.allows(each, tab, row, (OWN, SHIPPED))
    } == offered
    assert controller.allows("add", tab, row, ())
    assert not controller.allows("rescan_all", tab, row, (SHIPPED,))


async def test_all_folders_of_ones_own_are_brought_up_to_date() -> None:
    engine = FakeEngine()
    controller = await controller_of(engine)
    assert controller.rescan_all() is None
    engine.library.all_folders = [folder("/farm"), folder("/city")]
    controller.state = await controller.read()
    request = controller.rescan_all()
    assert request is not None and request.folders == (Path("/farm"), Path("/city"))
    controller.start(request)
    assert engine.indexed == [request]
    assert await controller.forget(OWN) == "10 pictures left the library"


async def test_shards_are_refreshed_by_attaching_and_forgotten_by_detaching() -> None:
    engine = FakeEngine()
    engine.library.all_folders = [folder("/farm")]
    engine.attachments.all_folders = [shards("/shards"), shards("/gone", is_here=False)]
    controller = await controller_of(engine)
    assert controller.state is not None
    _, here, away = folder_rows(controller.state)
    assert here.cells == ("/shards", "1,200", "-", "-", "shards: 3")
    assert away.cells[4] == "shards: 3, away"
    assert (here.tone, away.tone) == ("", "warning")
    request = controller.refresh(here)
    assert request == AttachRequest(folder=Path("/shards"))
    controller.start(request)
    assert engine.attached == [request]
    assert controller.command(LibraryTab.FOLDERS, here) == "t2itui library attach /shards"
    assert controller.rescan_all() == IndexRequest(folders=(Path("/farm"),))
    assert await controller.forget(here) == "1,200 pictures left the library"
    assert engine.library.forgotten == []
    assert [record.folder for record in engine.attachments.all_folders] == ["/gone"]


async def test_an_encoder_is_downloaded_unless_it_is_here() -> None:
    engine = FakeEngine(all_models=[model("a/clip"), model("b/clip", location="/models/b")])
    controller = await controller_of(engine)
    assert controller.download("a/clip") == ""
    assert controller.download("b/clip") == "It is here: /models/b"
    assert controller.download("unknown") == ""
    assert engine.downloaded == ["a/clip"]


async def test_each_table_has_its_command() -> None:
    controller = await controller_of(FakeEngine())
    commands = [
        controller.command(tab, row)
        for tab, row in (
            (LibraryTab.FOLDERS, None),
            (LibraryTab.FOLDERS, OWN),
            (LibraryTab.FOLDERS, SHIPPED),
            (LibraryTab.FAILURES, None),
            (LibraryTab.VANISHED, None),
            (LibraryTab.ENCODERS, Row(key="a/clip", cells=("a/clip",))),
        )
    ]
    assert [command.removeprefix("t2itui ").split()[0] for command in commands] == [
        "library",
        "index",
        "library",
        "library",
        "library",
        "models",
    ]
    assert len(set(commands)) == len(commands)


async def test_without_an_engine_nothing_is_asked_of_it() -> None:
    closed = LibraryController(
        Session(graphics=Graphics(protocol=GraphicsProtocol.TEXT, reason="a test"))
    )
    with pytest.raises(EngineError, match="not open"):
        await closed.read()
