"""Every address, every method, every kind of caller: who gets what.

`MATRIX` has a line for each rule and method of the site; a rule without a line fails the tests,
and the failure says which line to add. A line reads

    METHOD  RULE  WHO  ANSWER  NAMES  QUERY

WHO gets ANSWER. Everybody else who is signed in gets 403, a stranger is sent to the sign-in page,
and so is a device with its key (its POST, which can have no CSRF token, gets 400). NAMES says
whose object is asked for: `mall`, one of the mall M01, which staff of another mall must not find
(404); `shop`, one of the shop S-001, which another shop must not find; `-`, none that belongs to
either. The rule's variables and QUERY are filled with the ids of `Site`. Where callers get
different answers a rule has several lines. Every POST of a person carries a valid CSRF token;
methods that a rule does not have are answered with 405. `<ID:…>` stands for a row's id.
"""

import io
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from portal_mall import BOOKS, COFFEE
from portal_site import PortalSite, portal_site, staff_site  # noqa: F401
from sent_papers import sent_lease, share_fonts
from staff_mall import NOW, PASSWORD, PEOPLE
from staff_site import StaffSite, token
from upload_corpus import picture

from domain.audit import AuditAction
from domain.deposits import DepositKind
from domain.people import Role
from domain.uploads import UploadKind
from services.operations.audit import record_event
from services.operations.device_keys import create_device_key
from services.operations.leasing import (
    ask_renewal,
    enter_deposit,
    propose_termination,
    withdraw_change,
)
from services.operations.passwords import hash_password
from services.operations.people import create_user
from services.operations.uploads import keep_upload
from services.uploads.limits import upload_limits
from storage.database import transaction

ADMIN, MANAGEMENT, OPERATION, FINANCE = PEOPLE
STRANGER, DEVICE = "a stranger", "a device with its key"
EVERYWHERE = "everywhere@example.org"  # SUPER_ADMIN who belongs to no mall
FOREIGN = {  # staff of the mall M02
    "foreign.management@example.org": Role.MANAGEMENT,
    "foreign.operation@example.org": Role.OPERATION,
    "foreign.finance@example.org": Role.FINANCE,
}
ROLE_OF = {
    **PEOPLE,
    **FOREIGN,
    EVERYWHERE: Role.SUPER_ADMIN,
    BOOKS: Role.SHOP,
    COFFEE: Role.SHOP,
}
CALLERS = (STRANGER, DEVICE, *ROLE_OF)
GROUPS: dict[str, frozenset[Role]] = {
    "ADMIN": frozenset({Role.SUPER_ADMIN}),
    "AUDITORS": frozenset({Role.SUPER_ADMIN, Role.MANAGEMENT}),
    "DESK": frozenset({Role.SUPER_ADMIN, Role.OPERATION}),
    "OPERATIONS": frozenset({Role.SUPER_ADMIN, Role.MANAGEMENT, Role.OPERATION}),
    "MONEY": frozenset({Role.SUPER_ADMIN, Role.MANAGEMENT, Role.FINANCE}),
    "CASHIERS": frozenset({Role.FINANCE}),
    "CLOSERS": frozenset({Role.SUPER_ADMIN, Role.FINANCE}),
    "OFFICERS": frozenset({Role.OPERATION}),
    "DECIDERS": frozenset({Role.MANAGEMENT}),
    "STAFF": frozenset(Role) - {Role.SHOP},
    "SHOPS": frozenset({Role.SHOP}),
    "PEOPLE": frozenset(Role),
    # Those who must have an authenticator, and those who may do without.
    "WITH-FACTOR": frozenset({Role.SUPER_ADMIN, Role.FINANCE}),
    "WITHOUT": frozenset({Role.MANAGEMENT, Role.OPERATION, Role.SHOP}),
}
MATRIX = """
GET  /                                                STRANGERS   302 -
GET  /                                                DEVICES     302 -
GET  /                                                PEOPLE      302 -
GET  /.well-known/security.txt                        ALL         404 -
GET  /account/                                        PEOPLE      200 -
GET  /account/authenticator                           PEOPLE      200 -
GET  /account/authenticator/new                       PEOPLE      200 -
POST /account/authenticator/new                       PEOPLE      200 -
POST /account/authenticator/remove                    WITHOUT     302 -
POST /account/authenticator/remove                    WITH-FACTOR 403 -
GET  /account/messages                                PEOPLE      200 -
POST /account/messages                                PEOPLE      302 -
GET  /account/password                                PEOPLE      200 -
POST /account/password                                PEOPLE      200 -
POST /account/phone                                   PEOPLE      302 -
POST /account/recovery-codes                          WITH-FACTOR 200 -
POST /account/recovery-codes                          WITHOUT     404 -
GET  /account/sessions                                PEOPLE      200 -
POST /account/sessions/<ID:session_id>/end            PEOPLE      302 -
POST /account/sessions/end-others                     PEOPLE      302 -
GET  /admin/                                          STAFF       200 -
GET  /admin/audit/                                    AUDITORS    200 -
GET  /admin/audit/<ID:seq>                            AUDITORS    200 mall
GET  /admin/audit/export.csv                          AUDITORS    200 -
GET  /admin/backups/                                  ADMIN       200 -
GET  /admin/backups/details/                          ADMIN       200 -    ?id={backup_id}
GET  /admin/backups/export/<export_type>/             ADMIN       200 -
GET  /admin/bills/                                    MONEY       200 -
GET  /admin/bills/details/                            MONEY       200 mall ?id={bill_id}
GET  /admin/bills/export/<export_type>/               MONEY       200 -
GET  /admin/charts/<chart>.csv                        STAFF       200 mall
GET  /admin/contracts/                                STAFF       200 -
GET  /admin/contracts/board                           STAFF       200 -
GET  /admin/contracts/calendar                        STAFF       200 -
GET  /admin/contracts/details/                        STAFF       200 mall ?id={contract_id}
GET  /admin/contracts/export/<export_type>/           STAFF       200 -
GET  /admin/contracts/new/                            OFFICERS    200 -
POST /admin/contracts/new/                            OFFICERS    200 -
GET  /admin/contracts/<ID:contract_id>/amend          OFFICERS    200 mall
POST /admin/contracts/<ID:contract_id>/amend          OFFICERS    200 mall
POST /admin/contracts/<ID:contract_id>/amend/preview  OFFICERS    400 mall
GET  /admin/contracts/<ID:contract_id>/changes/<ID:change_id> STAFF 200 mall
POST /admin/contracts/<ID:contract_id>/changes/<ID:change_id> DECIDERS 200 mall
GET  /admin/contracts/<ID:contract_id>/changes/<ID:change_id>/send OFFICERS 302 mall
POST /admin/contracts/<ID:contract_id>/changes/<ID:change_id>/send OFFICERS 302 mall
GET  /admin/contracts/<ID:contract_id>/changes/<ID:change_id>/withdraw OFFICERS 302 mall
POST /admin/contracts/<ID:contract_id>/changes/<ID:change_id>/withdraw OFFICERS 302 mall
GET  /admin/contracts/<ID:contract_id>/clauses        OFFICERS    302 mall
POST /admin/contracts/<ID:contract_id>/clauses        OFFICERS    200 mall
POST /admin/contracts/<ID:contract_id>/clauses/preview OFFICERS   200 mall
GET  /admin/contracts/<ID:contract_id>/end-early      OFFICERS    200 mall
POST /admin/contracts/<ID:contract_id>/end-early      OFFICERS    200 mall
GET  /admin/contracts/<ID:contract_id>/facts          OFFICERS    302 mall
POST /admin/contracts/<ID:contract_id>/facts          OFFICERS    302 mall
GET  /admin/contracts/<ID:contract_id>/papers/<ID:paper_id> STAFF 404 mall
GET  /admin/contracts/<ID:contract_id>/renew          OFFICERS    200 mall
POST /admin/contracts/<ID:contract_id>/renew          OFFICERS    200 mall
GET  /admin/contracts/<ID:contract_id>/renewals/<ID:renewal_id>/refuse OFFICERS 200 mall
POST /admin/contracts/<ID:contract_id>/renewals/<ID:renewal_id>/refuse OFFICERS 200 mall
GET  /admin/contracts/<ID:contract_id>/review         DECIDERS    302 mall
POST /admin/contracts/<ID:contract_id>/review         DECIDERS    302 mall
GET  /admin/contracts/<ID:contract_id>/revise         OFFICERS    302 mall
POST /admin/contracts/<ID:contract_id>/revise         OFFICERS    302 mall
GET  /admin/contracts/<ID:contract_id>/send           OFFICERS    302 mall
POST /admin/contracts/<ID:contract_id>/send           OFFICERS    302 mall
GET  /admin/contracts/<ID:contract_id>/submit         OFFICERS    302 mall
POST /admin/contracts/<ID:contract_id>/submit         OFFICERS    302 mall
GET  /admin/contracts/<ID:contract_id>/versions       STAFF       200 mall
GET  /admin/data-quality/                             OPERATIONS  200 -
GET  /admin/deposits/                                 STAFF       200 -
GET  /admin/deposits/<ID:entry_id>/confirm            CASHIERS    200 mall
POST /admin/deposits/<ID:entry_id>/confirm            CASHIERS    302 mall
GET  /admin/deposits/new                              CASHIERS    200 -
POST /admin/deposits/new                              CASHIERS    422 -
GET  /admin/device-keys/                              OPERATIONS  200 -
GET  /admin/device-keys/<ID:key_id>/revoke            DESK        200 mall
POST /admin/device-keys/<ID:key_id>/revoke            DESK        302 mall
GET  /admin/device-keys/<ID:key_id>/rotate            DESK        200 mall
POST /admin/device-keys/<ID:key_id>/rotate            DESK        200 mall
GET  /admin/device-keys/details/                      OPERATIONS  200 mall ?id={key_id}
GET  /admin/device-keys/export/<export_type>/         OPERATIONS  200 -
GET  /admin/device-keys/new/                          DESK        200 -
POST /admin/device-keys/new/                          DESK        200 -
GET  /admin/devices/                                  OPERATIONS  200 -
GET  /admin/devices/details/                          OPERATIONS  200 mall ?id={device_id}
GET  /admin/devices/edit/                             DESK        200 mall ?id={device_id}
POST /admin/devices/edit/                             DESK        200 mall ?id={device_id}
GET  /admin/devices/export/<export_type>/             OPERATIONS  200 -
GET  /admin/devices/new/                              DESK        200 -
POST /admin/devices/new/                              DESK        200 -
GET  /admin/devices/<ID:device_id>/install            DESK        200 mall
POST /admin/devices/<ID:device_id>/install            DESK        200 mall
GET  /admin/devices/<ID:device_id>/maintenance        DESK        200 mall
POST /admin/devices/<ID:device_id>/maintenance        DESK        200 mall
GET  /admin/devices/<ID:device_id>/ratio              DESK        200 mall
POST /admin/devices/<ID:device_id>/ratio              DESK        200 mall
GET  /admin/devices/<ID:device_id>/remove             DESK        200 mall
POST /admin/devices/<ID:device_id>/remove             DESK        200 mall
GET  /admin/devices/<ID:device_id>/replace            DESK        200 mall
POST /admin/devices/<ID:device_id>/replace            DESK        200 mall
POST /admin/devices/<ID:device_id>/end-maintenance    DESK        302 mall
GET  /admin/files/                                    STAFF       200 -
GET  /admin/files/document/<ID:document_id>           MONEY       200 mall
GET  /admin/files/report/<ID:file_id>                 MONEY       200 mall
GET  /admin/flags/                                    OPERATIONS  200 -
GET  /admin/flags/day                                 OPERATIONS  404 -
GET  /admin/flags/hour                                OPERATIONS  404 -
POST /admin/flags/hour                                OPERATIONS  404 -
GET  /admin/held-bills/                               MONEY       200 -
GET  /admin/held-bills/details/                       MONEY       200 mall ?id={gate_id}
GET  /admin/held-bills/export/<export_type>/          MONEY       200 -
GET  /admin/imports/                                  DESK        200 -
POST /admin/imports/                                  DESK        422 -
GET  /admin/imports/<of>/<uuid:uuid>                  DESK        404 -
POST /admin/imports/<of>/<uuid:uuid>                  DESK        404 -
GET  /admin/imports/<of>/<uuid:uuid>/refused.csv      DESK        404 -
GET  /admin/imports/<of>/template.<extension>         DESK        200 -
GET  /admin/inbox/                                    STAFF       200 -
POST /admin/inbox/<ID:message_id>                     STAFF       404 -
POST /admin/inbox/read                                STAFF       302 -
GET  /admin/landed-files/                             OPERATIONS  200 -
GET  /admin/landed-files/details/                     OPERATIONS  200 mall ?id={file_id}
GET  /admin/landed-files/export/<export_type>/        OPERATIONS  200 -
GET  /admin/late-values/                              CLOSERS     200 -
POST /admin/late-values/apply                         CLOSERS     302 -
POST /admin/late-values/close                         CLOSERS     302 -
POST /admin/late-values/dismiss                       CLOSERS     302 -
POST /admin/late-values/reopen                        CLOSERS     302 -
GET  /admin/malls/                                    STAFF       200 -
GET  /admin/malls/details/                            STAFF       200 mall ?id={mall_id}
GET  /admin/malls/edit/                               ADMIN       200 -    ?id={mall_id}
POST /admin/malls/edit/                               ADMIN       200 -    ?id={mall_id}
GET  /admin/malls/export/<export_type>/               STAFF       200 -
GET  /admin/message-texts/                            STAFF       200 -
GET  /admin/message-texts/<template>                  STAFF       200 -
POST /admin/message-texts/<template>                  DESK        422 -
POST /admin/message-texts/<template>/reset            DESK        302 -
GET  /admin/messages/                                 STAFF       200 -
GET  /admin/messages/<ID:delivery_id>                 STAFF       200 mall
POST /admin/messages/again                            DESK        302 -
GET  /admin/messages/undelivered                      STAFF       200 -
GET  /admin/new-devices/                              OPERATIONS  200 -
GET  /admin/new-devices/<ID:unknown_id>/connect       DESK        200 mall
POST /admin/new-devices/<ID:unknown_id>/connect       DESK        200 mall
POST /admin/new-devices/<ID:unknown_id>/ignore        DESK        302 mall
GET  /admin/new-devices/<ID:unknown_id>/land          DESK        200 mall
POST /admin/new-devices/<ID:unknown_id>/land          DESK        200 mall
POST /admin/new-devices/<ID:unknown_id>/notice        DESK        302 mall
GET  /admin/new-devices/<ID:unknown_id>/register      DESK        200 mall
POST /admin/new-devices/<ID:unknown_id>/register      DESK        200 mall
GET  /admin/new-devices/details/                      OPERATIONS  200 mall ?id={unknown_id}
GET  /admin/quarantine/                               OPERATIONS  200 -
POST /admin/quarantine/again                          DESK        302 -
POST /admin/quarantine/dismiss                        DESK        302 -
GET  /admin/quarantine/details/                       OPERATIONS  200 mall ?id={quarantined_id}
GET  /admin/quarantine/export/<export_type>/          OPERATIONS  200 -
GET  /admin/readings/                                 OPERATIONS  200 -
GET  /admin/requests/                                 OPERATIONS  200 -
GET  /admin/requests/details/                         OPERATIONS  200 mall ?id={request_id}
GET  /admin/requests/edit/                            DESK        200 mall ?id={request_id}
POST /admin/requests/edit/                            DESK        302 mall ?id={request_id}
GET  /admin/requests/export/<export_type>/            OPERATIONS  200 -
GET  /admin/reviews/                                  DECIDERS    200 -
GET  /admin/roles/                                    ADMIN       200 -
GET  /admin/runs/                                     OPERATIONS  200 -
GET  /admin/settings/                                 STAFF       200 -
POST /admin/settings/mall                             STAFF       404 -
GET  /admin/shop-files/                               STAFF       200 mall ?shop={shop_id}
POST /admin/shop-files/                               DESK        400 mall ?shop={shop_id}
GET  /admin/shop-files/<uuid:uuid>                    STAFF       200 mall
GET  /admin/shop-files/<uuid:uuid>/remove             DESK        200 mall
POST /admin/shop-files/<uuid:uuid>/remove             DESK        302 mall
POST /admin/shop-files/<uuid:uuid>/restore            DESK        302 mall
GET  /admin/shop-files/<uuid:uuid>/thumbnail          STAFF       200 mall
GET  /admin/shops/                                    STAFF       200 -
GET  /admin/shops/details/                            STAFF       200 mall ?id={shop_id}
GET  /admin/shops/edit/                               DESK        200 mall ?id={shop_id}
POST /admin/shops/edit/                               DESK        302 mall ?id={shop_id}
GET  /admin/shops/export/<export_type>/               STAFF       200 -
GET  /admin/shops/new/                                DESK        200 -
POST /admin/shops/new/                                DESK        200 -
GET  /admin/static/<path:filename>                    ALL         404 -
GET  /admin/units/                                    STAFF       200 -
GET  /admin/units/<ID:unit_id>/merge                  DESK        200 mall
POST /admin/units/<ID:unit_id>/merge                  DESK        422 mall
GET  /admin/units/<ID:unit_id>/split                  DESK        200 mall
POST /admin/units/<ID:unit_id>/split                  DESK        422 mall
GET  /admin/units/details/                            STAFF       200 mall ?id={unit_id}
GET  /admin/units/edit/                               DESK        200 mall ?id={unit_id}
POST /admin/units/edit/                               DESK        302 mall ?id={unit_id}
GET  /admin/units/export/<export_type>/               STAFF       200 -
GET  /admin/units/new/                                DESK        200 -
POST /admin/units/new/                                DESK        200 -
GET  /admin/users/                                    ADMIN       200 -
GET  /admin/users/<ID:user_id>/close                  ADMIN       200 -
POST /admin/users/<ID:user_id>/close                  ADMIN       200 -
POST /admin/users/<ID:user_id>/end-session            ADMIN       404 -
POST /admin/users/<ID:user_id>/end-sessions           ADMIN       302 -
POST /admin/users/<ID:user_id>/invite                 ADMIN       302 -
POST /admin/users/<ID:user_id>/open                   ADMIN       302 -
POST /admin/users/<ID:user_id>/reset-password         ADMIN       302 -
GET  /admin/users/<ID:user_id>/second-factor          ADMIN       200 -
POST /admin/users/<ID:user_id>/second-factor          ADMIN       200 -
POST /admin/users/<ID:user_id>/unlock                 ADMIN       302 -
GET  /admin/users/details/                            ADMIN       200 -    ?id={user_id}
GET  /admin/users/edit/                               ADMIN       200 -    ?id={user_id}
POST /admin/users/edit/                               ADMIN       200 -    ?id={user_id}
GET  /admin/users/export/<export_type>/               ADMIN       200 -
GET  /admin/users/new/                                ADMIN       200 -
POST /admin/users/new/                                ADMIN       200 -
GET  /api/docs                                        ALL         200 -
GET  /api/openapi.json                                ALL         200 -
POST /api/v1/devices/<adapter>                        DEVICES     422 -
POST /api/v1/devices/<adapter>                        STRANGERS   403 -
POST /api/v1/devices/<adapter>                        PEOPLE      403 -
POST /api/v1/readings                                 DEVICES     415 -
POST /api/v1/readings                                 STRANGERS   403 -
POST /api/v1/readings                                 PEOPLE      403 -
GET  /api/v1/sms-reports/<token>                      ALL         404 -
GET  /assets/charts-<version>.js                      ALL         404 -
GET  /fs-static/<path:filename>                       ALL         404 -
GET  /healthz                                         ALL         200 -
POST /language                                        ALL         400 -
GET  /link/<token>                                    ALL         302 -
GET  /password/forgotten                              ALL         200 -
POST /password/forgotten                              STRANGERS   200 -
POST /password/forgotten                              PEOPLE      200 -
GET  /password/new                                    ALL         410 -
POST /password/new                                    STRANGERS   410 -
POST /password/new                                    PEOPLE      410 -
GET  /password/sent                                   ALL         200 -
GET  /portal/                                         SHOPS       200 -
GET  /portal/bills.csv                                SHOPS       200 -
GET  /portal/bills/                                   SHOPS       200 -
GET  /portal/bills/<ID:bill_id>                       SHOPS       200 shop
GET  /portal/contracts/                               SHOPS       200 -
GET  /portal/contracts/<ID:contract_id>               SHOPS       200 shop
POST /portal/contracts/<ID:contract_id>/renewal       SHOPS       422 shop
POST /portal/contracts/<ID:contract_id>/renewal/withdraw SHOPS    302 shop
GET  /portal/data/                                    SHOPS       200 -
POST /portal/data/                                    SHOPS       404 -
GET  /portal/data/<feed>/<uuid:uuid>                  SHOPS       404 -
POST /portal/data/<feed>/<uuid:uuid>                  SHOPS       404 -
GET  /portal/data/<feed>/<uuid:uuid>/refused.csv      SHOPS       404 -
GET  /portal/data/<feed>/template.<extension>         SHOPS       200 -
GET  /portal/documents/                               SHOPS       200 -
POST /portal/documents/                               SHOPS       400 -
GET  /portal/documents/<ID:document_id>               SHOPS       200 shop
GET  /portal/figures.csv                              SHOPS       200 -
GET  /portal/figures/                                 SHOPS       200 -
GET  /portal/files/<uuid:uuid>                        SHOPS       200 shop
GET  /portal/messages/                                SHOPS       200 -
POST /portal/messages/read                            SHOPS       302 -
GET  /portal/more                                     SHOPS       200 -
GET  /portal/papers/<ID:paper_id>                     SHOPS       200 shop
POST /portal/papers/<ID:paper_id>/code                SHOPS       302 shop
POST /portal/papers/<ID:paper_id>/decline             SHOPS       422 shop
GET  /portal/papers/<ID:paper_id>/file                SHOPS       200 shop
POST /portal/papers/<ID:paper_id>/sign                SHOPS       422 shop
POST /portal/shop                                     SHOPS       404 -
GET  /readyz                                          ALL         200 -
GET  /robots.txt                                      ALL         200 -
GET  /sign-in                                         STRANGERS   200 -
GET  /sign-in                                         DEVICES     200 -
GET  /sign-in                                         PEOPLE      302 -
POST /sign-in                                         STRANGERS   200 -
POST /sign-in                                         PEOPLE      302 -
GET  /sign-in/again                                   PEOPLE      200 -
POST /sign-in/again                                   PEOPLE      200 -
GET  /sign-in/authenticator                           PEOPLE      302 -
POST /sign-in/authenticator                           PEOPLE      302 -
GET  /sign-in/code                                    PEOPLE      302 -
POST /sign-in/code                                    PEOPLE      302 -
GET  /sign-in/recovery                                PEOPLE      302 -
POST /sign-in/recovery                                PEOPLE      302 -
POST /sign-out                                        PEOPLE      302 -
GET  /static/<path:filename>                          ALL         200 -
GET  /verify/                                         ALL         200 -
GET  /verify/<code>                                   ALL         422 -
POST /verify/<code>                                   STRANGERS   422 -
POST /verify/<code>                                   PEOPLE      422 -
"""
ROW_ID = "<int(max=9223372036854775807):"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
VARIABLES = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Line:
    method: str
    rule: str
    who: str
    answer: int
    names: str
    query: str

    def covers(self, caller: str) -> bool:
        if self.who == "ALL":
            return True
        if caller in (STRANGER, DEVICE):
            return self.who == {STRANGER: "STRANGERS", DEVICE: "DEVICES"}[caller]
        return self.who in GROUPS and ROLE_OF[caller] in GROUPS[self.who]

    def expected(self, caller: str) -> int:
        """The answer to a caller whom the line covers."""
        is_foreign = (self.names == "mall" and caller in FOREIGN) or (
            self.names == "shop" and caller == COFFEE
        )
        return 404 if is_foreign else self.answer


def _lines() -> dict[tuple[str, str], list[Line]]:
    found: dict[tuple[str, str], list[Line]] = {}
    for text in MATRIX.strip().splitlines():
        method, rule, who, answer, names, *query = text.split()
        assert who in GROUPS or who in ("ALL", "STRANGERS", "DEVICES"), text
        assert names in ("-", "mall", "shop"), text
        line = Line(method, rule, who, int(answer), names, query[0] if query else "")
        found.setdefault((method, rule), []).append(line)
    return found


LINES = _lines()


def rules_of(site: "Site") -> set[tuple[str, str]]:
    return {
        (method, rule.rule.replace(ROW_ID, "<ID:"))
        for rule in site.site.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


@dataclass
class Site:
    """`ids` are what addresses name, `clients` the callers, each with its CSRF token."""

    site: StaffSite
    ids: dict[str, object]
    clients: dict[str, tuple[FlaskClient, str]]

    def ask(self, caller: str, method: str, rule: str, query: str = "") -> tuple[int, str]:
        """Status of the answer, and where it leads."""
        client, csrf = self.clients[caller]
        address = VARIABLES.sub(lambda found: f"{{{found[1]}}}", rule) + query
        ids = {**self.ids, **self.ids["portal"]} if rule.startswith("/portal/") else self.ids  # type: ignore[dict-item]
        data = None if method == "GET" else {"csrf_token": csrf}
        with client.open(address.format(**ids), method=method, data=data) as answer:
            return answer.status_code, urlsplit(answer.headers.get("Location", "")).path


@pytest.fixture(scope="module")
def site(portal_site: PortalSite, font_state_dir: Path) -> Site:  # noqa: F811
    share_fonts(portal_site, font_state_dir)
    found = portal_site.site
    hashed = hash_password(PASSWORD, found.settings.secret("password_salt"))
    with transaction(found.engine) as session:
        for email, role in {**FOREIGN, EVERYWHERE: Role.SUPER_ADMIN}.items():
            create_user(
                session,
                email=email,
                name="",
                role=role,
                mall_codes=["M02"] if email in FOREIGN else [],
                password_hash=hashed,
            )
        somebody = create_user(
            session,
            email="somebody@example.org",
            name="",
            role=Role.OPERATION,
            mall_codes=["M01"],
            password_hash=hashed,
        )
        # The one to call with, and one for the pages to do away with.
        key, _other = (
            create_device_key(
                session,
                mall_id=found.mall.mall_id,
                device_id=found.mall.device_id,
                name=name,
                now=NOW,
            )
            for name in ("caller", "other")
        )
        key_id = session.scalar(sa.text("SELECT max(id) FROM app.device_keys"))
        unknown_id = session.scalar(
            sa.text("SELECT max(id) FROM ingest.unknown_devices WHERE mall_id = :mall"),
            {"mall": found.mall.mall_id},
        )
        shop_file = keep_upload(
            session,
            store=found.app.extensions["atrium"].store,
            limits=upload_limits(found.settings),
            mall_id=found.mall.mall_id,
            shop_id=found.mall.shop_id,
            kind=UploadKind.PHOTO,
            stream=io.BytesIO(picture()),
            name="shop.jpg",
            actor_id=None,
            actor_name="",
            now=NOW,
        )
        delivery_id = session.scalar(
            sa.text("SELECT min(id) FROM app.notifications WHERE mall_id = :mall"),
            {"mall": found.mall.mall_id},
        )
        entry_id = enter_deposit(
            session,
            contract_id=found.mall.contract_id,
            kind=DepositKind.RECEIVED,
            amount=Decimal("50000.00"),
            entry_date=NOW.date(),
            actor="somebody@example.org",
            now=NOW,
        )
        # A change that was given up, and a wish that waits for its answer.
        change_id = propose_termination(
            session,
            contract_id=found.mall.contract_id,
            last_day=NOW.date(),
            reason="换址",
            actor="somebody@example.org",
            now=NOW,
        )
        withdraw_change(session, change_id=change_id, actor="somebody@example.org", now=NOW)
        wish_id = ask_renewal(
            session, contract_id=found.mall.contract_id, months=12, actor="王敏", now=NOW
        )
        record_event(session, action=AuditAction.EXPORTED, now=NOW, mall_id=found.mall.mall_id)
    with found.engine.connect() as connection:
        seq = connection.scalar(
            sa.text("SELECT max(seq) FROM audit.events WHERE mall_id = :mall"),
            {"mall": found.mall.mall_id},
        )
    mall = portal_site.mall
    ids: dict[str, object] = {
        **vars(found.mall),
        "user_id": somebody,
        "uuid": shop_file.uuid,
        "seq": seq,
        "key_id": key_id,
        "unknown_id": unknown_id,
        "entry_id": entry_id,
        "change_id": change_id,
        "renewal_id": wish_id,
        "paper_id": 999_999_999,
        "session_id": 999_999_999,
        "message_id": 999_999_999,
        "template": "CONTRACT_SENT",
        "delivery_id": delivery_id,
        "export_type": "csv",
        "chart": "sales",
        "of": "shops",
        "extension": "csv",
        "feed": "pos_days",
        "adapter": "hikvision",
        "filename": "app.css",
        "token": "nothing",
        "code": "nothing",
        "version": "nothing",
        "portal": {
            "bill_id": mall.own_bill,
            "contract_id": mall.own_contract,
            "document_id": mall.own_document,
            "paper_id": sent_lease(portal_site).sent.paper_id,
        },
    }
    device = found.app.test_client(use_cookies=False)
    device.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    clients = {DEVICE: (device, "")}
    for caller in (STRANGER, *ROLE_OF):
        client = found.client("" if caller == STRANGER else caller)
        page = "/sign-in" if caller == STRANGER else "/account/password"
        clients[caller] = (client, token(client, page))
    return Site(found, ids, clients)


def test_every_rule_and_method_has_a_line(site: Site) -> None:
    missing = sorted(rules_of(site) - set(LINES), key=lambda one: (one[1], one[0]))
    assert not missing, "add to MATRIX, with who gets what:\n" + "\n".join(
        f"{method:<5}{rule:<48} ADMIN       200 -" for method, rule in missing
    )
    gone = set(LINES) - rules_of(site)
    assert not gone, f"take out of MATRIX: {sorted(gone)}"


@pytest.mark.parametrize("caller", CALLERS)
def test_caller_gets_what_the_matrix_says(site: Site, caller: str) -> None:
    wrong = []
    # Signing out comes last: it ends the session that the other lines are asked in.
    for (method, rule), lines in sorted(
        LINES.items(), key=lambda one: (one[0][1] == "/sign-out", one[0][1], one[0][0])
    ):
        if (method, rule) not in rules_of(site):
            continue
        covering = [line for line in lines if line.covers(caller)]
        assert len(covering) <= 1, (method, rule, caller)
        status, location = site.ask(caller, method, rule, lines[0].query)
        if covering:
            expected = covering[0].expected(caller)
            is_right = status == expected
        elif caller == DEVICE and method == "POST":
            expected = 400
            is_right = status == expected
        elif caller in (STRANGER, DEVICE):
            expected = 302
            is_right = (status, location) == (302, "/sign-in")
        else:
            expected = 403
            # Whether a thing that is not theirs is looked for first tells them nothing.
            is_lost = status == 404 and lines[0].names == "mall" and caller in FOREIGN
            is_right = status == expected or is_lost
        if not is_right:
            wrong.append(f"{method} {rule}: {status} {location}, expected {expected}")
    assert not wrong, f"{caller}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("caller", [STRANGER, EVERYWHERE])
def test_method_that_a_rule_does_not_have_is_refused(site: Site, caller: str) -> None:
    site.clients[EVERYWHERE] = (site.site.client(EVERYWHERE), "")
    known = rules_of(site)
    wrong = []
    for rule in sorted({rule for _method, rule in known}):
        for method in METHODS:
            if (method, rule) not in known:
                status, _location = site.ask(caller, method, rule)
                if status != 405:
                    wrong.append(f"{method} {rule}: {status}")
    assert not wrong


def test_nobody_in_the_matrix_is_forgotten() -> None:
    assert {role.value for role in Role} == {role.value for role in ROLE_OF.values()}
    assert {caller for caller in CALLERS if caller not in (STRANGER, DEVICE)} == set(ROLE_OF)
