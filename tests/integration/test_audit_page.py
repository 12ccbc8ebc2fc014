"""The audit's pages: found, filtered, told in words, and never of what a person may not read."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from staff_mall import NOW, PEOPLE
from staff_site import StaffSite, token

from domain.audit import AuditAction
from domain.scopes import Actor, ActorKind
from services.operations.audit import record_event
from services.operations.malls import register_mall
from storage.database import transaction
from storage.models import Base
from webapp.admin import audit_words
from webapp.admin.audit import PAGE_SIZE

ADMIN, MANAGEMENT, OPERATION, FINANCE = PEOPLE
STRANGER = Actor(
    ActorKind.ANONYMOUS,
    "mallory@example.org",
    address="203.0.113.77",
    agent="curl/8",
    request_id="req-77",
)


@pytest.fixture(scope="module")
def told(staff_site: StaffSite) -> Iterator[int]:
    """Events of this mall, of another, and of none; returns the other mall's id."""
    with transaction(staff_site.engine) as session:
        other = register_mall(session, code="Z77", name="Elsewhere")
        for mall_id, note in (
            (staff_site.mall.mall_id, "here"),
            (other, "there"),
            (None, "nowhere"),
        ):
            record_event(
                session,
                action=AuditAction.SIGN_IN_FAILED,
                now=NOW - timedelta(days=40),
                mall_id=mall_id,
                subject_type="users",
                subject_id=991,
                note=note,
                actor=STRANGER,
            )
    yield other


def seqs(html: str) -> list[int]:
    return [int(found) for found in re.findall(r'href="/admin/audit/(\d+)"', html)]


def notes(site: StaffSite, html: str) -> set[str]:
    with site.engine.connect() as connection:
        return set(
            connection.execute(
                sa.text("SELECT note FROM audit.events WHERE seq = ANY(:seqs)"),
                {"seqs": seqs(html)},
            ).scalars()
        )


def test_change_made_through_the_web_names_person_role_address_and_request(
    staff_site: StaffSite,
) -> None:
    client = staff_site.client(ADMIN)
    client.environ_base["REMOTE_ADDR"] = "198.51.100.23"
    shop = staff_site.mall.shop_id
    path = f"/admin/shops/edit/?id={shop}"
    form = dict(re.findall(r'name="([^"]+)"[^>]*value="([^"]*)"', client.get(path).text))
    with staff_site.engine.connect() as connection:
        row = connection.execute(
            sa.text("SELECT * FROM app.shops WHERE id = :id"), {"id": shop}
        ).mappings().one()  # fmt: skip
    form |= {name: str(row[name] or "") for name in row if name in form or name == "business_type"}
    form |= {"contact_name": "Zhang Wei", "csrf_token": token(client, path)}
    answer = client.post(path, data=form, headers={"User-Agent": "A browser"})
    assert answer.status_code == 302, answer.text
    with staff_site.engine.connect() as connection:
        event = connection.execute(
            sa.text(
                "SELECT * FROM audit.events WHERE subject_type = 'shops' AND subject_id = :id "
                "AND action = 'ROW_UPDATED' ORDER BY seq DESC LIMIT 1"
            ),
            {"id": str(shop)},
        ).mappings().one()  # fmt: skip
        account = connection.execute(
            sa.text("SELECT id FROM app.users WHERE email = :email"), {"email": ADMIN}
        ).scalar_one()
    assert event["after"]["contact_name"] == "Zhang Wei"
    assert (event["actor_kind"], event["actor_name"]) == ("PERSON", ADMIN)
    assert (event["actor_id"], event["actor_role"]) == (account, "SUPER_ADMIN")
    assert (event["address"], event["agent"]) == ("198.51.100.23", "A browser")
    assert event["request_id"] == answer.headers["X-Request-Id"]
    page = client.get(f"/admin/audit/{event['seq']}").text
    assert "Zhang Wei" in page and ADMIN in page and "198.51.100.23" in page
    assert "Contact" in page and "contact_name" not in page


def test_administrator_reads_everything_and_management_its_malls(
    staff_site: StaffSite, told: int
) -> None:
    address = "/admin/audit/?text=req-77"
    assert notes(staff_site, staff_site.client(ADMIN).get(address).text) == {
        "here", "there", "nowhere",
    }  # fmt: skip
    management = staff_site.client(MANAGEMENT)
    assert notes(staff_site, management.get(address).text) == {"here"}
    foreign = max(seqs(staff_site.client(ADMIN).get(f"{address}&mall={told}").text))
    assert management.get(f"/admin/audit/{foreign}").status_code == 404
    assert notes(staff_site, management.get(f"{address}&mall={told}").text) == set()
    taken = management.get("/admin/audit/export.csv?text=req-77").get_data(as_text=True)
    rows = list(csv.DictReader(io.StringIO(taken.lstrip("\ufeff"))))
    assert [row["note"] for row in rows] == ["here"]


@pytest.mark.parametrize("email", [OPERATION, FINANCE])
def test_other_desks_read_no_audit(staff_site: StaffSite, told: int, email: str) -> None:
    client = staff_site.client(email)
    for address in ("/admin/audit/", "/admin/audit/1", "/admin/audit/export.csv"):
        assert client.get(address).status_code == 403
    assert "History" not in client.get(f"/admin/shops/details/?id={staff_site.mall.shop_id}").text


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ("actor=MALLORY", True),
        ("actor=mallory%25", False),
        ("action=SIGN_IN_FAILED&text=203.0.113.77", True),
        ("action=EXPORTED&text=203.0.113.77", False),
        ("thing=users&id=991", True),
        ("thing=users&id=992", False),
        ("text=991", True),
        ("thing=shops&id=991", False),
        ("from={before}&to={on}&actor=mallory", True),
        ("from={on}&to={on}&actor=mallory", True),
        ("from={after}&actor=mallory", False),
        ("to={before}&actor=mallory", False),
        ("from=nonsense&to=9999-12-31&mall=x&before=y&thing=%01&actor=mallory", True),
    ],
)
def test_filters_narrow(staff_site: StaffSite, told: int, query: str, finds: bool) -> None:
    on = (NOW - timedelta(days=40)).date()
    days = {"before": on - timedelta(days=1), "on": on, "after": on + timedelta(days=1)}
    page = staff_site.client(ADMIN).get(f"/admin/audit/?{query.format(**days)}")
    assert page.status_code == 200
    assert ("here" in notes(staff_site, page.text)) is finds
    assert finds or "Nothing matches" in page.text


def test_pages_follow_each_other_without_gap_or_double(staff_site: StaffSite) -> None:
    with transaction(staff_site.engine) as session:
        for _ in range(2 * PAGE_SIZE + 1):
            record_event(session, action=AuditAction.REFUSED, now=NOW, note="many", actor=STRANGER)
    client = staff_site.client(ADMIN)
    path: str | None = "/admin/audit/?action=REFUSED"
    seen: list[int] = []
    pages = 0
    while path:
        html = client.get(path).text
        seen += seqs(html)
        pages += 1
        older = re.search(r'rel="next" href="([^"]+)"', html)
        path = older.group(1).replace("&amp;", "&") if older else None
        assert path is None or "action=REFUSED" in path
    assert pages == 3 and len(seen) == 2 * PAGE_SIZE + 1
    assert seen == sorted(set(seen), reverse=True)


def test_export_escapes_formulas_and_is_itself_an_event(staff_site: StaffSite) -> None:
    with transaction(staff_site.engine) as session:
        record_event(
            session, action=AuditAction.REFUSED, now=NOW, note="=1+1", subject_id="formula"
        )
    client = staff_site.client(ADMIN)
    text = client.get("/admin/audit/export.csv?text=formula").get_data(as_text=True)
    rows = list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))
    assert len(rows) == 1 and rows[0]["note"] == "'=1+1"
    newest = client.get("/admin/audit/?action=EXPORTED").text
    page = client.get(f"/admin/audit/{seqs(newest)[0]}").text
    assert "audit.csv" in page and "formula" in page and ADMIN in page


def test_history_of_a_thing_is_one_click_away(staff_site: StaffSite) -> None:
    client = staff_site.client(ADMIN)
    mall = staff_site.mall
    for path, thing, id_ in (
        ("shops", "shops", mall.shop_id),
        ("contracts", "contracts", mall.contract_id),
        ("bills", "bills", mall.bill_id),
        ("devices", "devices", mall.device_id),
        ("users", "users", 1),
    ):
        page = client.get(f"/admin/{path}/details/?id={id_}").text
        assert f'href="/admin/audit/?thing={thing}&amp;id={id_}"' in page, path
    found = client.get(f"/admin/audit/?thing=contracts&id={mall.contract_id}").text
    assert seqs(found) and "Clause" in found, "a contract's clauses are part of its history"


def test_page_shows_the_last_verdict(staff_site: StaffSite) -> None:
    client = staff_site.client(ADMIN)
    verdict = {"is_intact": False, "events": 9, "seq": 9, "hash": "ab" * 32, "witnesses": 2}
    for is_intact, chip in ((False, "Not intact"), (True, ">Intact<")):
        with transaction(staff_site.engine) as session:
            record_event(
                session,
                action=AuditAction.AUDIT_VERIFIED,
                now=NOW,
                after=verdict | {"is_intact": is_intact},
            )
        page = client.get("/admin/audit/").text
        assert chip in page and "compared with 2 signed backups" in page
        assert "abababababab" in page


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_stored_text_is_shown_as_text(staff_site: StaffSite, locale: str) -> None:
    with transaction(staff_site.engine) as session:
        record_event(
            session,
            action=AuditAction.REFUSED,
            now=NOW,
            subject_type="<script>t",
            subject_id="script",
            after={"<script>a": "<script>b", "list": ["<script>c"]},
            note="<script>d",
            actor=Actor(ActorKind.ANONYMOUS, "<script>e", agent="<script>f"),
        )
    client = staff_site.client(ADMIN, locale=locale)
    html = client.get("/admin/audit/?text=script").text
    assert "<script>" not in re.sub(r"<script (src|type|nonce)", "", html)
    page = client.get(f"/admin/audit/{seqs(html)[0]}").text
    assert all(f"&lt;script&gt;{letter}" in page for letter in "abcdef")


def test_every_action_captured_table_and_column_has_a_word(staff_site: StaffSite) -> None:
    assert set(audit_words.ACTIONS) == set(AuditAction)
    with staff_site.engine.connect() as connection:
        tables = connection.execute(
            sa.text(
                "SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
                "WHERE t.tgfoid = 'audit.capture'::regproc"
            )
        ).scalars().all()  # fmt: skip
        noise = set(
            connection.execute(
                sa.text("SELECT name FROM unnest(CAST(:names AS text[])) AS name "
                        "WHERE audit.is_noise(name)"),
                {"names": [c.name for t in Base.metadata.tables.values() for c in t.c]},
            ).scalars()
        )  # fmt: skip
    assert len(tables) > 15
    assert set(tables) <= audit_words.THINGS.keys()
    columns = {column.name for table in tables for column in Base.metadata.tables[f"app.{table}"].c}
    assert columns - noise - audit_words.COLUMNS.keys() == set()
