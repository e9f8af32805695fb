"""Renderings for the generator, in which a caption tells nearly everything.

Jitter that no caption tells is learned as blur. Here every animal faces one way and has one size
and one spot for each position; its three spots lie a whole latent cell apart, so that the same
drawing gives the same latents, moved. What is left to chance is one of a few sceneries.
"""

from dataclasses import dataclass
from functools import lru_cache
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.storybook.scenes import Animal, Scene
from tools.storybook.renderer.animals import sketch_animal
from tools.storybook.renderer.colours import lit_sketch, mix
from tools.storybook.renderer.places import GROUND, HORIZON, sketch_place, sketch_sky, sky_image
from tools.storybook.renderer.props import BEHIND, sketch_prop
from tools.storybook.renderer.render import RIM, SIZES, Frame, draw_label, draw_sketch
from tools.storybook.renderer.sketch import Sketch, ellipse

Pixels = NDArray[np.uint8]

SIDE = 96
"""Pixels of a side of every rendering."""
CELL = 16
"""Pixels of a side of a latent cell."""
SCENERIES = 4
"""Sceneries of each place; a scene's seed chooses."""
SUPERSAMPLE = 3
STEP = 100.0 * CELL / SIDE
"""Canvas units from one position to the next: a whole cell."""
SPOTS = {"left": 50.0 - STEP, "middle": 50.0, "right": 50.0 + STEP}
PROP_SPOTS = {"left": 84.0, "middle": 16.0, "right": 16.0}
"""Middle of a prop, by where the animal is."""
WIDE, HIGH, LARGEST, SMALLER = 72.0, 68.0, 0.94, 0.95
"""Limits of an animal as `renderer.render` has them, and a margin for the outer spots."""
FLOOR = 14.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A sketch with its place on the canvas."""

    sketch: Sketch
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    animal: bool = False

    def frame(self, side: int) -> Frame:
        """The layer's place on a canvas of so many pixels."""
        unit = side / 100.0
        return Frame(x=self.x * unit, y=side - self.y * unit, scale=self.scale * unit)


def render_fixed(scene: Scene, *, with_animal: bool = True) -> Image.Image:
    """The rendering of a scene of one animal, or of what it leaves behind; SIDE x SIDE, RGB."""
    side = SIDE * SUPERSAMPLE
    image = _scenery(scene.place, scene.time, scene.seed % SCENERIES).copy()
    for layer in _layers(scene, with_animal):
        rim = RIM if layer.animal and scene.time == "night" else None
        draw_sketch(image, layer.sketch, layer.frame(side), rim)
    return image.resize((SIDE, SIDE), Image.Resampling.BOX)


def coverage(scene: Scene, cells: int) -> Pixels:
    """Share of each of cells x cells squares that the animal covers, 0 to 255."""
    side = SIDE * SUPERSAMPLE
    labels = Image.new("L", (side, side), 0)
    behind = True
    for layer in _layers(scene, True):
        if layer.animal:
            behind = False
        if not behind:
            draw_label(labels, layer.sketch, layer.frame(side), 255 if layer.animal else 0)
    return np.asarray(labels.resize((cells, cells), Image.Resampling.BOX), dtype=np.uint8)


@lru_cache(maxsize=128)
def _scenery(place: str, time: str, number: int) -> Image.Image:
    """Sky and place, SUPERSAMPLE times larger; shared, so leave it as it is."""
    side = SIDE * SUPERSAMPLE
    image = sky_image(time, side, HORIZON[place])
    sky = sketch_sky(Random(f"sky:{number}"), time, HORIZON[place])
    ground = sketch_place(Random(f"scenery:{number}"), place)
    for sketch in (sky, lit_sketch(ground, time, scenery=True)):
        draw_sketch(image, sketch, Layer(sketch=sketch).frame(side))
    return image


def _layers(scene: Scene, with_animal: bool) -> list[Layer]:
    """Everything in front of the scenery, back to front."""
    animal = scene.animals[0]
    prop = sketch_prop(scene.prop, PROP_SPOTS[animal.position])
    far = scene.prop in BEHIND
    lit = Layer(sketch=lit_sketch(prop, scene.time, scenery=far))
    own = _animal_layers(animal, scene) if with_animal else []
    return [lit, *own] if far else [*own, lit]


def _animal_layers(animal: Animal, scene: Scene) -> list[Layer]:
    """An animal with its shadow beneath."""
    sketch = sketch_animal(animal.animal, animal.colour, animal.action)
    left, bottom, right, top = sketch.bounds()
    scale = min(WIDE / (right - left), HIGH / (top - bottom), LARGEST)
    scale *= SIZES[animal.animal] * SMALLER
    x = SPOTS[animal.position]
    lift = 6.0 if animal.animal == "butterfly" and animal.action == "running" else 0.0
    shadow = Sketch(ink=(0, 0, 0), own=False)
    tone = mix(GROUND[scene.place], (40, 44, 70), 0.34)
    shadow.mark(ellipse(x, FLOOR + 0.2, (right - left) * scale * 0.40, 2.6), fill=tone)
    return [
        Layer(sketch=lit_sketch(shadow, scene.time, scenery=True)),
        Layer(
            sketch=lit_sketch(sketch, scene.time, scenery=False),
            x=x - (left + right) / 2 * scale,
            y=FLOOR + lift - min(bottom, 0.0) * scale,
            scale=scale,
            animal=True,
        ),
    ]
