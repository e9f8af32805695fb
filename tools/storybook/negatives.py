"""False captions to learn from: of absent animals, wrong attributes, and foreign things."""

from __future__ import annotations

from random import Random

from engine.storybook.captions import FOREIGN_THINGS, foreign_caption
from engine.storybook.claims import Claim, Subject, full_subject, is_true
from engine.storybook.scenes import UNSEEN_PAIRS, UNSEEN_TRIPLES, Scene
from engine.storybook.vocabulary import ANIMALS, word_list
from engine.storybook.wording import Caption, Language


def seen_claim(claim: Claim) -> bool:
    """Whether the claim names no combination that is kept from training."""
    return not any(
        (s.animal, s.colour) in UNSEEN_PAIRS or (s.animal, s.action, claim.place) in UNSEEN_TRIPLES
        for s in claim.subjects
    )


def recombined(scene: Scene, rng: Random) -> Claim | None:
    """One animal with an attribute of the other; None unless that is false of the scene."""
    if len(scene.animals) != 2:
        return None
    one, other = rng.sample(scene.animals, 2)
    mine, theirs = full_subject(one).stated(), full_subject(other).stated()
    names = ["colour", "action", "position"]
    rng.shuffle(names)
    for name in names:
        if mine[name] == theirs[name]:
            continue
        subject = Subject(
            animal=one.animal,
            colour=theirs["colour"] if name == "colour" else _maybe(one.colour, rng),
            action=theirs["action"] if name == "action" else _maybe(one.action, rng),
            position=theirs["position"] if name == "position" else None,
        )
        claim = Claim(subjects=(subject,))
        if not is_true(claim, scene):
            return claim
    return None


def misattributed(scene: Scene, name: str, rng: Random) -> tuple[Claim, Claim] | None:
    """A claim about one of two animals that states one attribute, and with the other's value.

    None where there is one animal, or nothing tells the two apart.
    """
    if len(scene.animals) != 2:
        return None
    one, other = rng.sample(scene.animals, 2)
    theirs = full_subject(other).stated()[name]
    true = Subject(animal=one.animal).with_value(name, full_subject(one).stated()[name])
    claims = Claim(subjects=(true,)), Claim(subjects=(true.with_value(name, theirs),))
    return None if is_true(claims[1], scene) else claims


def absent(scene: Scene, rng: Random) -> Claim:
    """An animal that the scene does not hold, with attributes of one that it does."""
    present = {animal.animal for animal in scene.animals}
    like = rng.choice(scene.animals)
    return Claim(
        subjects=(
            Subject(
                animal=rng.choice([animal for animal in ANIMALS if animal not in present]),
                colour=_maybe(like.colour, rng),
                action=_maybe(like.action, rng),
            ),
        ),
        place=_maybe(scene.place, rng),
    )


def _maybe(value: str, rng: Random) -> str | None:
    return value if rng.random() < 0.6 else None


TRAINING_ENGLISH = word_list("""
    truck|bus|train|bicycle|motorcycle|airplane|helicopter|rocket|ship|sailboat|
    submarine|tractor|taxi|ambulance|skateboard|tank|castle|skyscraper|church|
    temple|bridge|tower|windmill|lighthouse|hospital|school|library|airport|
    train station|stadium|supermarket|restaurant|kitchen|bathroom|bedroom|office|
    staircase|elevator|window|door|chair|table|sofa|bed|lamp|mirror|clock|carpet|
    bookshelf|computer|laptop|keyboard|telephone|television|camera|printer|robot|
    microscope|telescope|guitar|piano|violin|drum|trumpet|orchestra|painting|
    statue|book|newspaper|letter|pencil|scissors|hammer|screwdriver|umbrella|
    backpack|suitcase|hat|shoe|dress|necktie|glasses|wristwatch|crown|ring|pizza|
    hamburger|sandwich|ice cream|birthday cake|spaghetti|coffee|teapot|
    bottle of wine|glass of beer|bread|cheese|banana|strawberry|watermelon|carrot|
    broccoli|mushroom soup|fried rice|dumplings|noodles|man|woman|child|baby|girl|
    boy|doctor|policeman|firefighter|soldier|teacher|astronaut|clown|dancer|
    football player|queen|wizard|skeleton|ghost|dragon|unicorn|mermaid|dinosaur|
    lion|tiger|bear|wolf|fox|giraffe|zebra|monkey|gorilla|kangaroo|panda|camel|
    rhinoceros|crocodile|snake|turtle|frog|shark|whale|dolphin|octopus|goldfish|
    penguin|owl|eagle|parrot|peacock|flamingo|duck|goose|swan|rabbit|mouse|
    hedgehog|bat|bee|ant|snail|lobster|pig|goat|donkey|deer|waterfall|river|
    desert|mountain|glacier|cave|city street|highway|parking lot|skyline|rainbow|
    lightning|tornado|fireworks|planet|galaxy|map|chart|spreadsheet|logo|barcode|
    traffic light|street sign|flag|tennis racket|basketball hoop|chess board|
    ski slope|golf course|rose garden|cactus|sunflower field|vineyard|christmas tree|
    candle|balloon|kite|teddy bear|doll|playground|roller coaster|ferris wheel|
    circus|concert|wedding|parade|factory|oil rig|power plant|satellite|gas station|
    tunnel|harbor|anchor|treasure chest|pirate
""")

TRAINING_CHINESE = word_list("""
    卡车|公交车|火车|自行车|摩托车|飞机|直升机|火箭|轮船|帆船|潜艇|拖拉机|
    出租车|坦克|城堡|摩天大楼|教堂|寺庙|桥|高塔|灯塔|医院|学校|图书馆|机场|
    火车站|体育场|超市|餐厅|厨房|浴室|卧室|办公室|楼梯|窗户|椅子|桌子|沙发|床|
    台灯|镜子|时钟|地毯|书架|电脑|键盘|电话|电视|照相机|机器人|显微镜|望远镜|
    吉他|钢琴|小提琴|鼓|雕像|书|报纸|信|铅笔|剪刀|锤子|雨伞|背包|行李箱|帽子|
    鞋子|裙子|领带|眼镜|手表|皇冠|戒指|比萨饼|汉堡包|三明治|冰淇淋|生日蛋糕|
    意大利面|咖啡|茶壶|红酒|啤酒|面包|奶酪|香蕉|草莓|西瓜|胡萝卜|炒饭|饺子|
    面条|男人|女人|孩子|婴儿|女孩|男孩|医生|警察|消防员|士兵|老师|宇航员|小丑|
    舞者|足球运动员|女王|巫师|骷髅|幽灵|龙|独角兽|美人鱼|恐龙|狮子|老虎|熊|狼|
    狐狸|长颈鹿|斑马|猴子|大猩猩|袋鼠|熊猫|骆驼|犀牛|鳄鱼|蛇|乌龟|青蛙|鲨鱼|
    鲸鱼|海豚|章鱼|金鱼|企鹅|猫头鹰|老鹰|鹦鹉|孔雀|鸭子|鹅|天鹅|兔子|老鼠|
    刺猬|蜜蜂|蚂蚁|蜗牛|龙虾|猪|山羊|驴|鹿|瀑布|河流|沙漠|高山|冰川|山洞|
    城市街道|高速公路|停车场|彩虹|闪电|龙卷风|烟花|星球|银河|地图|表格|商标|
    红绿灯|路牌|旗帜|网球拍|棋盘|玫瑰园|仙人掌|葡萄园|圣诞树|蜡烛|气球|风筝|
    泰迪熊|洋娃娃|过山车|摩天轮|马戏团|音乐会|婚礼|游行|工厂|发电厂|卫星|加油站|
    隧道|港口|海盗
""")

TRAINING_THINGS = {Language.ENGLISH: TRAINING_ENGLISH, Language.CHINESE: TRAINING_CHINESE}


def sample_foreign(language: Language, rng: Random, *, held_out: bool = False) -> Caption:
    """A caption that names a thing of another world; held out ones are never learned from."""
    if held_out:
        return foreign_caption(rng.choice(FOREIGN_THINGS[language]), language, rng)
    thing = rng.choice(TRAINING_THINGS[language])
    if rng.random() < 0.12 and language is Language.ENGLISH:
        thing = _invented_word(rng)
    return foreign_caption(thing, language, rng)


def _invented_word(rng: Random) -> str:
    """A pronounceable word that no language has, so that any unknown word is met as foreign."""
    onset, core, end = "bcdfghjklmnprstvwz", "aeiou", ("", "n", "r", "s", "t", "x", "ng", "ck")
    return "".join(
        rng.choice(onset) + rng.choice(core) + rng.choice(end) for _ in range(rng.randint(1, 3))
    )
