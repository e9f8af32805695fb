"""The picture widget, drawn headless."""

import gc
import io
import re
import zlib
from base64 import standard_b64decode
from dataclasses import replace

import pytest
from PIL import Image
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.strip import Strip

from t2itui.graphics.art import DrawingOptions, Overlay, UncachedStrip
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.graphics.encoding import draw
from t2itui.graphics.picture import Picture

HALF = Graphics(protocol=GraphicsProtocol.HALF_CELLS, reason="test", cell_width=10, cell_height=20)
TEXT = Graphics(protocol=GraphicsProtocol.TEXT, reason="test")


def png(color: str = "red", size: tuple[int, int] = (100, 100), mode: str = "RGB") -> bytes:
    """An encoded picture of one colour."""
    file = io.BytesIO()
    Image.new(mode, size, color).save(file, "PNG")
    return file.getvalue()


class PictureApp(App[None]):
    """Nothing but a picture, 20 by 10 cells."""

    CSS = "Picture { width: 20; height: 10; background: black; }"

    def __init__(self, graphics: Graphics = HALF) -> None:
        super().__init__()
        self.graphics = graphics

    def compose(self) -> ComposeResult:
        yield Picture()

    @property
    def picture(self) -> Picture:
        return self.screen_stack[0].query_one(Picture)

    def lines(self) -> list[Strip]:
        """What the compositor gets from the picture."""
        return self.picture.render_lines(self.picture.size.region)

    def text(self) -> str:
        return "\n".join(line.text for line in self.lines())

    def grounds(self) -> set[str]:
        """Every background colour inside the picture's place."""
        styles = [segment.style for line in self.lines() for segment in line]
        return {style.bgcolor.name for style in styles if style and style.bgcolor}


async def settle(app: PictureApp, pilot: Pilot[None]) -> None:
    """Wait until whatever was asked for is drawn."""
    app.lines()
    await app.workers.wait_for_complete()
    await pilot.pause()


async def test_a_square_picture_fills_the_height_and_stays_square() -> None:
    app = PictureApp()
    async with app.run_test() as pilot:
        app.picture.show(png(), alt="a red square")
        await settle(app, pilot)
        assert app.text().count("▀") == 20 * 10
        assert "#ff0000" in app.grounds()
        assert all(line.cell_length == 20 for line in app.lines())


async def test_a_wide_picture_stands_in_the_middle_of_the_background() -> None:
    app = PictureApp()
    async with app.run_test() as pilot:
        app.picture.show(png(size=(400, 100)), alt="a red bar")
        await settle(app, pilot)
        rows = [line.text for line in app.lines()]
        assert [row.count("▀") for row in rows] == [0] * 4 + [20] * 2 + [0] * 4


@pytest.mark.parametrize("data", [b"", b"no picture", png()[:60]])
async def test_broken_bytes_show_the_words_in_a_box(data: bytes) -> None:
    app = PictureApp()
    async with app.run_test() as pilot:
        app.picture.show(data, alt="a lost dog")
        await settle(app, pilot)
        assert app.picture.reason == "broken"
        assert "✗" in app.text()
        assert "a lost dog" in app.text()
        assert "┌" in app.text()


async def test_a_picture_known_by_name_alone_shows_its_name() -> None:
    app = PictureApp()
    async with app.run_test():
        app.picture.show(None, alt="evil\x1b[31m name.jpg")
        assert "∅" in app.text()
        assert "evil␛[31m" in app.text()


async def test_a_text_terminal_gets_words_and_never_decodes() -> None:
    app = PictureApp(TEXT)
    async with app.run_test():
        app.picture.show(b"no picture", alt="a dog")
        assert app.picture.reason == "text"
        assert "▣" in app.text()


async def test_dimming_blends_towards_the_background() -> None:
    app = PictureApp()
    async with app.run_test() as pilot:
        app.picture.show(png(), alt="a red square")
        await settle(app, pilot)
        app.picture.dim = True
        await settle(app, pilot)
        assert app.grounds() == {"#680000"}
        app.picture.dim = False
        assert app.grounds() == {"#ff0000"}


async def test_a_dialog_leaves_a_cheap_stand_in_behind() -> None:
    app = PictureApp()
    async with app.run_test() as pilot:
        file = io.BytesIO()
        Image.effect_noise((100, 100), 90).save(file, "PNG")
        app.picture.show(file.getvalue(), alt="noise")
        await settle(app, pilot)
        assert max(len(list(line)) for line in app.lines()) > 10
        await app.push_screen(ModalScreen[None]())
        await pilot.pause()
        assert max(len(list(line)) for line in app.lines()) <= 5
        await app.pop_screen()
        assert app.text().count("▀") == 20 * 10


async def test_a_drawing_that_comes_too_late_is_not_shown() -> None:
    app = PictureApp()
    async with app.run_test() as pilot:
        app.picture.show(png(), alt="a red square")
        app.lines()
        app.picture.show(None, alt="gone")
        await settle(app, pilot)
        assert app.picture.reason == "missing"
        assert "gone" in app.text()


async def test_the_latest_picture_wins() -> None:
    app = PictureApp()
    async with app.run_test() as pilot:
        app.picture.show(png("red"), alt="red")
        app.lines()
        app.picture.show(png("blue"), alt="blue")
        await settle(app, pilot)
        assert app.grounds() == {"#0000ff"}


async def test_a_resize_draws_anew() -> None:
    app = PictureApp()
    async with app.run_test() as pilot:
        app.picture.show(png(), alt="a red square")
        await settle(app, pilot)
        app.picture.styles.width, app.picture.styles.height = 8, 4
        await pilot.pause()
        await settle(app, pilot)
        assert app.text().count("▀") == 8 * 4


async def test_a_widget_that_was_given_nothing_is_blank() -> None:
    app = PictureApp()
    async with app.run_test():
        assert not app.text().strip()
        app.picture.show(None, alt="a dog")
        assert "∅" in app.text()
        app.picture.show(None, alt="")
        assert not app.text().strip()


@pytest.mark.parametrize("protocol", [GraphicsProtocol.KITTY, GraphicsProtocol.SIXEL])
async def test_whatever_cuts_or_exports_a_picture_gets_half_cells(
    protocol: GraphicsProtocol,
) -> None:
    app = PictureApp(replace(HALF, protocol=protocol))
    async with app.run_test() as pilot:
        app.picture.show(png(), alt="a red square")
        await settle(app, pilot)
        line = app.lines()[3]
        assert line.text == "▀" * 20
        assert "▀" not in line.render(app.console)
        assert "▀" in line.crop(2, 5).render(app.console)
        assert "▀" in app.export_screenshot()


async def test_a_sixel_picture_keeps_off_the_last_line_of_the_screen() -> None:
    app = PictureApp(replace(HALF, protocol=GraphicsProtocol.SIXEL))
    async with app.run_test(size=(40, 10)) as pilot:
        app.picture.show(png(), alt="a red square")
        await settle(app, pilot)
        rendered = [line.render(app.console) for line in app.lines()]
        assert ["\x1bP" in line for line in rendered] == [True] * 9 + [False]


async def test_another_theme_gives_a_transparent_picture_another_ground() -> None:
    app = PictureApp()
    async with app.run_test() as pilot:
        app.picture.show(png("#00000000", mode="RGBA"), alt="glass")
        await settle(app, pilot)
        assert app.grounds() == {"#000000"}
        app.picture.styles.background = "white"
        await pilot.pause()
        await settle(app, pilot)
        assert app.grounds() == {"#ffffff"}


async def test_no_color_makes_pictures_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = PictureApp()
    async with app.run_test() as pilot:
        app.picture.show(png("#ff8000"), alt="an orange square")
        await settle(app, pilot)
        (ground,) = app.grounds()
        assert ground[1:3] == ground[3:5] == ground[5:7]


async def test_a_picture_shown_before_it_is_mounted_appears() -> None:
    app = PictureApp()
    async with app.run_test() as pilot:
        picture = Picture()
        picture.show(png("lime"), alt="green")
        await app.picture.remove()
        await app.mount(picture)
        await settle(app, pilot)
        assert app.grounds() == {"#00ff00"}


async def test_a_file_that_claims_too_many_pixels_is_not_decoded() -> None:
    app = PictureApp()
    async with app.run_test() as pilot:
        header = bytearray(png())
        header[16:24] = (60_000).to_bytes(4, "big") * 2
        header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4, "big")
        app.picture.show(bytes(header), alt="a bomb")
        await settle(app, pilot)
        assert app.picture.reason == "broken"


def test_a_line_shown_whole_goes_without_the_garbage_collector() -> None:
    line = UncachedStrip([Segment("abcd")], 4)
    assert line.divide([4]) == [line]
    assert [part.text for part in line.divide([1, 4])] == ["a", "bcd"]
    assert isinstance(UncachedStrip.join((line, line)), UncachedStrip)
    whole = UncachedStrip([Segment("abcd")], 4)
    whole.divide([4])
    gc.collect()
    gc.disable()
    try:
        del whole
        assert gc.collect() == 0
    finally:
        gc.enable()


LEFT = Overlay(rows=1, columns=4, strengths=(1.0, 1.0, 0.0, 0.0))
"""Strong in the left half."""


async def test_an_overlay_lights_what_is_strong_and_darkens_the_rest() -> None:
    app = PictureApp()
    async with app.run_test() as pilot:
        app.picture.show(png(), alt="a red square")
        app.picture.overlay = LEFT
        await settle(app, pilot)
        left, right = edges(app)
        assert left[0] > 200 > left[1], "red, and a little warmer"
        assert right[0] < 60 and len(set(right)) == 1, "dark and grey"
        app.picture.overlay = None
        await settle(app, pilot)
        assert edges(app) == ((255, 0, 0), (255, 0, 0))


async def test_an_overlay_covers_only_what_the_encoder_sees() -> None:
    app = PictureApp()
    async with app.run_test() as pilot:
        app.picture.show(png(), alt="a red square")
        app.picture.overlay = Overlay(
            rows=1, columns=1, strengths=(1.0,), seen=(0.0, 0.0, 0.5, 1.0)
        )
        await settle(app, pilot)
        left, right = edges(app)
        assert left[0] > 200
        assert right[0] < 60


async def test_an_overlay_without_colours_is_grey() -> None:
    app = PictureApp()
    app.no_color = True
    async with app.run_test() as pilot:
        app.picture.show(png(), alt="a red square")
        app.picture.overlay = LEFT
        await settle(app, pilot)
        left, right = edges(app)
        assert len(set(left)) == len(set(right)) == 1
        assert left[0] > 1.5 * right[0]


@pytest.mark.parametrize("protocol", [GraphicsProtocol.KITTY, GraphicsProtocol.SIXEL])
async def test_an_overlay_is_sent_as_pixels_where_the_terminal_takes_them(
    protocol: GraphicsProtocol,
) -> None:
    options = DrawingOptions(columns=20, rows=10, background=(0, 0, 0), dim=False, grey=False)
    graphics = replace(HALF, protocol=protocol)
    console = PictureApp().console

    def sent(overlay: Overlay | None) -> str:
        art = draw(png(), replace(options, overlay=overlay), graphics, console)
        return art.upload + "".join(strip.render(console) for strip in art.strips)

    plain, laid = sent(None), sent(LEFT)
    if protocol is GraphicsProtocol.SIXEL:
        assert (plain.count(";2;"), laid.count(";2;") > 2 * plain.count(";2;")) == (10, True)
    else:
        colours = [len(kitty_picture(each).getcolors(10_000) or ()) for each in (plain, laid)]
        assert colours[0] == 1 < 20 < colours[1]


def kitty_picture(sent: str) -> Image.Image:
    """The picture in an upload."""
    parts = re.findall(r"\x1b_G[^;\x1b]*;([^\x1b]*)\x1b", sent)
    return Image.open(io.BytesIO(standard_b64decode("".join(parts))))


def edges(app: PictureApp) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The colours at the left and the right end of the middle line."""
    found = []
    for segment in (app.lines()[5]._segments[0], app.lines()[5]._segments[-1]):
        assert segment.style is not None and segment.style.color is not None
        triplet = segment.style.color.triplet
        assert triplet is not None
        found.append(tuple(triplet))
    return found[0], found[1]
