"""ARTS POSLog: the transactions of tills, as XML of one or of a whole day.

Belongs here: POSLog's transactions as sales. Not here: XML (xml_tree), which till is meant.

serial = RetailStoreID (BusinessUnit/UnitID in version 6), channel = WorkstationID, number =
SequenceNumber. BusinessDayDate is the stated business date. Times without an offset are local in
`source.zone_for(serial)`. Namespaces and the extensions of vendors are let be; names are those of
the standard.

Amounts. Ours include tax, and net = gross - refunds - discounts. POSLog's TransactionNetAmount is
net of TAX and its TransactionGrandAmount includes it:

    net       = TransactionGrandAmount, else TransactionNetAmount + TransactionTaxAmount,
                else what the lines come to
    tax       = TransactionTaxAmount
    refunds   = ExtendedAmount of the Return lines
    discounts = TransactionDiscountAmount, else ExtendedDiscountAmount (DiscountAmount) of the
                Sale lines
    gross     = net + refunds + discounts

Where the lines come to TransactionNetAmount and not to TransactionGrandAmount they are without
tax: then the Tax of a Return line is added to it. A line with VoidFlag is none. Tills write a
return's totals with a minus, or without one and with Return lines only, or with a
NegativeTotalFlag.

Kept and never counted: TRAINING (TrainingModeFlag), CANCELLED (CancelFlag, or a TransactionStatus
of a transaction that did not come about or was voided), CONTROL (no RetailTransaction inside:
ControlTransaction, TenderControlTransaction and so on) and VOID, which takes back the transaction
that its TransactionLink names.
"""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from domain.sales import SaleKind
from services.adapters.decoded import Decoded, Sale, Source, Unreadable
from services.adapters.pieces import Gathering, Unfit, day, instant, name_of, number
from services.adapters.refusals import Reason, shown
from services.adapters.xml_tree import Element, hand_over

ZERO = Decimal(0)
# Of a transaction that did not come about, or that does not stand any more.
NOT_COME_ABOUT = frozenset(
    {"cancelled", "canceled", "suspended", "voided", "void", "postvoided", "postvoid"}
    | {"failed", "aborted", "replaced"}
)
VOIDING = frozenset({"void", "voided", "voiding", "postvoid", "postvoided"})
LONGEST_KEPT = 900
KEPT_FIELDS = frozenset(
    {"RetailStoreID", "WorkstationID", "SequenceNumber", "BusinessDayDate"}
    | {"BeginDateTime", "EndDateTime", "CurrencyCode"}
)


def decode(body: bytes, source: Source) -> Decoded:
    """One Sale a Transaction; `place` counts them from 0."""
    gathering = Gathering()

    def take(transaction: Element) -> None:
        try:
            sale = _sale(transaction, source, gathering.total)
        except Unfit as why:
            gathering.refuse(why, _kept(transaction))
            return
        gathering.next_place()
        gathering.heard.add(sale.serial)
        gathering.sales.append(sale)

    root = hand_over(body, "Transaction", take)
    if not gathering.total and root.name != "POSLog":
        raise Unreadable(
            Reason.UNKNOWN_FORMAT,
            f"the XML is a {shown(root.name)} without a Transaction; expected a POSLog",
        )
    return gathering.decoded()


def _sale(transaction: Element, source: Source, place: int) -> Sale:
    store = transaction.text_at("RetailStoreID") or transaction.text_at("BusinessUnit", "UnitID")
    serial = name_of(store, "RetailStoreID")
    till = transaction.text_at("WorkstationID") or transaction.text_at("TillID")
    channel = name_of(till, "WorkstationID")
    sequence = name_of(transaction.text_at("SequenceNumber"), "SequenceNumber")
    currency = transaction.text_at("CurrencyCode")
    if currency and currency.upper() != source.currency.upper():
        raise Unfit(
            Reason.WRONG_CURRENCY,
            f"CurrencyCode is {shown(currency)}; expected {source.currency}",
        )
    stated = transaction.text_at("BusinessDayDate")
    business_date = day(stated, "BusinessDayDate") if stated else None
    at = _at(transaction, source, serial, business_date)
    retail = transaction.child("RetailTransaction")
    kind, original = _kind(transaction, retail)
    gross = refunds = discounts = tax = ZERO
    if retail is not None:
        if kind is SaleKind.SALE:
            gross, refunds, discounts, tax = _amounts(retail)
            if refunds and not gross:
                kind, original = SaleKind.RETURN, _original(retail)
        else:
            # Not counted, and so often of no sense: lines sold beside a negative total.
            totals = _totals(retail)
            gross = abs(totals.get("TransactionGrandAmount", ZERO))
            tax = abs(totals.get("TransactionTaxAmount", ZERO))
    return Sale(
        place=place,
        serial=serial,
        channel=channel,
        number=sequence,
        business_date=business_date,
        at=at,
        kind=kind,
        gross=gross,
        refunds=refunds,
        discounts=discounts,
        tax=tax,
        original_number=original,
        text=_kept(transaction),
    )


def _at(transaction: Element, source: Source, serial: str, business_date: date | None) -> datetime:
    """When it ended, else when it began; of one that says neither, the start of its day."""
    for name in ("EndDateTime", "BeginDateTime", "POSLogDateTime"):
        stated = transaction.text_at(name)
        if stated:
            return instant(stated, name, source.zone_for(serial))
    if business_date is None:
        raise Unfit(
            Reason.MISSING_FIELD,
            "EndDateTime, BeginDateTime and BusinessDayDate are missing; expected one of them",
        )
    return source.business_day(serial, business_date)[0]


def _kind(transaction: Element, retail: Element | None) -> tuple[SaleKind, str]:
    """The kind, SALE for a return too, and of a VOID the number of what it takes back."""
    if _flag(transaction, "TrainingModeFlag"):
        return SaleKind.TRAINING, ""
    if _flag(transaction, "CancelFlag"):
        return SaleKind.CANCELLED, ""
    if retail is None:
        return SaleKind.CONTROL, ""
    for link in retail.all("TransactionLink"):
        reason = link.attributes.get("ReasonCode") or link.text_at("ReasonCode")
        if reason.strip().lower() in VOIDING:
            return SaleKind.VOID, _linked(link)
    status = retail.attributes.get("TransactionStatus") or retail.text_at("TransactionStatus")
    is_void = _flag(transaction, "VoidFlag") or _flag(retail, "VoidFlag")
    if is_void or status.strip().lower() in NOT_COME_ABOUT:
        return SaleKind.CANCELLED, ""
    return SaleKind.SALE, ""


def _flag(element: Element, name: str) -> bool:
    stated = element.attributes.get(name) or element.text_at(name)
    return stated.strip().lower() in ("true", "1", "yes", "y")


def _linked(link: Element | None) -> str:
    stated = link.text_at("SequenceNumber") if link is not None else ""
    return name_of(stated, "SequenceNumber of the original") if stated else ""


def _original(retail: Element) -> str:
    """The transaction that a return names, of its own or in a line."""
    for holder in (retail, *(line for name, line in _lines(retail) if name == "Return")):
        for name in ("TransactionLink", "OriginalTransaction"):
            found = _linked(holder.child(name))
            if found:
                return found
    return ""


def _lines(retail: Element) -> Iterator[tuple[str, Element]]:
    for line in retail.all("LineItem"):
        if _flag(line, "VoidFlag") or _flag(line, "CancelFlag"):
            continue
        for child in line.children:
            if child.name in ("Sale", "Return"):
                yield child.name, child


def _amounts(retail: Element) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Gross, refunds, discounts and tax: positive, tax included in the first three."""
    totals = _totals(retail)
    sold = returned = returned_tax = line_discounts = ZERO
    has_sale = has_return = False
    for name, line in _lines(retail):
        amount = _amount(line, "ExtendedAmount")
        if name == "Sale" and amount >= 0:
            has_sale = True
            sold += amount
            line_discounts += abs(
                _amount(line, "ExtendedDiscountAmount") or _amount(line, "DiscountAmount")
            )
        else:
            # Some tills write a return as a Sale of a negative amount.
            has_return = True
            returned += abs(amount)
            returned_tax += sum((abs(_amount(t, "Amount")) for t in line.all("Tax")), ZERO)
    tax = abs(totals.get("TransactionTaxAmount", ZERO))
    stated_net = totals.get("TransactionNetAmount")
    net = totals.get("TransactionGrandAmount")
    if net is None and stated_net is not None:
        net = stated_net + (-tax if stated_net < 0 else tax)
    if net is None:
        net = sold - returned
    elif net > 0 and (_flag(retail, "NegativeTotalFlag") or (has_return and not has_sale)):
        net = -net
    is_without_tax = (
        tax
        and stated_net is not None
        and abs(sold - returned) == abs(stated_net)
        and abs(stated_net) != abs(net)
    )
    refunds = returned + (returned_tax if is_without_tax else ZERO)
    if not has_sale:
        # A return and nothing else: its total is the refund. Without any line, by its sign.
        return (ZERO, -net, ZERO, tax) if net < 0 else (net, ZERO, ZERO, tax)
    discounts = abs(totals.get("TransactionDiscountAmount", line_discounts))
    gross = net + refunds + discounts
    if gross < 0:
        raise Unfit(
            Reason.NET_SALES_MISMATCH,
            f"the total is {net} and the returned lines come to {refunds}: what was sold would "
            "be less than nothing",
        )
    return gross, refunds, discounts, tax


def _totals(retail: Element) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for total in retail.all("Total"):
        kind = total.attributes.get("TotalType", "")
        if kind.startswith("Transaction") and total.text:
            # The first of a kind is the standard's; a vendor may add more below it.
            totals.setdefault(kind, number(total.text, kind, "an amount"))
    return totals


def _amount(element: Element, name: str) -> Decimal:
    stated = element.text_at(name)
    return number(stated, name, "an amount") if stated else ZERO


def _kept(transaction: Element) -> str:
    """What quarantine shows: who, when and how much; the file is kept whole."""
    retail = transaction.child("RetailTransaction")
    said = [f"{c.name}={c.text[:80]}" for c in transaction.children[:40] if c.name in KEPT_FIELDS]
    for total in retail.all("Total")[:12] if retail is not None else ():
        said.append(f"{total.attributes.get('TotalType', '')[:40]}={total.text[:40]}")
    return " ".join(said)[:LONGEST_KEPT]
