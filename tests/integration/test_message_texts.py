"""A mall puts messages into its own words, looks at them first, and goes back to ours."""

import html
import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from staff_mall import NOW, PEOPLE
from staff_site import StaffSite, token

from domain.message_templates import SPECS
from domain.notifications import Audience, Template
from services.language import LOCALES
from services.operations.message_addressing import address_messages
from services.operations.message_templates import NotOfMalls, save_words
from services.operations.message_texts import our_words
from services.operations.messages import post_message
from storage.database import transaction
from storage.models import MessageTemplate, Notification, OutboxMessage
from webapp.words import message_texts as words

ADMIN, MANAGEMENT, OPERATION, FINANCE = PEOPLE
REJECTED = "/admin/message-texts/CONTRACT_REJECTED"
CHINESE = "【{mall}】合约 {contract} 未获批准，原因：{reason}。请修改后重新提交。"
ENGLISH = "[{mall}] Contract {contract} was not approved: {reason}. Please correct it."


@pytest.fixture(autouse=True)
def our_words_alone(staff_site: StaffSite) -> Iterator[None]:
    with transaction(staff_site.engine) as session:
        for model in (MessageTemplate, Notification, OutboxMessage):
            session.execute(sa.delete(model))
    yield


def kept(site: StaffSite) -> dict[str, tuple[str, str]]:
    with site.engine.connect() as connection:
        rows = connection.execute(
            sa.select(MessageTemplate.locale, MessageTemplate.subject, MessageTemplate.body)
        )
        return {row.locale: (row.subject, row.body) for row in rows}


def form(client: FlaskClient, **typed: str) -> dict[str, str]:
    """What the editor would send: the fields as they are shown, with what is typed into them."""
    page = client.get(REJECTED).text
    sent = {
        name: html.unescape(value)
        for name, value in re.findall(r'name="((?:seen|subject)-\w+)" value="([^"]*)"', page)
    }
    for name, text in re.findall(
        r'<textarea[^>]*name="([\w-]+)"[^>]*>(.*?)</textarea>', page, re.S
    ):
        sent[name] = html.unescape(text)
    return {"csrf_token": token(client, "/account/password"), "do": "save", **sent, **typed}


def test_own_words_are_kept_and_said_in_the_next_message(staff_site: StaffSite) -> None:
    client = staff_site.client(OPERATION)
    typed = {"body-zh_CN": CHINESE, "subject-en": "{contract}: not approved", "body-en": ENGLISH}
    answer = client.post(REJECTED, data=form(client, **typed))
    assert answer.status_code == 302
    assert kept(staff_site)["zh_CN"][1] == CHINESE
    assert kept(staff_site)["en"] == ("{contract}: not approved", ENGLISH)
    with transaction(staff_site.engine) as session:
        post_message(
            session,
            template=Template.CONTRACT_REJECTED,
            audience=Audience.OFFICER,
            mall_id=staff_site.mall.mall_id,
            contract_id=staff_site.mall.contract_id,
            parameters={"reason": "租金有误 {mall}"},
            dedupe_key="rejected",
            cause="CONTRACT REJECT",
            actor=MANAGEMENT,
            now=NOW,
        )
    address_messages(staff_site.engine, site="https://m", default_locale="zh_CN", now=NOW)
    with staff_site.engine.connect() as connection:
        bodies = set(connection.scalars(sa.select(Notification.body)))
    # What somebody wrote as a reason is not filled in once more.
    assert bodies == {
        "【南湖天街】合约 HT-2025-001 未获批准，原因：租金有误 {mall}。请修改后重新提交。"
    }
    assert "This mall's" in client.get("/admin/message-texts/").text


def test_preview_shows_both_languages_and_keeps_nothing(staff_site: StaffSite) -> None:
    client = staff_site.client(OPERATION)
    typed = {"body-zh_CN": CHINESE, "body-en": ENGLISH, "do": "preview"}
    answer = client.post(REJECTED, data=form(client, **typed))
    assert answer.status_code == 200
    assert "【南湖天街】合约 HT-2026-018 未获批准，原因：面积与平面图不符。" in answer.text
    assert "Contract HT-2026-018 was not approved: The area differs from the plan." in answer.text
    assert "Nothing is saved yet." in answer.text
    assert html.escape(CHINESE) in answer.text  # what was typed is still there
    assert kept(staff_site) == {}


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("body-en", "{contract} {reason} {price}", "This message has no variable “price”."),
        ("body-en", "{contract} alone", "Name {reason}: without it nobody knows what is meant."),
        ("body-zh_CN", "", "Please fill this in."),
        ("subject-en", "x" * 121, "At most 120 characters fit."),
        ("body-en", "{contract} {reason} }", "A brace “}” belongs to no variable."),
        ("body-en", "{contract} {reason} {contract.__class__}", "no variable “contract.__class__”"),
    ],
)
def test_words_that_cannot_be_used_are_refused_at_their_field(
    staff_site: StaffSite, field: str, text: str, said: str
) -> None:
    client = staff_site.client(OPERATION)
    answer = client.post(REJECTED, data=form(client, **{field: text}))
    assert answer.status_code == 422
    assert said in html.unescape(answer.text)
    assert f'aria-describedby="{field}-errors"' in answer.text
    assert kept(staff_site) == {}


def test_words_that_are_ours_are_not_kept_as_the_mall_s(staff_site: StaffSite) -> None:
    client = staff_site.client(ADMIN)
    client.post(REJECTED, data=form(client, **{"body-en": ENGLISH}))
    assert set(kept(staff_site)) == {"en"}
    ours = our_words(Template.CONTRACT_REJECTED, "en").body
    client.post(REJECTED, data=form(client, **{"body-en": f"{ours}\r\n"}))
    assert kept(staff_site) == {}


def test_going_back_does_away_with_both_languages_and_the_audit_keeps_them(
    staff_site: StaffSite,
) -> None:
    client = staff_site.client(OPERATION)
    client.post(REJECTED, data=form(client, **{"body-zh_CN": CHINESE, "body-en": ENGLISH}))
    assert set(kept(staff_site)) == {"zh_CN", "en"}
    csrf = token(client, "/account/password")
    assert client.post(f"{REJECTED}/reset", data={"csrf_token": csrf}).status_code == 302
    assert kept(staff_site) == {}
    with staff_site.engine.connect() as connection:
        told = connection.scalars(
            sa.text(
                "SELECT before ->> 'body' FROM audit.events WHERE action = 'ROW_DELETED'"
                " AND subject_type = 'message_templates' ORDER BY seq DESC LIMIT 2"
            )
        ).all()
    assert set(told) == {CHINESE, ENGLISH}


def test_words_saved_meanwhile_are_not_overwritten_unseen(staff_site: StaffSite) -> None:
    first, second = staff_site.client(OPERATION), staff_site.client(ADMIN)
    slow = form(first, **{"body-en": ENGLISH})
    second.post(REJECTED, data=form(second, **{"body-en": f"{ENGLISH} Thank you."}))
    answer = first.post(REJECTED, data=slow)
    assert answer.status_code == 422
    assert f"{ADMIN} saved other words meanwhile" in answer.text
    assert html.escape(ENGLISH) in answer.text
    assert kept(staff_site)["en"][1] == f"{ENGLISH} Thank you."
    # Whoever has seen it may put theirs in its place.
    shown = dict(re.findall(r'name="(seen-\w+)" value="([^"]*)"', answer.text))
    assert first.post(REJECTED, data={**slow, **shown}).status_code == 302
    assert kept(staff_site)["en"][1] == ENGLISH


def test_who_may_not_edit_sees_the_words_and_no_form(staff_site: StaffSite) -> None:
    client = staff_site.client(FINANCE)
    page = client.get(REJECTED).text
    assert "面积与平面图不符" in page
    assert "<textarea" not in page and "Save" not in page
    assert client.post(REJECTED, data=form(client)).status_code == 403


def test_letters_about_accounts_are_the_same_in_every_mall(staff_site: StaffSite) -> None:
    client = staff_site.client(ADMIN)
    page = client.get("/admin/message-texts/PASSWORD_RESET").text
    assert "It is the same in every mall." in page and "<textarea" not in page
    csrf = token(client, "/account/password")
    answer = client.post("/admin/message-texts/PASSWORD_RESET", data={"csrf_token": csrf})
    assert answer.status_code == 404
    with pytest.raises(NotOfMalls), transaction(staff_site.engine) as session:
        save_words(
            session,
            mall_id=staff_site.mall.mall_id,
            template=Template.PASSWORD_RESET,
            locale="en",
            subject="x",
            body="{link}",
            actor=ADMIN,
            now=NOW,
        )


@pytest.mark.parametrize("locale", LOCALES)
def test_every_text_has_a_page(staff_site: StaffSite, locale: str) -> None:
    client = staff_site.client(OPERATION, locale=locale)
    for template in Template:
        page = client.get(f"/admin/message-texts/{template}")
        assert page.status_code == 200
        assert page.text.count("<textarea") == (2 if SPECS[template].is_of_mall else 0)
    assert client.get("/admin/message-texts/NOTHING").status_code == 404


def test_every_variable_has_a_word() -> None:
    named = {variable.name for spec in SPECS.values() for variable in spec.variables}
    assert named == set(words.VARIABLES)
