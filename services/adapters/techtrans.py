"""科传 (TechTrans) sales over SOAP: postsalescreate and postdailysalessummary.

Belongs here: the two calls and the reply that tills wait for. Not here: who may call (the device
door asks for its key; the licence key, user name and password of the call's header are neither
asked for nor kept: nothing here looks at the header).

serial = storecode, channel = tillid. Times are local in `source.zone_for(storecode)`.

postsalescreate: each salestotal is one Sale of the stated txdate_yyyymmdd, its number txdocno.
netamount is what the customer paid, tax included; the difference to the larger of originalamount
and sellingamount is the discount; tax = ttltaxamount1 + ttltaxamount2. salestype SA is a sale, or
a return where its netamount is negative; SR, SC and RT are returns (with or without a minus), which
name their original in txorgdocno (or orgtxdocno); VO and VD take back that document. A whole day
posted as one transaction is taken as it is.

postdailysalessummary: the day's figures over the mall's business day: `netamount` (ttlsalesamt -
ttlrefundamt) is sales, `ttlrefundamt` refunds and `ttldoccount` transactions (where it is not 0
beside sales: many tills leave it so). For a till that sends transactions the register makes them
what it declares, to be compared with them.
"""

import re
from datetime import datetime
from decimal import Decimal
from html import escape

from domain.devices import Metric
from domain.sales import SaleKind
from services.adapters.decoded import Decoded, Sale, Source, Unreadable
from services.adapters.pieces import Gathering, Unfit, count, day, instant, name_of, number
from services.adapters.refusals import Reason, shown
from services.adapters.xml_tree import Element, read_xml

ZERO = Decimal(0)
RETURNS = frozenset({"SR", "SC", "RT", "RE"})
VOIDS = frozenset({"VO", "VD", "VS"})
NAMESPACE = "http://tempurl.org"
CALLS = ("postsalescreate", "postdailysalessummary")
# What quarantine shows of a piece: nothing of the header, of the customer or of the staff.
KEPT_FIELDS = frozenset(
    {"txdate_yyyymmdd", "txtime_hhmmss", "mallid", "storecode", "tillid", "salestype", "txdocno"}
    | {"orgtxdate_yyyymmdd", "orgtillid", "orgtxdocno", "txorgdocno", "netqty", "originalamount"}
    | {"sellingamount", "ttltaxamount1", "ttltaxamount2", "netamount", "paidamount"}
    | {"ttlsalesqty", "ttlsalesamt", "ttlrefundqty", "ttlrefundamt", "ttldoccount", "salescount"}
)
_TIME = re.compile(r"([0-9]{1,2}?)([0-9]{2})([0-9]{2})")


def decode(body: bytes, source: Source) -> Decoded:
    """One Sale a salestotal, and the measurements of each day summary."""
    gathering = Gathering()
    found = False
    root = read_xml(body)
    for element in root.walk():
        if element.name == "salestotal":
            take = _take_sale
        elif element.name in ("salessummary", "dailysalessummary") and _is_summary(element):
            take = _take_summary
        else:
            continue
        found = True
        try:
            take(gathering, element, source)
        except Unfit as why:
            gathering.refuse(why, _kept(element))
    if not found:
        raise Unreadable(
            Reason.UNKNOWN_FORMAT,
            f"the XML is a {shown(root.name)} without a salestotal or a salessummary; expected "
            "postsalescreate or postdailysalessummary",
        )
    return gathering.decoded()


def _is_summary(element: Element) -> bool:
    """The element that has the figures, where one of these names wraps the other."""
    return not any(child.name == "dailysalessummary" for child in element.children)


def _take_sale(gathering: Gathering, total: Element, source: Source) -> None:
    serial, channel = _address(total)
    document = name_of(total.text_at("txdocno"), "txdocno")
    date_text = total.text_at("txdate_yyyymmdd")
    business_date = day(date_text, "txdate_yyyymmdd")
    kind, sign = _kind(total.text_at("salestype"))
    net = _amount(total, "netamount", needed=True)
    if kind is SaleKind.SALE and (sign < 0 or net < 0):
        kind, net = SaleKind.RETURN, -abs(net)
    gross = refunds = discounts = ZERO
    if kind is SaleKind.RETURN:
        refunds = -net
    else:
        net = abs(net)
        before = max(_amount(total, "originalamount"), _amount(total, "sellingamount"))
        gross = max(before, net)
        discounts = gross - net
    original = total.text_at("txorgdocno") or total.text_at("orgtxdocno")
    sale = Sale(
        place=gathering.total,
        serial=serial,
        channel=channel,
        number=document,
        business_date=business_date,
        at=_at(business_date.isoformat(), total.text_at("txtime_hhmmss"), source, serial),
        kind=kind,
        gross=gross,
        refunds=refunds,
        discounts=discounts,
        tax=abs(_amount(total, "ttltaxamount1") + _amount(total, "ttltaxamount2")),
        original_number=name_of(original, "txorgdocno") if original else "",
        text=_kept(total),
    )
    gathering.next_place()
    gathering.heard.add(serial)
    gathering.sales.append(sale)


def _take_summary(gathering: Gathering, total: Element, source: Source) -> None:
    serial, channel = _address(total)
    business_date = day(total.text_at("txdate_yyyymmdd"), "txdate_yyyymmdd")
    start, end = source.business_day(serial, business_date)
    refunds = abs(_amount(total, "ttlrefundamt"))
    if total.text_at("netamount"):
        net = _amount(total, "netamount")
    else:
        net = _amount(total, "ttlsalesamt", needed=True) - refunds
    figures = {"netamount": (Metric.SALES, net)}
    if total.text_at("ttlrefundamt"):
        figures["ttlrefundamt"] = (Metric.REFUNDS, refunds)
    for name in ("ttldoccount", "salescount"):
        stated = total.text_at(name)
        documents = count(stated, name) if stated else ZERO
        if stated and (documents or not net):
            figures[name] = (Metric.TRANSACTIONS, documents)
            break
    for label, (metric, value) in figures.items():
        gathering.take(
            serial=serial,
            channel=channel,
            label=label,
            metric=metric,
            start=start,
            end=end,
            value=value,
            text=_kept(total),
        )


def _address(element: Element) -> tuple[str, str]:
    serial = name_of(element.text_at("storecode"), "storecode")
    till = element.text_at("tillid")
    return serial, name_of(till, "tillid") if till else ""


def _kind(salestype: str) -> tuple[SaleKind, int]:
    word = salestype.upper()
    if word == "SA":
        return SaleKind.SALE, 1
    if word in RETURNS:
        return SaleKind.SALE, -1
    if word in VOIDS:
        return SaleKind.VOID, 1
    raise Unfit(
        Reason.BAD_TEXT,
        f"salestype is {shown(salestype)}; expected SA, {', '.join(sorted(RETURNS | VOIDS))}",
    )


def _amount(element: Element, name: str, *, needed: bool = False) -> Decimal:
    stated = element.text_at(name)
    if stated or needed:
        return number(stated or None, name, "an amount")
    return ZERO


def _at(date_text: str, time_text: str, source: Source, serial: str) -> datetime:
    """hhmmss, hmmss or hh:mm:ss; a document without a time stands at the end of its day."""
    digits = time_text.replace(":", "") or "235959"
    found = _TIME.fullmatch(digits)
    if found is None:
        raise Unfit(
            Reason.BAD_TIME, f"txtime_hhmmss is {shown(time_text)}; expected a time such as 203015"
        )
    hour, minute, second = found.groups()
    return instant(
        f"{date_text}T{hour:0>2}:{minute}:{second}", "txtime_hhmmss", source.zone_for(serial)
    )


def _kept(element: Element) -> str:
    short = Element(element.name, {})
    short.children = [child for child in element.children if child.name in KEPT_FIELDS][:40]
    return short.written()


def answer(ok: bool, message: str, asked: bytes = b"") -> bytes:
    """The SOAP reply to the call `asked`: responsecode 0, or -1 and the reason.

    A till repeats what was not answered with 0; a document that was taken before is answered 0.
    """
    call = next((c for c in reversed(CALLS) if c.encode() in asked[:4096]), CALLS[0])
    code = 0 if ok else -1
    is_printable = "".join(c if c.isprintable() else " " for c in message)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        f'<{call}Response xmlns="{NAMESPACE}"><{call}Result><header>'
        f"<responsecode>{code}</responsecode>"
        f"<responsemessage>{escape(is_printable)}</responsemessage>"
        "<pagerecords>0</pagerecords><pageno>0</pageno><updatecount>0</updatecount>"
        "<maxrecords>0</maxrecords><maxpageno>0</maxpageno>"
        f"</header></{call}Result></{call}Response></soap:Body></soap:Envelope>"
    ).encode()
