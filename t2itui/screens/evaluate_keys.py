"""The keys of the Evaluate screen."""

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    Binding("n", "new", "New", id="evaluate.new", tooltip="Evaluate data: the storybook or yours"),
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
        "t",
        "trend",
        "Trend",
        id="evaluate.trend",
        tooltip="Follow a figure over all evaluations of this data",
    ),
    Binding(
        "m",
        "measure(1)",
        "Figure",
        id="evaluate.measure",
        tooltip="Follow the next figure",
    ),
    Binding(
        "M",
        "measure(-1)",
        "Figure before",
        id="evaluate.measure_before",
        show=False,
        tooltip="Follow the figure before",
    ),
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
