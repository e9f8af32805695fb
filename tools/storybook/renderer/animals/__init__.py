"""The ten animals, each drawn by its own module."""

from collections.abc import Callable
from functools import lru_cache

from tools.storybook.renderer.animals import (
    butterfly,
    cat,
    chicken,
    cow,
    dog,
    elephant,
    horse,
    sheep,
    spider,
    squirrel,
)
from tools.storybook.renderer.colours import Fur, fur
from tools.storybook.renderer.sketch import Sketch

_DRAW: dict[str, Callable[[Sketch, Fur, str], None]] = {
    "dog": dog.draw,
    "cat": cat.draw,
    "horse": horse.draw,
    "elephant": elephant.draw,
    "butterfly": butterfly.draw,
    "chicken": chicken.draw,
    "cow": cow.draw,
    "sheep": sheep.draw,
    "squirrel": squirrel.draw,
    "spider": spider.draw,
}


@lru_cache(maxsize=512)
def sketch_animal(animal: str, colour: str, action: str) -> Sketch:
    """An animal about 100 units wide, facing right, feet on y = 0; shared, so leave it as it is."""
    coat = fur(colour)
    sketch = Sketch(ink=coat.ink)
    _DRAW[animal](sketch, coat, action)
    return sketch
