"""The pictures a person set aside."""

from collections.abc import Iterator


class Marks:
    """Marked pictures with their paths, in the order they were marked."""

    def __init__(self) -> None:
        self._paths: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[str]:
        """Their paths."""
        return iter(self._paths.values())

    @property
    def picture_ids(self) -> frozenset[int]:
        """The marked pictures."""
        return frozenset(self._paths)

    def toggle(self, picture_id: int, path: str) -> bool:
        """Mark a picture or unmark it; returns whether it is marked now."""
        if self._paths.pop(picture_id, None) is not None:
            return False
        self._paths[picture_id] = path
        return True

    def remove(self, place: int) -> None:
        """Unmark the picture at a place in the order, from 0."""
        del self._paths[list(self._paths)[place]]

    def clear(self) -> None:
        """Unmark all."""
        self._paths.clear()
