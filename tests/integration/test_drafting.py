"""Drafts are changed, handed in and taken back; what was believed when can always be told."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa
from running_mall import END, MANAGER, NOW, OFFICER, START, RunningMall, rent
from sqlalchemy.orm import Session

from domain.charges import ChargeType, PricingKind, Proration, TariffKind
from domain.contracts import ContractState
from domain.lease_terms import ClauseDraft
from domain.notifications import Audience
from domain.people import Role
from domain.term_checks import TermFault
from domain.term_differences import compare_terms
from services.operations import leasing
from services.operations.leasing import (
    CommentRequired,
    DraftChanged,
    InvalidContract,
    MakerIsChecker,
    NotADraft,
    RoleMayNot,
)
from services.operations.malls import AlreadyRegistered, NotRegistered, register_unit
from services.operations.tariffs import register_tariff
from services.queries.contracts import (
    NoSuchContract,
    build_terms,
    get_contract_terms,
    list_clause_records,
    list_clauses,
    list_versions,
    terms_as_believed,
)
from storage.database import transaction
from storage.models import ContractClause, ContractUnit

COLLEAGUE = "wu"


class Desk(RunningMall):
    def hand_in(self, contract_id: int, now: datetime = NOW) -> None:
        leasing.submit_contract(self.session, contract_id=contract_id, actor=OFFICER, now=now)

    def reject(self, contract_id: int, now: datetime = NOW) -> None:
        leasing.reject_contract(
            self.session, contract_id=contract_id, actor=MANAGER, comment="too cheap", now=now
        )

    def revise(self, contract_id: int, now: datetime = NOW, comment: str = "") -> None:
        leasing.revise_contract(
            self.session, contract_id=contract_id, actor=OFFICER, comment=comment, now=now
        )

    def put(
        self,
        contract_id: int,
        clauses: Sequence[ClauseDraft],
        *,
        base: Sequence[int] | None = None,
        actor: str = OFFICER,
        now: datetime = NOW,
    ) -> None:
        leasing.put_clauses(
            self.session,
            contract_id=contract_id,
            clauses=clauses,
            base_ids=base,
            actor=actor,
            now=now,
        )

    def change(self, contract_id: int, actor: str = OFFICER, **given: object) -> None:
        leasing.change_draft(
            self.session,
            contract_id=contract_id,
            actor=actor,
            now=NOW,
            **given,  # type: ignore[arg-type]
        )

    def unit(self, code: str) -> int:
        return register_unit(
            self.session,
            mall_id=self.mall_id,
            code=code,
            floor="L2",
            area_m2=Decimal("40"),
            opened_date=date(2020, 1, 1),
        )

    def held_rows(self, contract_id: int) -> list[tuple[int, bool, date, date]]:
        """(unit, whether it is held, first day, first day after) by unit."""
        rows = self.session.execute(
            sa.select(
                ContractUnit.unit_id,
                ContractUnit.is_held,
                sa.func.lower(ContractUnit.period),
                sa.func.upper(ContractUnit.period),
            )
            .where(ContractUnit.contract_id == contract_id)
            .order_by(ContractUnit.unit_id)
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def ids(self, contract_id: int) -> list[int]:
        return [one.id for one in list_clauses(self.session, contract_id)]


@pytest.fixture
def desk(session: Session) -> Desk:
    return Desk(session)


def fee(amount: str, first: date = START, last: date | None = None) -> ClauseDraft:
    return rent(amount, first, last, ChargeType.PROPERTY_FEE)


def test_everything_of_a_draft_can_be_changed(desk: Desk, session: Session) -> None:
    contract_id = desk.draft()
    other = desk.unit("L2-09")
    desk.change(
        contract_id,
        number="C-9",
        unit_ids=[other],
        start_date=date(2026, 2, 1),
        end_date=date(2028, 1, 31),
        deposit_amount=Decimal("1.00"),
        proration=Proration.DAYS_365,
        payment_term_days=30,
        officer="wu@mall.example",
    )
    desk.put(contract_id, [rent("500", date(2026, 2, 1))])
    terms = get_contract_terms(session, contract_id)
    assert (terms.number, terms.start, terms.end) == ("C-9", date(2026, 2, 1), date(2028, 1, 31))
    assert [unit.code for unit in terms.units] == ["L2-09"]
    assert (terms.deposit, terms.proration) == (Decimal("1.00"), Proration.DAYS_365)
    assert terms.payment_term_days == 30
    assert desk.contract(contract_id).officer == "wu@mall.example"
    assert desk.held_rows(contract_id) == [(other, False, date(2026, 2, 1), date(2028, 2, 1))]


def test_what_is_not_given_stays(desk: Desk, session: Session) -> None:
    contract_id = desk.draft()
    before = get_contract_terms(session, contract_id)
    desk.change(contract_id)
    assert get_contract_terms(session, contract_id) == before
    assert desk.contract(contract_id).officer == OFFICER


def test_kept_unit_moves_with_the_days_of_the_lease(desk: Desk) -> None:
    contract_id = desk.draft()
    more = desk.unit("L2-09")
    desk.change(contract_id, unit_ids=[more, desk.unit_id], end_date=date(2027, 6, 30))
    following = date(2027, 7, 1)
    assert desk.held_rows(contract_id) == [
        (desk.unit_id, False, START, following),
        (more, False, START, following),
    ]


def test_only_a_draft_is_changed(desk: Desk) -> None:
    contract_id = desk.draft()
    desk.hand_in(contract_id)
    with pytest.raises(NotADraft, match="IN_REVIEW") as refused:
        desk.change(contract_id, number="C-2")
    assert refused.value.state is ContractState.IN_REVIEW
    with pytest.raises(NotADraft):
        desk.put(contract_id, [rent("1")])


@pytest.mark.parametrize("role", ["MANAGEMENT", "FINANCE", "SHOP", "SUPER_ADMIN", ""])
def test_only_the_operation_desk_writes_drafts(desk: Desk, session: Session, role: str) -> None:
    contract_id = desk.draft()
    with pytest.raises(RoleMayNot):
        leasing.change_draft(session, contract_id=contract_id, actor="x", role=role, now=NOW)
    with pytest.raises(RoleMayNot):
        leasing.put_clauses(
            session, contract_id=contract_id, clauses=[], actor="x", role=role, now=NOW
        )


def test_number_of_another_contract_is_refused_and_the_own_one_is_not(desk: Desk) -> None:
    desk.draft("C-1")
    contract_id = desk.draft("C-2")
    with pytest.raises(AlreadyRegistered, match="C-1"):
        desk.change(contract_id, number="C-1")
    desk.change(contract_id, number="C-2", payment_term_days=5)


def test_shop_and_units_must_be_of_the_mall(desk: Desk) -> None:
    contract_id = desk.draft()
    with pytest.raises(NotRegistered):
        desk.change(contract_id, shop_id=0)
    with pytest.raises(NotRegistered):
        desk.change(contract_id, unit_ids=[0])


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"end_date": START - timedelta(days=1)}, TermFault.ENDS_BEFORE_START),
        ({"end_date": date.max}, TermFault.DATES_OUT_OF_REACH),
        ({"start_date": date(2019, 1, 1)}, TermFault.UNIT_NOT_THERE),
        ({"deposit_amount": Decimal(-1)}, TermFault.NEGATIVE_DEPOSIT),
        ({"payment_term_days": -1}, TermFault.PAYMENT_TERM),
    ],
)
def test_draft_that_cannot_be_is_refused_and_stays_as_it_was(
    desk: Desk, session: Session, given: dict[str, object], fault: TermFault
) -> None:
    contract_id = desk.draft()
    before = get_contract_terms(session, contract_id)
    session.flush()
    with pytest.raises(InvalidContract) as refused, session.begin_nested():
        desk.change(contract_id, **given)
    assert [problem.fault for problem in refused.value.problems] == [fault]
    session.expire_all()
    assert get_contract_terms(session, contract_id) == before


def test_clauses_that_a_shorter_lease_left_behind_are_named_when_it_is_handed_in(
    desk: Desk,
) -> None:
    contract_id = desk.draft(clauses=[rent("1"), fee("2", date(2026, 10, 1))])
    desk.change(contract_id, end_date=date(2026, 9, 30))
    with pytest.raises(InvalidContract, match=r"clause 2 \(PROPERTY_FEE") as refused:
        desk.hand_in(contract_id)
    assert [p.fault for p in refused.value.problems] == [TermFault.CLAUSE_OUTSIDE_LEASE]
    desk.put(contract_id, [rent("1")])
    desk.hand_in(contract_id)


def test_unchanged_clause_keeps_its_record_and_a_changed_one_is_superseded(
    desk: Desk, session: Session
) -> None:
    contract_id = desk.draft(clauses=[rent("1"), fee("2")])
    kept, gone = desk.ids(contract_id)
    later = NOW + timedelta(hours=1)
    desk.put(contract_id, [fee("3"), rent("1")], base=[kept, gone], now=later)
    standing = list_clauses(session, contract_id)
    assert [one.clause for one in standing] == [rent("1"), fee("3")]
    assert standing[0].id == kept
    records = {one.id: one for one in list_clause_records(session, contract_id)}
    assert records[gone].superseded_at == later
    assert records[standing[1].id].recorded_at == later
    assert len(records) == 3


def test_same_clause_twice_is_two_records(desk: Desk) -> None:
    flat = ClauseDraft(ChargeType.OTHER, PricingKind.FIXED_MONTHLY, {"amount": "1"}, START)
    contract_id = desk.draft(clauses=[rent("1"), flat])
    before = desk.ids(contract_id)
    desk.put(contract_id, [rent("1"), flat, flat])
    after = desk.ids(contract_id)
    assert len(after) == 3
    assert set(before) < set(after)


def test_clauses_that_somebody_else_changed_are_not_overwritten(
    desk: Desk, session: Session
) -> None:
    contract_id = desk.draft()
    seen = desk.ids(contract_id)
    desk.put(contract_id, [rent("2")], base=seen, actor=COLLEAGUE)
    with pytest.raises(DraftChanged, match=COLLEAGUE) as refused:
        desk.put(contract_id, [rent("3")], base=seen)
    assert refused.value.by == COLLEAGUE
    assert [one.clause for one in list_clauses(session, contract_id)] == [rent("2")]
    desk.put(contract_id, [rent("3")], base=desk.ids(contract_id))


def test_clause_at_fault_is_named_by_its_place_and_nothing_is_written(
    desk: Desk, session: Session
) -> None:
    contract_id = desk.draft()
    with pytest.raises(InvalidContract) as refused:
        desk.put(contract_id, [rent("1"), fee("x"), fee("1", date(2030, 1, 1))])
    assert [(p.fault, p.clause, p.field) for p in refused.value.problems] == [
        (TermFault.BAD_PARAMETER, 2, "amount"),
        (TermFault.CLAUSE_OUTSIDE_LEASE, 3, ""),
    ]
    assert [one.clause for one in list_clauses(session, contract_id)] == [rent("10000.00")]


def test_draft_may_have_two_rents_on_a_day_but_is_not_handed_in_with_them(desk: Desk) -> None:
    contract_id = desk.draft()
    desk.put(contract_id, [rent("1"), rent("2")])
    with pytest.raises(InvalidContract, match="which clause 1 charges too"):
        desk.hand_in(contract_id)
    assert desk.state(contract_id) is ContractState.DRAFT
    assert desk.held_rows(contract_id)[0][1] is False


def test_contract_with_a_tariff_that_nobody_registered_is_not_handed_in(
    desk: Desk, session: Session
) -> None:
    water = ClauseDraft(ChargeType.WATER, PricingKind.METERED, {"tariff": "TAP"}, START)
    contract_id = desk.draft(clauses=[rent("1"), water])
    with pytest.raises(InvalidContract, match="there is no tariff TAP"):
        desk.hand_in(contract_id)
    register_tariff(
        session,
        mall_id=desk.mall_id,
        code="TAP",
        charge_type=ChargeType.WATER,
        kind=TariffKind.FLAT,
        parameters={"price": "5"},
        valid_from=START,
    )
    desk.hand_in(contract_id)


def test_second_look_stops_nobody(desk: Desk) -> None:
    desk.hand_in(desk.draft(clauses=[rent("1", date(2026, 2, 1))]))


def test_whoever_edited_a_draft_does_not_approve_it(desk: Desk, session: Session) -> None:
    contract_id = desk.draft()
    desk.put(contract_id, [rent("2")], actor=COLLEAGUE)
    desk.hand_in(contract_id)
    with pytest.raises(MakerIsChecker) as refused:
        leasing.approve_contract(session, contract_id=contract_id, actor=COLLEAGUE, now=NOW)
    assert (refused.value.number, refused.value.actor) == ("C-1", COLLEAGUE)


def test_edits_of_one_person_in_a_row_stand_in_the_history_once(desk: Desk) -> None:
    contract_id = desk.draft()
    desk.put(contract_id, [rent("2")])
    assert desk.events(contract_id) == ["DRAFT"]
    for amount in ("3", "4"):
        desk.put(contract_id, [rent(amount)], actor=COLLEAGUE)
    desk.change(contract_id, payment_term_days=5)
    assert desk.events(contract_id) == ["DRAFT", "DRAFT_EDITED", "DRAFT_EDITED"]


def test_each_time_a_contract_is_handed_in_its_terms_are_kept(desk: Desk, session: Session) -> None:
    contract_id = desk.draft()
    desk.hand_in(contract_id)
    desk.reject(contract_id)
    desk.revise(contract_id)
    desk.put(contract_id, [rent("12000")])
    desk.hand_in(contract_id)
    second, first = list_versions(session, contract_id)
    assert (first.version, second.version) == (1, 1)
    assert second.terms_sha256 == second.terms.terms_sha256
    assert [unit.area_m2 for unit in second.terms.units] == [Decimal("80.50")]
    differences = compare_terms(first.terms, second.terms)
    assert all(row.is_same for row in differences.fields)
    assert [(row.before, row.after) for row in differences.clauses] == [
        (rent("10000.00"), rent("12000"))
    ]


def test_people_are_told_of_each_step(desk: Desk) -> None:
    contract_id = desk.draft()
    desk.hand_in(contract_id)
    desk.reject(contract_id)
    desk.revise(contract_id)
    desk.hand_in(contract_id)
    leasing.approve_contract(desk.session, contract_id=contract_id, actor=MANAGER, now=NOW)
    handed_in = desk.told("CONTRACT_SUBMITTED")
    assert [(one.audience, one.role) for one in handed_in] == [(Audience.ROLE, Role.MANAGEMENT)] * 2
    (rejected,) = desk.told("CONTRACT_REJECTED")
    assert (rejected.audience, rejected.parameters) == (
        Audience.OFFICER,
        {"reason": "too cheap"},
    )
    (approved,) = desk.told("CONTRACT_APPROVED")
    assert (approved.audience, approved.contract_id, approved.actor) == (
        Audience.OFFICER,
        contract_id,
        MANAGER,
    )
    assert approved.expires_at == NOW + timedelta(days=30)


def test_shop_is_told_why_a_contract_that_it_could_sign_is_taken_back(
    desk: Desk, session: Session
) -> None:
    contract_id = desk.draft()
    desk.hand_in(contract_id)
    leasing.approve_contract(session, contract_id=contract_id, actor=MANAGER, now=NOW)
    leasing.send_contract(session, contract_id=contract_id, actor=OFFICER, now=NOW)
    with pytest.raises(CommentRequired):
        desk.revise(contract_id)
    desk.revise(contract_id, comment="the area is wrong")
    (recalled,) = desk.told("CONTRACT_RECALLED")
    assert (recalled.audience, recalled.parameters) == (
        Audience.SHOP,
        {"reason": "the area is wrong"},
    )
    assert recalled.expires_at is None
    assert desk.contract(contract_id).version == 2
    assert desk.held_rows(contract_id)[0][1] is False


def test_what_was_believed_on_a_day_can_be_told(desk: Desk, session: Session) -> None:
    def day(number: int) -> datetime:
        return datetime(2025, 12, number, 3, tzinfo=UTC)

    contract_id = desk.draft(now=day(1))
    desk.put(contract_id, [rent("11000")], now=day(3))
    desk.hand_in(contract_id, now=day(4))
    desk.reject(contract_id, now=day(5))
    desk.revise(contract_id, now=day(6))
    desk.change(contract_id, deposit_amount=Decimal("5.00"))
    desk.put(contract_id, [rent("12000")], now=day(7))

    def believed(at: datetime) -> tuple[str, Decimal]:
        terms = terms_as_believed(session, contract_id=contract_id, at=at)
        assert terms is not None
        return terms.clauses[0].parameters["amount"], terms.deposit

    drafted, changed = Decimal("20000.00"), Decimal("5.00")
    # The draft is open again: beside its clauses, what stands now is what is known of it.
    assert believed(day(8)) == ("12000", changed)
    desk.hand_in(contract_id, now=day(9))
    assert believed(day(10)) == ("12000", changed)
    assert believed(day(8)) == ("12000", drafted)
    assert believed(day(4)) == ("11000", drafted)
    assert believed(day(3)) == ("11000", changed)
    assert believed(day(2)) == ("10000.00", changed)
    assert (
        terms_as_believed(session, contract_id=contract_id, at=day(1) - timedelta(seconds=1))
        is None
    )


def test_early_end_is_believed_from_the_day_it_was_in_force(desk: Desk, session: Session) -> None:
    contract_id = desk.lease()
    told = datetime(2026, 5, 1, 4, tzinfo=UTC)
    desk.end_early(contract_id, date(2026, 6, 30), told)
    for at, end in ((told - timedelta(seconds=1), END), (told, date(2026, 6, 30))):
        terms = terms_as_believed(session, contract_id=contract_id, at=at)
        assert terms is not None
        assert terms.end == end


def test_amendment_is_believed_from_the_moment_it_was_signed(desk: Desk, session: Session) -> None:
    contract_id = desk.lease()
    signed = datetime(2026, 5, 1, 4, tzinfo=UTC)
    desk.amend(contract_id, date(2026, 3, 1), [rent("8000", date(2026, 3, 1))], signed)

    def amounts(at: datetime) -> list[str]:
        terms = terms_as_believed(session, contract_id=contract_id, at=at)
        assert terms is not None
        return [clause.parameters["amount"] for clause in terms.clauses]

    assert amounts(signed - timedelta(seconds=1)) == ["10000.00"]
    assert amounts(signed) == ["10000.00", "8000"]


def test_terms_that_are_not_written_down_are_those_that_will_be(
    desk: Desk, session: Session
) -> None:
    contract_id = desk.draft()
    stored = get_contract_terms(session, contract_id)
    assert stored == build_terms(
        session,
        shop_id=desk.shop_id,
        unit_ids=[desk.unit_id],
        number="C-1",
        start=START,
        end=END,
        deposit=Decimal("20000.00"),
        currency="CNY",
        proration=Proration.ACTUAL,
        payment_term_days=10,
        clauses=[rent("10000.00")],
    )


def test_terms_of_no_contract_are_not_made_up(session: Session) -> None:
    with pytest.raises(NoSuchContract, match="4711"):
        get_contract_terms(session, 4711)


def test_of_two_officers_who_save_at_once_the_second_is_told(engine: sa.Engine) -> None:
    with transaction(engine) as session:
        desk = Desk(session)
        contract_id = desk.draft()
        seen = desk.ids(contract_id)
    barrier = Barrier(2)
    said: dict[str, str] = {}

    def save(actor: str, amount: str) -> None:
        barrier.wait()
        try:
            with transaction(engine) as session:
                leasing.put_clauses(
                    session,
                    contract_id=contract_id,
                    clauses=[rent(amount)],
                    base_ids=seen,
                    actor=actor,
                    now=NOW,
                )
            said[actor] = "saved"
        except DraftChanged as error:
            said[actor] = error.by

    threads = [Thread(target=save, args=given) for given in ((OFFICER, "2"), (COLLEAGUE, "3"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    winner = next(actor for actor, word in said.items() if word == "saved")
    loser = next(actor for actor in said if actor != winner)
    assert said[loser] == winner
    with transaction(engine) as session:
        amounts = [one.clause.parameters["amount"] for one in list_clauses(session, contract_id)]
        assert amounts == ["2" if winner == OFFICER else "3"]
        assert session.scalar(sa.select(sa.func.count()).select_from(ContractClause)) == 2


def test_unit_named_twice_is_refused(desk: Desk) -> None:
    contract_id = desk.draft()
    with pytest.raises(InvalidContract, match="names the unit L1-01 twice"):
        desk.change(contract_id, unit_ids=[desk.unit_id, desk.unit_id])


@pytest.mark.parametrize("seed", range(3))
def test_every_edit_of_a_draft_can_be_told_afterwards(
    desk: Desk, session: Session, seed: int
) -> None:
    """Clauses come, go and come back; each moment's list is found again, whatever followed."""
    chance = Random(seed)
    pool = [rent("1"), rent("2"), rent("2"), fee("3"), fee("4", date(2026, 7, 1))]
    contract_id = desk.draft(clauses=pool[:2])
    known = {NOW: pool[:2]}
    for number in range(1, 25):
        moment = NOW + timedelta(minutes=number)
        chosen = chance.sample(pool, chance.randint(0, len(pool)))
        desk.put(contract_id, chosen, now=moment)
        known[moment] = chosen
    for moment, chosen in known.items():
        for instant in (moment, moment + timedelta(seconds=59)):
            believed = [one.clause for one in list_clauses(session, contract_id, at=instant)]
            assert sorted(map(repr, believed)) == sorted(map(repr, chosen))
    records = list_clause_records(session, contract_id)
    assert all(one.superseded_at is None or one.superseded_at > one.recorded_at for one in records)
