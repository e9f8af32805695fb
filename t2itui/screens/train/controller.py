"""What the Train screen lists, what is wanted of it, and what it has the engine do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import RequestError
from engine.jobs.codec import request_from_json
from t2itui.screens.train.list import (
    ListedMatcher,
    ListedTraining,
    TrainState,
    matcher_key,
    matcher_row,
    read_state,
    training_key,
    training_row,
    trainings,
)
from t2itui.text.words import counted

if TYPE_CHECKING:
    from engine.requests import TrainRequest
    from t2itui.session import Session
    from t2itui.widgets.rows import Row


class TrainController:
    """Knows the rows by their keys, and changes what stands behind them.

    Each change returns what there is to say of it; what cannot be done is raised as T2IError.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.state: TrainState | None = None
        """What was read last."""
        self.trainings: dict[str, ListedTraining] = {}
        """By the key of the row."""
        self.wanted = ""
        """Key of the row to go to when it is listed."""

    # What is listed

    async def read(self) -> TrainState:
        """Matchers, trainings that were stopped, and labels, as they are now."""
        return await read_state(self._session.open_engine)

    def rows(self) -> list[Row]:
        """Trainings and matchers as they are now; nothing before they were read."""
        if self.state is None or self._session.engine is None:
            return []
        found = trainings(self._session.open_engine, self._session.board.views, self.state)
        self.trainings = {training_key(each.job_id): each for each in found}
        return [*map(training_row, found), *map(matcher_row, self.state.matchers)]

    def training(self, key: str) -> ListedTraining | None:
        """The training of a row."""
        return self.trainings.get(key)

    def matcher(self, key: str) -> ListedMatcher | None:
        """The matcher of a row."""
        matchers = () if self.state is None else self.state.matchers
        return next((each for each in matchers if matcher_key(each.id) == key), None)

    def request(self, key: str) -> TrainRequest | None:
        """What a row was asked for; None where nobody knows."""
        from engine.requests import TrainRequest

        training, matcher = self.training(key), self.matcher(key)
        if training is not None:
            return training.request
        if matcher is None or matcher.report is None:
            return None
        try:
            return request_from_json(TrainRequest, matcher.report.request)
        except RequestError:
            return None

    def labels(self, key: str) -> int:
        """How many labels there are about the match of a row's encoder."""
        matcher = self.matcher(key)
        if matcher is None or self.state is None:
            return 0
        found = self.state.labelled.get(matcher.encoder_id)
        return 0 if found is None else found.count

    def allows(self, action: str, key: str) -> bool:
        """Whether an action makes sense for a row."""
        training, matcher = self.training(key), self.matcher(key)
        match action:
            case "again":
                return training is not None and training.can_go_on
            case "store":
                return training is not None and training.can_be_stored
            case "cancel":
                return training is not None and training.is_active
            case "export" | "delete":
                return matcher is not None
            case "forget_labels":
                return bool(self.labels(key))
        return True

    def follow_end(self, job_id: int, current: str) -> None:
        """Go on to the matcher that a training became, if its row is the current one."""
        found = self._session.open_engine.training.of_job(job_id)
        if current == training_key(job_id) and found is not None and found.id:
            self.wanted = matcher_key(found.id)

    def after_deletion(self, matcher: ListedMatcher) -> str:
        """What is in force once a matcher is deleted."""
        if not matcher.is_in_force:
            return "Search does not use it: another one is in force."
        matchers = () if self.state is None else self.state.matchers
        same = [each for each in matchers if each.encoder_id == matcher.encoder_id]
        then = f"matcher {same[1].id}" if len(same) > 1 else "the match without labels"
        return f"{then} is in force then."

    # What is done

    def start(self, request: TrainRequest) -> None:
        """Start a training, or go on with the same one that was stopped."""
        self.wanted = training_key(self._session.open_engine.train(request).id)

    async def store(self, job_id: int) -> str:
        """Put what was trained in force although it does no better."""
        return self._in_force(await self._session.open_engine.training.store(job_id))

    async def take_in(self, source: Path) -> str:
        """Put a matcher of a file in force."""
        return self._in_force(await self._session.open_engine.training.take_in(source))

    def _in_force(self, matcher_id: int) -> str:
        self.wanted = matcher_key(matcher_id)
        return f"Matcher {matcher_id} is in force for its encoder"

    async def export(self, matcher_id: int, target: Path) -> str:
        """Write a matcher to a file."""
        await self._session.open_engine.training.export(matcher_id, target)
        return f"{target} is written"

    async def delete(self, matcher_id: int) -> str:
        """Delete a matcher."""
        await self._session.open_engine.training.remove(matcher_id)
        return f"Matcher {matcher_id} is deleted"

    async def forget_labels(self, encoder_id: str, count: int) -> str:
        """Take back every label about an encoder's match."""
        await self._session.open_engine.searcher.labels.forget(encoder_id)
        return f"{counted(count, 'label')} forgotten"
