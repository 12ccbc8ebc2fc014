"""Leases as their papers see them: every kind of clause, three years, two units."""

from datetime import UTC, date, datetime
from decimal import Decimal as D

from domain.charges import ChargeType as C
from domain.charges import PricingKind as K
from domain.charges import Proration
from domain.lease_terms import ClauseDraft, LeasedUnit, LeaseTerms
from domain.malls import BusinessType
from domain.rent_schedule import rent_schedule
from services.documents.contract_paper import AmendmentPaper, ContractPaper, Parties, Verification

SEALED = datetime(2026, 4, 10, 4, 0, tzinfo=UTC)
START, END = date(2026, 4, 16), date(2029, 4, 15)
PARTIES = Parties(
    mall_name="南湖天街购物中心",
    mall_address="南湖市滨江区湖滨路 88 号",
    time_zone="Asia/Shanghai",
    shop_name="云上书店",
    shop_code="S-001",
    business_type=BusinessType.RETAIL,
    contact_name="王晓梅",
    contact_phone="138 0000 1234",
    contact_email="books@example.org",
)
VERIFICATION = Verification(
    "K7QM-3TXP-9W2F-H5NR", "https://mall.example.org/verify/K7QM3TXP9W2FH5NR"
)
CLAUSES = (
    ClauseDraft(C.RENT, K.FIXED_MONTHLY, {"amount": "36000", "factor": "0"},
                START, date(2026, 6, 30)),
    ClauseDraft(C.RENT, K.FIXED_MONTHLY, {"amount": "36000", "tax_rate": "0.09"},
                date(2026, 7, 1), date(2027, 4, 15)),
    ClauseDraft(
        C.RENT, K.FIXED_MONTHLY,
        {"amount": "37080.00", "tax_rate": "0.09",
         "indexation": {"old": "36000", "reference_index": "101.2", "current_index": "104.3",
                        "cap": "0.03"}},
        date(2027, 4, 16), END,
    ),
    ClauseDraft(
        C.TURNOVER_RENT, K.PERCENTAGE,
        {"tiers": [{"up_to": "500000", "rate": "0.08"}, {"up_to": "1000000", "rate": "0.06"},
                   {"up_to": None, "rate": "0.04"}],
         "tier_kind": "MARGINAL", "breakpoint": "ARTIFICIAL", "breakpoint_amount": "400000",
         "settlement": "QUARTER", "minimum": "9000", "tax_rate": "0.09"},
        START,
    ),
    ClauseDraft(C.PROPERTY_FEE, K.PER_AREA_MONTH, {"rate": "35", "tax_rate": "0.06"}, START),
    ClauseDraft(C.ELECTRICITY, K.METERED, {"tariff": "E-TOU", "loss": "0.02"}, START),
    ClauseDraft(C.WATER, K.METERED, {"tariff": "W-TIERS"}, START),
    ClauseDraft(C.OTHER, K.ONE_OFF, {"amount": "1200"}, START),
)  # fmt: skip
TERMS = LeaseTerms(
    number="HT-2026-0107",
    shop_code=PARTIES.shop_code,
    shop_name=PARTIES.shop_name,
    units=(LeasedUnit("L2-018", "L2", D("120.50")), LeasedUnit("L2-019", "L2", D("86.00"))),
    start=START,
    end=END,
    deposit=D("108000"),
    currency="CNY",
    proration=Proration.ACTUAL,
    payment_term_days=10,
    clauses=CLAUSES,
)


def contract_paper() -> ContractPaper:
    return ContractPaper(
        parties=PARTIES,
        terms=TERMS,
        schedule=rent_schedule(TERMS),
        version=1,
        predecessor="HT-2023-0042",
        verification=VERIFICATION,
        made_at=SEALED,
    )


def amendment_paper() -> AmendmentPaper:
    begins = (
        ClauseDraft(C.PROPERTY_FEE, K.PER_AREA_MONTH, {"rate": "32", "tax_rate": "0.06"},
                    date(2026, 10, 15)),
    )  # fmt: skip
    return AmendmentPaper(
        parties=PARTIES,
        terms=TERMS,
        number=2,
        effective_date=date(2026, 10, 15),
        reason="二期中庭改造期间，物业费下调。",
        ends=(CLAUSES[4],),
        begins=begins,
        schedule=rent_schedule(TERMS)[6:],
        verification=VERIFICATION,
        made_at=SEALED,
    )
