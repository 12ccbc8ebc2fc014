"""The small rules of the staff pages: spans, formats, clauses in words."""

from datetime import date
from decimal import Decimal

import pytest
from flask import Flask
from flask_babel import Babel

from services.operations.passwords import WeakPassword, hash_password
from webapp.admin import formats
from webapp.admin.period import month_of, parse_span, week_of


@pytest.fixture
def page():  # type: ignore[no-untyped-def]
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context():
        yield


def test_month_before_january_is_december_of_the_year_before() -> None:
    assert month_of(date(2026, 1, 15)).previous == month_of(date(2025, 12, 1))


def test_iso_week_may_belong_to_another_year() -> None:
    assert week_of(date(2027, 1, 2)).key == "2026-W53"
    assert parse_span("2026-W53") == week_of(date(2027, 1, 2))


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-W99", "x-W1", "2026-03-01", "../"])
def test_span_that_cannot_be_is_no_span(text: str) -> None:
    assert parse_span(text) is None


def test_number_of_an_export_stays_a_number() -> None:
    assert formats.export_cell(Decimal("-12.50")) == Decimal("-12.50")
    assert formats.export_cell(True) == "True"


def test_cell_escapes_what_people_typed() -> None:
    assert "<script>" not in str(formats.code("<script>"))
    assert "<script>" not in str(formats.chip("<script>", "good"))


def test_sizes_are_decimal() -> None:
    assert formats.size(999) == "999 B"
    assert formats.size(1_500_000) == "1.5 MB"


def test_short_password_is_refused() -> None:
    with pytest.raises(WeakPassword):
        hash_password("eleven char", "salt")
