"""A line of text that a key jumps to, as `/` does to the query."""

from __future__ import annotations

from textual import events
from textual.suggester import Suggester
from textual.widgets import Input

from t2itui.keys import key_of, keys_of


class JumpLine(Input):
    """Does not type the key that jumps to it where nothing stands, or where all is selected.

    Fingers press it without looking whether they are there already, and a description that begins
    with it finds nothing. Within a text it is a character like others, and can be pasted anywhere.
    """

    def __init__(
        self,
        *,
        jump: str,
        placeholder: str,
        suggester: Suggester | None = None,
        select_on_focus: bool = True,
        id: str | None = None,
    ) -> None:
        super().__init__(
            placeholder=placeholder,
            suggester=suggester,
            select_on_focus=select_on_focus,
            compact=True,
            id=id,
        )
        self._jump = jump
        """The binding that jumps here, by its name in the table of keys."""

    def on_key(self, event: events.Key) -> None:
        if not event.is_printable or event.character is None or event.character.isalnum():
            return
        is_free = self.selected_text == self.value
        if is_free and key_of(event.character)[0] in keys_of(self._jump, self.app._keymap):
            event.prevent_default()
            event.stop()
