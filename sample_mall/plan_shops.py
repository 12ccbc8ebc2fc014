"""The invented place and people: floors, units, shops, staff, requests.

Belongs here: what does not depend on the month. Not here: leases (plan_leases) and devices
(plan_devices). Every name is invented; docs/sample-mall.md says how numbers and addresses are
kept from being anybody's.
"""

from dataclasses import dataclass
from decimal import Decimal

from domain.malls import BusinessType
from domain.requests import RequestCategory, RequestKind, RequestPriority

MALL_CODE = "ATR"
MALL_NAME = "中庭广场 Atrium Plaza"
MALL_ADDRESS = "示例市中庭路 1 号"
TIME_ZONE = "Asia/Shanghai"
CUTOFF_HOUR = 4

LEASING_OFFICER = "周若溪"
MANAGER = "何景行"
FINANCE_CLERK = "沈知微"
FINANCE_LEAD = "顾长宁"

RETAIL, CATERING = BusinessType.RETAIL, BusinessType.CATERING
ENTERTAINMENT, SERVICE = BusinessType.ENTERTAINMENT, BusinessType.SERVICE
OTHER = BusinessType.OTHER

# code, zone, m²
UNITS: tuple[tuple[str, str, str], ...] = (
    ("L1-01", "NORTH", "360"), ("L1-02", "NORTH", "240"), ("L1-03", "ATRIUM", "128"),
    ("L1-04", "ATRIUM", "96.5"), ("L1-05", "EAST", "142"), ("L1-06", "EAST", "110"),
    ("L1-07", "ATRIUM", "88"), ("L1-08", "WEST", "105"), ("L1-09", "WEST", "76"),
    ("L1-10", "SOUTH", "64.5"), ("L1-11", "SOUTH", "52"), ("L1-12", "SOUTH", "120"),
    ("L2-01", "NORTH", "160"), ("L2-02", "NORTH", "150"), ("L2-03", "EAST", "135"),
    ("L2-04", "EAST", "118"), ("L2-05", "ATRIUM", "98"), ("L2-06", "ATRIUM", "92"),
    ("L2-07", "ATRIUM", "84"), ("L2-08", "WEST", "126"), ("L2-09", "WEST", "140"),
    ("L2-10", "SOUTH", "112"), ("L2-11", "SOUTH", "100"), ("L2-12", "SOUTH", "95.8"),
    ("L3-01", "NORTH", "210"), ("L3-02", "NORTH", "180"), ("L3-03", "EAST", "165"),
    ("L3-04", "EAST", "130"), ("L3-05", "ATRIUM", "125"), ("L3-06", "ATRIUM", "115.2"),
    ("L3-07", "WEST", "240"), ("L3-08", "WEST", "160"), ("L3-09", "SOUTH", "90"),
    ("L3-10", "SOUTH", "105"), ("L3-11", "SOUTH", "98"),
    ("L4-01", "NORTH", "820"), ("L4-02", "EAST", "320"), ("L4-03", "EAST", "210"),
    ("L4-04", "ATRIUM", "150"), ("L4-05", "ATRIUM", "165"), ("L4-06", "WEST", "140"),
    ("L4-07", "WEST", "120.5"), ("L4-08", "SOUTH", "190"), ("L4-09", "SOUTH", "130"),
    ("L4-10", "SOUTH", "85"), ("L4-11", "NORTH", "110"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ShopPlan:
    """`store` is the place of its till among the source's busiest stores, from 0."""

    code: str
    name: str
    business_type: BusinessType
    units: tuple[str, ...]
    store: int
    contact: str

    @property
    def till(self) -> str:
        return self.code.replace("S", "POS-0")

    @property
    def phone(self) -> str:
        """A number of the segment 154, which no operator has."""
        return f"154000000{self.code[1:]}"

    @property
    def email(self) -> str:
        return f"{self.code.lower()}@example.org"


SHOPS: tuple[ShopPlan, ...] = tuple(
    ShopPlan(f"S{at:02}", name, business_type, tuple(units.split()), store, contact)
    for at, (name, business_type, units, store, contact) in enumerate(
        (
            ("青禾鲜集 Qinghe Fresh", RETAIL, "L1-01 L1-02", 0, "林一禾"),
            ("澄光珠宝 Chengguang Jewels", RETAIL, "L1-03", 1, "陆澄"),
            ("半糖茶室 Half-Sugar Tea", CATERING, "L1-04", 17, "唐小满"),
            ("素白时装 Subai Atelier", RETAIL, "L1-05", 7, "白苏"),
            ("云履鞋坊 Cloud Steps", RETAIL, "L1-06", 6, "云起"),
            ("晨豆咖啡 Morning Bean", CATERING, "L1-07", 22, "窦晨"),
            ("花间香氛 Among Flowers", RETAIL, "L1-08", 10, "花未眠"),
            ("时刻表行 Timetable Watches", RETAIL, "L1-09", 3, "石可"),
            ("小港烘焙 Little Harbour Bakery", CATERING, "L1-10", 25, "江小帆"),
            ("掌上换机 Palm Exchange", SERVICE, "L1-11", 29, "章向明"),
            ("木棉女装 Kapok Dresses", RETAIL, "L2-01", 2, "牟棉"),
            ("山川户外 Hill & Stream", RETAIL, "L2-02", 4, "单川"),
            ("童趣里 Tongquli Kids", RETAIL, "L2-03", 5, "童言"),
            ("未来电器 Weilai Devices", RETAIL, "L2-04", 8, "魏来"),
            ("纸上书屋 On Paper Books", RETAIL, "L2-05", 31, "舒窈"),
            ("明眸眼镜 Bright Eye Optics", SERVICE, "L2-06", 30, "明晓"),
            ("果岭鲜榨 Orchard Press", CATERING, "L2-08", 27, "郭岭"),
            ("一针一线 Needle & Thread", SERVICE, "L2-09", 34, "甄宪"),
            ("邻里药房 Linli Pharmacy", RETAIL, "L2-10", 9, "凌里"),
            ("漫格男装 Mange Menswear", RETAIL, "L2-11", 12, "满戈"),
            ("指尖美甲 Fingertip Nails", SERVICE, "L2-12", 37, "支倩"),
            ("拾光家居 Shiguang Home", RETAIL, "L3-01", 14, "时光年"),
            ("启明编程 Daystar Coding", SERVICE, "L3-02", 32, "齐明"),
            ("积木星球 Brick Planet", ENTERTAINMENT, "L3-03", 28, "季穆"),
            ("清泉造型 Clear Spring Hair", SERVICE, "L3-04", 39, "秦泉"),
            ("旧物新生 Second Life", OTHER, "L3-05", 38, "邱吾"),
            ("松间素食 Among Pines", CATERING, "L3-06", 33, "宋简"),
            ("燃力健身 Ranli Fitness", ENTERTAINMENT, "L3-07 L3-08", 16, "冉力"),
            ("格物文创 Gewu Crafts", RETAIL, "L3-10", 35, "葛悟"),
            ("社区柜台 Community Counter", OTHER, "L3-11", 36, "佘曲"),
            ("星幕影城 Star Curtain Cinema", ENTERTAINMENT, "L4-01", 13, "辛慕"),
            ("蜀里红锅 Shuli Hotpot", CATERING, "L4-02", 11, "舒礼"),
            ("一苇渔家 Reed Fish House", CATERING, "L4-03", 15, "魏渔"),
            ("面里乾坤 Noodle Cosmos", CATERING, "L4-04", 18, "缪乾"),
            ("南洋小馆 Nanyang Kitchen", CATERING, "L4-05", 20, "南洋"),
            ("和风食堂 Wafu Canteen", CATERING, "L4-06", 21, "何枫"),
            ("炭语烧烤 Charcoal Talk", CATERING, "L4-07", 26, "谭宇"),
            ("声浪歌房 Soundwave Rooms", ENTERTAINMENT, "L4-08", 24, "盛朗"),
            ("电玩方舟 Arcade Ark", ENTERTAINMENT, "L4-09", 23, "方舟"),
            ("云端自习 Cloud Study", OTHER, "L4-11", 19, "云端"),
        ),
        start=1,
    )
)

AREA_OF_UNIT: dict[str, Decimal] = {code: Decimal(area) for code, _, area in UNITS}


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """A request handed in on `day` of the month, at `hour` of the mall."""

    shop: str
    day: int
    hour: int
    kind: RequestKind
    category: RequestCategory
    priority: RequestPriority
    title: str
    description: str


REQUESTS: tuple[RequestPlan, ...] = (
    RequestPlan(
        "S32", 3, 11, RequestKind.REPAIR, RequestCategory.UTILITY_FAULT, RequestPriority.URGENT,
        "后厨跳闸 Kitchen breaker trips", "午市高峰两次跳闸，怀疑油烟机回路。",
    ),
    RequestPlan(
        "S04", 6, 15, RequestKind.REPAIR, RequestCategory.FACILITY, RequestPriority.MEDIUM,
        "门头灯箱不亮 Sign is dark", "左侧两格不亮。",
    ),
    RequestPlan(
        "S13", 10, 10, RequestKind.EVENT, RequestCategory.OTHER, RequestPriority.LOW,
        "中庭亲子活动 Family day in the atrium", "申请周末使用中庭 4×6 米场地。",
    ),
    RequestPlan(
        "S28", 14, 20, RequestKind.REPAIR, RequestCategory.EQUIPMENT, RequestPriority.HIGH,
        "空调不制冷 No cooling", "B 区送风温度 27 度。",
    ),
    RequestPlan(
        "S36", 21, 9, RequestKind.REPAIR, RequestCategory.UTILITY_FAULT, RequestPriority.HIGH,
        "水表渗漏 Leak at the water meter", "表后接头渗水，已放接水盘。",
    ),
    RequestPlan(
        "S15", 25, 14, RequestKind.EVENT, RequestCategory.OTHER, RequestPriority.LOW,
        "新书签售 Book signing", "预计到场 80 人，需要围栏两组。",
    ),
)  # fmt: skip
