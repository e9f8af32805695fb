"""What can go wrong in the engine, beside the cache's errors; all have the root T2IError.

EngineError
├── RequestError          the request makes no sense: a wrong query, threshold or filter
├── EmptyLibraryError     there is nothing to search
├── OfflineError          the answer needs a model and the request forbids to start one
├── ModelMissingError     the weights are not on this machine
├── ModelUnusableError    the weights are there but cannot be used
├── DownloadError         a model cannot be fetched: no network, no such model, no room
├── WorkerDiedError       a model process ended or hung; the next request starts a new one
├── OutOfMemoryError      a model process, or the program itself, ran out of memory
├── PictureError          a file cannot be read as a picture
├── RejectedError         every picture of a job came out black, as no numbers, or blocked
├── ClusterError          a cluster cannot be reached, is lost, or Ray is not installed
└── VectorsError          imported vectors are malformed
"""

import errno

from cache.errors import CacheBusyError as CacheBusyError
from cache.errors import CacheDamagedError as CacheDamagedError
from cache.errors import CacheError as CacheError
from cache.errors import CacheFullError as CacheFullError
from cache.errors import CacheMismatchError as CacheMismatchError
from cache.errors import CacheReadOnlyError as CacheReadOnlyError
from cache.errors import CacheTooNewError as CacheTooNewError
from cache.errors import HomeError as HomeError
from cache.errors import T2IError as T2IError


class EngineError(T2IError):
    """Base of the engine's errors."""


class RequestError(EngineError):
    """A request that cannot be carried out as it stands."""

    exit_code = 2


class EmptyLibraryError(EngineError):
    """No picture in the scope of the search has an embedding."""


class OfflineError(EngineError):
    """The request would have to start a model, and was made offline."""


class ModelMissingError(EngineError):
    """The weights or configuration of a model are not on this machine."""


class ModelUnusableError(EngineError):
    """The files of a model are there but damaged, unsafe or of an unknown kind."""


class DownloadError(EngineError):
    """A model cannot be fetched; what had arrived is kept for the next attempt."""


class WorkerDiedError(EngineError):
    """A model process ended, or was ended because it did not answer."""

    was_killed = False
    """The system ended it from outside, as it does where memory runs out."""


class OutOfMemoryError(EngineError):
    """There was not enough memory for the request."""


class PictureError(EngineError):
    """A file cannot be decoded as a picture."""


class RejectedError(EngineError):
    """A generator ran, and nothing that is worth storing came of it."""


class ClusterError(EngineError):
    """A Ray cluster cannot be reached or is lost, or Ray is not installed."""


class VectorsError(EngineError):
    """Imported vectors have a wrong shape, type, value or encoder."""


_SHORT = frozenset({errno.ENOMEM, errno.EAGAIN})


def shortage(error: BaseException) -> OutOfMemoryError | None:
    """Want of memory, threads or processes, as Python has many words for it; None for all else."""
    match error:
        case MemoryError():
            is_short = True
        case OSError():
            is_short = error.errno in _SHORT
        case ImportError():
            words = str(error)
            is_short = "failed to map segment" in words or "allocate memory" in words
        case _:
            is_short = type(error) is RuntimeError and "start new thread" in str(error)
    if not is_short:
        return None
    return OutOfMemoryError(
        "the system gives this program no more memory, threads or processes",
        hint="End other programs, or raise the limit that is set (ulimit, a container, a batch"
        " system). What was done so far is kept: run the same again.",
    )
