"""The days of leases that somebody waits for, as a month or one after the other.

Belongs here: the calendar. Days are the mall's own. Not here: which days those are
(services.queries.critical_dates).
"""

from datetime import date, timedelta
from typing import Any

from flask import request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from domain.permissions import Permission
from services.queries.critical_dates import (
    CriticalDate,
    DateFilter,
    DateKind,
    DatePlace,
    count_kinds,
    list_dates,
    list_overdue,
    read_month,
)
from webapp.admin import access, formats, labels
from webapp.admin.base import RecordView, parse_date
from webapp.admin.contracts.listing import asked_filter, filter_words
from webapp.admin.filters import row_id
from webapp.admin.period import Span, month_of, parse_month

LIST_SIZE = 100
OVERDUE_SHOWN = 10
KINDS: dict[DateKind, tuple[Any, str]] = {
    DateKind.START: (_l("begins"), labels.GOOD),
    DateKind.END: (_l("ends"), labels.BAD),
    DateKind.RENT_STEP: (_l("rent step"), labels.INFO),
    DateKind.REMINDER: (_l("reminder"), labels.WAITING),
    DateKind.CHANGE: (_l("change waits"), labels.WAITING),
    DateKind.PAPER: (_l("unsigned paper"), labels.BAD),
}


class ContractCalendar(RecordView):
    permission = Permission.CONTRACTS_READ

    @expose("/calendar")
    def calendar(self) -> str:
        """`?month=2026-04&kind=END&view=list&day=2026-04-30&after=&officer=&shop=`."""
        session, mall_id = access.database()(), access.current_mall_id()
        today = formats.today()
        span = month_of(parse_month(request.args.get("month", "")) or today)
        day = _day()
        is_list = request.args.get("view") == "list" or day is not None
        leases = asked_filter()
        wanted = DateFilter(
            first=day or span.start,
            last=day or span.end,
            kinds=_kinds(),
            shop_id=leases.shop_id,
            officer=leases.officer,
        )
        dates = (
            list_dates(session, mall_id=mall_id, wanted=wanted, after=_place(), size=LIST_SIZE + 1)
            if is_list
            else ()
        )
        page: str = self.render(
            "admin/contracts/calendar.html",
            span=span,
            day=day,
            is_list=is_list,
            weeks=() if is_list else weeks_of(span),
            days={} if is_list else read_month(session, mall_id=mall_id, wanted=wanted),
            dates=dates[:LIST_SIZE],
            following=_write(dates[LIST_SIZE - 1].place) if len(dates) > LIST_SIZE else "",
            counts=count_kinds(session, mall_id=mall_id, wanted=wanted),
            overdue=list_overdue(session, mall_id=mall_id, today=today, limit=OVERDUE_SHOWN),
            kinds=KINDS,
            chosen=wanted.kinds,
            words=words,
            overdue_words=overdue_words,
            weekdays=weekdays(),
            here=_here,
            span_of=lambda one: month_of(one).key,
            **filter_words(leases),
        )
        return page


def words(one: CriticalDate) -> str:
    """What the day is, in a word or two."""
    if one.kind is DateKind.REMINDER:
        return _("%(days)s days before the end", days=one.item)
    return str(KINDS[one.kind][0])


def overdue_words(one: CriticalDate) -> str:
    """What should have happened by the day."""
    if one.kind is DateKind.PAPER:
        return _("is not signed and should hold from %(day)s", day=one.day.isoformat())
    return _("a change should hold from %(day)s and still waits", day=one.day.isoformat())


def weeks_of(span: Span) -> list[list[date | None]]:
    """The days of a month by weeks that begin on Monday; None beside the month."""
    before: list[date | None] = [None] * span.start.weekday()
    days = before + [span.start + timedelta(days=at) for at in range(span.days)]
    days += [None] * (-len(days) % 7)
    return [days[at : at + 7] for at in range(0, len(days), 7)]


def weekdays() -> tuple[str, ...]:
    return (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))


def _day() -> date | None:
    """The day of the address; None for one whose month has no page."""
    day = parse_date(request.args.get("day", ""))
    return day if day and parse_month(day.isoformat()[:7]) else None


def _kinds() -> frozenset[DateKind]:
    return frozenset(DateKind(one) for one in request.args.getlist("kind") if one in set(DateKind))


def _here(**changes: Any) -> str:
    """This calendar with `changes`; None takes one away."""
    names = ("month", "view", "officer", "shop")
    values: dict[str, Any] = {name: request.args.get(name, "") for name in names}
    values["kind"] = [one.value for one in DateKind if one in _kinds()]
    values.update(changes)
    return url_for(".calendar", **{name: value for name, value in values.items() if value})


def _place() -> DatePlace | None:
    """`2026-04-30~END~7~0`; None for anything else."""
    parts = request.args.get("after", "").split("~")
    if len(parts) != 4 or parts[1] not in set(DateKind) or not parts[3].isdecimal():
        return None
    day = parse_date(parts[0])
    try:
        contract_id, item = row_id(parts[2]), int(parts[3][:18])
    except ValueError:
        return None
    return DatePlace(day, DateKind(parts[1]), contract_id, item) if day else None


def _write(place: DatePlace) -> str:
    return f"{place.day.isoformat()}~{place.kind.value}~{place.contract_id}~{place.item}"
