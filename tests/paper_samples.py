"""A month of one shop, billed by the domain itself, as the paper sees it.

Every formula of `domain.derivations` stands on it.
"""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal as D

from domain.bill_inputs import (
    BilledCharge,
    BilledMonth,
    BillRunInputs,
    ContractInput,
    LetUnit,
    SalesTotal,
)
from domain.bill_lines.turnover import sales_periods
from domain.bill_run import Bill, compute_bill
from domain.calendar import Period
from domain.charges import ChargeType, PricingKind, Proration, TariffKind
from domain.clauses import Clause, parse_clause
from domain.pricing.metered import HourUse, MeterUsage
from domain.tariffs import Tariff, parse_tariff
from services.documents.bill_paper import BillPaper, PaperLine

C, K = ChargeType, PricingKind
SEPTEMBER = Period(date(2026, 9, 1), date(2026, 9, 30))
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31))
START, END = date(2026, 1, 1), date(2028, 12, 31)
OPENED = datetime(2026, 9, 30, 20, tzinfo=UTC)
CLOSED = datetime(2026, 10, 31, 20, tzinfo=UTC)
ISSUED = datetime(2026, 10, 31, 16, 5, tzinfo=UTC)

TERMS = (
    (C.RENT, K.PER_AREA_DAY, {"rate": "6.5"}),
    (
        C.TURNOVER_RENT,
        K.PERCENTAGE,
        {
            "tiers": [
                {"up_to": "500000", "rate": "0.08"},
                {"up_to": "1000000", "rate": "0.06"},
                {"up_to": None, "rate": "0.04"},
            ],
            "tier_kind": "MARGINAL",
            "breakpoint": "ARTIFICIAL",
            "breakpoint_amount": "400000",
            "settlement": "MONTH",
        },
    ),
    (
        C.TURNOVER_RENT,
        K.PERCENTAGE,
        {"rate": "0.05", "breakpoint": "NATURAL", "settlement": "MONTH", "maximum": "90000"},
    ),
    (C.PROPERTY_FEE, K.PER_AREA_MONTH, {"rate": "35"}),
    (C.ELECTRICITY, K.METERED, {"tariff": "E-TOU", "loss": "0.02"}),
    (C.WATER, K.METERED, {"tariff": "W-TIERS"}),
    (C.GAS, K.METERED, {"tariff": "G-FLAT"}),
    (C.OTHER, K.FIXED_MONTHLY, {"amount": "300"}),
    (C.DEPOSIT, K.ONE_OFF, {"amount": "1234.50", "tax_rate": "0"}),
)
TARIFFS = (
    (
        "E-TOU",
        TariffKind.TIME_OF_USE,
        {
            "bands": [
                {"name": "peak", "from": "08:00", "to": "22:00", "price": "1.0523"},
                {"name": "valley", "from": "22:00", "to": "08:00", "price": "0.3581"},
            ]
        },
    ),
    (
        "W-TIERS",
        TariffKind.TIERED,
        {"tiers": [{"up_to": "30", "price": "3.45"}, {"up_to": None, "price": "4.83"}]},
    ),
    ("G-FLAT", TariffKind.FLAT, {"price": "3.65"}),
)


def clauses(tax_rate: str = "0.09") -> tuple[Clause, ...]:
    return tuple(
        parse_clause(
            clause_id=at,
            charge_type=charge,
            pricing_kind=kind,
            parameters={"tax_rate": tax_rate, **parameters},
            valid_from=date(2026, 10, 1) if kind is K.ONE_OFF else START,
            valid_to=None,
        )
        for at, (charge, kind, parameters) in enumerate(TERMS, 1)
    )


def tariffs() -> dict[str, tuple[Tariff, ...]]:
    return {
        code: (
            parse_tariff(
                tariff_id=at,
                code=code,
                kind=kind,
                parameters=parameters,
                valid_from=START,
                valid_to=None,
            ),
        )
        for at, (code, kind, parameters) in enumerate(TARIFFS, 1)
    }


def meter(code: str, charge: ChargeType, unit: str, used: str, **given: object) -> MeterUsage:
    fields = {
        "opening_register": D("100"),
        "closing_register": D("100") + D(used),
        "ratio": D(1),
        "rollovers": 0,
        **given,
    }
    return MeterUsage(
        device_id=len(code),
        device_code=code,
        charge_type=charge,
        unit=unit,
        opening_at=OPENED,
        closing_at=CLOSED,
        consumption=D(used),
        hours_expected=744,
        hours_received=740,
        hours=(
            HourUse(date(2026, 10, 5), 12, D(used) * 3 / 4),
            HourUse(date(2026, 10, 5), 23, D(used) / 4),
        ),
        **fields,
    )


def _billed_september(contract: ContractInput) -> BilledMonth:
    """September as it was billed before its rent was raised: 1,205.00 less than it is now."""
    alone = replace(contract, usage=(), sales=())
    september = compute_bill(alone, BillRunInputs(1, SEPTEMBER, {}, (alone,)))
    assert september is not None
    number = "B202609-0001"
    charges = [
        BilledCharge(line.charge_type, line.tax_rate, line.net, line.tax, line.clause_id, (number,))
        for line in september.lines
    ]
    rent = charges[0]
    charges[0] = replace(rent, net=rent.net - D("1205.00"), tax=rent.tax - D("108.45"))
    return BilledMonth(SEPTEMBER, tuple(charges))


def computed_bill() -> Bill:
    contract = ContractInput(
        contract_id=1,
        number="C2026-0001",
        shop_id=1,
        shop_code="S001",
        start=START,
        end=END,
        currency="CNY",
        payment_term_days=10,
        proration=Proration.ACTUAL,
        units=(LetUnit("1F-01", D("120.50"), START, END),),
        clauses=clauses(),
        usage=(
            meter(
                "EM-001",
                C.ELECTRICITY,
                "kWh",
                "24.75",
                opening_register=D("999987.50"),
                closing_register=D("12.25"),
                ratio=D(20),
                rollovers=1,
            ),
            meter("WM-001", C.WATER, "m3", "44.2"),
            meter("GM-001", C.GAS, "m3", "12"),
        ),
    )
    sales = tuple(
        SalesTotal(period, D("1300000"), 31, 30) for period in sales_periods(contract, OCTOBER)
    )
    contract = replace(contract, sales=sales, recomputed=(_billed_september(contract),))
    bill = compute_bill(contract, BillRunInputs(1, OCTOBER, tariffs(), (contract,)))
    assert bill is not None
    return bill


def bill_paper(*, copies: int = 1, **given: object) -> BillPaper:
    """The computed bill on paper; `copies` repeats its lines, for more than one page."""
    bill = computed_bill()
    lines = tuple(
        PaperLine(
            line_number=at,
            charge_type=line.charge_type,
            period_start=line.period.first,
            period_end=line.period.last,
            quantity=line.quantity,
            unit=line.unit,
            net_amount=line.net,
            tax_rate=line.tax_rate,
            tax_amount=line.tax,
            total_amount=line.total,
            derivation=json.loads(json.dumps(line.derivation)),
        )
        for at, line in enumerate(bill.lines * copies, 1)
    )
    fields = {
        "mall_code": "M01",
        "mall_name": "悦汇广场 Atrium Plaza",
        "mall_address": "上海市浦东新区样例路 1 号",
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
        "number": "B202610-0001",
        "shop_code": "S001",
        "shop_name": "喜悦书店（旗舰店）",
        "contract_number": "C2026-0001",
        "unit_codes": ("1F-01",),
        "area_m2": D("120.50"),
        "period_start": OCTOBER.first,
        "period_end": OCTOBER.last,
        "issued_at": ISSUED,
        "due_date": date(2026, 11, 11),
        "net_amount": bill.net * copies,
        "tax_amount": bill.tax * copies,
        "total_amount": bill.total * copies,
        "lines": lines,
        "as_of": ISSUED,
        **given,
    }
    return BillPaper(**fields)
