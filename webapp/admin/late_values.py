"""Closed months, and the values that came for them afterwards.

Belongs here: the page on which finance closes a month, opens it again, and decides about each late
value. Not here: what closing does to a write (services.operations.closed_months).
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from flask import flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import ngettext

from domain.devices import Metric
from domain.permissions import Permission
from services.operations.closed_months import (
    ClosedMonthError,
    apply_late,
    close_month,
    dismiss_late,
    reopen_month,
)
from services.queries.closed_months import list_closed_months, list_waiting
from webapp.admin import access, formats, labels
from webapp.admin.base import StaffView
from webapp.admin.period import parse_month
from webapp.auth.authorisation import current_actor

SHOWN = 200
LONGEST_REASON = 400


class LateValuesView(StaffView):
    permission = Permission.MONTHS_CLOSE

    @expose("/")
    def index(self) -> Any:
        session, mall_id = access.database()(), access.current_mall_id()
        waiting = list_waiting(session, mall_id=mall_id, limit=SHOWN + 1)
        closed = list_closed_months(session, mall_id=mall_id)
        last = formats.today().replace(day=1) - timedelta(days=1)
        known = {one.month for one in closed}
        page: str = self.render(
            "admin/late_values.html",
            closed=closed,
            waiting=waiting[:SHOWN],
            has_more=len(waiting) > SHOWN,
            open_months={late.month for late in waiting} - known,
            suggested=f"{last:%Y-%m}" if last.replace(day=1) not in known else "",
            metric_word=lambda name: labels.label_of_value(Metric, name),
            longest=LONGEST_REASON,
        )
        return page

    @expose("/close", methods=("POST",))
    def close(self) -> Any:
        month = parse_month(request.form.get("month", "").strip())
        if month is None:
            flash(_("Write the month as 2026-03."), "error")
            return redirect(url_for(".index"))
        if month >= self._this_month():
            flash(_("Only a month that is over can be closed."), "error")
            return redirect(url_for(".index"))
        return self._do(
            lambda: close_month(
                access.database()(),
                mall_id=access.current_mall_id(),
                month=month,
                actor=current_actor(),
                now=self.now(),
            ),
            lambda _done: _("The month is closed: what comes for it now waits here."),
        )

    @expose("/reopen", methods=("POST",))
    def reopen(self) -> Any:
        month = parse_month(request.form.get("month", ""))
        reason = request.form.get("reason", "").strip()[:LONGEST_REASON]
        if month is None or not reason:
            flash(_("Say why the month is opened again."), "error")
            return redirect(url_for(".index"))
        return self._do(
            lambda: reopen_month(
                access.database()(),
                mall_id=access.current_mall_id(),
                month=month,
                reason=reason,
                actor=current_actor(),
                now=self.now(),
            ),
            lambda count: ngettext(
                "The month is open; %(num)s late value waits for it.",
                "The month is open; %(num)s late values wait for it.",
                count,
            ),
        )

    @expose("/apply", methods=("POST",))
    def apply(self) -> Any:
        late_id = request.form.get("late", 0, type=int)
        return self._do(
            lambda: apply_late(
                access.database()(), late_id=late_id, actor=current_actor(), now=self.now()
            ),
            lambda _done: _("The value is applied; the figures follow with the next run."),
        )

    @expose("/dismiss", methods=("POST",))
    def dismiss(self) -> Any:
        late_id = request.form.get("late", 0, type=int)
        reason = request.form.get("reason", "").strip()[:LONGEST_REASON]
        if not reason:
            flash(_("Say why the value is dismissed."), "error")
            return redirect(url_for(".index"))
        return self._do(
            lambda: dismiss_late(
                access.database()(),
                late_id=late_id,
                reason=reason,
                actor=current_actor(),
                now=self.now(),
            ),
            lambda _done: _("The value is dismissed and kept with the reason."),
        )

    def _do(self, deed: Callable[[], Any], told: Callable[[Any], str]) -> Any:
        """Do it in one transaction and say so, or say why it cannot be."""
        session = access.database()()
        try:
            done = deed()
        except ClosedMonthError:
            session.rollback()
            flash(
                _("That is no longer so: somebody decided before you. Look at the list."), "error"
            )
        else:
            session.commit()
            flash(told(done), "success")
        return redirect(url_for(".index"))

    def _this_month(self) -> date:
        return formats.today().replace(day=1)
