"""Bills as they are printed, read in bulk: two statements however many bills there are."""

from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.documents.bill_paper import BillPaper, PaperLine
from storage.models import Bill, BillLine, BillRun, Contract, ContractUnit, Mall, Shop, Unit


def list_bill_papers(session: Session, *, bill_ids: Collection[int]) -> tuple[BillPaper, ...]:
    """Papers of issued bills, by number. A bill that is not issued yet has none."""
    lines = _lines(session, bill_ids)
    units = _units(session, bill_ids)
    statement = (
        sa.select(
            Bill,
            Mall,
            Shop,
            Contract.number,
            Bill.issued_at,
            BillRun.started_at,
        )
        .join(Mall, Mall.id == Bill.mall_id)
        .join(Shop, Shop.id == Bill.shop_id)
        .join(Contract, Contract.id == Bill.contract_id)
        .outerjoin(BillRun, BillRun.id == Bill.bill_run_id)
        .where(Bill.id.in_(bill_ids))
        .order_by(Bill.number)
    )
    return tuple(
        BillPaper(
            mall_code=mall.code,
            mall_name=mall.name,
            mall_address=mall.address,
            time_zone=mall.time_zone,
            currency=bill.currency,
            number=bill.number,
            shop_code=shop.code,
            shop_name=shop.name,
            contract_number=contract_number,
            unit_codes=tuple(code for code, _ in units[bill.id]),
            area_m2=sum((area for _, area in units[bill.id]), Decimal(0)),
            period_start=bill.period_start,
            period_end=bill.period_end,
            issued_at=issued_at,
            due_date=bill.due_date,
            net_amount=bill.net_amount,
            tax_amount=bill.tax_amount,
            total_amount=bill.total_amount,
            lines=tuple(lines[bill.id]),
            as_of=as_of or issued_at,
        )
        for bill, mall, shop, contract_number, issued_at, as_of in session.execute(statement)
        if issued_at is not None
    )


def _lines(session: Session, bill_ids: Collection[int]) -> dict[int, list[PaperLine]]:
    lines: dict[int, list[PaperLine]] = defaultdict(list)
    for line in session.scalars(
        sa.select(BillLine)
        .where(BillLine.bill_id.in_(bill_ids))
        .order_by(BillLine.bill_id, BillLine.line_number)
    ):
        lines[line.bill_id].append(
            PaperLine(
                line_number=line.line_number,
                charge_type=line.charge_type,
                period_start=line.period_start,
                period_end=line.period_end,
                quantity=line.quantity,
                unit=line.unit,
                net_amount=line.net_amount,
                tax_rate=line.tax_rate,
                tax_amount=line.tax_amount,
                total_amount=line.total_amount,
                derivation=line.derivation,
            )
        )
    return lines


def _units(session: Session, bill_ids: Collection[int]) -> dict[int, list[tuple[str, Decimal]]]:
    """Units that each bill's contract held on a day of the billed period."""
    units: dict[int, list[tuple[str, Decimal]]] = defaultdict(list)
    for bill_id, code, area in session.execute(
        sa.select(Bill.id, Unit.code, Unit.area_m2)
        .distinct()
        .join(ContractUnit, ContractUnit.contract_id == Bill.contract_id)
        .join(Unit, Unit.id == ContractUnit.unit_id)
        .where(
            Bill.id.in_(bill_ids),
            ContractUnit.period.op("&&")(
                sa.func.daterange(Bill.period_start, Bill.period_end, "[]")
            ),
        )
        .order_by(Bill.id, Unit.code)
    ):
        units[bill_id].append((code, area))
    return units
