"""What people and programs do is kept.

Belongs here: writing an event into the transaction of what it tells, so that both are kept or
neither. Changes of rows are written by the database itself (`audit.capture`); here is what no row
shows: a sign-in, an export, a refusal. Not here: reading events (`services.queries.audit`).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.audit import CAPTURED_ACTIONS, AuditAction
from domain.scopes import Actor

# What strangers send is kept up to this many characters.
TEXT_LIMIT = 500

APPEND = sa.text(
    "SELECT audit.append_event(:occurred_at, :action, :mall_id, :subject_type, :subject_id, "
    "CAST(:before AS jsonb), CAST(:after AS jsonb), :note, CAST(:actor AS jsonb))"
)


def record_event(
    session: Session,
    *,
    action: AuditAction,
    now: datetime,
    mall_id: int | None = None,
    subject_type: str = "",
    subject_id: str | int = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    note: str = "",
    actor: Actor | None = None,
) -> None:
    """Write an event; it is sealed into the chain when the transaction commits.

    `subject_type` is the table or the thing (`users`, `bills`, `report_files`) and `subject_id`
    its key. `before` and `after` are what JSON can hold, never a secret. The actor is the one of
    the transaction's signed context; `actor` counts only where there is none, or where it is
    nobody known yet (a sign-in). Raises ValueError for what only the database tells of a row.
    """
    if action in CAPTURED_ACTIONS:
        raise ValueError(f"{action} is written by the database alone")
    session.execute(
        APPEND,
        {
            "occurred_at": now,
            "action": action.value,
            "mall_id": mall_id,
            "subject_type": subject_type,
            "subject_id": _clean(str(subject_id)),
            "before": _json(before),
            "after": _json(after),
            "note": _clean(note),
            "actor": None if actor is None else _json(asdict(actor)),
        },
    )


def _clean(text: str) -> str:
    """Text that Postgres can store: no NUL, no half of a character, no more than the limit."""
    return text.encode(errors="replace").decode().replace("\0", "")[:TEXT_LIMIT]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_clean(str(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _clean(str(value))


def _json(values: Mapping[str, Any] | None) -> str | None:
    if values is None:
        return None
    return json.dumps(_plain(values), ensure_ascii=False, allow_nan=False)
