"""Shows what was detected, and files as a wall of pictures: python -m t2itui.graphics FILE..."""

import sys
from pathlib import Path
from typing import ClassVar

import click
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.screen import ModalScreen
from textual.widgets import Static

from t2itui.graphics.capability import PROTOCOLS, Graphics
from t2itui.graphics.detection import detect
from t2itui.graphics.picture import Picture, free_pictures
from t2itui.text.plain import plain


class Dialog(ModalScreen[None]):
    """Something to lay over the pictures."""

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > Static { width: 40; height: 5; background: $panel; border: round $primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,d", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        yield Static("A dialog over the pictures. Escape closes it.")


class Viewer(App[None]):
    """A wall of pictures."""

    CSS = """
    Grid { grid-size: 5; grid-rows: 12; grid-gutter: 0 1; }
    Picture { background: $surface; }
    #facts { dock: bottom; height: 2; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("d", "dialog", "Dialog"),
        Binding("b", "dim", "Dim"),
        Binding("n", "note", "Toast"),
        Binding("l", "light", "Light or dark"),
        Binding("r", "shuffle", "Next pictures"),
    ]

    def __init__(self, graphics: Graphics, files: list[Path]) -> None:
        super().__init__()
        self.graphics = graphics
        self.files = files

    def compose(self) -> ComposeResult:
        facts = self.graphics
        with Grid():
            for _ in range(20):
                yield Picture()
        yield Static(
            f"{facts.protocol}: {facts.reason}. Terminal {facts.terminal or 'unknown'}, cells "
            f"{facts.cell_width} x {facts.cell_height}, {facts.colors} registers, truecolor "
            f"{facts.truecolor}\nq quit  d dialog  b dim  n toast  l light  r next",
            id="facts",
            markup=False,
        )

    def on_mount(self) -> None:
        self.action_shuffle()

    def on_exit_app(self) -> None:
        free_pictures(self)

    def action_shuffle(self) -> None:
        for picture in self.query(Picture):
            if self.files:
                path = self.files.pop(0)
                self.files.append(path)
                picture.show(path.read_bytes(), alt=plain(path.name))

    def action_dialog(self) -> None:
        self.push_screen(Dialog())

    def action_note(self) -> None:
        self.notify("A toast over the pictures")

    def action_dim(self) -> None:
        for picture in list(self.query(Picture))[::2]:
            picture.dim = not picture.dim

    def action_light(self) -> None:
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"


@click.command()
@click.option("--graphics", type=click.Choice(["auto", *PROTOCOLS]), default="auto")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(graphics: str, files: tuple[Path, ...]) -> None:
    """Show what this terminal can draw pictures with, and FILES drawn that way."""
    found = detect(graphics)
    if found.protocol == "text" and not sys.stdout.isatty():
        click.echo(found)
        return
    Viewer(found, list(files)).run()


if __name__ == "__main__":
    main()
