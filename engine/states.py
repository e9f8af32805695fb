"""The states and kinds that the engine tells apart; as text they stand in the cache and in JSON."""

from enum import StrEnum


class Route(StrEnum):
    """What is done about a query."""

    RETRIEVE = "retrieve"
    GENERATE = "generate"


class JobKind(StrEnum):
    """What a job does."""

    INDEX = "index"
    IMPORT = "import"
    EXPORT = "export"
    DOWNLOAD = "download"
    GENERATE = "generate"
    EVALUATE = "evaluate"
    TRAIN = "train"


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    """A person stopped it, and its work has not ended yet; the cache does not know this one."""
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    """The program that ran it ended before it did."""

    @property
    def is_active(self) -> bool:
        """Whether it waits or works."""
        return self in (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING)


class ScorerKind(StrEnum):
    """The scorers that the program tells apart; engine/scoring/registry.py has them all."""

    COSINE = "cosine"
    MATCH = "match"
    """The probability that a picture answers: by the matcher in force, else label-free."""
    LABEL_FREE = "label-free"
    MATCHER = "matcher"
    """The matcher alone, without what labels did to it."""
    TWO_BRANCH = "two-branch"
    FUSION = "fusion"
