"""The keys of the Library screen."""

from textual.binding import Binding, BindingType

from engine.collections import BUILT_IN

LIBRARY_KEYS: list[BindingType] = [
    Binding("a", "add", "Add folder", id="library.add", tooltip="Index a folder of pictures"),
    Binding("r", "rescan", "Rescan", id="library.rescan", tooltip="Bring this folder up to date"),
    Binding(
        "R",
        "rescan_all",
        "All",
        id="library.rescan_all",
        tooltip="Bring all folders up to date",
    ),
    Binding(
        "f,delete",
        "forget",
        "Forget",
        id="library.forget",
        tooltip="Take this folder out of the library; its files stay",
    ),
    Binding("d", "download", "Download", id="library.download", tooltip="Download this encoder"),
    Binding("p", "copy_path", "Copy path", id="library.path", tooltip="Copy the path"),
    Binding("i", "import", "Import", id="library.import", tooltip="Import vectors made elsewhere"),
    Binding("y", "copy_command", "Command", id="library.copy", tooltip="Copy the shell command"),
    Binding(
        "b",
        "collection",
        BUILT_IN.title,
        id="library.collection",
        tooltip="Take the built-in pictures in, or leave them out",
    ),
    Binding("left", "tab(-1)", "Tab left", id="library.left", show=False),
    Binding("right", "tab(1)", "Tab right", id="library.right", show=False),
]
