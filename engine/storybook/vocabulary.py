"""The words of the storybook's world: what a scene can hold, how it is worded, what is foreign."""

from enum import StrEnum
from random import Random


class Attribute(StrEnum):
    """What can be stated of an animal or of its scene."""

    ANIMAL = "animal"
    COLOUR = "colour"
    ACTION = "action"
    POSITION = "position"
    PLACE = "place"
    TIME = "time"
    PROP = "prop"


ANIMALS = (
    "dog", "cat", "horse", "elephant", "butterfly", "chicken", "cow", "sheep", "squirrel", "spider",
)  # fmt: skip
COLOURS = (
    "brown", "black", "white", "gray", "orange", "yellow", "red", "pink", "purple", "blue",
)  # fmt: skip
ACTIONS = ("standing", "running", "eating", "sleeping")
PLACES = ("meadow", "forest", "beach", "snow", "farmyard")
TIMES = ("day", "sunset", "night")
NO_PROP = "none"
PROPS = (NO_PROP, "fence", "hay", "pond", "tree", "basket", "ball")
POSITIONS = ("left", "middle", "right")
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    Attribute.ANIMAL: ANIMALS,
    Attribute.COLOUR: COLOURS,
    Attribute.ACTION: ACTIONS,
    Attribute.POSITION: POSITIONS,
    Attribute.PLACE: PLACES,
    Attribute.TIME: TIMES,
    Attribute.PROP: PROPS,
}
"""Every attribute with its values, in a fixed order that training relies on."""

Wordings = dict[str, tuple[str, ...]]
EN_ANIMAL: Wordings = {
    "dog": ("dog", "dog", "dog", "puppy"),
    "cat": ("cat", "cat", "cat", "kitten"),
    "horse": ("horse", "horse", "horse", "pony"),
    "elephant": ("elephant",),
    "butterfly": ("butterfly",),
    "chicken": ("chicken", "chicken", "hen"),
    "cow": ("cow",),
    "sheep": ("sheep", "sheep", "sheep", "lamb"),
    "squirrel": ("squirrel",),
    "spider": ("spider",),
}

EN_COLOUR: Wordings = {
    "brown": ("brown",),
    "black": ("black",),
    "white": ("white",),
    "gray": ("gray", "grey"),
    "orange": ("orange",),
    "yellow": ("yellow",),
    "red": ("red",),
    "pink": ("pink",),
    "purple": ("purple", "purple", "violet"),
    "blue": ("blue",),
}

_EN_FOOD: Wordings = {
    "dog": ("eating from a bowl", "eating dog food", "eating its food", "eating"),
    "cat": ("eating from a bowl", "eating cat food", "eating its food", "eating"),
    "horse": ("eating grass", "eating grass", "grazing", "eating"),
    "elephant": ("eating grass", "eating grass", "pulling grass with its trunk", "eating"),
    "butterfly": (
        "drinking nectar",
        "feeding on a flower",
        "eating nectar from a flower",
        "eating",
    ),
    "chicken": ("eating grain", "pecking grain", "eating corn", "eating"),
    "cow": ("eating grass", "eating grass", "grazing", "eating"),
    "sheep": ("eating grass", "eating grass", "grazing", "eating"),
    "squirrel": ("eating an acorn", "eating a nut", "nibbling an acorn", "eating"),
    "spider": ("eating a fly", "eating a fly in its web", "catching a fly", "eating"),
}

_EN_RUN: Wordings = {
    "butterfly": ("flying", "flying", "fluttering"),
    "horse": ("running", "galloping"),
    "spider": ("running", "crawling fast"),
}

_EN_STAND: Wordings = {
    "butterfly": ("resting on a twig", "sitting on a twig", "standing"),
    "squirrel": ("standing", "sitting upright"),
}
_EN_ACTION: dict[str, tuple[Wordings, tuple[str, ...]]] = {
    "standing": (_EN_STAND, ("standing", "standing still")),
    "running": (_EN_RUN, ("running", "running fast")),
    "eating": (_EN_FOOD, ("eating", "eating something")),
    "sleeping": ({}, ("sleeping", "sleeping", "asleep", "taking a nap")),
}
"""Each action as some animals do it, and as all others do."""

ZH_ANIMAL: Wordings = {
    "dog": ("狗", "小狗"),
    "cat": ("猫", "小猫"),
    "horse": ("马",),
    "elephant": ("大象", "大象", "象"),
    "butterfly": ("蝴蝶",),
    "chicken": ("鸡", "母鸡"),
    "cow": ("牛", "奶牛"),
    "sheep": ("羊", "绵羊"),
    "squirrel": ("松鼠",),
    "spider": ("蜘蛛",),
}

ZH_MEASURE: Wordings = {
    "dog": ("只", "只", "条"),
    "horse": ("匹",),
    "elephant": ("头", "只"),
    "cow": ("头",),
}
"""Measure words; 只 for any animal that is not listed."""

ZH_COLOUR: Wordings = {
    "brown": ("棕色", "棕色", "褐色"),
    "black": ("黑色",),
    "white": ("白色",),
    "gray": ("灰色",),
    "orange": ("橙色", "橘色"),
    "yellow": ("黄色",),
    "red": ("红色",),
    "pink": ("粉色", "粉红色"),
    "purple": ("紫色",),
    "blue": ("蓝色",),
}

_ZH_FOOD: Wordings = {
    "dog": ("吃狗粮", "吃东西", "吃饭"),
    "cat": ("吃猫粮", "吃东西", "吃饭"),
    "horse": ("吃草", "吃草", "吃青草"),
    "elephant": ("吃草", "吃草", "用鼻子卷草吃"),
    "butterfly": ("采蜜", "吸花蜜"),
    "chicken": ("啄米", "吃米", "吃玉米"),
    "cow": ("吃草", "吃草", "吃青草"),
    "sheep": ("吃草", "吃草", "吃青草"),
    "squirrel": ("吃橡果", "吃坚果", "吃松果"),
    "spider": ("吃苍蝇", "吃虫子"),
}

_ZH_RUN: Wordings = {"butterfly": ("飞", "飞舞"), "spider": ("跑", "爬")}

_ZH_ACTION: dict[str, tuple[Wordings, tuple[str, ...]]] = {
    "standing": ({"butterfly": ("休息",)}, ("站立",)),
    "running": (_ZH_RUN, ("跑", "奔跑", "跑步")),
    "eating": (_ZH_FOOD, ("吃东西", "吃")),
    "sleeping": ({}, ("睡觉", "睡觉", "打盹")),
}

EN_POSITION: Wordings = {
    "left": ("on the left", "on the left side", "at the left"),
    "middle": ("in the middle", "in the center", "in the centre"),
    "right": ("on the right", "on the right side", "at the right"),
}

EN_PLACE: Wordings = {
    "meadow": ("in a meadow", "in the meadow", "on a green meadow", "in a grassy field"),
    "forest": ("in a forest", "in the forest", "in the woods", "among fir trees"),
    "beach": ("on a beach", "on the beach", "at the seaside", "by the sea"),
    "snow": ("in the snow", "in snow", "on a snowy field", "in a winter landscape"),
    "farmyard": ("in a farmyard", "on a farm", "in front of a barn", "on the farm"),
}

EN_PLACE_NOUN: Wordings = {
    "meadow": ("a meadow", "a green meadow", "a grassy field"),
    "forest": ("a forest", "the woods", "a fir forest"),
    "beach": ("a beach", "the seaside", "a sandy beach"),
    "snow": ("snow", "a snowy field", "a winter landscape"),
    "farmyard": ("a farmyard", "a farm", "a farm with a barn"),
}

EN_TIME: Wordings = {
    "day": ("by day", "during the day", "in the daytime", "on a sunny day"),
    "sunset": ("at sunset", "at dusk", "in the evening light"),
    "night": ("at night", "at night", "by moonlight", "on a starry night"),
}

EN_PROP_NOUN: Wordings = {
    NO_PROP: ("nothing else",),
    "fence": ("a fence", "a white fence", "a wooden fence"),
    "hay": ("a haystack", "a pile of hay", "hay"),
    "pond": ("a pond", "a small pond", "a puddle of water"),
    "tree": ("a leafy tree", "a big tree", "a round tree"),
    "basket": ("a basket", "a fruit basket", "a basket of apples"),
    "ball": ("a ball", "a beach ball", "a colorful ball"),
}

ZH_POSITION: Wordings = {
    "left": ("左边", "左侧"),
    "middle": ("中间", "中央"),
    "right": ("右边", "右侧"),
}

ZH_PLACE: Wordings = {
    "meadow": ("草地上", "草原上"),
    "forest": ("森林里", "树林里"),
    "beach": ("沙滩上", "海边"),
    "snow": ("雪地里", "雪地上", "雪中"),
    "farmyard": ("农场里", "农场", "农家院子里"),
}

ZH_PLACE_NOUN: Wordings = {
    "meadow": ("草地", "草原"),
    "forest": ("森林", "树林"),
    "beach": ("沙滩", "海边"),
    "snow": ("雪地", "雪景"),
    "farmyard": ("农场", "农家院子"),
}

ZH_TIME: Wordings = {
    "day": ("白天", "晴朗的白天"),
    "sunset": ("日落时", "傍晚", "黄昏"),
    "night": ("夜晚", "夜里", "晚上", "月光下"),
}

ZH_PROP_NOUN: Wordings = {
    NO_PROP: ("空地",),
    "fence": ("栅栏", "白色的栅栏", "木栅栏"),
    "hay": ("干草堆", "一堆干草", "草垛"),
    "pond": ("池塘", "一个小池塘", "水塘"),
    "tree": ("一棵大树", "一棵树", "枝叶茂密的树"),
    "basket": ("篮子", "水果篮", "一篮苹果"),
    "ball": ("皮球", "球", "一个彩色的球"),
}


def english_action(animal: str | None, action: str, rng: Random) -> str:
    """A wording of what an animal does, as a participle."""
    return rng.choice(english_actions(animal, action))


def english_actions(animal: str | None, action: str) -> tuple[str, ...]:
    """All wordings of what an animal does, as participles."""
    own, usual = _EN_ACTION[action]
    return own.get(animal or "", usual)


def chinese_action(animal: str | None, action: str, rng: Random) -> str:
    """A wording of what an animal does, to follow 在 or 正在."""
    wordings = chinese_actions(animal, action)
    return rng.choice(wordings) if len(wordings) > 1 else wordings[0]


def chinese_actions(animal: str | None, action: str) -> tuple[str, ...]:
    """All wordings of what an animal does, to follow 在 or 正在."""
    own, usual = _ZH_ACTION[action]
    return own.get(animal or "", usual)


def word_list(block: str) -> tuple[str, ...]:
    """The words of a text that sets | between them."""
    return tuple(word for line in block.split("\n") for word in line.strip().split("|") if word)


# In no caption to learn from: they measure whether a search refuses words that it never met.
FOREIGN_ENGLISH = word_list("""
    car|swimming pool|sushi|hippopotamus|volcano|violinist|snowboarder|cathedral|
    washing machine|refrigerator|toaster|jellyfish|raccoon|cucumber|trombone|
    escalator|chandelier|bulldozer|spaceship|samurai|typewriter|hot air balloon|
    wheelchair|microwave oven|pineapple
""")

FOREIGN_CHINESE = word_list("""
    汽车|游泳池|寿司|河马|火山|大教堂|洗衣机|冰箱|水母|浣熊|黄瓜|扶梯|推土机|
    宇宙飞船|武士|打字机|热气球|轮椅|微波炉|菠萝|长城|高铁|口罩|麻将|琵琶
""")
