"""Queries worth trying first, in both languages; some of them no picture of the gallery answers."""

from dataclasses import dataclass

from engine.storybook.claims import Claim, Subject


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """One query in English and Chinese, and what it states."""

    english: str
    chinese: str
    claim: Claim
    answered: bool
    """Whether the gallery holds pictures of which the claim is true."""


def _one(animal: str, colour: str, action: str | None = None, place: str | None = None) -> Claim:
    return Claim(subjects=(Subject(animal=animal, colour=colour, action=action),), place=place)


SUGGESTIONS = (
    Suggestion(
        english="a brown horse eating grass",
        chinese="一匹棕色的马在吃草",
        claim=_one("horse", "brown", "eating"),
        answered=True,
    ),
    Suggestion(
        english="a white cat sleeping in the snow",
        chinese="雪地里有一只白色的猫在睡觉",
        claim=_one("cat", "white", "sleeping", "snow"),
        answered=True,
    ),
    Suggestion(
        english="an orange squirrel eating an acorn in a forest",
        chinese="森林里有一只橙色的松鼠在吃橡果",
        claim=_one("squirrel", "orange", "eating", "forest"),
        answered=True,
    ),
    Suggestion(
        english="a black spider in a farmyard",
        chinese="农场里有一只黑色的蜘蛛",
        claim=_one("spider", "black", place="farmyard"),
        answered=True,
    ),
    Suggestion(
        english="a dog and a cat",
        chinese="一只狗和一只猫",
        claim=Claim(subjects=(Subject(animal="dog"), Subject(animal="cat"))),
        answered=True,
    ),
    Suggestion(
        english="a blue butterfly flying by the sea",
        chinese="海边有一只蓝色的蝴蝶在飞舞",
        claim=_one("butterfly", "blue", "running", "beach"),
        answered=True,
    ),
    Suggestion(
        english="a purple elephant in the snow",
        chinese="雪地里有一头紫色的大象",
        claim=_one("elephant", "purple", place="snow"),
        answered=False,
    ),
    Suggestion(
        english="a blue cow eating grass in a meadow",
        chinese="草地上有一头蓝色的牛在吃草",
        claim=_one("cow", "blue", "eating", "meadow"),
        answered=False,
    ),
    Suggestion(
        english="a red car", chinese="一辆红色的汽车", claim=Claim(foreign=True), answered=False
    ),
    Suggestion(
        english="a swimming pool in the forest",
        chinese="森林里的游泳池",
        claim=Claim(foreign=True),
        answered=False,
    ),
)

EXAMPLES = ("a dog", "snow", "grass", "一只狗", "雪", "草")
"""Words that the program names where it explains queries."""


def first_texts() -> tuple[str, ...]:
    """The texts whose vectors ship, so that asking for them needs no model."""
    asked = [text for each in SUGGESTIONS for text in (each.english, each.chinese)]
    return (*asked, *EXAMPLES)
