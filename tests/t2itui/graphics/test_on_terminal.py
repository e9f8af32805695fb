"""What a whole app writes to its terminal for the sake of one picture."""

import re

from tests.t2itui.graphics.fake_terminal import KITTY_NEW, XTERM, Session, run_in_terminal

CODE = """
import io
from PIL import Image
from textual.app import App
from textual.screen import ModalScreen, Screen
from textual.widgets import Label
from t2itui.graphics import detect
from t2itui.graphics.picture import Picture, free_pictures

def png(color):
    file = io.BytesIO()
    Image.new("RGB", (64, 64), color).save(file, "PNG")
    return file.getvalue()

class Other(Screen):
    BINDINGS = [("b", "app.pop_screen", "Back")]
    def compose(self):
        yield Label("elsewhere")

class Dialog(ModalScreen):
    BINDINGS = [("b", "app.pop_screen", "Back")]
    def compose(self):
        yield Label("dialog")

class PictureApp(App):
    CSS = "Picture { width: 20; height: 10; }"
    BINDINGS = [("n", "blue", "Next"), ("r", "drop", "Remove"), ("x", "exit", "Exit"),
                ("o", "push_screen('other')", "Other"), ("m", "push_screen('dialog')", "Dialog")]
    SCREENS = {"other": Other, "dialog": Dialog}
    def compose(self):
        yield Picture(graphics=graphics)
    def on_mount(self):
        self.query_one(Picture).show(png("red"), alt="red")
    def action_blue(self):
        self.query_one(Picture).show(png("blue"), alt="blue")
    def action_drop(self):
        self.query_one(Picture).remove()
        self.mount(Label("removed"))
    def action_exit(self):
        self.exit()
    def on_exit_app(self):
        free_pictures(self)

graphics = detect()
PictureApp().run()
"""
UPLOAD, REMOVE = r"\x1b_Ga=T,[^;]*i=(\d+)", r"\x1b_Ga=d,d=I,q=2,i=(\d+)"
SHOWN, LEAVING = "\U0010eeee", "\x1b[?1049l"


def run(*keys: tuple[str, str], sixel: bool = False) -> Session:
    """Type keys, each after what it waits for was written."""
    answers = XTERM if sixel else KITTY_NEW
    return run_in_terminal(CODE, answers, keys=keys, pixels=(640, 384))


def test_a_picture_is_uploaded_once_shown_and_freed_before_the_app_leaves() -> None:
    screen = run((SHOWN, "x")).screen
    uploaded, removed = re.findall(UPLOAD, screen), re.findall(REMOVE, screen)
    assert len(uploaded) == 1
    assert removed == uploaded
    assert screen.index("a=T") < screen.index(SHOWN) < screen.index("a=d") < screen.index(LEAVING)


def test_another_picture_takes_the_place_of_the_one_before_in_memory() -> None:
    screen = run((SHOWN, "n"), (UPLOAD + ".*" + SHOWN, "x")).screen
    first, second = re.findall(UPLOAD, screen)
    assert first != second
    assert re.findall(REMOVE, screen) == [first, second]


def test_another_screen_frees_the_picture_and_coming_back_uploads_it_again() -> None:
    screen = run((SHOWN, "o"), ("elsewhere", "b"), (SHOWN, "x")).screen
    steps = re.findall(r"\x1b_Ga=(T|d)|(elsewhere)", screen)
    order = [step for pair in steps for step in pair if step]
    assert [step for step in order if step != "elsewhere"] == ["T", "d", "T", "d"]


def test_a_dialog_keeps_the_picture_in_memory() -> None:
    screen = run((SHOWN, "m"), ("dialog", "b"), (SHOWN, "x")).screen
    assert len(re.findall(UPLOAD, screen)) == 1
    assert screen.rindex(SHOWN) < screen.index("a=d")


def test_removing_the_widget_frees_the_picture() -> None:
    screen = run((SHOWN, "r"), ("removed", "x")).screen
    assert screen.index("a=d") < screen.index(LEAVING)
    assert len(re.findall(REMOVE, screen)) == 1


def test_sixel_rows_are_written_once_and_step_past_the_picture() -> None:
    screen = run((r"\x1b\[20C.*" * 10, "x"), sixel=True).screen
    rows = re.findall(r"\x1b7\x1bP0;0;0q[^\x1b]*\x1b\\\x1b8\x1b\[20C", screen)
    assert len(rows) == 10
