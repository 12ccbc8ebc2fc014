"""Words, money, numbers and dates in the reader's language.

Belongs here: translation for what services write (papers, reports, messages). Pages have a
catalogue of their own in webapp. English is the language of the msgids; `zh_CN` has a catalogue
per kind of text: translations/zh_CN/LC_MESSAGES/<domain>.po, compiled by `make catalogues`.
"""

import gettext
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from babel.dates import format_date
from babel.numbers import format_decimal

LOCALES = ("zh_CN", "en")
TRANSLATIONS = Path(__file__).parent / "translations"
CURRENCY_SIGNS = {"CNY": "¥"}


@lru_cache
def translator(locale: str, domain: str) -> Callable[[str], str]:
    """`gettext` of one domain in `locale`; English needs no catalogue.

    Raises FileNotFoundError when a catalogue of another language is not compiled.
    """
    if locale == "en":
        return gettext.NullTranslations().gettext
    return gettext.translation(domain, TRANSLATIONS, languages=[locale]).gettext


def marked(message: str) -> str:
    """Mark a msgid for the catalogue where it is named; it is translated where it is shown."""
    return message


def money(amount: Decimal, currency: str = "CNY") -> str:
    """`¥1,234.50`; a negative amount is `-¥1,234.50`."""
    sign = "-" if amount < 0 else ""
    symbol = CURRENCY_SIGNS.get(currency, f"{currency} ")
    return f"{sign}{symbol}{abs(amount):,.2f}"


def number(value: Decimal | int, places: int | None = None) -> str:
    """Thousands separators; `places` decimals, or as many as the value has."""
    if places is not None:
        return f"{value:,.{places}f}"
    return format_decimal(value, format="#,##0.######", locale="en")


def long_date(day: date | datetime, locale: str) -> str:
    """2026年4月1日 or 1 April 2026."""
    pattern = "yyyy年M月d日" if locale == "zh_CN" else "d MMMM yyyy"
    return format_date(day, pattern, locale=locale)


def listed(names: Iterable[str], locale: str) -> str:
    """Names in a row, with the comma of the language."""
    return ("、" if locale == "zh_CN" else ", ").join(names)
