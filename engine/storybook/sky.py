"""The sky: its gradient, sun or moon, stars and clouds, on a canvas of 100 units."""

from random import Random

from PIL import Image

from engine.storybook.geometry import ellipse
from engine.storybook.light import SKY
from engine.storybook.palette import mix
from engine.storybook.sketch import Colour, Sketch

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
