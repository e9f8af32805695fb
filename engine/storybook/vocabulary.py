"""The words of the storybook's world: what a scene can hold."""

ANIMALS = (
    "dog", "cat", "horse", "elephant", "butterfly", "chicken", "cow", "sheep", "squirrel", "spider",
)  # fmt: skip
COLOURS = (
    "brown", "black", "white", "gray", "orange", "yellow", "red", "pink", "purple", "blue",
)  # fmt: skip
ACTIONS = ("standing", "running", "eating", "sleeping")
PLACES = ("meadow", "forest", "beach", "snow", "farmyard")
TIMES = ("day", "sunset", "night")
PROPS = ("none", "fence", "hay", "pond", "tree", "basket", "ball")
POSITIONS = ("left", "middle", "right")

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "animal": ANIMALS,
    "colour": COLOURS,
    "action": ACTIONS,
    "position": POSITIONS,
    "place": PLACES,
    "time": TIMES,
    "prop": PROPS,
}
"""Every attribute with its values, in a fixed order that training relies on."""
