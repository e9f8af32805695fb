"""Work in batches that shrink when the memory does not hold them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from engine.errors import OutOfMemoryError
from engine.results import FloatArray
from engine.workers.device import free_cache, is_out_of_memory

Items = TypeVar("Items", bound=Sequence[object] | np.ndarray)


class Batches:
    """Runs a tower over any number of items, `size` at a time.

    When a batch does not fit in memory the size is halved, for good, down to one item.
    """

    def __init__(self, size: int, device: str) -> None:
        self.size = size
        self._device = device

    def run(
        self,
        items: Items,
        embed: Callable[[Items], FloatArray],
        check: Callable[[], None],
        dim: int,
    ) -> FloatArray:
        """Return float32 [len(items), dim]; `check` is called before each batch and may raise.

        Raises OutOfMemoryError where not even one item fits.
        """
        rows = np.empty((len(items), dim), np.float32)
        start = 0
        while start < len(items):
            check()
            batch: Items = items[start : start + self.size]  # type: ignore[assignment]
            try:
                rows[start : start + len(batch)] = embed(batch)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._shrink(len(batch), error)
                continue
            start += len(batch)
        return rows

    def _shrink(self, size: int, error: Exception) -> None:
        free_cache(self._device)
        if size == 1:
            raise OutOfMemoryError(
                f"not even one item fits in the memory of {self._device}: {error}",
                hint="Close other programs that use it, or set the device to cpu.",
            ) from error
        self.size = size // 2
