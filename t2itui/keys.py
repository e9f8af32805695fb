"""Every key of the app in one table: bindings, footer, help, palette and README's tables come from it.

A line of the table is a binding: its id, its keys, its action, the words of the footer, those of
the help, and how it is shown. Another key for an action is set by its id, under `[keys]` in
`settings.toml`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from engine.collections import BUILT_IN
from engine.language import fold_widths

if TYPE_CHECKING:
    from textual.binding import BindingType


class Key(NamedTuple):
    """A binding."""

    name: str
    """Its id within its place."""
    keys: str
    """Textual's names of keys, the first of them shown; with commas between them."""
    action: str
    label: str
    """A word for the footer."""
    tooltip: str = ""
    """A sentence for help and palette; without one it is in neither."""
    is_shown: bool = True
    """It stands in the footer."""
    display: str | None = None
    """The key as people know it, where its name is another."""
    group: str = ""
    """Neighbours of one group share this word in the footer."""


HIDDEN = False
"""Not in the footer."""

# fmt: off
_WORD_MAPS = (
    Key("where", "w", "where", "Where", "Where in the picture: lay the map of the next word of the description over it"),
    Key("numbers", "number_sign", "numbers", "Numbers", "Show the maps of words as numbers, or over the picture", HIDDEN, display="#"),
)
"""Words in a picture."""
_BOX = Key("box", "B", "box", "Box", "Draw a box on the picture, and paint what is in it anew")
_MOVES = (
    Key("up", "up", "move(-1, 0)", "Up", is_shown=HIDDEN),
    Key("down", "down", "move(1, 0)", "Down", is_shown=HIDDEN),
    Key("left", "left", "move(0, -1)", "Left", is_shown=HIDDEN),
    Key("right", "right", "move(0, 1)", "Right", is_shown=HIDDEN),
    Key("page_up", "pageup", "page(-1)", "Page up", is_shown=HIDDEN),
    Key("page_down", "pagedown", "page(1)", "Page down", is_shown=HIDDEN),
    Key("first", "home", "jump(0)", "First", is_shown=HIDDEN),
    Key("last", "end", "jump(-1)", "Last", is_shown=HIDDEN),
)
"""Through rows and columns."""

KEYS: dict[str, tuple[Key, ...]] = {
    "app": (
        Key("cancel_job", "x", "cancel_job", "Cancel job", "Cancel the running job, or take its outcome out of sight", HIDDEN),
        Key("jobs", "j", "jobs", "Jobs", "Show the jobs of this and earlier sessions", HIDDEN),
        Key("paint_form", "G", "edit_prompt", "Paint…", "Paint a picture: prompt, seed, steps, size and the rest", HIDDEN),
        Key("watch", "W", "watch", "Watch painting", "Show the picture that is being painted, or was painted last", HIDDEN),
        Key("another_seed", "N", "another_seed", "Another seed", "Paint what was painted last with another seed", HIDDEN),
        Key("unload", "U", "unload", "Unload generator", "Free the memory of the model that paints", HIDDEN),
        Key("search", "1,f2", "go('search')", "Search", "Search: ask, rank, decide", HIDDEN),
        Key("compare", "2,f3", "go('compare')", "Compare", "Compare: descriptions of growing detail against pictures", HIDDEN),
        Key("evaluate", "3,f4", "go('evaluate')", "Evaluate", "Evaluate: how well the scorers do", HIDDEN),
        Key("train", "4,f5", "go('train')", "Train", "Train: matchers of one's own", HIDDEN),
        Key("library", "5,f6", "go('library')", "Library", "Library: folders, failures, indexing", HIDDEN),
        Key("history", "6,f7", "go('history')", "History", "History: earlier decisions, receipts", HIDDEN),
        Key("sheet", "7,f8", "go('sheet')", "Sheets", "Sheets: prompts painted with every seed, step or model, and scored", HIDDEN),
        Key("help", "question_mark,f1", "keys", "Help", "Show every key of the screen", display="?"),
        Key("theme", "t", "next_theme", "Theme", "The next colour theme", HIDDEN),
        Key("quit", "q,ctrl+q", "quit", "Quit", "Leave t2itui", HIDDEN),
    ),
    "board": (
        *_MOVES,
        Key("open", "enter", "open", "View", "View this cell large"),
    ),
    "sheet": (
        Key("new", "n", "new", "New…", "Ask for prompts and axes, and paint them"),
        Key("example", "e,ctrl+n", "example", "Example", f"Paint the example of the {BUILT_IN.name}: ten prompts, three seeds"),
        Key("open", "o", "open", "Open", "Open a sheet that was painted before"),
        Key("pause", "p", "pause", "Pause", "Pause after the cell at work, or paint what is missing"),
        Key("cancel", "x", "cancel", "Cancel", "Stop the painting at once; what is done is kept"),
        Key("scorer", "s", "scorer", "Scorer", "Sort, mark and draw by the other scorer: match, cosine"),
        Key("sort_rows", "r", "sort_rows", "Sort rows", "Prompts with the highest mean first, or as they were asked", group="Sort"),
        Key("sort_columns", "c", "sort_columns", "Sort columns", "Columns with the highest mean first, or as they were asked", group="Sort"),
        Key("layout", "v", "layout", "View", "Pictures, or a line of scores for each prompt"),
        Key("bars", "b", "bars", "Bars", "Bars by prompt with mean and spread over the seeds, or the cells again"),
        Key("export", "E", "export", "Export", "Write the sheet as PNG, SVG, PDF, HTML, CSV or JSON"),
        Key("copy", "y", "copy_command", "Copy", "Copy the command that paints the same sheet"),
        Key("forget", "d,delete", "forget", "Forget", "Forget this sheet; its pictures stay in the library", HIDDEN),
    ),
    "sheet_list": (
        Key("back", "escape,q", "leave", "Back", "Back to the sheet"),
    ),
    "cell": (
        Key("up", "up", "walk(-1, 0)", "Above", "The prompt above"),
        Key("down", "down", "walk(1, 0)", "Below", "The prompt below"),
        Key("left", "left", "walk(0, -1)", "Left", "The column before"),
        Key("right", "right", "walk(0, 1)", "Right", "The next column"),
        *_WORD_MAPS,
        Key("path", "p,y", "copy_path", "Path", "Copy the picture's path", display="p"),
        Key("back", "escape,enter,q", "leave", "Back", "Back to the sheet"),
    ),
    "dialog": (
        Key("cancel", "escape", "cancel", "Cancel", "Change nothing"),
    ),
    "help": (
        Key("back", "escape,question_mark,q", "app.pop_screen", "Back", "Back"),
    ),
    "filter": (
        Key("to_list", "down,enter", "leave", "To the list", is_shown=HIDDEN),
        Key("drop", "escape", "drop", "All", is_shown=HIDDEN),
    ),
    "heat": (
        *_MOVES,
        Key("open", "enter", "open", "Open", "Open this pair, or edit the text"),
    ),
    "row": (
        Key("drop", "escape", "drop", "Leave", "Leave the text as it was"),
        Key("accept", "up,down", "accept", "Keep", is_shown=HIDDEN),
    ),
    "compare": (
        Key("add", "a", "add", "Add", "Add a description below this one"),
        Key("edit", "e", "edit", "Edit", "Change this description"),
        Key("pair", "l", "pair", "Pair", "Add the same in another language, as the pair of this description"),
        Key("delete", "delete,ctrl+d", "delete", "Delete", "Delete this description", HIDDEN),
        Key("up", "K,alt+up", "move(-1)", "Up", "Move this description up, its pair with it", HIDDEN, display="K"),
        Key("down", "J,alt+down", "move(1)", "Down", "Move this description down, its pair with it", HIDDEN, display="J"),
        *_WORD_MAPS,
        Key("swaps", "v", "swaps", "Swap test", "Exchange one thing in each description: which scorer notices?"),
        Key("add_picture", "p", "add_picture", "Add picture", "Add a picture by path or name", group="Picture"),
        Key("drop_picture", "P", "drop_picture", "Remove picture", "Take this picture out of the comparison", group="Picture"),
        Key("scorer", "s", "scorer", "Scorer", "Of several pictures or encoders, show the other scorer: match, cosine"),
        Key("encoders", "b", "encoders", "Encoders", "Compare by several encoders side by side, with a paired test"),
        Key("open", "o", "open", "Open", "Open a saved comparison", HIDDEN),
        Key("save", "S,ctrl+s", "save", "Save", "Save pictures and descriptions as a file", display="S"),
        Key("export", "E", "export", "Export", "Write the result as CSV, JSON, PNG or SVG"),
        Key("example", "n,ctrl+n", "example", "Example", f'A picture of the {BUILT_IN.name} with five descriptions in two languages', HIDDEN),
        Key("undo", "u", "undo", "Undo", "Take the last change back", HIDDEN),
        Key("again", "r", "again", "Refresh", "Compare again in the library as it is now", HIDDEN),
        Key("cancel", "escape", "cancel", "Stop", "Stop waiting for the scores, or for words in a picture", HIDDEN),
        Key("copy", "y", "copy_command", "Copy", "Copy the command that repeats this"),
    ),
    "pair": (
        Key("up", "up", "walk(-1, 0)", "Before", "The description before"),
        Key("down", "down", "walk(1, 0)", "Next", "The next description"),
        Key("left", "left", "walk(0, -1)", "Left", "The picture before"),
        Key("right", "right", "walk(0, 1)", "Right", "The next picture"),
        *_WORD_MAPS,
        Key("copy", "y", "copy_command", "Copy", "Copy the shell command"),
        Key("back", "escape,enter,q", "leave", "Back", "Back to the heatmap"),
    ),
    "encoders_form": (
        Key("go", "enter", "submit", "Compare", is_shown=HIDDEN),
    ),
    "swaps": (
        Key("back", "escape", "leave", "Back", "Back to the comparison"),
        Key("copy", "y", "copy_command", "Copy", "Copy the shell command"),
    ),
    "evaluate_form": (
        Key("go", "enter", "submit", "Evaluate", is_shown=HIDDEN),
    ),
    "evaluate": (
        Key("new", "n", "new", "New", f'Evaluate data: the {BUILT_IN.name} or yours'),
        Key("edit", "e", "edit", "Edit", "Evaluate the same in another way"),
        Key("again", "r", "again", "Again", "Evaluate the same again; what was embedded is kept"),
        Key("mark", "space", "mark", "Mark", "Mark this one to compare it (two)"),
        Key("change", "c", "change", "Change", "Show what changed between two"),
        Key("plots", "p", "toggle_plots", "Plots", "Draw plots, or give them as text"),
        Key("save", "s", "save_plot", "Save", "Draw the figures into a file"),
        Key("delete", "d,delete", "delete", "Delete", "Delete this evaluation"),
        Key("copy", "y", "copy_command", "Command", "Copy the shell command"),
        Key("copy_asking", "Y", "copy_asking", "Command to evaluate", "Copy the shell command that evaluates the same again", HIDDEN),
        Key("filter", "slash", "filter", "Filter", "Narrow the list by data or encoder", display="/"),
        Key("cancel", "x", "cancel", "Cancel", "Cancel this evaluation"),
        Key("left", "left", "tab(-1)", "Tab left", "Figures before", HIDDEN),
        Key("right", "right", "tab(1)", "Tab right", "The next figures", HIDDEN),
    ),
    "evaluate_list": (
        Key("open", "enter", "choose", "Figures", "Scroll through the figures"),
    ),
    "evaluate_figures": (
        Key("to_list", "escape", "leave", "To the list", "To the list"),
        Key("tab_left", "left", "screen.tab(-1)", "Tab left", is_shown=HIDDEN),
        Key("tab_right", "right", "screen.tab(1)", "Tab right", is_shown=HIDDEN),
        Key("scroll_left", "shift+left", "scroll_left", "Sideways", "Scroll wide tables to the left", HIDDEN),
        Key("scroll_right", "shift+right", "scroll_right", "Sideways", "Scroll wide tables to the right", HIDDEN),
    ),
    "paint_form": (
        Key("go", "enter", "submit", "Paint", is_shown=HIDDEN),
    ),
    "painting": (
        Key("leave", "escape", "leave", "Back", "Back to the screen before"),
        Key("cancel", "x", "cancel", "Cancel", "Cancel this job"),
        *_WORD_MAPS,
        _BOX,
        Key("another", "n,N", "another", "New seed", "Paint it with another seed", display="n"),
        Key("more_steps", "plus,equals_sign", "more_steps", "More steps", "Paint this picture again with twice the steps", display="+"),
        Key("vary", "v", "vary", "Variation", "Paint a variation of it"),
        Key("save", "s", "save", "Save as", "Copy the picture to a file"),
        Key("edit", "e", "edit", "Edit", "Change what was asked in the form"),
        Key("again", "r", "again", "Again", "Run the same job again"),
        Key("dismiss", "d", "drop", "Dismiss", "Ask no more whether to run this unfinished job again"),
        Key("sooner", "K,shift+up", "move(-1)", "Sooner", "Move the waiting job up the queue", display="K"),
        Key("later", "J,shift+down", "move(1)", "Later", "Move the waiting job down the queue", display="J"),
        Key("before", "left", "turn(-1)", "Before", "The picture before, where the job painted several", HIDDEN),
        Key("next", "right", "turn(1)", "Next", "The next picture", HIDDEN),
        Key("copy", "y", "copy_command", "Command", "Copy the shell command"),
    ),
    "history": (
        Key("search", "s", "search_again", "Search again", "Ask the library as it is now"),
        Key("filter", "slash", "filter", "Filter", "Narrow the list", display="/"),
        Key("delete", "d,delete", "delete", "Delete", "Delete this receipt"),
        Key("copy", "y", "copy_command", "Command", "Copy the shell command"),
    ),
    "history_list": (
        Key("replay", "enter", "choose", "Replay", "Show the answer as it was, without a model"),
    ),
    "jobs": (
        Key("leave", "escape", "leave", "Back", "Back to the screen before"),
        Key("cancel", "x", "cancel", "Cancel job", "Cancel this job"),
        Key("again", "r", "again", "Run again", "Start the same job again"),
        Key("another", "n,N", "another", "New seed", "Paint the same with another seed", display="n"),
        Key("dismiss", "d", "drop", "Dismiss", "Ask no more to run it"),
        Key("copy", "y", "copy_command", "Command", "Copy the shell command"),
        Key("sooner", "K,shift+up", "move(-1)", "Sooner", "Move the waiting job up the queue", display="K"),
        Key("later", "J,shift+down", "move(1)", "Later", "Move the waiting job down the queue", display="J"),
    ),
    "library": (
        Key("add", "a", "add", "Add folder", "Index a folder of pictures"),
        Key("rescan", "r", "rescan", "Rescan", "Bring this folder up to date"),
        Key("rescan_all", "R", "rescan_all", "All", "Bring all folders up to date"),
        Key("forget", "f,delete", "forget", "Forget", "Take this folder out of the library; its files stay"),
        Key("download", "d", "download", "Download", "Download this encoder"),
        Key("path", "p", "copy_path", "Copy path", "Copy the path"),
        Key("import", "i", "import", "Import", "Import vectors made elsewhere"),
        Key("copy", "y", "copy_command", "Command", "Copy the shell command"),
        Key("collection", "b", "collection", BUILT_IN.title, "Take the built-in pictures in, or leave them out"),
        Key("left", "left", "tab(-1)", "Tab left", is_shown=HIDDEN),
        Key("right", "right", "tab(1)", "Tab right", is_shown=HIDDEN),
    ),
    "first": (
        Key("import", "ctrl+o", "import", "Import vectors", "Begin with CLIP vectors that were made elsewhere"),
        Key("download", "ctrl+g", "download", "Get the model", "Download the encoder, then index the folder"),
    ),
    "grid": (
        Key("left", "left", "move(-1)", "Left", "The picture before", HIDDEN),
        Key("right", "right", "move(1)", "Right", "The next picture", HIDDEN),
        Key("up", "up", "row(-1)", "Up", "The picture above", HIDDEN),
        Key("down", "down", "row(1)", "Down", "The picture below", HIDDEN),
        Key("pageup", "pageup", "page(-1)", "Page up", "A screen of pictures up", HIDDEN),
        Key("pagedown", "pagedown", "page(1)", "Page down", "A screen of pictures down", HIDDEN),
        Key("first", "home", "first", "First", "The best picture", HIDDEN),
        Key("last", "end", "last", "Last", "The last picture", HIDDEN),
        Key("larger", "plus,equals_sign", "resize(1)", "Larger", "Larger cards, fewer of them", HIDDEN, display="+"),
        Key("smaller", "minus", "resize(-1)", "Smaller", "Smaller cards, more of them", HIDDEN),
        Key("open", "enter", "open", "View", "View the picture large"),
    ),
    "search": (
        Key("fits", "y", "label(True)", "Fits", "While labelling: the picture fits"),
        Key("misfits", "n", "label(False)", "Does not", "While labelling: it does not fit"),
        Key("undo_label", "u,backspace", "undo_label", "Undo", "While labelling: take the last y or n back"),
        Key("copy_label", "Y", "copy_label", "Command", "While labelling: copy the command of the last y or n"),
        Key("ask", "slash", "ask", "Query", "Type a query; in the query line it is typed only within a text", display="/"),
        Key("leave", "escape", "leave", "Leave", "Stop waiting, also for words in a picture; leave off labelling, or leave the query line", HIDDEN),
        Key("lower", "left_square_bracket", "threshold(-1)", "Threshold", "Threshold down by 0.01", display="[", group="Threshold"),
        Key("raise", "right_square_bracket", "threshold(1)", "Raise threshold", "Threshold up by 0.01", display="]", group="Threshold"),
        Key("lower_much", "left_curly_bracket", "threshold(-10)", "Lower threshold much", "Threshold down by 0.10", HIDDEN, display="{"),
        Key("raise_much", "right_curly_bracket", "threshold(10)", "Raise threshold much", "Threshold up by 0.10", HIDDEN, display="}"),
        Key("scorer", "s", "scorer", "Scorer", "Rank by the next scorer: match, cosine, maxsim (words against patches)"),
        Key("hide", "h", "hide", "Hide", "Hide what is below, or only dim it"),
        *_WORD_MAPS,
        Key("like", "m", "like", "Like", "More like this: rank by likeness to it"),
        Key("compare", "c", "compare", "Compare", "Compare this picture, or the marked ones, with descriptions", HIDDEN),
        Key("paint", "g", "generate", "Paint", "Paint the query, whatever its route"),
        Key("decline", "d", "decline", "No painting", "While painting is offered: have nothing painted for this query", HIDDEN),
        Key("synthetic", "v", "synthetic", "Painted pictures", "Painted pictures: show them, hide them, or only them", HIDDEN),
        Key("recipe", "e", "recipe", "Recipe", "Read the selected picture's recipe into the painting form", HIDDEN),
        Key("mark", "space", "mark", "Mark", "Mark the picture, or unmark", HIDDEN),
        Key("marked", "M", "marked", "Marked", "List marked pictures", HIDDEN),
        Key("label", "l", "start_labelling", "Label", "Label: say with y and n which pictures fit, to calibrate match"),
        Key("copy", "y", "copy_command", "Copy", "Copy the command that repeats this, unless you label"),
        Key("tag", "T", "tag", "Tag", "Say which everyday words are true of the picture", HIDDEN),
        Key("copy_tags", "Y", "copy_tags", "Tag command", "Copy the command that tags the picture, unless you label", HIDDEN),
        Key("filter", "f", "filter", "Filter", "Only some pictures: folder, dates, least size", HIDDEN),
        Key("path", "p", "copy_path", "Path", "Copy the picture's path", HIDDEN),
        Key("folder", "o", "open_folder", "Folder", "Open the picture's folder", HIDDEN),
        Key("suggest", "n,ctrl+n", "suggest", "Example", f'Ask the {BUILT_IN.name} the next suggested query, unless you label', HIDDEN),
        Key("add", "a,ctrl+o", "add", "Add pictures", "Index a folder of your own pictures", HIDDEN),
        Key("storybook", "b", "switch_collection", BUILT_IN.title, f'Search the {BUILT_IN.name}, or your own pictures again', HIDDEN),
        Key("again", "r", "again", "Refresh", "Search again in the library as it is now", HIDDEN),
    ),
    "query": (
        Key("search", "enter", "submit", "Search", "Search"),
        Key("older", "up", "older", "Earlier", "The query before"),
        Key("newer", "down", "newer", "Later", "The query after; the pictures"),
        Key("take", "right", "cursor_right", "", "Take the completion", HIDDEN),
    ),
    "viewer": (
        Key("before", "left,up", "move(-1)", "Before", "The picture before"),
        Key("next", "right,down", "move(1)", "Next", "The next picture"),
        *_WORD_MAPS,
        _BOX,
        Key("copy", "y", "copy_command", "Command", "Copy the command that shows where the words of the description are"),
        Key("back", "escape,enter,q", "leave", "Back", "Back to the answer"),
    ),
    "part": (
        Key("left", "left", "move(-1, 0)", "Left", "The box to the left", group="Move"),
        Key("right", "right", "move(1, 0)", "Right", "The box to the right", group="Move"),
        Key("up", "up", "move(0, -1)", "Up", "The box up", group="Move"),
        Key("down", "down", "move(0, 1)", "Down", "The box down", group="Move"),
        Key("narrower", "shift+left,H", "resize(-1, 0)", "Narrower", "The box narrower", group="Size", display="⇧←"),
        Key("wider", "shift+right,L", "resize(1, 0)", "Wider", "The box wider", group="Size", display="⇧→"),
        Key("lower", "shift+up,K", "resize(0, -1)", "Lower", "The box less high", group="Size", display="⇧↑"),
        Key("higher", "shift+down,J", "resize(0, 1)", "Higher", "The box higher", group="Size", display="⇧↓"),
        Key("take", "enter", "take", "Take it", "Take the box into the painting form"),
        Key("back", "escape,q", "leave", "Back", "Back to the picture; nothing is painted"),
    ),
    "marked": (
        Key("copy", "y,enter", "copy", "Copy all", "Copy paths, one a line"),
        Key("unmark", "space,delete", "unmark", "Unmark", "Unmark this one"),
        Key("clear", "c", "clear", "Clear", "Unmark all"),
        Key("back", "escape,M,q", "leave", "Back", "Back to the pictures"),
    ),
    "train": (
        Key("new", "n", "new", "Train…", "Train a matcher: data, encoder, size"),
        Key("again", "r", "again", "Go on", "Take up a training that was stopped"),
        Key("store", "k", "store", "Keep anyway", "Keep it although it does no better than the match without labels"),
        Key("cancel", "x", "cancel", "Cancel", "Stop this training"),
        Key("export", "e", "export", "Export", "Write this matcher to a file"),
        Key("import", "i", "import", "Import", "Take in a matcher from a file"),
        Key("delete", "d,delete", "delete", "Delete", "Delete this matcher"),
        Key("forget_labels", "f", "forget_labels", "Forget labels", "Take back every y and n about this encoder's match"),
        Key("copy", "y", "copy_command", "Command", "Copy the shell command"),
        Key("read", "tab", "read", "Report", "Go into the report to scroll it, and back to the list", HIDDEN),
    ),
    "tick": (
        Key("toggle", "space", "toggle_button", "Tick", "Tick, or do not"),
    ),
    "path": (
        Key("complete", "tab", "complete", "Complete", "Complete the path"),
        Key("choose", "down", "choose", "Choose", "Go to the list below"),
    ),
    "rows": (
        Key("up", "up", "move(-1)", "Up", is_shown=HIDDEN),
        Key("down", "down", "move(1)", "Down", is_shown=HIDDEN),
        Key("page_up", "pageup", "page(-1)", "Page up", is_shown=HIDDEN),
        Key("page_down", "pagedown", "page(1)", "Page down", is_shown=HIDDEN),
        Key("first", "home", "jump(0)", "First", is_shown=HIDDEN),
        Key("last", "end", "jump(-1)", "Last", is_shown=HIDDEN),
        Key("choose", "enter", "choose", "Choose", is_shown=HIDDEN),
    ),
}
# fmt: on

TITLES = {
    "app": "Everywhere but in a line of text; F1 to F8 there too",
    "board": "Among the cells",
    "evaluate_figures": "Evaluate",
    "evaluate_list": "Evaluate",
    "filter": "In the filter line",
    "first": "First steps",
    "grid": "Among the pictures",
    "heat": "Heatmap",
    "history_list": "History",
    "query": "In the query line",
    "search": "This answer, outside of the query line",
}
"""What help calls a place whose name says too little: it says in which state a key means what."""

TOGETHER: tuple[tuple[str, ...], ...] = (
    ("app", "search", "grid"),
    ("app", "search", "first"),
    ("app", "evaluate", "evaluate_list", "evaluate_figures", "rows"),
    ("app", "compare", "heat"),
    ("app", "compare", "pair"),
    ("app", "compare", "swaps"),
    ("app", "train", "rows"),
    ("app", "library", "rows"),
    ("app", "history", "history_list", "rows"),
    ("app", "jobs", "rows"),
    ("app", "sheet", "board"),
    ("app", "painting"),
    ("app", "viewer"),
    ("app", "part"),
    ("marked", "rows"),
    ("sheet_list", "rows"),
    ("path", "dialog"),
)
"""Places whose keys are awake at the same time, so that a key of one's own may mean one thing."""


def bindings(place: str) -> list[BindingType]:
    """The bindings of a place, as a screen's or a widget's BINDINGS."""
    from textual.binding import Binding

    groups = {name: Binding.Group(name, compact=True) for name in {k.group for k in KEYS[place]}}
    return [
        Binding(
            key.keys,
            key.action,
            key.label,
            show=key.is_shown,
            key_display=key.display,
            tooltip=key.tooltip,
            id=f"{place}.{key.name}",
            group=groups[key.group] if key.group else None,
        )
        for key in KEYS[place]
    ]


def keys_of(binding_id: str, keymap: Mapping[str, str]) -> frozenset[str]:
    """The keys of a binding by Textual's names, which a person may have set otherwise."""
    place = binding_id.partition(".")[0]
    keys = next(key.keys for name, key in _named(place) if name == binding_id)
    return frozenset(map(_normal, keymap.get(binding_id, keys).split(",")))


def key_of(character: str) -> tuple[str, str]:
    """Textual's name of the key that types a character, and what it types: both without width.

    What becomes none or two by that, as the letters of some scripts do, is no key of ours.
    """
    from textual.keys import _character_to_key

    folded = fold_widths(character)
    typed = folded if len(folded) == 1 else character
    return _character_to_key(typed), typed


def title_of(binding_id: str) -> str:
    """What help calls the place of a binding."""
    place = binding_id.partition(".")[0]
    return TITLES.get(place, place.replace("_", " ").capitalize())


def check_keymap(keymap: Mapping[str, str]) -> None:
    """Refuse keys of one's own that name no binding, or would mean two things at once.

    Raises:
        ValueError: names the binding at fault, or the two that want the same key.
    """
    known = {name for place in KEYS for name, _ in _named(place)}
    for name, keys in keymap.items():
        if name not in known:
            raise ValueError(f"[keys] names no binding: {name!r}; README lists them")
        if not all(key.strip() for key in keys.split(",")):
            raise ValueError(f"[keys] gives {name} no key")
    for places in TOGETHER:
        _check_together(places, keymap)


def _check_together(places: tuple[str, ...], keymap: Mapping[str, str]) -> None:
    """Only a key that somebody chose can clash: those of the table share keys by state."""
    by_key: dict[str, list[str]] = {}
    for place in places:
        for name, key in _named(place):
            for each in keymap.get(name, key.keys).split(","):
                by_key.setdefault(_normal(each), []).append(name)
    for shared, names in by_key.items():
        chosen = [name for name in names if name in keymap]
        if chosen and len(names) > 1:
            other = next(name for name in names if name != chosen[0])
            raise ValueError(f"[keys] gives {shared!r} to {chosen[0]}, but {other} has it")


def _named(place: str) -> Iterator[tuple[str, Key]]:
    return ((f"{place}.{key.name}", key) for key in KEYS[place])


def _normal(key: str) -> str:
    """One spelling for a key: '/' and 'slash' are the same."""
    text = key.strip()
    if len(text) != 1 or text.isalnum():
        return text
    return _SIGNS.get(text, unicodedata.name(text).lower().replace(" ", "_").replace("-", "_"))


_SIGNS = {"/": "slash", "\\": "backslash", "@": "at", "-": "minus", "+": "plus", "_": "underscore"}
"""Signs that Textual calls otherwise than Unicode does."""


def markdown(*places: str) -> list[str]:
    """README's table of the keys of some places, line by line: `python -m t2itui.keys`."""
    from textual.keys import format_key

    lines = ["| key | does | setting |", "| --- | --- | --- |"]
    for place in places:
        for name, key in _named(place):
            if key.tooltip:
                first = key.display or ", ".join(map(format_key, key.keys.split(",")))
                cells = (f"`{first}`", key.tooltip, f"`{name}`")
                lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return lines


README_PLACES = ("app", "query", "search", "grid")
"""The places whose keys README lists; `?` shows the others where they are."""

if __name__ == "__main__":
    print("\n".join(markdown(*README_PLACES)))
