"""Units merged into one, and one split into several: what closes, what opens, asked twice.

Belongs here: the two pages. Not here: what stands in the way (services.operations.unit_changes).
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import flash, redirect, request, url_for
from flask_admin import expose
from flask_admin.helpers import get_form_data
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_security import current_user
from wtforms import (
    DecimalField,
    FieldList,
    FormField,
    StringField,
    TextAreaField,
)
from wtforms import Form as WtForm
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from domain.permissions import Permission
from services.operations.unit_changes import NewUnit, merge_units, split_unit
from storage.models import Unit
from webapp.admin import access, formats
from webapp.admin.base import DayField, Form, RecordView, whole_cents
from webapp.admin.period import month_of
from webapp.auth.authorisation import require
from webapp.words.units import REFUSALS, refusal_sentence

UNIT = "/<int(max=9223372036854775807):unit_id>"
LARGEST_AREA = Decimal(10_000_000)
MOST_PARTS = 20


class ChangeForm(Form):
    effective_date = DayField(
        _l("From when on"),
        [InputRequired()],
        description=_l("The old units close the day before."),
    )
    reason = TextAreaField(_l("Reason"), [DataRequired(), Length(max=1000)], render_kw={"rows": 2})


class MergeForm(ChangeForm):
    code = StringField(
        _l("Code"), [DataRequired(), Length(max=20)], description=_l("Of the new unit: 2-105")
    )
    floor = StringField(_l("Floor"), [DataRequired(), Length(max=20)])
    zone = StringField(_l("Zone"), [Length(max=40)])
    area_m2 = DecimalField(
        _l("Area (m²)"),
        [Optional(), NumberRange(min=Decimal("0.01"), max=LARGEST_AREA), whole_cents],
        description=_l("Left empty, the areas are added up; walls that go may add a little."),
    )


class PartForm(WtForm):
    """One of the units that a unit becomes; a row without anything in it is none."""

    code = StringField(_l("Code"), [Length(max=20)])
    floor = StringField(_l("Floor"), [Length(max=20)])
    zone = StringField(_l("Zone"), [Length(max=40)])
    area_m2 = DecimalField(
        _l("Area (m²)"),
        [Optional(), NumberRange(min=Decimal("0.01"), max=LARGEST_AREA), whole_cents],
        render_kw={"data-part": True, "inputmode": "decimal"},
    )

    def is_blank(self) -> bool:
        return not (self.code.data or "").strip() and not any(self.area_m2.raw_data or ())


class SplitForm(ChangeForm):
    parts = FieldList(FormField(PartForm), min_entries=2, max_entries=MOST_PARTS)


@dataclass(frozen=True)
class Side:
    """Units that close, or that open, as the page says it before it is done."""

    codes: tuple[str, ...]
    area_m2: Decimal


class UnitChangePages(RecordView):
    @expose(f"{UNIT}/merge", methods=("GET", "POST"))
    def merge(self, unit_id: int) -> Any:
        require(Permission.UNITS_EDIT)
        unit = self.get_one(unit_id)
        form = MergeForm(
            get_form_data(),
            data={"floor": unit.floor, "zone": unit.zone, "effective_date": self._next_month()},
        )
        neighbours = self._neighbours(unit)
        chosen = [one for one in neighbours if str(one.id) in request.form.getlist("unit")]
        old = [unit, *chosen]
        fault = "" if chosen or request.method == "GET" else _("Choose at least one other unit.")
        area = form.area_m2.data or sum((one.area_m2 for one in old), Decimal(0))

        def work() -> int:
            return merge_units(
                access.database()(),
                mall_id=unit.mall_id,
                unit_ids=[one.id for one in old],
                code=form.code.data,
                floor=form.floor.data,
                zone=form.zone.data or "",
                area_m2=form.area_m2.data,
                **self._facts(form),
            )

        return self._change(
            unit,
            form,
            is_valid=self.validate_form(form) and not fault,
            old=_side(old),
            new=Side((form.code.data or "",), area),
            work=work,
            done=_("The units are merged."),
            title=_("Merge units"),
            neighbours=neighbours,
            chosen={one.id for one in chosen},
            fault=fault,
        )

    @expose(f"{UNIT}/split", methods=("GET", "POST"))
    def split(self, unit_id: int) -> Any:
        require(Permission.UNITS_EDIT)
        unit = self.get_one(unit_id)
        row = {"floor": unit.floor, "zone": unit.zone}
        form = SplitForm(
            get_form_data(), data={"parts": [row, row], "effective_date": self._next_month()}
        )
        if "add" in request.form and len(form.parts) < MOST_PARTS:
            form.parts.append_entry(row)
        is_valid = "add" not in request.form and self.validate_form(form) and self._whole(form)
        parts = (
            [
                NewUnit(part.code.data, part.floor.data, part.area_m2.data, part.zone.data or "")
                for part in _written(form)
            ]
            if is_valid
            else []
        )

        def work() -> int:
            opened = split_unit(
                access.database()(), unit_id=unit_id, parts=parts, **self._facts(form)
            )
            return opened[0]

        return self._change(
            unit,
            form,
            is_valid=is_valid,
            old=_side([unit]),
            new=Side(
                tuple(part.code for part in parts),
                sum((part.area_m2 for part in parts), Decimal(0)),
            ),
            work=work,
            done=_("The unit is split."),
            title=_("Split the unit"),
            most=MOST_PARTS,
        )

    def _change(
        self,
        unit: Unit,
        form: ChangeForm,
        *,
        is_valid: bool,
        old: Side,
        new: Side,
        work: Callable[[], int],
        done: str,
        title: str,
        **shown: Any,
    ) -> Any:
        """The page; what it says will happen is done once exactly that was confirmed."""
        refusal = digest = ""
        unit_id = unit.id
        if is_valid:
            digest = _digest()
            session = access.database()()
            try:
                opened = work()
                if request.form.get("confirmed") == digest:
                    session.commit()
                    flash(done, "success")
                    return redirect(url_for(".details_view", id=opened))
                session.rollback()
            except REFUSALS as error:
                session.rollback()
                refusal, digest = refusal_sentence(error), ""
            unit = self.get_one(unit_id)
        is_refused = request.method == "POST" and not digest and "add" not in request.form
        page = self.render(
            "admin/unit_change.html",
            model=unit,
            form=form,
            title=title,
            is_refused=is_refused,
            refusal=refusal,
            confirmed=digest,
            old=old,
            new=new,
            day_before=_day_before(form.effective_date.data) if digest else None,
            cancel_url=url_for(".details_view", id=unit_id),
            **shown,
        )
        return page, 422 if is_refused else 200

    def _facts(self, form: ChangeForm) -> dict[str, Any]:
        return {
            "effective_date": form.effective_date.data,
            "reason": form.reason.data,
            "actor": current_user.email,
            "now": self.now(),
        }

    def _neighbours(self, unit: Unit) -> Sequence[Unit]:
        """Other units that are open and stay so, those of the same floor first."""
        found: Sequence[Unit] = (
            access.database()
            .scalars(
                sa.select(Unit)
                .where(
                    Unit.mall_id == unit.mall_id,
                    Unit.id != unit.id,
                    Unit.closed_date.is_(None),
                )
                .order_by(Unit.floor != unit.floor, Unit.floor, Unit.code)
            )
            .all()
        )
        return found

    def _next_month(self) -> date:
        """What such a change usually begins with."""
        return month_of(formats.today()).following.start

    def _whole(self, form: SplitForm) -> bool:
        """Whether every part says what it must, and no code stands twice or is taken."""
        codes = [part.code.data.strip() for part in _written(form) if part.code.data]
        taken = set(
            access.database().scalars(
                sa.select(Unit.code).where(
                    Unit.mall_id == access.current_mall_id(), Unit.code.in_(codes)
                )
            )
        )
        is_whole = True
        for part in _written(form):
            part.code.data = (part.code.data or "").strip()
            part.floor.data = (part.floor.data or "").strip()
            for field in (part.code, part.floor, part.area_m2):
                if not field.data:
                    field.errors = [*field.errors, _("Fill this in.")]
                    is_whole = False
            if part.code.data in taken or codes.count(part.code.data) > 1:
                part.code.errors = [*part.code.errors, _("This code is taken; choose another.")]
                is_whole = False
        return is_whole


def _written(form: SplitForm) -> Iterator[PartForm]:
    return (entry.form for entry in form.parts if not entry.form.is_blank())


def _side(units: Sequence[Unit]) -> Side:
    return Side(
        tuple(unit.code for unit in units), sum((unit.area_m2 for unit in units), Decimal(0))
    )


def _digest() -> str:
    """What was sent, so that nothing else than what was shown is confirmed."""
    sent = sorted(
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in ("csrf_token", "confirmed", "add")
    )
    return hashlib.sha256(json.dumps(sent).encode()).hexdigest()


def _day_before(day: date) -> date:
    return day - timedelta(days=1)
