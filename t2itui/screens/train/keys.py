"""The keys of the Train screen."""

from textual.binding import Binding, BindingType

TRAIN_KEYS: list[BindingType] = [
    Binding("n", "new", "Train…", id="train.new", tooltip="Train a matcher: data, encoder, size"),
    Binding("r", "again", "Go on", id="train.again", tooltip="Take up a training that was stopped"),
    Binding(
        "k",
        "store",
        "Keep anyway",
        id="train.store",
        tooltip="Keep it although it does no better than the match without labels",
    ),
    Binding("x", "cancel", "Cancel", id="train.cancel", tooltip="Stop this training"),
    Binding("e", "export", "Export", id="train.export", tooltip="Write this matcher to a file"),
    Binding("i", "import", "Import", id="train.import", tooltip="Take in a matcher from a file"),
    Binding("d,delete", "delete", "Delete", id="train.delete", tooltip="Delete this matcher"),
    Binding(
        "f",
        "forget_labels",
        "Forget labels",
        id="train.forget_labels",
        tooltip="Take back every y and n about this encoder's match",
    ),
    Binding("y", "copy_command", "Command", id="train.copy", tooltip="Copy the shell command"),
    Binding(
        "tab",
        "read",
        "Report",
        id="train.read",
        show=False,
        tooltip="Go into the report to scroll it, and back to the list",
    ),
]
