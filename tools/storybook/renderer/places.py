"""The sky and the five places: what lies behind the animals, on a canvas of 100 units."""

from collections.abc import Callable
from random import Random

from PIL import Image

from tools.storybook.renderer.colours import SKY, mix
from tools.storybook.renderer.props import SNOW, barn, palm, pine, silo
from tools.storybook.renderer.sketch import (
    Colour,
    Path,
    Sketch,
    ellipse,
    limb,
    polygon,
    smooth,
    star,
)

CLOUD: dict[str, Colour] = {
    "day": (255, 255, 255), "sunset": (255, 206, 176), "night": (84, 98, 160),
}  # fmt: skip


def sky_image(time: str, side: int, horizon: float) -> Image.Image:
    """A square picture whose sky runs from the top down to the horizon (units from below)."""
    top, low = SKY[time]
    rows = Image.new("RGB", (1, 64))
    reach = 1.0 - horizon / 100.0
    for y in range(64):
        rows.putpixel((0, y), mix(top, low, min(1.0, (y + 0.5) / 64 / reach)))
    return rows.resize((side, side), Image.Resampling.BILINEAR)


def sketch_sky(rng: Random, time: str, horizon: float) -> Sketch:
    """Sun, or moon and stars, and clouds."""
    sketch = Sketch(ink=(90, 90, 120), own=False)
    x = rng.choice((rng.uniform(10, 24), rng.uniform(76, 90)))
    if time == "day":
        _draw_disc(sketch, x, rng.uniform(84, 90), 8.0, (255, 220, 84), SKY["day"][0])
    elif time == "sunset":
        _draw_disc(sketch, x, horizon + rng.uniform(6, 12), 11.0, (255, 226, 110), (255, 170, 116))
    else:
        _draw_night(sketch, rng, x, horizon)
    for _ in range(rng.randint(2, 3)):
        _draw_cloud(sketch, rng.uniform(6, 94), rng.uniform(72, 94), rng.uniform(3.2, 5.2), time)
    return sketch


def _draw_disc(sketch: Sketch, x: float, y: float, r: float, fill: Colour, sky: Colour) -> None:
    for grow, share in ((1.55, 0.22), (1.28, 0.45)):
        sketch.mark(ellipse(x, y, r * grow, r * grow), fill=mix(sky, fill, share))
    sketch.mark(ellipse(x, y, r, r), fill=fill)


def _draw_night(sketch: Sketch, rng: Random, x: float, horizon: float) -> None:
    for _ in range(26):
        r = rng.choice((0.35, 0.45, 0.7))
        star = ellipse(rng.uniform(0, 100), rng.uniform(horizon + 8, 100), r, r, n=8)
        sketch.mark(star, fill=(255, 248, 214))
    y = rng.uniform(82, 89)
    sketch.mark(ellipse(x, y, 10.5, 10.5), fill=(42, 52, 112))
    sketch.mark(ellipse(x, y, 7.4, 7.4), fill=(255, 240, 190))
    sketch.mark(ellipse(x + 3.4, y + 1.6, 6.4, 6.4), fill=(38, 47, 105))


def _draw_cloud(sketch: Sketch, x: float, y: float, r: float, time: str) -> None:
    fill = CLOUD[time]
    shade = mix(fill, SKY[time][1], 0.55)
    bumps = ((0.0, 0.0, 1.0), (1.15, -0.1, 0.8), (-1.15, -0.15, 0.75), (0.5, 0.55, 0.8))
    low = [
        ellipse(x + dx * r, y + dy * r - 0.25 * r, s * r * 1.06, s * r * 0.9, n=18)
        for dx, dy, s in bumps
    ]
    high = [ellipse(x + dx * r, y + dy * r, s * r, s * r * 0.86, n=18) for dx, dy, s in bumps]
    sketch.mark(*low, fill=shade)
    sketch.mark(*high, fill=fill)


HORIZON: dict[str, float] = {
    "meadow": 42.0, "forest": 44.0, "beach": 46.0, "snow": 42.0, "farmyard": 42.0,
}  # fmt: skip
GROUND: dict[str, Colour] = {
    "meadow": (138, 204, 86), "forest": (78, 142, 74), "beach": (247, 222, 158),
    "snow": (236, 243, 252), "farmyard": (212, 172, 112),
}  # fmt: skip


def sketch_place(rng: Random, place: str) -> Sketch:
    """The scenery of a place, from the horizon down to the lower edge."""
    sketch = Sketch(ink=(60, 60, 70), own=False)
    _DRAW[place](sketch, rng)
    return sketch


def _hill(y: float, rises: list[float]) -> Path:
    step = 120.0 / (len(rises) - 1)
    top = [(-10.0 + step * i, y + rise) for i, rise in enumerate(rises)]
    return smooth([(-12.0, -6.0), (-12.0, y), *top, (112.0, y), (112.0, -6.0)], n=4)


def _hills(rng: Random, y: float, height: float) -> Path:
    return _hill(y, [rng.uniform(-height, height) for _ in range(5)])


def _blades(sketch: Sketch, rng: Random, tone: Colour, count: int) -> None:
    for _ in range(count):
        x, y = rng.uniform(0, 100), rng.uniform(2, 32)
        for lean in (-1.3, 0.0, 1.3):
            sketch.mark(
                polygon((x + lean * 0.5 - 0.4, y), (x + lean * 0.5 + 0.4, y), (x + lean, y + 2.8)),
                fill=tone,
            )


def _meadow(sketch: Sketch, rng: Random) -> None:
    sketch.mark(_hills(rng, HORIZON["meadow"] + 4, 5), fill=(112, 186, 100))
    sketch.mark(_hills(rng, HORIZON["meadow"] - 4, 3), fill=(126, 198, 88))
    sketch.mark(_hills(rng, 27, 2), fill=GROUND["meadow"])
    _blades(sketch, rng, (92, 168, 62), 9)
    tones: list[Colour] = [(255, 255, 255), (255, 224, 92), (244, 128, 160), (190, 140, 226)]
    for _ in range(13):
        x, y, tone = rng.uniform(2, 98), rng.uniform(2, 30), rng.choice(tones)
        sketch.mark(star(x, y, 1.5, 0.8, 5), fill=tone)
        sketch.mark(ellipse(x, y, 0.5, 0.5, n=8), fill=(250, 190, 60))


def _forest(sketch: Sketch, rng: Random) -> None:
    sketch.mark(_hills(rng, HORIZON["forest"] + 2, 2), fill=(58, 116, 76))
    for i in range(7):
        tone = mix((42, 112, 82), (60, 132, 88), rng.random())
        pine(sketch, -4 + 18 * i + rng.uniform(-3, 3), 38, rng.uniform(44, 56), tone, snowy=False)
    for i in range(6):
        tone = mix((50, 130, 78), (74, 150, 84), rng.random())
        x = 4 + 19 * i + rng.uniform(-4, 4)
        pine(sketch, x, 33, rng.uniform(34, 46), tone, snowy=False)
    sketch.mark(_hills(rng, 32, 1.5), fill=GROUND["forest"])
    _blades(sketch, rng, (52, 112, 58), 9)
    for _ in range(4):
        x, y = rng.uniform(3, 97), rng.uniform(2, 28)
        sketch.add(ellipse(x, y, 0.9, 1.8), fill=(250, 240, 224), line=0.5)
        cap = smooth([(x - 2.6, y + 1.2), (x, y + 4.2), (x + 2.6, y + 1.2)], n=4)
        sketch.add(cap, fill=(216, 52, 48), line=0.5)
        sketch.mark(
            ellipse(x - 0.7, y + 2.2, 0.5, 0.5, n=8),
            ellipse(x + 0.8, y + 2.6, 0.4, 0.4, n=8),
            fill=(255, 255, 255),
        )


def _beach(sketch: Sketch, rng: Random) -> None:
    sea = polygon((-2, 28), (-2, HORIZON["beach"]), (102, HORIZON["beach"]), (102, 28))
    sketch.mark(sea, fill=(44, 146, 204))
    sketch.mark(polygon((-2, 28), (-2, 40), (102, 40), (102, 28)), fill=(72, 178, 216))
    for y in (43.4, 39.0, 35.6):
        start = rng.uniform(-12, 0)
        wave = [(start + 7 * k, y + (0.8 if k % 2 else -0.4)) for k in range(18)]
        sketch.stroke(wave, 0.7, (222, 242, 250), n=3)
    sketch.mark(_hills(rng, 33.6, 1.4), fill=(238, 250, 252))
    sketch.mark(_hills(rng, 31.4, 1.4), fill=GROUND["beach"])
    side = rng.choice((-1, 1))
    palm(
        sketch, 50 + side * rng.uniform(40, 47), 26, rng.uniform(46, 54), -side * rng.uniform(3, 9)
    )
    for _ in range(14):
        sketch.mark(
            ellipse(rng.uniform(0, 100), rng.uniform(1, 28), 0.7, 0.4, n=8), fill=(226, 192, 124)
        )
    for _ in range(2):
        x, y = rng.uniform(4, 96), rng.uniform(3, 26)
        sketch.add(
            star(x, y, 2.8, 1.3, 5, rng.uniform(0, 72)),
            fill=(240, 120, 86),
            ink=(170, 70, 50),
            line=0.5,
        )


def _snow(sketch: Sketch, rng: Random) -> None:
    sketch.mark(_hills(rng, HORIZON["snow"] + 6, 5), fill=(196, 214, 236))
    for i in range(5):
        tone = mix((64, 128, 124), (86, 150, 140), rng.random())
        x = 2 + 24 * i + rng.uniform(-7, 7)
        pine(sketch, x, 36, rng.uniform(24, 36), tone, snowy=True)
    sketch.mark(_hills(rng, 36, 2.5), fill=(222, 233, 247))
    sketch.mark(_hills(rng, 27, 2), fill=GROUND["snow"])
    for _ in range(4):
        x, y = rng.uniform(0, 100), rng.uniform(3, 24)
        sketch.mark(ellipse(x, y, rng.uniform(5, 10), 0.9), fill=(214, 226, 242))
    for _ in range(34):
        r = rng.choice((0.5, 0.7, 0.95))
        sketch.mark(ellipse(rng.uniform(0, 100), rng.uniform(22, 100), r, r, n=8), fill=SNOW)


def _farmyard(sketch: Sketch, rng: Random) -> None:
    sketch.mark(_hills(rng, HORIZON["farmyard"] + 3, 3), fill=(150, 196, 94))
    x, side = rng.uniform(24, 76), rng.choice((-1, 1))
    silo(sketch, x + side * 26, 36, 38)
    barn(sketch, x, 35, rng.uniform(40, 46))
    field = _hills(rng, 35, 1)
    sketch.mark(field, fill=(190, 190, 96))
    sketch.mark(_hills(rng, 30, 1.4), fill=GROUND["farmyard"])
    for side in (-1, 1):
        track = limb([(50 + side * 9, 30), (50 + side * 26, -4)], [1.2, 4.4], n=2)
        sketch.mark(track, fill=(196, 154, 96))
    for _ in range(12):
        x0, y0 = rng.uniform(0, 100), rng.uniform(1, 28)
        sketch.stroke(
            [(x0, y0), (x0 + rng.uniform(1.5, 3), y0 + rng.uniform(-1, 1))],
            0.6,
            (238, 206, 120),
            n=1,
        )


_DRAW: dict[str, Callable[[Sketch, Random], None]] = {
    "meadow": _meadow,
    "forest": _forest,
    "beach": _beach,
    "snow": _snow,
    "farmyard": _farmyard,
}
