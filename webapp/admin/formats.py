"""How a value looks in a list, on a page and in an export.

Belongs here: money, numbers, dates, sizes, chips, links. Not here: words (labels) and layout
(templates). Every function that gives HTML escapes what it is given.
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from flask import g, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from services.language import money as plain_money
from services.language import number as plain_number
from webapp.admin import access, labels
from webapp.language import current_locale
from webapp.runtime import runtime

DASH = Markup('<span class="dash">—</span>')


def zone() -> ZoneInfo:
    """Of the mall on the page: the one that the portal has named, else the staff's choice."""
    if "zone" in g:
        named: ZoneInfo = g.zone
        return named
    mall = access.current_mall()
    return mall.zone if mall else ZoneInfo("UTC")


def today() -> date:
    """The day in the mall."""
    return runtime().now().astimezone(zone()).date()


def money(amount: Decimal | None, currency: str = "CNY") -> str | Markup:
    return DASH if amount is None else plain_money(amount, currency)


def number(value: Decimal | int | float | None, places: int | None = None) -> str | Markup:
    if value is None:
        return DASH
    return plain_number(value if isinstance(value, int | Decimal) else Decimal(str(value)), places)


def percent(share: Decimal | None, places: int = 1) -> str | Markup:
    """0.985 → 98.5%."""
    return DASH if share is None else f"{share * 100:.{places}f}%"


def day(value: date | None) -> str | Markup:
    return DASH if value is None else value.isoformat()


def month_name(value: date) -> str:
    """March 2026 or 2026年3月."""
    locale = current_locale()
    return format_date(value, "yyyy年M月" if locale == "zh_CN" else "MMMM yyyy", locale=locale)


def days(first: date, last: date | None) -> str:
    """`2026-03-01 – 2026-03-31`; without a last day, since when."""
    if last is None:
        return _("since %(day)s", day=first.isoformat())
    return f"{first.isoformat()} – {last.isoformat()}"


def instant(value: datetime | None) -> str | Markup:
    """In the mall's zone, to the minute."""
    if value is None:
        return DASH
    return f"{value.astimezone(zone()):%Y-%m-%d %H:%M}"


def size(value: int | None) -> str | Markup:
    if value is None:
        return DASH
    amount = Decimal(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:,.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"
        amount /= 1000
    raise AssertionError("unreachable")


def age(since: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    minutes = int((now - since).total_seconds() // 60)
    if minutes < 1:
        return _("just now")
    if minutes < 60:
        return _("%(count)s min ago", count=minutes)
    if minutes < 48 * 60:
        return _("%(count)s h ago", count=minutes // 60)
    return _("%(count)s days ago", count=minutes // 1440)


def seconds(value: float | None) -> str | Markup:
    if value is None:
        return DASH
    if value < 60:
        return _("%(count)s s", count=f"{value:.1f}")
    return _("%(minutes)s min %(seconds)s s", minutes=int(value // 60), seconds=int(value % 60))


def chip(word: Any, tone: str) -> Markup:
    return Markup('<span class="chip chip-{}">{}</span>').format(tone, word)


def enum(member: StrEnum) -> Markup | str:
    if labels.is_chip(member):
        return chip(labels.label(member), labels.tone(member))
    return str(labels.label(member))


def yes_no(value: bool) -> str:
    return _("Yes") if value else _("No")


def link(endpoint: str, text: Any, **values: Any) -> Markup:
    return Markup('<a href="{}">{}</a>').format(url_for(endpoint, **values), text)


def record(endpoint: str, row: Any) -> Markup:
    """A row of another page, by what it is called."""
    return DASH if row is None else link(f"{endpoint}.details_view", str(row), id=row.id)


def address(scheme: str, value: str) -> Markup:
    """A telephone number or an e-mail address, to be called or written to."""
    if not value:
        return DASH
    return Markup('<a href="{}:{}">{}</a>').format(scheme, value.replace(" ", ""), value)


def code(value: str | None) -> Markup:
    return Markup("<code>{}</code>").format(value) if value else DASH


def cell(value: Any) -> Any:
    """Any value of a model as a list shows it."""
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return yes_no(value)
    if isinstance(value, StrEnum):
        return enum(value)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, int | Decimal):
        return number(value)
    return str(value)


def export_cell(value: Any) -> str | int | Decimal:
    """Any value of a model as a table holds it: words, not codes. The writer of the table escapes
    what begins like a formula (services.spreadsheets); a number stays one.
    """
    if value is None:
        return ""
    if isinstance(value, StrEnum):
        return str(labels.label(value))
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return value
    return str(value)
