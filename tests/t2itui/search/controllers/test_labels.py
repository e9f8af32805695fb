"""Labels on the pictures of an answer, from one to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.errors import RequestError
from engine.search.labels import LabelSummary
from t2itui.screens.search.labels import LabelController
from tests.t2itui.search.controllers.desk import (
    Desk,
    listing_of,
)


@dataclass
class FakeLabels:
    """Keeps labels, or refuses them."""

    kept: dict[int, bool] = field(default_factory=dict)
    error: RequestError | None = None

    async def said_for(self, query: str, *, encoder_id: str) -> dict[int, bool]:
        return dict(self.kept)

    async def resolve(
        self, query: str, picture_id: int, *, encoder_id: str, offline: bool
    ) -> ResolvedText:
        if self.error is not None:
            raise self.error
        return ResolvedText((query,))

    async def state(self, encoder_id: str) -> LabelSummary:
        fitting = sum(self.kept.values())
        return LabelSummary(
            encoder_id=encoder_id,
            fitting=fitting,
            not_fitting=len(self.kept) - fitting,
            calibrations=(),
        )

    async def put(self, text: str, picture_id: int, *, fits: bool, encoder_id: str) -> LabelSummary:
        self.kept[picture_id] = fits
        return await self.state(encoder_id)

    async def drop(self, text: str, picture_id: int, *, encoder_id: str) -> LabelSummary:
        del self.kept[picture_id]
        return await self.state(encoder_id)


@dataclass
class ResolvedText:
    """What labelling needs of a resolved query."""

    texts: tuple[str, ...]


@dataclass
class FakeLabelLine:
    """The line as it stands."""

    text: str = ""
    count: int = -1

    def show(self, text: str, state: LabelSummary | None) -> None:
        self.text, self.count = text, -1 if state is None else state.count

    def clear(self) -> None:
        self.text, self.count = "", -1


class Labelling:
    """A controller whose answer can be labelled."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.line, self.kept = desk, FakeLabelLine(), FakeLabels()
        vars(desk.engine.searcher)["labels"] = self.kept
        self.controller = LabelController(desk.session, desk.screen, desk.results, self.line)
        self.listing = desk.results.listing = listing_of("a dog")

    async def start(self) -> LabelController:
        self.controller.show_answer(self.listing)
        self.controller.start()
        await self.desk.screen.run()
        return self.controller


async def test_labels_go_from_picture_to_picture_and_are_undone(desk: Desk) -> None:
    labelling = Labelling(desk)
    controller = await labelling.start()
    assert controller.is_labelling
    first = desk.results.picture_id
    controller.give(fits=True)
    second = desk.results.picture_id
    controller.give(fits=False)
    await desk.screen.run()
    assert labelling.kept.kept == desk.results.labels == {first: True, second: False}
    assert (desk.results.position, labelling.line.count) == (2, 2)
    controller.undo()
    await desk.screen.run()
    assert labelling.kept.kept == {first: True}
    assert desk.results.position == 1
    controller.undo()
    controller.undo()
    await desk.screen.run()
    assert labelling.kept.kept == {}
    assert [notice.message for notice in desk.notices] == [
        "Nothing was labelled since l was pressed."
    ]


async def test_the_answer_is_computed_anew_once_the_last_label_is_kept(desk: Desk) -> None:
    controller = await Labelling(desk).start()
    controller.give(fits=True)
    controller.end()
    assert not controller.is_labelling
    assert "again" not in desk.screen.said, "the label is not kept yet"
    await desk.screen.run()
    assert desk.screen.said.count("again") == 1


async def test_labelling_without_a_label_leaves_the_answer_alone(desk: Desk) -> None:
    controller = await Labelling(desk).start()
    controller.end()
    await desk.screen.run()
    assert "again" not in desk.screen.said


async def test_what_cannot_be_labelled_is_said(desk: Desk) -> None:
    labelling = Labelling(desk)
    labelling.kept.error = RequestError("not a plain description")
    controller = await labelling.start()
    assert not controller.is_labelling
    assert [notice.title for notice in desk.notices] == ["Labels"]


async def test_earlier_labels_are_shown_beside_their_pictures_alone(desk: Desk) -> None:
    labelling = Labelling(desk)
    labelling.kept.kept = {4: True}
    labelling.controller.show_answer(labelling.listing)
    desk.results.listing = listing_of("a cat")
    await desk.screen.run()
    assert desk.results.labels == {}, "another answer is there by now"
    labelling.controller.show_answer(desk.results.listing)
    await desk.screen.run()
    assert desk.results.labels == {4: True}
