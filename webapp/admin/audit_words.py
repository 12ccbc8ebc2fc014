"""The words of the audit: what was done, to what thing, in which column.

Belongs here: labels of actions and things, and a stored value as people read it. Not here: labels
of columns (audit_columns). A test fails for a captured table without a word.
"""

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from domain.audit import REDACTED, AuditAction
from domain.notifications import Channel
from domain.people import Role
from domain.scopes import ActorKind
from services.queries.audit import ListedEvent
from storage.models import Base
from webapp.admin import formats, labels, navigation
from webapp.admin.audit_columns import COLUMNS
from webapp.admin.labels import BAD, GOOD, INFO, NEUTRAL, WAITING, Label

ACTIONS: dict[AuditAction, tuple[Label, str]] = {
    AuditAction.SIGNED_IN: (_l("Sign-in"), GOOD),
    AuditAction.SIGN_IN_FAILED: (_l("Sign-in failed"), WAITING),
    AuditAction.LOCKED_OUT: (_l("Locked out"), BAD),
    AuditAction.UNLOCKED: (_l("Unlocked"), INFO),
    AuditAction.SIGNED_OUT: (_l("Signed out"), NEUTRAL),
    AuditAction.SESSION_ENDED: (_l("Session ended"), NEUTRAL),
    AuditAction.PASSWORD_CHANGED: (_l("Password changed"), INFO),
    AuditAction.PASSWORD_RESET_ASKED: (_l("Asked for a new password"), INFO),
    AuditAction.PASSWORD_RESET: (_l("Password reset"), INFO),
    AuditAction.INVITED: (_l("Invited"), INFO),
    AuditAction.INVITATION_ACCEPTED: (_l("Invitation accepted"), GOOD),
    AuditAction.TOTP_ENROLLED: (_l("Authenticator set up"), GOOD),
    AuditAction.TOTP_RESET: (_l("Authenticator taken away"), WAITING),
    AuditAction.RECOVERY_CODES_MADE: (_l("Recovery codes made"), INFO),
    AuditAction.RECOVERY_CODE_USED: (_l("Recovery code used"), WAITING),
    AuditAction.ACCOUNT_CREATED: (_l("Account created"), INFO),
    AuditAction.ACCOUNT_DISABLED: (_l("Account disabled"), BAD),
    AuditAction.ACCOUNT_ENABLED: (_l("Account enabled"), GOOD),
    AuditAction.ROLE_CHANGED: (_l("Role changed"), WAITING),
    AuditAction.REFUSED: (_l("Refused"), BAD),
    AuditAction.EXPORTED: (_l("Exported"), INFO),
    AuditAction.DOWNLOADED: (_l("Downloaded"), INFO),
    AuditAction.UPLOADED: (_l("Uploaded"), INFO),
    AuditAction.UPLOAD_REFUSED: (_l("Upload refused"), BAD),
    AuditAction.IMPORTED: (_l("Imported"), INFO),
    AuditAction.DEVICE_KEY_MADE: (_l("Device key made"), INFO),
    AuditAction.DEVICE_KEY_ROTATED: (_l("Device key rotated"), INFO),
    AuditAction.DEVICE_KEY_REVOKED: (_l("Device key revoked"), BAD),
    AuditAction.MONTH_CLOSED: (_l("Month closed"), INFO),
    AuditAction.MONTH_REOPENED: (_l("Month opened again"), WAITING),
    AuditAction.LATE_APPLIED: (_l("Late value applied"), INFO),
    AuditAction.LATE_DISMISSED: (_l("Late value dismissed"), NEUTRAL),
    AuditAction.FLAG_DECIDED: (_l("Cleaning flag decided"), INFO),
    AuditAction.FLAG_DECISION_WITHDRAWN: (_l("Cleaning decision withdrawn"), WAITING),
    AuditAction.MESSAGE_RESENT: (_l("Message sent again"), INFO),
    AuditAction.AUDIT_VERIFIED: (_l("Audit verified"), NEUTRAL),
    AuditAction.ROW_INSERTED: (_l("Added"), GOOD),
    AuditAction.ROW_UPDATED: (_l("Changed"), INFO),
    AuditAction.ROW_DELETED: (_l("Removed"), BAD),
}

# By the stored text: an action of a later release has no word here.
_ACTIONS: dict[str, tuple[Label, str]] = {key.value: told for key, told in ACTIONS.items()}

# Tables by the name of one row.
THINGS: dict[str, Label] = {
    "backups": _l("Backup"),
    "billing_gates": _l("Held bill"),
    "bills": _l("Bill"),
    "cleaning_decisions": _l("Cleaning decision"),
    "closed_months": _l("Closed month"),
    "contract_changes": _l("Change of a contract"),
    "contract_clauses": _l("Clause"),
    "contract_papers": _l("Paper of a contract"),
    "contract_signatures": _l("Signature"),
    "contract_units": _l("Unit of a contract"),
    "contracts": _l("Contract"),
    "deposit_entries": _l("Entry of the deposit ledger"),
    "device_installations": _l("Installation"),
    "device_keys": _l("Device key"),
    "devices": _l("Device"),
    "documents": _l("Document"),
    "late_readings": _l("Late value"),
    "malls": _l("Mall"),
    "message_preferences": _l("Channel switched off"),
    "message_templates": _l("Text of a message"),
    "notifications": _l("Message"),
    "payments": _l("Payment"),
    "renewal_requests": _l("Request for a renewal"),
    "report_files": _l("Report file"),
    "roles": _l("Role"),
    "service_requests": _l("Service request"),
    "shops": _l("Shop"),
    "tariffs": _l("Tariff"),
    "unit_change_parts": _l("Unit of a change"),
    "unit_changes": _l("Change of units"),
    "units": _l("Unit"),
    "uploads": _l("File of a shop"),
    "user_malls": _l("Mall of a person"),
    "user_roles": _l("Role of a person"),
    "user_shops": _l("Shop of a person"),
    "users": _l("User"),
}

# The pages of things: what a thing's row is called by its endpoint.
PAGES = {
    "backups": "backups",
    "bills": "bills",
    "contracts": "contracts",
    "devices": "devices",
    "malls": "malls",
    "service_requests": "requests",
    "shops": "shops",
    "units": "units",
    "users": "users",
}

KINDS: dict[ActorKind, Label] = {
    ActorKind.PERSON: _l("Person"),
    ActorKind.DEVICE: _l("Device"),
    ActorKind.SYSTEM: _l("Program"),
    ActorKind.ANONYMOUS: _l("Nobody signed in"),
}

_FIRST = ("code", "number", "title", "name", "email", "state", "status", "kind")
_LAST = ("id", "created_at", "create_datetime", "fs_uniquifier")
_KINDS: dict[str, Label] = {key.value: word for key, word in KINDS.items()}


def action_word(action: str) -> Label:
    """The word for a stored action; one of a later release shows itself."""
    return _ACTIONS.get(action, (action, NEUTRAL))[0]


def action_chip(action: str) -> Markup:
    return formats.chip(*_ACTIONS.get(action, (action, NEUTRAL)))


def actor(event: ListedEvent) -> Label:
    """What the actor is called: a name, or the kind where nobody gave one."""
    return event.actor_name or _KINDS.get(event.actor_kind, event.actor_kind)


def role_word(role: str) -> Label:
    return labels.label_of_value(Role, role)


def moment(at: datetime) -> str:
    """In the mall's zone, to the second."""
    return f"{at.astimezone(formats.zone()):%Y-%m-%d %H:%M:%S}"


def thing(event: ListedEvent) -> str:
    """`Contract 12`, or what a program calls what it did something to."""
    if not event.subject_type:
        return ""
    word = THINGS.get(event.subject_type, event.subject_type)
    return f"{word} {event.subject_id}".strip()


def thing_link(event: ListedEvent) -> Markup | str:
    """The thing, linked to its page when it has one that this person may open."""
    endpoint = PAGES.get(event.subject_type)
    if endpoint is None or not event.subject_id.isdigit() or not navigation.can_open(endpoint):
        return thing(event) or formats.DASH
    address = url_for(f"{endpoint}.details_view", id=event.subject_id)
    return Markup('<a href="{}">{}</a>').format(address, thing(event))


def has_history(model: Any) -> bool:
    """Whether the audit tells of this row's changes, and this person may read it."""
    return model.__tablename__ in PAGES and navigation.can_open("audit")


def part(event: ListedEvent) -> str:
    """`Clause 55`: the part of the thing that changed; empty: the thing itself."""
    table, _colon, key = event.part.partition(":")
    if table == "message_preferences":
        key = str(labels.label_of_value(Channel, key))
    return f"{THINGS.get(table, table)} {key}" if table else ""


def changed(event: ListedEvent, *, most: int = 4) -> str:
    """The columns of an event in words, the first few."""
    names = _names(event)
    words = ", ".join(str(column_word(name)) for name in names[:most])
    return words + (" …" if len(names) > most else "")


def comparison(event: ListedEvent) -> list[tuple[Label, Any, Any]]:
    """(column, before, after) of every column that the event tells, in words."""
    table = _table(event)
    return [
        (
            column_word(name),
            _value(table, name, (event.before or {}).get(name)),
            _value(table, name, (event.after or {}).get(name)),
        )
        for name in _names(event)
    ]


def column_word(name: str) -> Label:
    return COLUMNS.get(name, name)


def as_json(values: dict[str, Any] | None) -> str:
    return "" if values is None else json.dumps(values, ensure_ascii=False, sort_keys=True)


def _names(event: ListedEvent) -> list[str]:
    return sorted({**(event.before or {}), **(event.after or {})}, key=_order)


def _order(name: str) -> tuple[int, str]:
    """What a row is known by first, then by name; what only the database needs last."""
    if name in _FIRST:
        return (_FIRST.index(name), name)
    return (len(_FIRST) + (name in _LAST), name)


def _table(event: ListedEvent) -> sa.Table | None:
    name = event.part.partition(":")[0] or event.subject_type
    return Base.metadata.tables.get(f"app.{name}")


def _value(table: sa.Table | None, name: str, value: Any) -> Any:
    """A stored value as people read it."""
    if value is None or value == "":
        return formats.DASH
    if value == REDACTED:
        return Markup('<span class="muted">{}</span>').format(_("kept secret"))
    if isinstance(value, bool):
        return formats.yes_no(value)
    kind = table.c[name].type if table is not None and name in table.c else None
    if isinstance(kind, sa.Enum) and kind.enum_class is not None:
        return labels.label_of_value(kind.enum_class, str(value))
    if isinstance(kind, sa.DateTime):
        return formats.instant(datetime.fromisoformat(value))
    if isinstance(value, dict | list):
        return Markup("<pre>{}</pre>").format(json.dumps(value, indent=1, ensure_ascii=False))
    return str(value)
