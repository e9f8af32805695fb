"""The keys of the Compare screen."""

from textual.binding import Binding, BindingType

from engine.collections import BUILT_IN

PICTURES = Binding.Group("Picture", compact=True)

COMPARE_KEYS: list[BindingType] = [
    Binding("a", "add", "Add", id="compare.add", tooltip="Add a description below this one"),
    Binding("e", "edit", "Edit", id="compare.edit", tooltip="Change this description"),
    Binding(
        "l",
        "pair",
        "Pair",
        id="compare.pair",
        tooltip="Add the same in another language, as the pair of this description",
    ),
    Binding(
        "delete,ctrl+d",
        "delete",
        "Delete",
        id="compare.delete",
        show=False,
        tooltip="Delete this description",
    ),
    Binding(
        "K,alt+up",
        "move(-1)",
        "Up",
        id="compare.up",
        show=False,
        key_display="K",
        tooltip="Move this description up, its pair with it",
    ),
    Binding(
        "J,alt+down",
        "move(1)",
        "Down",
        id="compare.down",
        show=False,
        key_display="J",
        tooltip="Move this description down, its pair with it",
    ),
    Binding(
        "v",
        "swaps",
        "Swap test",
        id="compare.swaps",
        tooltip="Exchange one thing in each description: which scorer notices?",
    ),
    Binding(
        "p",
        "add_picture",
        "Add picture",
        id="compare.add_picture",
        group=PICTURES,
        tooltip="Add a picture by path or name",
    ),
    Binding(
        "P",
        "drop_picture",
        "Remove picture",
        id="compare.drop_picture",
        group=PICTURES,
        tooltip="Take this picture out of the comparison",
    ),
    Binding(
        "s",
        "scorer",
        "Scorer",
        id="compare.scorer",
        tooltip="Of several pictures, show the other scorer: match, cosine",
    ),
    Binding("o", "open", "Open", id="compare.open", show=False, tooltip="Open a saved comparison"),
    Binding(
        "S,ctrl+s",
        "save",
        "Save",
        id="compare.save",
        key_display="S",
        tooltip="Save pictures and descriptions as a file",
    ),
    Binding(
        "E",
        "export",
        "Export",
        id="compare.export",
        tooltip="Write the result as CSV, JSON, PNG or SVG",
    ),
    Binding(
        "n,ctrl+n",
        "example",
        "Example",
        id="compare.example",
        show=False,
        tooltip=f"A picture of the {BUILT_IN.name} with five descriptions in two languages",
    ),
    Binding(
        "u", "undo", "Undo", id="compare.undo", show=False, tooltip="Take the last change back"
    ),
    Binding(
        "r",
        "again",
        "Refresh",
        id="compare.again",
        show=False,
        tooltip="Compare again in the library as it is now",
    ),
    Binding(
        "escape",
        "cancel",
        "Stop",
        id="compare.cancel",
        show=False,
        tooltip="Stop waiting for the scores",
    ),
    Binding(
        "y", "copy_command", "Copy", id="compare.copy", tooltip="Copy the command that repeats this"
    ),
]
