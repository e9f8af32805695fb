"""Which drawings of a widget the terminal itself holds."""

from collections.abc import Callable

from t2itui.graphics.art import Art


class TerminalMemory:
    """Uploads each drawing once, and has the terminal forget it when it is no longer shown."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._held: set[str] = set()

    def hold(self, art: Art) -> None:
        """Have the drawing uploaded before its strips are printed."""
        if art.upload and art.remove not in self._held:
            self._write(art.upload)
            self._held.add(art.remove)

    def free(self, art: Art) -> None:
        """Have the terminal forget one drawing."""
        if art.remove in self._held:
            self._write(art.remove)
            self._held.discard(art.remove)

    def free_all(self) -> None:
        """Have the terminal forget everything; what is shown again is uploaded again."""
        for remove in self._held:
            self._write(remove)
        self._held.clear()
