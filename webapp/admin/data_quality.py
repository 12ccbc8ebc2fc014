"""How complete the data is: a calendar of completeness per device, the worst first, and what
waits for a person.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from flask import request
from flask_admin import expose
from flask_babel import gettext as _

from domain.devices import DeviceKind, Metric
from domain.permissions import Permission
from services.queries.cleaning_flags import count_flags
from services.queries.dashboard import latest_business_date
from services.queries.data_quality import Tally, read_quality, read_waiting
from webapp.admin import access, formats, labels
from webapp.admin.base import StaffView
from webapp.admin.period import Span, month_of, parse_span
from webapp.words.cleaning import rule_name

# How full a day's cell is drawn: from a share on.
FULL, MOST, SOME = Decimal("0.95"), Decimal("0.5"), Decimal(0)
LARGEST_RANK = 10**9


class DataQualityView(StaffView):
    permission = Permission.READINGS_READ

    @expose("/")
    def index(self) -> str:
        """`?period=2026-03` or `2026-W12`, `kind=METER`, `search=`, `after=` a rank."""
        mall_id = access.current_mall_id()
        connection = access.database().connection()
        span = parse_span(request.args.get("period", "")) or month_of(
            latest_business_date(connection, mall_id=mall_id) or formats.today()
        )
        kind = request.args.get("kind", "")
        search = request.args.get("search", "").strip()
        after = request.args.get("after", 0, type=int)
        quality = read_quality(
            connection,
            mall_id=mall_id,
            first=span.start,
            last=span.end,
            kind=kind if kind in list(DeviceKind) else None,
            search=search or None,
            after=max(0, min(after, LARGEST_RANK)),
        )
        page: str = self.render(
            "admin/data_quality.html",
            span=span,
            days=[span.start + timedelta(days=n) for n in range(span.days)],
            quality=quality,
            flags=count_flags(
                access.database()(), mall_id=mall_id, first=span.start, last=span.end
            ),
            waiting=read_waiting(connection, mall_id=mall_id),
            kinds=labels.labels_of(DeviceKind),
            kind=kind,
            search=search,
            after=after,
            is_filtered=bool(kind or search),
            rule_name=rule_name,
            metric_word=lambda name: labels.label_of_value(Metric, name),
            cell=cell,
            title=_title(span),
        )
        return page


def cell(tally: Tally | None) -> tuple[str, str]:
    """The class and the words of a day's cell."""
    if tally is None or tally.completeness is None:
        return "none", _("nothing expected")
    share = tally.completeness
    if share >= FULL:
        grade = "full"
    elif share >= MOST:
        grade = "most"
    elif share > SOME:
        grade = "some"
    else:
        grade = "empty"
    words = _(
        "%(used)s of %(expected)s",
        used=formats.number(tally.used),
        expected=formats.number(tally.expected),
    )
    if tally.received > tally.used:
        words += _(", %(count)s taken out by a rule", count=tally.received - tally.used)
    if tally.estimated:
        words += _(", %(count)s estimated", count=tally.estimated)
    return grade, words


def _title(span: Span) -> Any:
    if span.is_week:
        return _(
            "Week of %(start)s to %(end)s", start=span.start.isoformat(), end=span.end.isoformat()
        )
    return formats.month_name(span.start)
