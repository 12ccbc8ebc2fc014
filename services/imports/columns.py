"""The columns of each kind of table, with their titles in both languages."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from domain.malls import BusinessType
from services.language import LOCALES, marked, translator
from services.uploads.words import DOMAIN


class ImportOf(StrEnum):
    SHOPS = "shops"
    UNITS = "units"


class BadCell(Exception):
    """A cell that cannot be taken: `message` is a msgid with the fields of `facts`."""

    def __init__(self, message: str, **facts: str | int) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts


BUSINESS_TYPES = {
    BusinessType.RETAIL: marked("Retail"),
    BusinessType.CATERING: marked("Catering"),
    BusinessType.ENTERTAINMENT: marked("Entertainment"),
    BusinessType.SERVICE: marked("Service"),
    BusinessType.OTHER: marked("Other"),
}
_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def _text(text: str) -> str:
    return text


def _code(text: str) -> str:
    if "/" in text or any(char.isspace() for char in text):
        raise BadCell(marked("{column} “{value}” must have no blank and no /."), value=text)
    return text


def _business_type(text: str) -> BusinessType:
    for member, word in BUSINESS_TYPES.items():
        names = {member.value, *(translator(locale, DOMAIN)(word) for locale in LOCALES)}
        if text.casefold() in {name.casefold() for name in names}:
            return member
    raise BadCell(marked("“{value}” is none of the business types."), value=text)


def _day(text: str) -> date:
    found = _DATE.fullmatch(text)
    try:
        if found:
            return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        pass
    raise BadCell(marked("{column} “{value}” is no date; write 2026-01-31."), value=text)


def _area(text: str) -> Decimal:
    try:
        area = Decimal(text.replace(",", ""))
    except InvalidOperation:
        area = Decimal(0)
    if not Decimal("0.01") <= area < Decimal(10) ** 8 or round(area, 2) != area:
        raise BadCell(marked("{column} “{value}” is no area in m² with two decimals."), value=text)
    return area


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise BadCell(marked("{column} “{value}” is no e-mail address."), value=text)
    return text


@dataclass(frozen=True)
class Column:
    """`field` is the keyword of the use-case that registers a row; `read` raises BadCell."""

    field: str
    title: str
    read: Callable[[str], object] = _text
    is_required: bool = False
    longest: int = 120
    example: str = ""

    def is_called(self, header: str) -> bool:
        """Whether a header means this column: its field or its title in either language."""
        names = {self.field, *(translator(locale, DOMAIN)(self.title) for locale in LOCALES)}
        return header.strip().rstrip("*＊").strip().casefold() in {n.casefold() for n in names}


COLUMNS: dict[ImportOf, tuple[Column, ...]] = {
    ImportOf.SHOPS: (
        Column("code", marked("Code"), _code, True, 20, "S-012"),
        Column("name", marked("Name"), _text, True, 120, "云上书店"),
        Column("business_type", marked("Business type"), _business_type, True, 40),
        Column("contact_name", marked("Contact"), longest=120, example="王敏"),
        Column("contact_phone", marked("Phone"), longest=40, example="+86 138 0000 0000"),
        Column("contact_email", marked("E-mail"), _email, longest=200, example="shop@example.org"),
        Column("move_in_date", marked("Move-in date"), _day, longest=20, example="2026-01-31"),
        Column("description", marked("Description"), longest=4000),
    ),
    ImportOf.UNITS: (
        Column("code", marked("Code"), _code, True, 20, "2-105"),
        Column("floor", marked("Floor"), _text, True, 20, "2F"),
        Column("zone", marked("Zone"), longest=40, example="东区"),
        Column("area_m2", marked("Area (m²)"), _area, True, 20, "120.50"),
        Column("opened_date", marked("Lettable from"), _day, True, 20, "2026-01-01"),
        Column("closed_date", marked("Lettable until"), _day, longest=20),
    ),
}
