"""The keys of the grid of results."""

from textual.binding import Binding, BindingType

GRID_KEYS: list[BindingType] = [
    Binding("left", "move(-1)", "Left", id="grid.left", show=False, tooltip="The picture before"),
    Binding("right", "move(1)", "Right", id="grid.right", show=False, tooltip="The next picture"),
    Binding("up", "row(-1)", "Up", id="grid.up", show=False, tooltip="The picture above"),
    Binding("down", "row(1)", "Down", id="grid.down", show=False, tooltip="The picture below"),
    Binding(
        "pageup",
        "page(-1)",
        "Page up",
        id="grid.pageup",
        show=False,
        tooltip="A screen of pictures up",
    ),
    Binding(
        "pagedown",
        "page(1)",
        "Page down",
        id="grid.pagedown",
        show=False,
        tooltip="A screen of pictures down",
    ),
    Binding("home", "first", "First", id="grid.first", show=False, tooltip="The best picture"),
    Binding("end", "last", "Last", id="grid.last", show=False, tooltip="The last picture"),
    Binding(
        "plus,equals_sign",
        "resize(1)",
        "Larger",
        id="grid.larger",
        show=False,
        key_display="+",
        tooltip="Larger cards, fewer of them",
    ),
    Binding(
        "minus",
        "resize(-1)",
        "Smaller",
        id="grid.smaller",
        show=False,
        tooltip="Smaller cards, more of them",
    ),
    Binding("enter", "open", "View", id="grid.open", tooltip="View the picture large"),
]
