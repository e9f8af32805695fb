"""The keys of the Evaluate screen, of its list and of its figures."""

from textual.binding import Binding, BindingType

from engine.collections import BUILT_IN

EVALUATE_KEYS: list[BindingType] = [
    Binding(
        "n",
        "new",
        "New",
        id="evaluate.new",
        tooltip=f"Evaluate data: the {BUILT_IN.name} or yours",
    ),
    Binding("e", "edit", "Edit", id="evaluate.edit", tooltip="Evaluate the same in another way"),
    Binding(
        "r",
        "again",
        "Again",
        id="evaluate.again",
        tooltip="Evaluate the same again; what was embedded is kept",
    ),
    Binding(
        "space", "mark", "Mark", id="evaluate.mark", tooltip="Mark this one to compare it (two)"
    ),
    Binding("c", "change", "Change", id="evaluate.change", tooltip="Show what changed between two"),
    Binding(
        "p",
        "toggle_plots",
        "Plots",
        id="evaluate.plots",
        tooltip="Draw plots, or give them as text",
    ),
    Binding("s", "save_plot", "Save", id="evaluate.save", tooltip="Draw the figures into a file"),
    Binding("d,delete", "delete", "Delete", id="evaluate.delete", tooltip="Delete this evaluation"),
    Binding("y", "copy_command", "Command", id="evaluate.copy", tooltip="Copy the shell command"),
    Binding(
        "Y",
        "copy_asking",
        "Command to evaluate",
        id="evaluate.copy_asking",
        show=False,
        tooltip="Copy the shell command that evaluates the same again",
    ),
    Binding(
        "slash",
        "filter",
        "Filter",
        id="evaluate.filter",
        key_display="/",
        tooltip="Narrow the list by data or encoder",
    ),
    Binding("x", "cancel", "Cancel", id="evaluate.cancel", tooltip="Cancel this evaluation"),
    Binding(
        "left", "tab(-1)", "Tab left", id="evaluate.left", show=False, tooltip="Figures before"
    ),
    Binding(
        "right", "tab(1)", "Tab right", id="evaluate.right", show=False, tooltip="The next figures"
    ),
]

LIST_KEYS: list[BindingType] = [
    Binding("enter", "choose", "Figures", id="evaluate.open", tooltip="Scroll through the figures"),
]

FIGURES_KEYS: list[BindingType] = [
    Binding("escape", "leave", "To the list", id="evaluate.to_list", tooltip="To the list"),
    Binding("left", "screen.tab(-1)", "Tab left", show=False),
    Binding("right", "screen.tab(1)", "Tab right", show=False),
    Binding(
        "shift+left",
        "scroll_left",
        "Sideways",
        id="evaluate.scroll_left",
        show=False,
        tooltip="Scroll wide tables to the left",
    ),
    Binding(
        "shift+right",
        "scroll_right",
        "Sideways",
        id="evaluate.scroll_right",
        show=False,
        tooltip="Scroll wide tables to the right",
    ),
]
