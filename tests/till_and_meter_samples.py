"""Bodies as tills, shops and meters send them; every value is invented."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dsmr_parser.parsers import TelegramParser

from services.adapters.decoded import Source

SHANGHAI = ZoneInfo("Asia/Shanghai")
RECEIVED = datetime(2026, 5, 13, 3, 0, tzinfo=UTC)
SOURCE = Source(received_at=RECEIVED, zone=SHANGHAI, cutoff_hour=4)

# --- POSLog


def transaction(
    inside: str = "",
    *,
    number: str = "7001",
    flags: str = "",
    currency: str = "CNY",
    status: str = "",
    day: str = "2026-05-12",
) -> str:
    business_day = f"<BusinessDayDate>{day}</BusinessDayDate>" if day else ""
    return (
        f"<Transaction {flags}><RetailStoreID>S21</RetailStoreID>"
        f"<WorkstationID>T3</WorkstationID><SequenceNumber>{number}</SequenceNumber>"
        f"{business_day}<BeginDateTime>2026-05-12T23:58:10</BeginDateTime>"
        f"<EndDateTime>2026-05-13T00:01:05</EndDateTime>"
        f"<CurrencyCode>{currency}</CurrencyCode>"
        f"<RetailTransaction {status}>{inside}</RetailTransaction></Transaction>"
    )


def line(kind: str, amount: str, more: str = "", void: str = "") -> str:
    return (
        f"<LineItem {void}><SequenceNumber>1</SequenceNumber>"
        f"<{kind}><ExtendedAmount>{amount}</ExtendedAmount>{more}</{kind}></LineItem>"
    )


def totals(grand: str = "", net: str = "", tax: str = "") -> str:
    stated = (("Grand", grand), ("Net", net), ("Tax", tax))
    return "".join(
        f'<Total TotalType="Transaction{name}Amount">{value}</Total>'
        for name, value in stated
        if value
    )


def poslog(*transactions: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<POSLog xmlns="http://www.nrf-arts.org/IXRetail/namespace/">'
        f"{''.join(transactions)}</POSLog>"
    ).encode()


SALE = transaction(
    line("Sale", "113.00")
    + line("Sale", "12.00", void='VoidFlag="true"')
    + "<LineItem><Tender><Amount>113.00</Amount></Tender></LineItem>"
    + totals("113.00", "100.00", "13.00")
)
RETURN = transaction(
    line(
        "Return",
        "45.20",
        "<TransactionLink ReasonCode='Return'><SequenceNumber>6998</SequenceNumber>"
        "</TransactionLink>",
    )
    + totals("-45.20", "-40.00", "-5.20"),
    number="7002",
)
EXCHANGE = transaction(
    line("Sale", "200.00", "<ExtendedDiscountAmount>20.00</ExtendedDiscountAmount>")
    + line("Return", "80.00")
    + totals("120.00", "106.19", "13.81"),
    number="7003",
)
VOIDING = transaction(
    "<TransactionLink ReasonCode='Voided'><SequenceNumber>7001</SequenceNumber></TransactionLink>"
    + totals("-113.00"),
    number="7004",
)
CONTROL = (
    "<Transaction><RetailStoreID>S21</RetailStoreID><WorkstationID>T3</WorkstationID>"
    "<SequenceNumber>7005</SequenceNumber><BusinessDayDate>2026-05-12</BusinessDayDate>"
    "<BeginDateTime>2026-05-12T22:10:00</BeginDateTime>"
    "<ControlTransaction><NoSale/></ControlTransaction></Transaction>"
)
POSLOG_DAY = poslog(
    SALE,
    RETURN,
    EXCHANGE,
    VOIDING,
    CONTROL,
    transaction(totals("9.00"), number="7006", flags='TrainingModeFlag="true"'),
    transaction(totals("9.00"), number="7007", flags='CancelFlag="true"'),
    transaction(totals("9.00"), number="7008", status='TransactionStatus="Voided"'),
)

# --- 科传

SECRETS = ("LIC-9f3-SECRET", "till-user-77", "pass-word-88")


def soap(call: str, inside: str, encoding: str = "utf-8") -> bytes:
    licence, user, password = SECRETS
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        f'<{call} xmlns="http://tempurl.org"><astr_request><header>'
        f"<licensekey>{licence}</licensekey><username>{user}</username>"
        f"<password>{password}</password><messagetype>SALESDATA</messagetype>"
        f"<messageid>332</messageid><version>V332M</version></header>{inside}"
        f"</astr_request></{call}></soap:Body></soap:Envelope>"
    ).encode(encoding)


def salestotal(**changed: str) -> str:
    fields = {
        "localstorecode": "一层东区",
        "txdate_yyyymmdd": "20260512",
        "txtime_hhmmss": "213045",
        "mallid": "MALL9",
        "storecode": "B1-07",
        "tillid": "02",
        "salestype": "SA",
        "txdocno": "D88001",
        "vipcode": "VIP-13900001111",
        "netqty": "3",
        "originalamount": "320.00",
        "sellingamount": "300.00",
        "ttltaxamount1": "33.22",
        "netamount": "288.80",
        "paidamount": "300.00",
        "changeamount": "11.20",
    } | changed
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f"<salestotal>{inside}</salestotal>"


TECHTRANS_SALE = soap(
    "postsalescreate",
    salestotal() + "<salesitems><salesitem><lineno>1</lineno><itemcode>E1</itemcode>"
    "<netamount>288.80</netamount></salesitem></salesitems>",
)
TECHTRANS_RETURN = soap(
    "postsalescreate",
    salestotal(
        salestype="SR",
        txdocno="D88002",
        orgtxdate_yyyymmdd="20260511",
        txorgdocno="D87990",
        originalamount="-50.00",
        sellingamount="-50.00",
        ttltaxamount1="-5.75",
        netamount="-50.00",
    ),
)
TECHTRANS_DAY = soap(
    "postdailysalessummary",
    "<salessummary><txdate_yyyymmdd>20260512</txdate_yyyymmdd>"
    "<txtime_hhmmss>223000</txtime_hhmmss><mallid>MALL9</mallid><storecode>B1-07</storecode>"
    "<tillid>02</tillid><txdocno>Z0512</txdocno><ttlsalesqty>120</ttlsalesqty>"
    "<ttlrefundqty>1</ttlrefundqty><ttlsalesamt>9300.50</ttlsalesamt>"
    "<ttlrefundamt>50.00</ttlrefundamt><ttldoccount>41</ttldoccount></salessummary>",
)

# --- shops' day summaries

SHOP_DAYS = (
    b'[{"ShopCode":"F2-11","SaleDate":"2026-05-12","SaleNum":87,"SaleQty":131,'
    b'"SaleMoney":20417.55,"SaleDiscountMoney":803.45,"AvgPrice":234.68,"DataOrigin":0},'
    b'{"ShopCode":"F2-12","SaleDate":"2026-05-12","SaleNum":0,"SaleMoney":0}]'
)

# --- NEM12 and NEM13


def nem12(*records: str, unit: str = "kWh", suffix: str = "E1", length: int = 30) -> bytes:
    head = f"100,NEM12,202605130105,MDP9,RET9\n200,NMI7700001,E1B1,1,{suffix},N1,M-771,{unit},"
    return f"{head}{length},\n{chr(10).join(records)}\n900\n".encode()


def nem12_day(
    day: str = "20260512", value: str = "0.735", quality: str = "A", count: int = 48
) -> str:
    return f"300,{day},{','.join([value] * count)},{quality},,,20260513010000,"


NEM12 = nem12(
    nem12_day(quality="V"),
    "400,1,40,A,,",
    "400,41,46,S14,53,",
    "400,47,48,N,,",
    nem12_day("20260511"),
)
NEM13 = (
    b"100,NEM13,202605130930,MDA9,RET9\n"
    b"250,NMI7700002,1141,1,11,11,M-772,E,004410.6,20260212093000,A,,,005120.2,20260512094500,A,,,"
    b"709.6,kWh,20260812,20260513100000,20260513100001\n"
    b"550,N,,A,\n"
    b"900\n"
)

# --- telegrams


def telegram(*lines: str, ident: str = "/XYZ5\\253770001", crc: bool = True) -> str:
    """With CR LF and, as from version 4 on, its CRC."""
    sent = "\r\n".join([ident, "", *lines, "!"])
    return f"{sent}{TelegramParser.crc16(sent):04X}\r\n" if crc else f"{sent}\r\n"


P1_LINES = (
    "1-3:0.2.8(50)",
    "0-0:1.0.0(260512231500S)",
    # AB120045 in hex of ASCII
    "0-0:96.1.1(4142313230303435)",
    "1-0:1.8.1(000123.456*kWh)",
    "1-0:1.8.2(000200.544*kWh)",
    "1-0:2.8.1(000009.000*kWh)",
    "1-0:1.7.0(00.244*kW)",
    "1-0:99.97.0(1)(0-0:96.7.19)(260104180320W)(0000237126*s)",
    "0-1:24.1.0(003)",
    # GAS00077
    "0-1:96.1.0(4741533030303737)",
    "0-1:24.2.1(260512231000S)(00456.789*m3)",
    "0-2:24.1.0(007)",
    "0-2:96.1.0()",
    "0-2:24.2.1(260512231001S)(00012.300*m3)",
    "0-3:24.1.0(004)",
    "0-3:96.1.0(4845415430303031)",
    "0-3:24.2.1(260512231002S)(00001.250*GJ)",
)
P1 = telegram(*P1_LINES).encode()
P1_V2 = telegram(
    "0-0:96.1.1(4142313230303436)",
    "1-0:1.8.1(00111.100*kWh)",
    "1-0:1.8.2(00222.200*kWh)",
    "0-1:24.1.0(3)",
    "0-1:96.1.0(4741533030303738)",
    "0-1:24.3.0(260512230000)(08)(60)(1)(0-1:24.2.1)(m3)",
    "(00124.477)",
    crc=False,
).encode()
D0 = (
    b"/EXA5M-4401\r\n1-0:0.0.0*255(M-4401)\r\n1-0:1.8.0*255(020345.67*kWh)\r\n"
    b"1-0:1.8.1*255(014000.07*kWh)\r\n1-0:1.8.2*255(006345.60*kWh)\r\n"
    b"1-0:1.8.0*01(019876.54*kWh)\r\n1-0:2.8.0*255(000001.00*kWh)\r\n"
    b"8-0:1.0.0*255(000733.125*m3)\r\n!\r\n"
)
