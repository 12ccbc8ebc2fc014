"""Words of messages: variables in braces and nothing else, in both languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.message_templates import (
    LONGEST_BODY,
    SECRET,
    SPECS,
    Flaw,
    Part,
    TextProblem,
    check_words,
    fill,
    variables_in,
)
from domain.notifications import Channel, Template
from services.language import LOCALES
from services.operations.message_texts import (
    WrongParameters,
    check_templates,
    our_words,
    preview,
    render,
    sample_values,
    secret_in,
    shown_values,
)
from services.operations.message_words import Words

GOOD = "{contract} {shop}"


def flaws(body: str, subject: str = "Hello", template: Template = Template.CONTRACT_ACTIVE):  # type: ignore[no-untyped-def]
    return check_words(template, subject=subject, body=body)


def test_every_template_has_a_specification_and_words_that_fit_it() -> None:
    assert set(SPECS) == set(Template)
    assert check_templates() == ()


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("template", list(Template))
def test_our_words_look_finished_with_samples(template: Template, locale: str) -> None:
    words = our_words(template, locale)
    shown = preview(template, locale=locale, subject=words.subject, body=words.body)
    assert shown.problems == ()
    assert "{" not in shown.subject + shown.body
    if locale == "zh_CN":
        assert not {"the", "your", "is"} & set(shown.body.lower().split())


@pytest.mark.parametrize(
    ("body", "part", "flaw", "name"),
    [
        ("{contract} {tenant}", Part.BODY, Flaw.UNKNOWN, "tenant"),
        ("{contract} {shop.name}", Part.BODY, Flaw.UNKNOWN, "shop.name"),
        ("{contract} {Shop}", Part.BODY, Flaw.UNKNOWN, "Shop"),
        ("{contract} {}", Part.BODY, Flaw.UNKNOWN, ""),
        ("{contract} ｛shop｝", Part.BODY, Flaw.UNKNOWN, "shop"),
        ("{shop}", Part.BODY, Flaw.MISSING, "contract"),
        ("{contract} {shop", Part.BODY, Flaw.BRACE, "{"),
        ("{contract} }", Part.BODY, Flaw.BRACE, "}"),
        ("{contract}" + "a" * LONGEST_BODY, Part.BODY, Flaw.TOO_LONG, ""),
    ],
)
def test_what_is_wrong_with_words_is_named(body: str, part: Part, flaw: Flaw, name: str) -> None:
    assert TextProblem(part, flaw, name) in flaws(body)


def test_empty_words_and_subjects_of_two_lines_are_refused() -> None:
    assert TextProblem(Part.SUBJECT, Flaw.EMPTY) in flaws(GOOD, " ")
    assert TextProblem(Part.SUBJECT, Flaw.TWO_LINES) in flaws(GOOD, "a\nb")
    assert flaws(GOOD) == ()


def test_secret_is_not_for_the_subject() -> None:
    found = flaws("{code} {contract}", "Code {code}", Template.SIGNING_CODE)
    assert TextProblem(Part.SUBJECT, Flaw.SECRET, "code") in found


@given(st.text(alphabet=st.sampled_from("{}abc_.0!:[]%｛｝ "), max_size=40))
def test_whatever_somebody_types_is_checked_and_filled_without_failing(text: str) -> None:
    flaws(text)
    values = {"abc": "X"}
    assert fill(text, values) == text.replace("{abc}", "X")


@given(st.text(max_size=60))
def test_value_is_put_in_as_it_is(value: str) -> None:
    assert fill("<{shop}>", {"shop": value, "contract": "no"}) == f"<{value}>"


def test_variables_are_named_once_in_the_order_of_the_text() -> None:
    assert variables_in("{shop} {contract} {shop} {Odd}") == ("shop", "contract")


def test_variable_without_a_value_is_named() -> None:
    with pytest.raises(WrongParameters, match="CONTRACT_ACTIVE needs contract"):
        render(Template.CONTRACT_ACTIVE, locale="en", values={}, words=Words("Hello", "{contract}"))


def test_subject_is_one_line_whatever_a_value_holds() -> None:
    text = render(
        Template.RENEWAL_ASKED,
        locale="en",
        values={**sample_values(Template.RENEWAL_ASKED, "en"), "shop": "Tea\r\nBcc: x@y.z",
                "start_date": None, "end_date": "2026-12-31"},
    )  # fmt: skip
    assert text.subject == "Tea Bcc: x@y.z asks for a renewal"


def test_values_are_shown_in_the_reader_s_language() -> None:
    stored = {
        "bill_number": "B1",
        "month": "2026-03-01",
        "due_date": "2026-04-11",
        "outstanding": {"amount": "1234.50", "currency": "CNY"},
    }
    assert shown_values(Template.PAYMENT_REMINDER, locale="zh_CN", values=stored) == {
        "bill_number": "B1",
        "month": "2026年3月",
        "due_date": "2026年4月11日",
        "outstanding": "¥1,234.50",
    }
    english = shown_values(Template.PAYMENT_REMINDER, locale="en", values=stored)
    assert (english["month"], english["due_date"]) == ("March 2026", "11 April 2026")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("template", sorted(SECRET))
def test_secret_stands_in_the_text_to_be_sent_alone(template: Template, locale: str) -> None:
    secret = SPECS[template].secret
    assert secret is not None
    values = {one.name: one.samples[locale] for one in SPECS[template].variables}
    text = render(template, locale=locale, values={**values, secret.name: "s3cr3t"})
    assert "s3cr3t" in text.body
    assert "s3cr3t" not in text.masked + text.subject
    assert secret_in(template, masked=text.masked, body=text.body) == {secret.name: "s3cr3t"}


def test_malls_write_their_own_words_but_not_those_about_accounts() -> None:
    of_malls = {template for template, spec in SPECS.items() if spec.is_of_mall}
    assert Template.PAYMENT_REMINDER in of_malls
    assert not SECRET & of_malls
    assert all(Channel.IN_APP in SPECS[template].channels for template in of_malls)
