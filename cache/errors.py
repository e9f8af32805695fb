"""The root of all the program's errors, and what can go wrong in the cache.

T2IError
└── CacheError, and what engine/errors.py adds

CacheError
├── HomeError            the home folder, or a file in it, cannot be read
├── CacheReadOnlyError   the file or its folder cannot be written
├── CacheTooNewError     a newer program wrote the file
├── CacheDamagedError    SQLite finds the file malformed
├── CacheFullError       the disk is full
├── CacheBusyError       another instance holds the write lock for too long
└── CacheMismatchError   vectors do not fit the encoder they are given for
"""


class T2IError(Exception):
    """What happened, what the person can do about it, and which field of a form it is about.

    Caught once, where a command or a screen meets the person.
    """

    exit_code = 3
    """What a command exits with: it could not be done."""

    def __init__(self, message: str, *, hint: str = "", field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.field = field
        """The name of a request's field; empty where the error is about no one of them."""


class CacheError(T2IError):
    """Base of the cache's errors."""


class HomeError(CacheError):
    """The home folder, or a file in it, may not be read, or is a link to elsewhere."""


class CacheReadOnlyError(CacheError):
    """The cache can be read but not written."""


class CacheTooNewError(CacheError):
    """The cache has a schema that this version of the program does not know."""


class CacheDamagedError(CacheError):
    """SQLite reports the file as malformed or as no database."""


class CacheFullError(CacheError):
    """There is no room left on the disk that holds the cache."""


class CacheBusyError(CacheError):
    """Another instance kept the write lock longer than the timeout."""


class CacheMismatchError(CacheError):
    """Vectors have another dimension than their encoder, or values that are not finite."""
