"""People at the doors of tests.staff_site: what tests of signing in and of accounts share."""

import re
from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa
from flask.testing import FlaskClient
from second_factor import code_of_key, form_token, shown_key
from sqlalchemy.orm import Session
from staff_mall import PASSWORD
from staff_site import StaffSite

from domain.people import Role
from domain.scopes import Actor, ActorKind
from services.operations.passwords import hash_password
from services.operations.people import create_user
from storage.database import transaction
from storage.models import AuditEvent

NOBODY = Actor(ActorKind.ANONYMOUS, "", address="10.9.9.9")


def rewound(site: StaffSite) -> Iterator[StaffSite]:
    """The site for one test, its clock put back afterwards."""
    began = site.clock.at
    yield site
    site.clock.at = began


def new_person(site: StaffSite, email: str, role: Role = Role.OPERATION) -> int:
    with transaction(site.engine) as session:
        return create_user(
            session,
            email=email,
            name="",
            role=role,
            mall_codes=["M01"],
            password_hash=hash_password(PASSWORD, site.settings.secret("password_salt")),
        )


def post(client: FlaskClient, path: str, **data: str):  # type: ignore[no-untyped-def]
    return client.post(path, data={**data, "csrf_token": form_token(client.get(path).text)})


def enrol(site: StaffSite, client: FlaskClient, email: str) -> list[str]:
    """Sign in for the first time; the recovery codes that were shown."""
    assert site.sign_in(client, email, PASSWORD).location == "/sign-in/authenticator"
    page = client.get("/sign-in/authenticator").text
    done = client.post(
        "/sign-in/authenticator",
        data={"code": code_of_key(site.app, shown_key(page)), "csrf_token": form_token(page)},
    )
    assert done.status_code == 200
    return re.findall(r"<code>([2-9A-Z]{5}-[2-9A-Z]{5})</code>", done.text)


def forward(site: StaffSite, seconds: float) -> None:
    site.clock.at += timedelta(seconds=seconds)


def scalar(site: StaffSite, statement: sa.Select[tuple[object]]) -> object:
    with Session(site.engine) as session:
        return session.scalar(statement)


def actions(site: StaffSite, user_id: int) -> list[str]:
    with Session(site.engine) as session:
        return list(
            session.scalars(
                sa.select(AuditEvent.action)
                .where(
                    AuditEvent.subject_type == "users",
                    AuditEvent.subject_id == str(user_id),
                    AuditEvent.action.not_like("ROW%"),
                )
                .order_by(AuditEvent.seq)
            )
        )
