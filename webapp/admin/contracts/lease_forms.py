"""What people fill in about a lease beside its clauses.

Belongs here: forms of drafts, changes and renewals. Not here: the clause editor (clause_entries).
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    DecimalField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional
from wtforms.widgets import TextInput

from domain.charges import Proration
from services.queries.drafting import UnitChoice
from webapp.admin import filters, labels
from webapp.admin.base import DayField, Form, whole_cents
from webapp.admin.contracts.clause_entries import read_decimal
from webapp.words.leasing import unit_not_there

LONGEST_REASON = 2000
GREATEST_AMOUNT = Decimal("999999999999.99")


class MoneyField(DecimalField):
    """An amount as people write it: 50,000.00."""

    widget = TextInput()

    def __init__(self, label: Any = None, validators: Any = None, **kwargs: Any) -> None:
        super().__init__(
            label,
            validators,
            render_kw={"inputmode": "decimal", "autocomplete": "off"},
            **kwargs,
        )

    def process_formdata(self, valuelist: Any) -> None:
        super().process_formdata([read_decimal(value) for value in valuelist])


class LeaseForm(Form):
    """The facts of a draft. `units` are the rows that the page offers, for what the days say."""

    number = StringField(_l("Number"), [DataRequired(), Length(max=40)])
    shop = SelectField(_l("Shop"), choices=filters.shop_options, coerce=int)
    start_date = DayField(_l("First day"), [InputRequired()])
    end_date = DayField(_l("Last day"), [InputRequired()], description=_l("Included in the lease."))
    units = SelectMultipleField(_l("Units"), coerce=int)
    deposit_amount = MoneyField(
        _l("Deposit"),
        [InputRequired(), NumberRange(min=0, max=GREATEST_AMOUNT), whole_cents],
        places=2,
    )
    proration = SelectField(
        _l("Proration"),
        choices=lambda: labels.labels_of(Proration),
        coerce=Proration,
        default=Proration.ACTUAL.value,
        description=_l("How a part of a month is priced."),
    )
    payment_term_days = IntegerField(
        _l("Days to pay"),
        [InputRequired(), NumberRange(min=0, max=365)],
        default=10,
        description=_l("From a bill's date to the day on which it is due."),
    )
    officer = SelectField(
        _l("Officer in charge"),
        description=_l("Is told what happens to the contract."),
    )

    def __init__(
        self,
        *args: Any,
        choices: Sequence[UnitChoice],
        officers: Sequence[tuple[str, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.choices = choices
        self.units.choices = [(one.id, one.code) for one in choices]
        self.officer.choices = [
            ("", _("The operation desk")),
            *((email, f"{name} ({email})" if name else email) for email, name in officers),
        ]

    def validate_end_date(self, field: Any) -> None:
        start = self.start_date.data
        if field.data is not None and start is not None and field.data < start:
            raise ValidationError(_("The last day is before the first."))

    def validate_units(self, field: Any) -> None:
        if not field.data:
            raise ValidationError(_("Choose at least one unit."))
        first, last = self.start_date.data, self.end_date.data
        if first is None or last is None:
            return
        for unit in self.chosen():
            if first < unit.opened_date or (unit.closed_date and last > unit.closed_date):
                closed = unit.closed_date.isoformat() if unit.closed_date else ""
                days = {"opened": unit.opened_date.isoformat(), "closed": closed}
                raise ValidationError(unit_not_there({"unit": unit.code, **days}))

    def chosen(self) -> list[UnitChoice]:
        return [one for one in self.choices if one.id in (self.units.data or ())]

    def facts(self) -> dict[str, Any]:
        """What the form says, as the operations' arguments."""
        return {
            "shop_id": self.shop.data,
            "number": self.number.data.strip(),
            "unit_ids": list(self.units.data),
            "start_date": self.start_date.data,
            "end_date": self.end_date.data,
            "deposit_amount": self.deposit_amount.data,
            "proration": self.proration.data,
            "payment_term_days": self.payment_term_days.data,
        }


class EarlyEndForm(Form):
    last_day = DayField(_l("Last day"), [InputRequired()], description=_l("Included in the lease."))
    reason = TextAreaField(
        _l("Reason"), [DataRequired(), Length(max=LONGEST_REASON)], render_kw={"rows": 3}
    )


class RenewalForm(Form):
    """The facts of a renewal; its clauses are carried over and edited next."""

    number = StringField(_l("Number"), [DataRequired(), Length(max=40)])
    end_date = DayField(_l("Last day"), [InputRequired()])
    deposit_amount = MoneyField(
        _l("Deposit"),
        [Optional(), NumberRange(min=0, max=GREATEST_AMOUNT), whole_cents],
        places=2,
        description=_l("The deposit of the old contract is carried over when the new one begins."),
    )

    def __init__(self, *args: Any, first_day: date | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.first_day = first_day

    def validate_end_date(self, field: Any) -> None:
        if field.data is not None and self.first_day is not None and field.data < self.first_day:
            raise ValidationError(_("The last day is before the first."))
