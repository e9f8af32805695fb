"""The keys of the History screen and of its list."""

from textual.binding import Binding, BindingType

HISTORY_KEYS: list[BindingType] = [
    Binding(
        "s",
        "search_again",
        "Search again",
        id="history.search",
        tooltip="Ask the library as it is now",
    ),
    Binding(
        "slash",
        "filter",
        "Filter",
        id="history.filter",
        key_display="/",
        tooltip="Narrow the list",
    ),
    Binding("d,delete", "delete", "Delete", id="history.delete", tooltip="Delete this receipt"),
    Binding("y", "copy_command", "Command", id="history.copy", tooltip="Copy the shell command"),
]

LIST_KEYS: list[BindingType] = [
    Binding(
        "enter",
        "choose",
        "Replay",
        id="history.replay",
        tooltip="Show the answer as it was, without a model",
    ),
]
