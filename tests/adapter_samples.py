"""What devices send, one good message of each shape: what the fuzzers start from, and what the
tests of the adapters change. All values are invented.
"""

import json
from typing import Any

import till_and_meter_samples as tills

from domain.devices import Adapter

MAC = "00:00:5e:00:53:2a"


def hikvision_alert(
    counting: str,
    *,
    namespace: str = "http://www.isapi.org/ver20/XMLSchema",
    event: str = "PeopleCounting",
    rest: str = "",
) -> bytes:
    spaced = f' xmlns="{namespace}"' if namespace else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<EventNotificationAlert version="2.0"{spaced}>\n'
        f"<ipAddress>198.51.100.7</ipAddress><macAddress>{MAC}</macAddress>"
        "<channelID>1</channelID><dateTime>2026-04-02T18:30:00+08:00</dateTime>"
        f"<eventType>{event}</eventType><eventState>active</eventState>"
        f"{counting}{rest}</EventNotificationAlert>\n"
    ).encode()


def hikvision_counting(
    enter: object = 21, exits: object = 18, *, region: str = "<regionsID>1</regionsID>"
) -> str:
    return (
        "<peopleCounting><statisticalMethods>timeRange</statisticalMethods><TimeRange>"
        "<startTime>2026-04-02T18:15:00+08:00</startTime>"
        "<endTime>2026-04-02T18:30:00+08:00</endTime></TimeRange>"
        f"<enter>{enter}</enter><exit>{exits}</exit><pass>6</pass>"
        f"<duplicatePeople>3</duplicatePeople>{region}</peopleCounting>"
    )


REAL_TIME = (
    "<peopleCounting><statisticalMethods>realTime</statisticalMethods><RealTime>"
    "<time>2026-04-02T18:16:02+08:00</time></RealTime><enter>310</enter><exit>290</exit>"
    "</peopleCounting>"
)
CHILDREN = "<childCounting><enter>2</enter><exit>1</exit></childCounting>"
HEARTBEAT = hikvision_alert("", event="videoloss").replace(b"active<", b"inactive<")


def multipart(*parts: tuple[str, bytes], boundary: str = "boundary") -> bytes:
    """A stream as a camera sends it, not closed."""
    made = b""
    for kind, content in parts:
        made += (
            f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
        ).encode()
        made += content + b"\r\n"
    return made


AXIS_PUSH: dict[str, Any] = {
    "apiName": "Axis Retail Data",
    "apiVersion": "0.4",
    "utcSent": "2026-04-02T10:30:04Z",
    "localSent": "2026-04-02T18:30:04",
    "data": {
        "utcFrom": "2026-04-02T10:15:00Z",
        "utcTo": "2026-04-02T10:30:00Z",
        "localFrom": "2026-04-02T18:15:00",
        "localTo": "2026-04-02T18:30:00",
        "measurements": [
            {
                "kind": "people-counts",
                "utcFrom": "2026-04-02T10:15:00Z",
                "utcTo": "2026-04-02T10:30:00Z",
                "localFrom": "2026-04-02T18:15:00",
                "localTo": "2026-04-02T18:30:00",
                "items": [
                    {"direction": "in", "count": 12, "adults": 9},
                    {"direction": "out", "count": 8, "adults": 8},
                ],
            }
        ],
    },
    "sensor": {
        "application": "AXIS 3D People Counter",
        "timeZone": "Asia/Shanghai",
        "name": "gate-north",
        "serial": "00005E00532A",
    },
}
AXIS_KEYED: dict[str, Any] = {
    "counter": {"name": "gate-south", "serial": "00005E00532B"},
    "data": {
        "20260402181500": [12, 8],
        "20260402183000": [None, "-"],
        "20260402184500": [0, 1],
    },
}
AXIS_ROWS: dict[str, Any] = {
    "serial": "00005E00532C",
    "data": [
        {"start": "2026-04-02 18:00:00", "end": "2026-04-02 19:00:00", "in": 40, "out": 37},
        {"start": "2026-04-02 19:00:00", "end": "2026-04-02 20:00:00", "in": None, "out": None},
    ],
}
AXIS_LIVE = {
    "serial": "00005E00532B",
    "name": "gate-south",
    "timestamp": "20260402183102",
    "in": 512,
    "out": 498,
}
XOVIS_4: dict[str, Any] = {
    "sensor-time": {"timezone": "Asia/Shanghai", "time": "2026-04-02T18:31:06+08:00"},
    "status": {"code": "OK"},
    "content": {
        "element": [
            {
                "element-id": 0,
                "element-name": "Line 0",
                "data-type": "LINE",
                "from": "2026-04-02T18:30:00+08:00",
                "to": "2026-04-02T18:31:00+08:00",
                "resolution": "ONE_MINUTE",
                "measurement": [
                    {
                        "from": "2026-04-02T18:30:00+08:00",
                        "to": "2026-04-02T18:31:00+08:00",
                        "value": [{"value": 5, "label": "fw"}, {"value": 3, "label": "bw"}],
                    }
                ],
            },
            {
                "element-id": 1,
                "element-name": "Zone 0",
                "data-type": "ZONE",
                "measurement": [
                    {
                        "from": "2026-04-02T18:30:00+08:00",
                        "to": "2026-04-02T18:31:00+08:00",
                        "value": [{"value": 2, "label": "balance"}],
                    }
                ],
            },
        ]
    },
    "sensor-info": {"serial-number": MAC.upper(), "name": "Gate 4", "device-type": "PC2S - UL"},
}
XOVIS_4_EVENTS = {
    "values": [
        {"timestamp": 1775125866305, "type": "LineCrossing", "serial": MAC.upper()},
        {"timestamp": 1775125866405, "type": "LineCount", "serial": MAC.upper()},
    ]
}
XOVIS_5: dict[str, Any] = {
    "logics_data": {
        "package_info": {"version": "5.0", "id": 91, "agent_id": 1008},
        "sensor_info": {"serial_number": MAC.upper(), "type": "SINGLE_SENSOR"},
        "logics": [
            {
                "id": 2,
                "name": "Line 0",
                "info": "XLT_4X_LINE_IN_OUT_COUNT",
                "geometries": [{"id": 2, "type": "LINE", "name": "Line 0"}],
                "records": [
                    {
                        "from": 1775125800000,
                        "to": 1775125860000,
                        "counts": [
                            {"id": 2, "name": "fw", "value": 4},
                            {"id": 3, "name": "bw", "value": 1},
                            {"id": 4, "name": "balance", "value": 3},
                        ],
                    },
                    {
                        "from": 1775125860000,
                        "to": 1775125920000,
                        "counts": [{"id": 2, "name": "fw", "value": 0}],
                    },
                ],
            }
        ],
    }
}
XOVIS_LIVE = {
    "live_data": {
        "package_info": {"version": "5.0", "id": 5, "agent_id": 1005},
        "sensor_info": {"serial_number": MAC},
        "frames": [
            {
                "time": 1775125865470,
                "events": [
                    {"category": "COUNT", "attributes": {"counter_id": 1, "counter_value": 7}}
                ],
            },
            {"time": 1775125865570, "events": []},
        ],
    }
}
XOVIS_STATUS: dict[str, Any] = {
    "status_data": {
        "package_info": {"version": "5.0", "id": 1, "agent_id": 1006},
        "states": {
            "device": {"info": {"serial": MAC.upper()}, "state": {"state": "OK"}},
            "time": {"state": {"details": {"ntp_rms_offset": 0.0125}, "state": "OK"}},
        },
    }
}
MILESIGHT: dict[str, Any] = {
    "device_info": {
        "device_mac": MAC.upper(),
        "device_name": "Gate 5",
        "device_sn": "6500B00000000042",
        "firmware_version": "V_125.1.0.3",
        "running_time": 812,
    },
    "time_info": {
        "dst_status": False,
        "enable_dst": False,
        "start_time": "2026-04-02T18:15:00+08:00",
        "end_time": "2026-04-02T18:30:00+08:00",
        "time_zone": "UTC+8:00 China Standard Time",
    },
    "line_periodic_data": [
        {
            "line": 1,
            "line_name": "Line1",
            "line_uuid": "7f000000-0000-4000-8000-000000000001",
            "total": {"in": 6, "out": 4},
            "group": {"in": 1, "out": 0},
        },
        {
            "line": 2,
            "line_name": "Line2",
            "line_uuid": "7f000000-0000-4000-8000-000000000002",
            "total": {"in": 0, "out": 2},
        },
    ],
    "line_total_data": [
        {
            "line": 1,
            "line_uuid": "7f000000-0000-4000-8000-000000000001",
            "total": {"in_counted": 700, "out_counted": 655, "capacity_counted": 45},
        }
    ],
}
MILESIGHT_TRIGGER = {
    "device_info": {"device_sn": "6500B00000000042"},
    "time_info": {"time": "2026-04-02T18:16:11+08:00"},
    "line_trigger_data": [
        {"line": 1, "total": {"in": 1, "out": 0}, "group": {"in": 0, "out": 0}},
    ],
}


def dlt645_frame(
    energy: str = "00123456", *, identifier: str = "00010000", control: int = 0x91
) -> str:
    """A meter's answer in hex: `energy` in 0.01 kWh, eight digits."""
    data = bytes.fromhex(identifier)[::-1] + bytes.fromhex(energy)[::-1]
    frame = b"\x68" + bytes.fromhex("000000042024")[::-1] + b"\x68"
    frame += bytes([control, len(data)]) + bytes((byte + 0x33) % 256 for byte in data)
    return (b"\xfe" * 4 + frame + bytes([sum(frame) % 256, 0x16])).hex().upper()


GATEWAY: dict[str, Any] = {
    "timestamp": 1775125800000,
    "node": "meters-b2",
    "group": "quarter",
    "values": {
        "M-2001.fwd_kwh": 4321.5,
        "M-2002.rev_kwh": 12.25,
        "W-7.total_m3": 88.125,
        "gas-3.total_m3": 41.5,
        "hall.temperature": 22.4,
        "hall.co2": 655,
        "M-2003.fwd_kwh": dlt645_frame(),
    },
    "errors": {"M-2004.fwd_kwh": 3002},
    "metas": {},
}
GATEWAY_TAGS: dict[str, Any] = {
    "timestamp": 1775125800000,
    "node": "modbus-1",
    "group": "quarter",
    "tags": [
        {"name": "P1.total_kwh", "value": 77.5},
        {"name": "P2.total_kwh", "error": 2014},
        {"name": "P3.total_kwh", "value": 12, "error": 0},
    ],
}
GATEWAY_STATES = {
    "timestamp": 1775125800000,
    "states": [{"node": "modbus-1", "running": 3, "link": 1}],
}
DIAL: dict[str, Any] = {
    "value": "00318.4271",
    "raw": "00318.4271",
    "pre": "00318.4190",
    "error": "no error",
    "rate": "0.008100",
    "timestamp": "2026-04-02T18:30:00+0800",
}


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


SAMPLES: dict[Adapter, dict[str, bytes]] = {
    Adapter.HIKVISION: {
        "interval": hikvision_alert(hikvision_counting(), rest=CHILDREN),
        "running total": hikvision_alert(REAL_TIME),
        "heartbeat": HEARTBEAT,
        "stream": multipart(
            ("application/xml; charset=UTF-8", hikvision_alert(hikvision_counting())),
            ("image/jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF--boundar\r\n\xff\xd9"),
            ("application/xml", HEARTBEAT),
        ),
    },
    Adapter.AXIS: {
        "push": _json(AXIS_PUSH),
        "keyed": _json(AXIS_KEYED),
        "rows": _json(AXIS_ROWS),
        "live": _json(AXIS_LIVE),
    },
    Adapter.XOVIS: {
        "version 4": _json(XOVIS_4),
        "events of version 4": _json(XOVIS_4_EVENTS),
        "version 5": _json(XOVIS_5),
        "live": _json(XOVIS_LIVE),
        "status": _json(XOVIS_STATUS),
    },
    Adapter.MILESIGHT: {
        "periodic": _json(MILESIGHT),
        "trigger": _json(MILESIGHT_TRIGGER),
    },
    Adapter.GATEWAY: {
        "values": _json(GATEWAY),
        "tags": _json(GATEWAY_TAGS),
        "states": _json(GATEWAY_STATES),
    },
    Adapter.AI_ON_THE_EDGE: {
        "bare": _json(DIAL),
        "named": _json({"device": "water-b1", "data": DIAL}),
        "by topic": _json({"topic": "water/b1/main/json", "payload": json.dumps(DIAL)}),
        "by number": _json({"main": DIAL, "second": DIAL}),
    },
    Adapter.POSLOG: {"day": tills.POSLOG_DAY, "one": tills.SALE.encode()},
    Adapter.TECHTRANS: {
        "sale": tills.TECHTRANS_SALE,
        "return": tills.TECHTRANS_RETURN,
        "day": tills.TECHTRANS_DAY,
        "in GBK": tills.soap("postsalescreate", tills.salestotal(txdocno="单据"), "gbk"),
    },
    Adapter.SHOP_DAYS: {"days": tills.SHOP_DAYS},
    Adapter.NEM12: {"intervals": tills.NEM12, "reads": tills.NEM13},
    Adapter.DSMR: {"version 5": tills.P1, "version 2": tills.P1_V2, "OBIS": tills.D0},
}
