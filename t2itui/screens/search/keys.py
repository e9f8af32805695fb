"""The keys of the Search screen."""

from textual.binding import Binding, BindingType

from engine.collections import BUILT_IN

LEAVE = "Stop waiting, leave off labelling, or leave the query line"

THRESHOLD = Binding.Group("Threshold", compact=True)

SEARCH_KEYS: list[BindingType] = [
    Binding("y", "label(True)", "Fits", id="search.fits", tooltip="The picture fits"),
    Binding("n", "label(False)", "Does not", id="search.misfits", tooltip="It does not fit"),
    Binding(
        "u,backspace",
        "undo_label",
        "Undo",
        id="search.undo_label",
        tooltip="Take the last y or n back",
    ),
    Binding(
        "Y",
        "copy_label",
        "Command",
        id="search.copy_label",
        tooltip="Copy the command of the last y or n",
    ),
    Binding("slash", "ask", "Query", id="search.ask", key_display="/", tooltip="Type a query"),
    Binding("escape", "leave", "Leave", id="search.leave", show=False, tooltip=LEAVE),
    Binding(
        "left_square_bracket",
        "threshold(-1)",
        "Threshold",
        id="search.lower",
        key_display="[",
        group=THRESHOLD,
        tooltip="Threshold down by 0.01",
    ),
    Binding(
        "right_square_bracket",
        "threshold(1)",
        "Raise threshold",
        id="search.raise",
        key_display="]",
        group=THRESHOLD,
        tooltip="Threshold up by 0.01",
    ),
    Binding(
        "left_curly_bracket",
        "threshold(-10)",
        "Lower threshold much",
        id="search.lower_much",
        show=False,
        key_display="{",
        tooltip="Threshold down by 0.10",
    ),
    Binding(
        "right_curly_bracket",
        "threshold(10)",
        "Raise threshold much",
        id="search.raise_much",
        show=False,
        key_display="}",
        tooltip="Threshold up by 0.10",
    ),
    Binding(
        "s",
        "scorer",
        "Scorer",
        id="search.scorer",
        tooltip="Rank by the other scorer: match, cosine",
    ),
    Binding("h", "hide", "Hide", id="search.hide", tooltip="Hide what is below, or only dim it"),
    Binding(
        "m", "like", "Like", id="search.like", tooltip="More like this: rank by likeness to it"
    ),
    Binding(
        "c",
        "compare",
        "Compare",
        id="search.compare",
        show=False,
        tooltip="Compare this picture, or the marked ones, with descriptions",
    ),
    Binding(
        "g", "generate", "Paint", id="search.paint", tooltip="Paint the query, whatever its route"
    ),
    Binding(
        "d",
        "decline",
        "No painting",
        id="search.decline",
        show=False,
        tooltip="Have nothing painted for this query",
    ),
    Binding(
        "v",
        "synthetic",
        "Painted pictures",
        id="search.synthetic",
        show=False,
        tooltip="Painted pictures: show them, hide them, or only them",
    ),
    Binding(
        "e",
        "recipe",
        "Recipe",
        id="search.recipe",
        show=False,
        tooltip="Read the selected picture's recipe into the painting form",
    ),
    Binding(
        "space",
        "mark",
        "Mark",
        id="search.mark",
        show=False,
        tooltip="Mark the picture, or unmark",
    ),
    Binding(
        "M", "marked", "Marked", id="search.marked", show=False, tooltip="List marked pictures"
    ),
    Binding(
        "l",
        "start_labelling",
        "Label",
        id="search.label",
        tooltip="Label: say with y and n which pictures fit, to calibrate match",
    ),
    Binding(
        "y", "copy_command", "Copy", id="search.copy", tooltip="Copy the command that repeats this"
    ),
    Binding(
        "f",
        "filter",
        "Filter",
        id="search.filter",
        show=False,
        tooltip="Only some pictures: folder, dates, least size",
    ),
    Binding(
        "p", "copy_path", "Path", id="search.path", show=False, tooltip="Copy the picture's path"
    ),
    Binding(
        "o",
        "open_folder",
        "Folder",
        id="search.folder",
        show=False,
        tooltip="Open the picture's folder",
    ),
    Binding(
        "n,ctrl+n",
        "suggest",
        "Example",
        id="search.suggest",
        show=False,
        tooltip=f"Ask the {BUILT_IN.name} the next suggested query",
    ),
    Binding(
        "a,ctrl+o",
        "add",
        "Add pictures",
        id="search.add",
        show=False,
        tooltip="Index a folder of your own pictures",
    ),
    Binding(
        "b",
        "switch_collection",
        BUILT_IN.title,
        id="search.storybook",
        show=False,
        tooltip=f"Search the {BUILT_IN.name}, or your own pictures again",
    ),
    Binding(
        "r",
        "again",
        "Refresh",
        id="search.again",
        show=False,
        tooltip="Search again in the library as it is now",
    ),
]
