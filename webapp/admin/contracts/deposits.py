"""The ledger of deposits: what came, what went, what is held; entered by one, confirmed by another.

Belongs here: the pages. Not here: what a balance allows (services.operations.leasing.deposits)
and the transfer to the next lease, which the calendar makes.
"""

from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_admin.helpers import get_form_data, is_form_submitted
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import DecimalField, SelectField, StringField, TextAreaField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from domain.deposits import DepositKind
from domain.permissions import Permission
from services.operations.leasing import confirm_deposit, enter_deposit
from services.queries.deposit_lists import (
    DepositFilter,
    ListedMovement,
    deposit_totals,
    find_movement,
    list_movements,
)
from services.queries.deposits import deposit_balance, list_deposit_movements
from services.queries.keyset import Place
from storage.models import Contract
from webapp import listing
from webapp.admin import access, formats, labels
from webapp.admin.base import DayField, Form, StaffView, whole_cents
from webapp.admin.contracts.listing import SEARCH_LENGTH
from webapp.admin.filters import row_id
from webapp.auth.authorisation import may, principal, require
from webapp.auth.freshness import require_fresh
from webapp.words.deposits import REFUSALS, refusal_sentence

ENTRY = "/<int(max=9223372036854775807):entry_id>"
GREATEST = Decimal("99999999999.99")
# What people enter; a transfer has two sides, and the calendar writes both.
ENTERED = (DepositKind.RECEIVED, DepositKind.DEDUCTED, DepositKind.REFUNDED)


def not_in_the_future(form: Any, field: Any) -> None:
    if field.data and field.data > formats.today():
        raise ValidationError(_("This day has not come yet."))


class MovementForm(Form):
    number = StringField(_l("Contract"), [DataRequired(), Length(max=60)])
    kind = SelectField(
        _l("What happened"),
        choices=lambda: [(one.value, labels.label(one)) for one in ENTERED],
        coerce=DepositKind,
    )
    amount = DecimalField(
        _l("Amount"),
        [InputRequired(), NumberRange(min=Decimal("0.01"), max=GREATEST), whole_cents],
        places=2,
        description=_l("Above 0, whichever way it goes."),
        render_kw={"inputmode": "decimal"},
    )
    entry_date = DayField(_l("Day"), [InputRequired(), not_in_the_future])
    reference = StringField(
        _l("Reference"), [Length(max=120)], description=_l("Of the bank or the cash book.")
    )
    comment = TextAreaField(_l("Comment"), [Length(max=1000)], render_kw={"rows": 2})


class DepositView(StaffView):
    permission = Permission.DEPOSITS_READ

    @expose("/")
    def index_view(self) -> str:
        """`?search=&kind=RECEIVED&waiting=1`; `?contract=7` is one lease's ledger."""
        session, mall_id = access.database()(), access.current_mall_id()
        contract = _contract()
        kind = request.args.get("kind", "")
        wanted = DepositFilter(
            search=request.args.get("search", "").strip()[:SEARCH_LENGTH],
            kind=DepositKind(kind) if kind in set(DepositKind) else None,
            is_waiting=bool(request.args.get("waiting")),
        )
        found = list_movements(
            session,
            mall_id=mall_id,
            wanted=wanted,
            after=listing.asked_place("after", date.fromisoformat),
            before=listing.asked_place("before", date.fromisoformat),
        )
        page: str = self.render(
            "admin/contracts/deposits.html",
            contract=contract,
            ledger=(list_deposit_movements(session, contract_id=contract.id) if contract else ()),
            balance=deposit_balance(session, contract_id=contract.id) if contract else None,
            movements=found.items,
            pager=listing.pager(found, lambda one: Place(one.entry_date, one.id)),
            totals=deposit_totals(session, mall_id=mall_id),
            wanted=wanted,
            kinds=labels.labels_of(DepositKind),
            is_filtered=bool(wanted.search or wanted.kind or wanted.is_waiting),
            is_paged=any(request.args.get(name) for name in ("after", "before")),
            may_enter=may(Permission.DEPOSITS_ENTER),
            own=_email(),
            currency=_currency(),
        )
        return page

    @expose("/new", methods=("GET", "POST"))
    def enter(self) -> Any:
        require(Permission.DEPOSITS_ENTER)
        if is_form_submitted():
            require_fresh()
        contract = _contract()
        form = MovementForm(
            get_form_data(),
            data={
                "number": contract.number if contract else "",
                "entry_date": formats.today(),
                "kind": DepositKind.RECEIVED,
            },
        )
        refusal = ""
        if is_form_submitted() and form.validate():
            named = _named(form.number.data.strip())
            if named is None:
                form.number.errors = [_("This mall has no contract of this number.")]
            else:
                refusal = self._enter(form, named)
                if not refusal:
                    flash(
                        _("The movement is entered; it counts once another person confirms it."),
                        "success",
                    )
                    return redirect(url_for(".index_view", contract=named.id))
        page = self._deed(
            form,
            title=_("Enter a movement"),
            consequence=_(
                "It stands in the ledger at once and counts once another person of finance has "
                "confirmed it."
            ),
            refusal=refusal,
            contract=contract,
        )
        return page, 422 if is_form_submitted() else 200

    @expose(f"{ENTRY}/confirm", methods=("GET", "POST"))
    def confirm(self, entry_id: int) -> Any:
        require(Permission.DEPOSITS_ENTER)
        session = access.database()()
        movement = find_movement(session, mall_id=access.current_mall_id(), entry_id=entry_id)
        if movement is None:
            abort(404)
        refusal = ""
        if is_form_submitted():
            require_fresh()
            refusal = self._confirm(movement)
            if not refusal:
                flash(_("The movement is confirmed and counts."), "success")
                return redirect(url_for(".index_view", contract=movement.contract_id))
        page = self._deed(
            None,
            title=_("Confirm the movement"),
            consequence=_(
                "%(kind)s: %(amount)s for %(number)s (%(shop)s) on %(day)s, reference "
                "“%(reference)s”, entered by %(who)s. From now on it counts; it cannot be taken "
                "back, only balanced by another movement.",
                kind=labels.label(movement.kind),
                amount=formats.money(abs(movement.amount), movement.currency),
                number=movement.contract_number,
                shop=f"{movement.shop_code} {movement.shop_name}",
                day=movement.entry_date.isoformat(),
                reference=movement.reference or "—",
                who=movement.entered_by,
            ),
            refusal=refusal,
            contract=session.get(Contract, movement.contract_id),
        )
        return page, 422 if refusal else 200

    def _enter(self, form: MovementForm, contract: Contract) -> str:
        """Why it was refused, or nothing once it is kept."""
        person, session, currency = principal(), access.database()(), contract.currency
        try:
            enter_deposit(
                session,
                contract_id=contract.id,
                kind=form.kind.data,
                amount=form.amount.data,
                entry_date=form.entry_date.data,
                reference=form.reference.data or "",
                comment=form.comment.data or "",
                actor=_email(),
                role=person.role.value if person else "",
                now=self.now(),
            )
        except REFUSALS as error:
            session.rollback()
            return refusal_sentence(error, currency)
        session.commit()
        return ""

    def _confirm(self, movement: ListedMovement) -> str:
        """Why it was refused, or nothing once it counts."""
        person, session = principal(), access.database()()
        try:
            confirm_deposit(
                session,
                entry_id=movement.id,
                actor=_email(),
                role=person.role.value if person else "",
                now=self.now(),
            )
        except REFUSALS as error:
            session.rollback()
            return refusal_sentence(error, movement.currency)
        session.commit()
        return ""

    def _deed(
        self,
        form: Form | None,
        *,
        title: str,
        consequence: str,
        refusal: str,
        contract: Contract | None,
    ) -> str:
        back = url_for(".index_view", contract=contract.id if contract else None)
        page: str = self.render(
            "admin/deed.html",
            form=form,
            title=title,
            consequence=consequence,
            refusal=refusal,
            crumb=(contract.number, back) if contract else None,
            cancel_url=back,
            is_dangerous=False,
        )
        return page


def _contract() -> Contract | None:
    """The lease of the address, if the mall has it."""
    try:
        contract_id = row_id(request.args.get("contract"))
    except ValueError:
        return None
    return _of_mall(Contract.id == contract_id)


def _named(number: str) -> Contract | None:
    return _of_mall(Contract.number == number)


def _of_mall(condition: sa.ColumnElement[bool]) -> Contract | None:
    found: Contract | None = access.database().scalar(
        sa.select(Contract).where(Contract.mall_id == access.current_mall_id(), condition)
    )
    return found


def _email() -> str:
    person = principal()
    return person.email if person else ""


def _currency() -> str:
    mall = access.current_mall()
    return mall.currency if mall else "CNY"
