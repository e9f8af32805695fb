"""Names of things that the storybook's world does not hold.

The held-out words appear in no training caption; they measure whether a search refuses words that
it has never met.
"""


def _words(block: str) -> tuple[str, ...]:
    return tuple(word for line in block.split("\n") for word in line.strip().split("|") if word)


ENGLISH = _words("""
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

CHINESE = _words("""
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

HELD_OUT_ENGLISH = _words("""
    car|swimming pool|sushi|hippopotamus|volcano|violinist|snowboarder|cathedral|
    washing machine|refrigerator|toaster|jellyfish|raccoon|cucumber|trombone|
    escalator|chandelier|bulldozer|spaceship|samurai|typewriter|hot air balloon|
    wheelchair|microwave oven|pineapple
""")

HELD_OUT_CHINESE = _words("""
    汽车|游泳池|寿司|河马|火山|大教堂|洗衣机|冰箱|水母|浣熊|黄瓜|扶梯|推土机|
    宇宙飞船|武士|打字机|热气球|轮椅|微波炉|菠萝|长城|高铁|口罩|麻将|琵琶
""")
