"""One push of each make, as its devices send it, for the API's description.

Belongs here: bodies with made-up serials and figures. The tests send each of them.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from domain.devices import Adapter
from services.language import marked

JSON, XML, SOAP, TEXT = "application/json", "application/xml", "text/xml", "text/plain"


@dataclass(frozen=True, slots=True)
class PushExample:
    """`value` is an object where the body is JSON, else its text."""

    adapter: Adapter
    summary: str
    content_type: str
    value: Any

    @property
    def body(self) -> bytes:
        if isinstance(self.value, str):
            return self.value.encode()
        return msgspec.json.encode(self.value)


HIKVISION = """<?xml version="1.0" encoding="UTF-8"?>
<EventNotificationAlert version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">
  <macAddress>00:00:5e:00:53:a1</macAddress>
  <channelID>1</channelID>
  <dateTime>2026-01-16T22:15:00+08:00</dateTime>
  <eventType>PeopleCounting</eventType>
  <eventState>active</eventState>
  <peopleCounting>
    <statisticalMethods>timeRange</statisticalMethods>
    <TimeRange>
      <startTime>2026-01-16T22:00:00+08:00</startTime>
      <endTime>2026-01-16T22:15:00+08:00</endTime>
    </TimeRange>
    <enter>31</enter>
    <exit>28</exit>
  </peopleCounting>
</EventNotificationAlert>
"""
AXIS = {
    "apiName": "Axis Retail Data",
    "apiVersion": "0.4",
    "utcSent": "2026-01-16T14:15:38Z",
    "data": {
        "utcFrom": "2026-01-16T14:00:00Z",
        "utcTo": "2026-01-16T14:15:00Z",
        "measurements": [
            {
                "kind": "people-counts",
                "utcFrom": "2026-01-16T14:00:00Z",
                "utcTo": "2026-01-16T14:15:00Z",
                "items": [
                    {"direction": "in", "count": 11, "adults": 9},
                    {"direction": "out", "count": 8, "adults": 7},
                ],
            }
        ],
    },
    "sensor": {"serial": "00005e0053a2", "timeZone": "Asia/Shanghai"},
}
XOVIS = {
    "logics_data": {
        "package_info": {"version": "5.0", "id": 12, "agent_id": 1},
        "sensor_info": {"serial_number": "00:00:5E:00:53:A3", "type": "SINGLE_SENSOR"},
        "logics": [
            {
                "id": 1,
                "name": "Gate 3",
                "info": "XLT_4X_LINE_IN_OUT_COUNT",
                "records": [
                    {
                        "from": 1768572000000,
                        "to": 1768572060000,
                        "counts": [
                            {"id": 1, "name": "fw", "value": 5},
                            {"id": 2, "name": "bw", "value": 4},
                        ],
                    }
                ],
            }
        ],
    }
}
MILESIGHT = {
    "device_info": {"device_sn": "6500A00000000A4", "device_mac": "00:00:5E:00:53:A4"},
    "time_info": {
        "start_time": "2026-01-16T22:00:00+08:00",
        "end_time": "2026-01-16T22:15:00+08:00",
        "time_zone": "UTC+8:00 China Standard Time",
    },
    "line_periodic_data": [
        {
            "line": 1,
            "line_uuid": "00000000-0000-4000-8000-0000000000a4",
            "total": {"in": 14, "out": 12},
        }
    ],
}
POSLOG = """<?xml version="1.0" encoding="UTF-8"?>
<POSLog xmlns="http://www.nrf-arts.org/IXRetail/namespace/">
  <Transaction CancelFlag="false" TrainingModeFlag="false">
    <RetailStoreID>SHOP-A5</RetailStoreID>
    <WorkstationID>1</WorkstationID>
    <SequenceNumber>4711</SequenceNumber>
    <BusinessDayDate>2026-01-16</BusinessDayDate>
    <BeginDateTime>2026-01-16T21:58:40</BeginDateTime>
    <EndDateTime>2026-01-16T21:59:12</EndDateTime>
    <CurrencyCode>CNY</CurrencyCode>
    <RetailTransaction>
      <LineItem>
        <Sale><ExtendedAmount>88.00</ExtendedAmount><Quantity>1</Quantity></Sale>
      </LineItem>
      <Total TotalType="TransactionTaxAmount">7.27</Total>
      <Total TotalType="TransactionGrandAmount">88.00</Total>
    </RetailTransaction>
  </Transaction>
</POSLog>
"""
TECHTRANS = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
  <soap:Body>
    <postsalescreate xmlns="http://tempurl.org">
      <astr_request>
        <header>
          <messagetype>SALESDATA</messagetype>
          <messageid>332</messageid>
          <version>V332M</version>
        </header>
        <salestotal>
          <txdate_yyyymmdd>20260116</txdate_yyyymmdd>
          <txtime_hhmmss>213015</txtime_hhmmss>
          <mallid>M1</mallid>
          <storecode>SHOP-A6</storecode>
          <tillid>01</tillid>
          <salestype>SA</salestype>
          <txdocno>S000042</txdocno>
          <netqty>1</netqty>
          <netamount>45.00</netamount>
        </salestotal>
      </astr_request>
    </postsalescreate>
  </soap:Body>
</soap:Envelope>
"""
SHOP_DAYS = [
    {
        "ShopCode": "SHOP-A7",
        "SaleDate": "2026-01-15",
        "SaleNum": 61,
        "SaleQty": 90,
        "SaleMoney": 20411.00,
        "SaleDiscountMoney": 350.00,
    }
]
NEM12 = f"""100,NEM12,202601160105,MDP1,RET1
200,NMI00000A8,E1,1,E1,N1,METER00A8,kWh,30,
300,20260115,{",".join(["0.75"] * 48)},A,,,20260116010000,
900
"""
DSMR = """/EXA5METER-00A9

1-0:0.0.0*255(METER-00A9)
1-0:1.8.0*255(004321.55*kWh)
!
"""
GATEWAY = {
    "timestamp": 1768572000000,
    "node": "meters-b1",
    "group": "hourly",
    "values": {"M-A10.fwd_kwh": 1204.58},
    "errors": {},
    "metas": {},
}
AI_ON_THE_EDGE = {
    "value": "132.1710",
    "raw": "132.1710",
    "pre": "132.1710",
    "error": "no error",
    "rate": "0.002100",
    "timestamp": "2026-01-16T22:00:00+0800",
}

PUSH_EXAMPLES = (
    PushExample(Adapter.HIKVISION, marked("Hikvision camera, ISAPI"), XML, HIKVISION),
    PushExample(Adapter.AXIS, marked("Axis counter, Retail Data"), JSON, AXIS),
    PushExample(Adapter.XOVIS, marked("Xovis sensor, version 5"), JSON, XOVIS),
    PushExample(Adapter.MILESIGHT, marked("Milesight counter, VS series"), JSON, MILESIGHT),
    PushExample(Adapter.POSLOG, marked("Transactions as ARTS POSLog"), XML, POSLOG),
    PushExample(Adapter.TECHTRANS, marked("Transactions as TechTrans SOAP"), SOAP, TECHTRANS),
    PushExample(Adapter.SHOP_DAYS, marked("A shop's day summary"), JSON, SHOP_DAYS),
    PushExample(Adapter.NEM12, marked("Meter file NEM12"), TEXT, NEM12),
    PushExample(Adapter.DSMR, marked("Telegram of a meter, OBIS"), TEXT, DSMR),
    PushExample(Adapter.GATEWAY, marked("Gateway JSON: DL/T 645, Modbus"), JSON, GATEWAY),
    PushExample(
        Adapter.AI_ON_THE_EDGE, marked("Water meter read by a camera"), JSON, AI_ON_THE_EDGE
    ),
)
