"""Bills of leases that were changed for days that had been billed, and final settlements."""

import random
from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal as D
from threading import Thread

import pytest
import sqlalchemy as sa
from running_mall import CASHIER, CLERK, NOW, START, RunningMall, at, rent
from sqlalchemy.orm import Session

from domain.bill_inputs import BillRunInputs
from domain.bill_run import compute_bill
from domain.bills import BillState
from domain.calendar import month_of
from domain.charges import ChargeType, PricingKind
from domain.deposits import DepositKind
from domain.derivations import recompute_taxed
from domain.gates import Gate
from domain.lease_terms import ClauseDraft
from domain.payments import PaymentMethod
from services.operations import leasing
from services.operations.billing import BillRunResult, issue_bills, run_bills
from services.operations.payments import confirm_payment, record_payment
from services.queries.bill_inputs import read_lease
from services.queries.contracts import NoSuchContract
from services.queries.settlements import Settlement, final_settlement
from storage.database import transaction
from storage.models import Bill, BillLine

JANUARY, FEBRUARY, MARCH, APRIL = (date(2026, month, 1) for month in (1, 2, 3, 4))
FEE = rent("1500.00", START, None, ChargeType.PROPERTY_FEE)
SHARE = ClauseDraft(ChargeType.TURNOVER_RENT, PricingKind.PERCENTAGE, {"rate": "0.05"}, START)


SALES = """
    CREATE SCHEMA IF NOT EXISTS marts;
    CREATE TABLE marts.shop_days (
        mall_id bigint, shop_id bigint, business_date date, net_sales numeric(14, 2),
        is_sales_complete bool);
    INSERT INTO marts.shop_days
    SELECT :mall, :shop, day, 1000, true
    FROM generate_series(date '2026-01-01', date '2026-12-31', interval '1 day') AS day
"""


def share(settlement: str, rate: str = "0.05", first: date = START) -> ClauseDraft:
    return replace(SHARE, parameters={"rate": rate, "settlement": settlement}, valid_from=first)


class Billed(RunningMall):
    """The mall with its bill runs."""

    def sell(self) -> None:
        """1,000.00 on each day of the year."""
        for statement in SALES.split(";\n"):
            self.session.execute(sa.text(statement), {"mall": self.mall_id, "shop": self.shop_id})

    def bill_until(self, month: int) -> None:
        for one in range(1, month + 1):
            assert self.bill(date(2026, one, 1)).held == ()

    def final(self, month: date) -> list[tuple[date, ChargeType, D]]:
        """The lines of a month's bill, which is the last: another run creates nothing."""
        dry = self.bill(month, dry_run=True)
        real = self.bill(month)
        assert dry == replace(real, bill_run_id=None)
        assert (real.created, real.held) == (1, ())
        assert self.bill(month) == replace(real, created=0, existing=1)
        following = self.bill(after(month).date().replace(day=1))
        assert (following.contracts, following.created) == (0, 0)
        return self.lines(month)

    def bill(self, month: date, *, dry_run: bool = False) -> BillRunResult:
        given = {"mall_id": self.mall_id, "month": month, "now": after(month)}
        result = run_bills(self.session, dry_run=dry_run, **given)  # type: ignore[arg-type]
        if not dry_run:
            issue_bills(self.session, actor="system", **given)  # type: ignore[arg-type]
        return result

    def lines(self, month: date) -> list[tuple[date, ChargeType, D]]:
        """(first day, charge, net) of the month's bill, each line recomputed from itself."""
        rows = self.session.scalars(
            sa.select(BillLine)
            .join(Bill)
            .where(Bill.period_start == month, Bill.state != BillState.VOID)
            .order_by(BillLine.line_number)
        ).all()
        for row in rows:
            again = recompute_taxed(row.derivation)
            assert (again.net, again.total) == (row.net_amount, row.total_amount)
        return [(row.period_start, row.charge_type, row.net_amount) for row in rows]

    def settle(self, contract_id: int, as_of: date) -> Settlement:
        return final_settlement(
            self.session, contract_id=contract_id, as_of=as_of, now=at(date(2026, 12, 1))
        )


def after(month: date) -> datetime:
    return at(month + timedelta(days=32))


@pytest.fixture
def mall(session: Session) -> Billed:
    return Billed(session)


def test_retroactive_amendment_becomes_lines_of_the_next_bill(mall: Billed) -> None:
    contract_id = mall.lease(clauses=[rent("10000.00"), FEE])
    for month in (JANUARY, FEBRUARY):
        mall.bill(month)
    mid = date(2026, 1, 16)
    mall.amend(
        contract_id,
        mid,
        [rent("12000.00", mid), replace(FEE, valid_from=mid)],
        at(date(2026, 3, 5)),
    )
    dry = mall.bill(MARCH, dry_run=True)
    real = mall.bill(MARCH)
    assert dry == replace(real, bill_run_id=None)
    assert mall.lines(MARCH) == [
        (MARCH, ChargeType.RENT, D("12000.00")),
        (MARCH, ChargeType.PROPERTY_FEE, D("1500.00")),
        # 10,000 × 15/31 + 12,000 × 16/31 − 10,000
        (JANUARY, ChargeType.RENT, D("1032.26")),
        (FEBRUARY, ChargeType.RENT, D("2000.00")),
    ]
    again = mall.bill(MARCH)
    assert again == replace(real, created=0, existing=1)
    mall.bill(APRIL)
    assert mall.lines(APRIL) == [
        (APRIL, ChargeType.RENT, D("12000.00")),
        (APRIL, ChargeType.PROPERTY_FEE, D("1500.00")),
    ]


def test_two_months_billed_at_once_adjust_a_month_once(engine: sa.Engine) -> None:
    with transaction(engine) as session:
        mall = Billed(session)
        contract_id = mall.lease()
        mall.bill(JANUARY)
        mall.amend(contract_id, START, [rent("12000.00")], at(date(2026, 2, 5)))
        mall_id = mall.mall_id

    def bill(session: Session, month: date) -> None:
        assert run_bills(session, mall_id=mall_id, month=month, now=after(month)).created == 1

    def bill_march() -> None:
        with transaction(engine) as other:
            bill(other, MARCH)

    march = Thread(target=bill_march)
    with transaction(engine) as session:
        bill(session, FEBRUARY)
        march.start()
        march.join(2)  # it has to wait for February; if it did not, it would be done by now
    march.join(60)
    with transaction(engine) as session:
        adjusted = session.scalars(
            sa.select(BillLine.net_amount)
            .join(Bill)
            .where(BillLine.period_start < Bill.period_start)
        ).all()
    assert adjusted == [D("2000.00")]


def test_second_thoughts_take_back_what_was_adjusted(mall: Billed) -> None:
    contract_id = mall.lease()
    mall.bill(JANUARY)
    mall.amend(contract_id, START, [rent("12000.00")], at(FEBRUARY))
    mall.bill(FEBRUARY)
    mall.amend(contract_id, START, [rent("10000.00")], at(MARCH))
    mall.bill(MARCH)
    assert mall.lines(FEBRUARY)[-1] == (JANUARY, ChargeType.RENT, D("2000.00"))
    assert mall.lines(MARCH) == [
        (MARCH, ChargeType.RENT, D("10000.00")),
        (JANUARY, ChargeType.RENT, D("-2000.00")),
        (FEBRUARY, ChargeType.RENT, D("-2000.00")),
    ]


def test_lease_that_ended_in_a_billed_month_gets_a_final_bill_and_no_more(mall: Billed) -> None:
    contract_id = mall.lease()
    for month in (JANUARY, FEBRUARY):
        mall.bill(month)
    mall.end_early(contract_id, date(2026, 2, 14), at(date(2026, 3, 20)))
    mall.move(date(2026, 3, 20))
    real = mall.bill(MARCH)
    assert (real.contracts, real.created) == (1, 1)
    assert mall.lines(MARCH) == [(FEBRUARY, ChargeType.RENT, D("-5000.00"))]
    bill = mall.session.scalars(sa.select(Bill).where(Bill.period_start == MARCH)).one()
    assert (bill.total_amount, bill.contract_id) == (D("-5450.00"), contract_id)
    assert mall.bill(MARCH) == replace(real, created=0, existing=1)
    april = mall.bill(APRIL)
    assert (april.contracts, april.created) == (0, 0)


def test_early_end_of_the_month_to_come_needs_no_adjustment(mall: Billed) -> None:
    contract_id = mall.lease()
    mall.bill(JANUARY)
    mall.end_early(contract_id, date(2026, 2, 14), at(date(2026, 2, 3)))
    mall.move(date(2026, 2, 15))
    mall.bill(FEBRUARY)
    assert mall.lines(FEBRUARY) == [(FEBRUARY, ChargeType.RENT, D("5000.00"))]
    assert mall.bill(MARCH).contracts == 0


def test_month_without_a_bill_is_billed_by_its_own_run(mall: Billed) -> None:
    """February was held back; it comes later, at the terms of today, and is adjusted by nobody."""
    contract_id = mall.lease()
    mall.bill(JANUARY)
    mall.amend(contract_id, START, [rent("12000.00")], at(MARCH))
    mall.bill(MARCH)
    assert mall.lines(MARCH)[1:] == [(JANUARY, ChargeType.RENT, D("2000.00"))]
    mall.bill(FEBRUARY)
    assert mall.lines(FEBRUARY) == [(FEBRUARY, ChargeType.RENT, D("12000.00"))]
    mall.bill(APRIL)
    assert mall.lines(APRIL) == [(APRIL, ChargeType.RENT, D("12000.00"))]


def test_void_bill_counts_for_nothing(mall: Billed) -> None:
    contract_id = mall.lease()
    mall.bill(JANUARY)
    mall.amend(contract_id, START, [rent("12000.00")], at(FEBRUARY))
    mall.session.execute(sa.update(Bill).values(state=BillState.VOID))
    mall.bill(FEBRUARY)
    assert mall.lines(FEBRUARY) == [(FEBRUARY, ChargeType.RENT, D("12000.00"))]


def test_lease_that_nobody_changed_is_not_computed_again(mall: Billed) -> None:
    """Its bills say what they said, also when a neighbour's are adjusted."""
    contract_id = mall.lease()
    alone = mall.bill(JANUARY)
    clause = mall.contract(contract_id).clauses[0]
    clause.parameters = {"amount": "1.00"}  # nothing of the lease says that it was changed
    mall.session.flush()
    mall.bill(FEBRUARY)
    assert mall.lines(FEBRUARY) == [(FEBRUARY, ChargeType.RENT, D("1.00"))]
    assert alone.created == 1


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_changes_and_runs_ends_in_what_the_clauses_say(
    mall: Billed, seed: int
) -> None:
    """Amendments reach back as they like, months are billed out of turn, the lease ends early."""
    dice = random.Random(seed)
    contract_id = mall.lease(clauses=[rent("10000.00"), FEE])
    months = [date(2026, month, 1) for month in range(1, 7)]
    dice.shuffle(months)
    now = at(date(2026, 7, 1))
    for step, month in enumerate(months):
        assert mall.bill(month).held == ()
        now += timedelta(hours=1)
        if step == 4:
            mall.end_early(contract_id, date(2026, dice.randint(2, 6), dice.randint(1, 28)), now)
        elif dice.random() < 0.7:
            day = START + timedelta(days=dice.randrange(150))
            # Not so far apart that the gate of unusual amounts would hold a bill.
            amount = f"{dice.randrange(900_000, 1_100_000) / 100:.2f}"
            mall.amend(contract_id, day, [rent(amount, day)], now)
    last = date(2026, 8, 1)
    assert mall.bill(last).held == ()
    lease = read_lease(
        mall.session.connection().connection.driver_connection,  # type: ignore[arg-type]
        contract_id=contract_id,
        now=after(last),
    )
    due: dict[tuple[date, ChargeType], D] = defaultdict(D)
    for month in map(month_of, months):
        bill = compute_bill(lease, BillRunInputs(mall.mall_id, month, {}, (lease,)))
        for line in bill.lines if bill else ():
            due[month.first, line.charge_type] += line.total
    rows = mall.session.execute(
        sa.select(BillLine.period_start, BillLine.charge_type, BillLine.total_amount)
    )
    said: dict[tuple[date, ChargeType], D] = defaultdict(D)
    for day, charge, total in rows:
        said[day.replace(day=1), charge] += total
    assert {key: total for key, total in said.items() if total} == dict(due)
    assert mall.bill(last).created == 0
    assert mall.bill(date(2026, 9, 1)).created == 0


# -- shares of sales ------------------------------------------------------------------------------


def test_early_end_on_the_last_billed_day_settles_the_lease_year(mall: Billed) -> None:
    mall.sell()
    contract_id = mall.lease(clauses=[rent("10000.00"), share("LEASE_YEAR")])
    mall.bill_until(7)
    mall.end_early(contract_id, date(2026, 7, 31), at(date(2026, 8, 5)))
    mall.move(date(2026, 8, 5))
    (line,) = mall.settle(contract_id, date(2026, 12, 31)).unbilled
    assert (line.charge_type, line.total, line.is_adjustment) == (
        ChargeType.TURNOVER_RENT,
        D("11554.00"),
        True,
    )
    # 212 days × 1,000 × 5 %
    assert mall.final(date(2026, 8, 1)) == [(START, ChargeType.TURNOVER_RENT, D("10600.00"))]
    assert mall.settle(contract_id, date(2026, 12, 31)).unbilled == ()


def test_early_end_in_a_settled_quarter_gives_back_what_it_billed_beyond(mall: Billed) -> None:
    mall.sell()
    contract_id = mall.lease(clauses=[rent("10000.00"), share("QUARTER")])
    mall.bill_until(6)
    mall.end_early(contract_id, date(2026, 5, 31), at(date(2026, 7, 5)))
    mall.move(date(2026, 7, 5))
    assert mall.final(date(2026, 7, 1)) == [
        (date(2026, 6, 1), ChargeType.RENT, D("-10000.00")),
        (APRIL, ChargeType.TURNOVER_RENT, D("-1500.00")),
    ]


def test_shares_of_months_after_an_early_end_are_given_back(mall: Billed) -> None:
    mall.sell()
    contract_id = mall.lease(clauses=[rent("10000.00"), share("MONTH")])
    mall.bill_until(3)
    mall.end_early(contract_id, date(2026, 1, 31), at(date(2026, 4, 5)))
    mall.move(date(2026, 4, 5))
    assert mall.final(APRIL) == [
        (FEBRUARY, ChargeType.RENT, D("-10000.00")),
        (MARCH, ChargeType.RENT, D("-10000.00")),
        (JANUARY, ChargeType.TURNOVER_RENT, D("-2950.00")),
    ]


def test_settlement_that_lacks_sales_holds_the_final_bill_until_they_come(mall: Billed) -> None:
    mall.sell()
    contract_id = mall.lease(clauses=[rent("10000.00"), share("LEASE_YEAR")])
    mall.bill_until(7)
    mall.end_early(contract_id, date(2026, 7, 31), at(date(2026, 8, 5)))
    day = "UPDATE marts.shop_days SET is_sales_complete = {} WHERE business_date = '2026-05-05'"
    mall.session.execute(sa.text(day.format("false")))
    settlement = mall.settle(contract_id, date(2026, 12, 31))
    assert (settlement.unbilled, settlement.unknown) == ((), (ChargeType.TURNOVER_RENT,))
    waiting = mall.bill(date(2026, 8, 1))
    assert (waiting.created, [one.gates for one in waiting.held]) == (0, [(Gate.POS_DAYS,)])
    mall.session.execute(sa.text(day.format("true")))
    assert mall.final(date(2026, 8, 1)) == [(START, ChargeType.TURNOVER_RENT, D("10600.00"))]


@pytest.mark.parametrize(
    ("settlement", "settled"),
    [
        # 28 days × 1,000 × 1 % more; January stays as it was.
        ("MONTH", [(MARCH, D("1860.00")), (FEBRUARY, D("280.00"))]),
        # A settlement ends with the old share, another begins.
        ("QUARTER", [(FEBRUARY, D("3540.00")), (JANUARY, D("1550.00"))]),
        ("LEASE_YEAR", [(JANUARY, D("1550.00"))]),
    ],
)
def test_share_amended_for_a_billed_month_is_settled_by_the_next_bill(
    mall: Billed, settlement: str, settled: list[tuple[date, D]]
) -> None:
    mall.sell()
    contract_id = mall.lease(clauses=[rent("10000.00"), share(settlement)])
    mall.bill_until(2)
    mall.amend(
        contract_id,
        FEBRUARY,
        [rent("10000.00", FEBRUARY), share(settlement, "0.06", FEBRUARY)],
        at(date(2026, 3, 5)),
    )
    assert mall.bill(MARCH).held == ()
    assert mall.lines(MARCH)[1:] == [
        (first, ChargeType.TURNOVER_RENT, net) for first, net in settled
    ]
    assert mall.bill(MARCH).created == 0
    mall.bill(APRIL)
    assert mall.lines(APRIL)[1:] == (
        [(APRIL, ChargeType.TURNOVER_RENT, D("1800.00"))] if settlement == "MONTH" else []
    )


# -- settlements ----------------------------------------------------------------------------------


def test_settlement_adds_up_bills_unbilled_days_and_deposit(mall: Billed) -> None:
    contract_id = mall.lease(clauses=[rent("10000.00"), FEE, SHARE])
    entry_id = leasing.enter_deposit(
        mall.session,
        contract_id=contract_id,
        kind=DepositKind.RECEIVED,
        amount=D("20000.00"),
        entry_date=START,
        actor=CLERK,
        now=NOW,
    )
    leasing.confirm_deposit(mall.session, entry_id=entry_id, actor=CASHIER, now=NOW)
    settlement = mall.settle(contract_id, date(2026, 1, 31))
    assert [(one.charge_type, one.total) for one in settlement.unbilled] == [
        (ChargeType.RENT, D("10900.00")),
        (ChargeType.PROPERTY_FEE, D("1590.00")),
    ]
    assert settlement.unknown == (ChargeType.TURNOVER_RENT,)
    assert (settlement.owed, settlement.to_pay) == (D("12490.00"), 0)
    assert settlement.to_refund == D("7510.00")


def test_settlement_of_an_early_end_says_the_final_bill_before_it_is_made(mall: Billed) -> None:
    contract_id = mall.lease()
    for month in (JANUARY, FEBRUARY):
        mall.bill(month)
    payment_id = record_payment(
        mall.session,
        shop_id=mall.shop_id,
        method=PaymentMethod.CASH,
        channel_transaction="1",
        amount=D("15000.00"),
        received_at=at(FEBRUARY),
        entered_by="a",
    )
    confirm_payment(mall.session, payment_id=payment_id, confirmed_by="b", now=at(FEBRUARY))
    last_day = date(2026, 2, 14)

    before = mall.settle(contract_id, last_day)
    assert [(one.number, one.outstanding) for one in before.bills] == [
        ("B202602-0001", D("6800.00"))
    ]
    (line,) = before.unbilled
    assert (line.period.first, line.total, line.is_adjustment) == (FEBRUARY, D("-5450.00"), True)
    assert (before.owed, before.to_pay, before.to_refund) == (D("1350.00"), D("1350.00"), 0)

    mall.end_early(contract_id, last_day, at(MARCH))
    mall.bill(MARCH)
    settled = mall.settle(contract_id, date(2026, 12, 31))
    assert settled.as_of == last_day
    assert [one.outstanding for one in settled.bills] == [D("6800.00"), D("-5450.00")]
    assert settled.unbilled == ()
    assert settled.owed == before.owed


def test_settlement_counts_unbilled_months_between_bills(mall: Billed) -> None:
    contract_id = mall.lease()
    mall.bill(FEBRUARY)
    settlement = mall.settle(contract_id, date(2026, 4, 15))
    assert [one.period.first for one in settlement.unbilled] == [MARCH, APRIL]
    assert settlement.unbilled[1].total == D("5450.00")
    assert [one.total for one in settlement.bills] == [D("10900.00")]


def test_unknown_lease_has_no_settlement(session: Session) -> None:
    with pytest.raises(NoSuchContract):
        final_settlement(session, contract_id=4711, as_of=START, now=NOW)
