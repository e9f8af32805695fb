"""Textual messages that carry the engine's news into the app's own queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.errors import T2IError
    from engine.events import JobEvent


class EngineReady(Message):
    """The cache is open and the engine takes requests."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine


class EngineFailed(Message):
    """The cache could not be opened."""

    def __init__(self, error: T2IError) -> None:
        super().__init__()
        self.error = error


class JobReported(Message):
    """One event of a background job; a newer progress event replaces an older one."""

    def __init__(self, event: JobEvent) -> None:
        super().__init__()
        self.event = event

    def can_replace(self, message: Message) -> bool:
        from engine.events import JobProgress

        return (
            isinstance(message, JobReported)
            and isinstance(self.event, JobProgress)
            and isinstance(message.event, JobProgress)
            and self.event.job_id == message.event.job_id
        )
