"""The keys of the screen that shows one painting job."""

from textual.binding import Binding, BindingType

PAINTING_KEYS: list[BindingType] = [
    Binding("escape", "leave", "Back", id="painting.leave", tooltip="Back to the screen before"),
    Binding("x", "cancel", "Cancel", id="painting.cancel", tooltip="Cancel this job"),
    Binding(
        "n,N",
        "another",
        "New seed",
        id="painting.another",
        key_display="n",
        tooltip="Paint it with another seed",
    ),
    Binding(
        "plus,equals_sign",
        "more_steps",
        "More steps",
        id="painting.more_steps",
        key_display="+",
        tooltip="Paint this picture again with twice the steps",
    ),
    Binding("v", "vary", "Variation", id="painting.vary", tooltip="Paint a variation of it"),
    Binding("s", "save", "Save as", id="painting.save", tooltip="Copy the picture to a file"),
    Binding("e", "edit", "Edit", id="painting.edit", tooltip="Change what was asked in the form"),
    Binding("r", "again", "Again", id="painting.again", tooltip="Run the same job again"),
    Binding(
        "d",
        "drop",
        "Dismiss",
        id="painting.dismiss",
        tooltip="Ask no more whether to run this unfinished job again",
    ),
    Binding(
        "K,shift+up",
        "move(-1)",
        "Sooner",
        id="painting.sooner",
        key_display="K",
        tooltip="Move the waiting job up the queue",
    ),
    Binding(
        "J,shift+down",
        "move(1)",
        "Later",
        id="painting.later",
        key_display="J",
        tooltip="Move the waiting job down the queue",
    ),
    Binding(
        "left",
        "turn(-1)",
        "Before",
        id="painting.before",
        show=False,
        tooltip="The picture before, where the job painted several",
    ),
    Binding("right", "turn(1)", "Next", id="painting.next", show=False, tooltip="The next picture"),
    Binding("y", "copy_command", "Command", id="painting.copy", tooltip="Copy the shell command"),
]
