"""Shops and units of a table come into the register: seen first, then all good rows at once.

Belongs here: the table between two requests, and its one transaction. A table stands in the
object store under a uuid for a day; only who sent it, for the mall it was sent for, finds it.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from domain.uploads import TABLES
from services.imports.columns import ImportOf
from services.imports.rows import JudgedTable, judge_table
from services.operations.malls import AlreadyRegistered, register_shop, register_unit
from services.uploads.guard import checked_file
from services.uploads.limits import UploadLimits
from storage.models import Shop, Unit
from storage.objects import ObjectNotFound, ObjectStore

PREFIX = "uploads/imports"
KEPT_FOR = timedelta(hours=24)

_REGISTER: dict[ImportOf, Callable[..., int]] = {
    ImportOf.SHOPS: register_shop,
    ImportOf.UNITS: register_unit,
}
_MODEL: dict[ImportOf, type[Shop] | type[Unit]] = {ImportOf.SHOPS: Shop, ImportOf.UNITS: Unit}


class ImportNotFound(Exception):
    """No such table, another person's or mall's, or one of more than a day ago."""


class RegisterChanged(Exception):
    """What would be registered is no longer what was shown: look again."""


@dataclass(frozen=True)
class ImportPreview:
    """`digest` names what would be registered now. `done_rows`: numbers of the rows registered by
    this table already; None before that.
    """

    uuid: UUID
    name: str
    made_at: datetime
    table: JudgedTable
    digest: str
    done_rows: frozenset[int] | None


def begin_import(
    session: Session,
    *,
    store: ObjectStore,
    limits: UploadLimits,
    of: ImportOf,
    mall_id: int,
    actor_id: int,
    stream: IO[bytes],
    name: str,
    now: datetime,
    declared_bytes: int | None = None,
) -> UUID:
    """Keep the rows of a file to be looked at; nothing is registered.

    Raises UploadRefused, CannotImport.
    """
    with checked_file(
        stream, name=name, accepted=TABLES, limits=limits, declared_bytes=declared_bytes
    ) as file:
        judge_table(of, file.rows, known_codes=_known_codes(session, of, mall_id))
        kept = {
            "of": of.value,
            "name": file.name,
            "made_at": now.isoformat(),
            "rows": file.rows,
            "done_rows": None,
        }
    _forget_old(store, mall_id, actor_id, now)
    uuid = uuid4()
    store.put(_key(mall_id, actor_id, uuid), json.dumps(kept).encode())
    return uuid


def preview_import(
    session: Session,
    *,
    store: ObjectStore,
    of: ImportOf,
    mall_id: int,
    actor_id: int,
    uuid: UUID,
    now: datetime,
) -> ImportPreview:
    """The table, judged against the register as it is now. Raises ImportNotFound."""
    kept = _load(store, mall_id, actor_id, uuid)
    made_at = datetime.fromisoformat(kept["made_at"])
    if kept["of"] != of.value or now - made_at > KEPT_FOR:
        raise ImportNotFound(str(uuid))
    done = None if kept["done_rows"] is None else frozenset(kept["done_rows"])
    known = _known_codes(session, of, mall_id)
    if done:
        # What this table has registered itself does not stand against it.
        place = judge_table(of, kept["rows"], known_codes=())
        known -= {row.cells[0] for row in place.rows if row.number in done}
    table = judge_table(of, kept["rows"], known_codes=known)
    shown = [(row.number, sorted(map(str, row.values.items()))) for row in table.good]
    return ImportPreview(
        uuid=uuid,
        name=kept["name"],
        made_at=made_at,
        table=table,
        digest=hashlib.sha256(json.dumps(shown).encode()).hexdigest(),
        done_rows=done,
    )


def commit_import(
    session: Session,
    *,
    store: ObjectStore,
    of: ImportOf,
    mall_id: int,
    actor_id: int,
    uuid: UUID,
    digest: str,
    now: datetime,
) -> int:
    """Register all good rows in the caller's transaction; the number of them. A table that was
    registered before registers nothing.

    Raises RegisterChanged when they are not those that `digest` names, ImportNotFound.
    """
    preview = preview_import(
        session, store=store, of=of, mall_id=mall_id, actor_id=actor_id, uuid=uuid, now=now
    )
    if preview.done_rows is not None:
        return 0
    if preview.digest != digest:
        raise RegisterChanged(str(uuid))
    try:
        for row in preview.table.good:
            _REGISTER[of](session, mall_id=mall_id, **row.values)
    except (AlreadyRegistered, IntegrityError):
        raise RegisterChanged(str(uuid)) from None
    return len(preview.table.good)


def close_import(
    store: ObjectStore, *, mall_id: int, actor_id: int, uuid: UUID, numbers: Sequence[int]
) -> None:
    """Remember which rows were registered, once that is committed. Raises ImportNotFound."""
    kept = _load(store, mall_id, actor_id, uuid)
    kept["done_rows"] = list(numbers)
    store.put(_key(mall_id, actor_id, uuid), json.dumps(kept).encode())


def _key(mall_id: int, actor_id: int, uuid: UUID) -> str:
    return f"{PREFIX}/{mall_id}/{actor_id}/{uuid}.json"


def _load(store: ObjectStore, mall_id: int, actor_id: int, uuid: UUID) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads(store.get(_key(mall_id, actor_id, uuid)))
    except ObjectNotFound:
        raise ImportNotFound(str(uuid)) from None
    return kept


def _forget_old(store: ObjectStore, mall_id: int, actor_id: int, now: datetime) -> None:
    for info in list(store.list(f"{PREFIX}/{mall_id}/{actor_id}/")):
        try:
            made_at = datetime.fromisoformat(json.loads(store.get(info.key))["made_at"])
        except ObjectNotFound:
            continue
        if now - made_at > KEPT_FOR:
            store.delete(info.key)


def _known_codes(session: Session, of: ImportOf, mall_id: int) -> set[str]:
    model = _MODEL[of]
    return set(session.scalars(sa.select(model.code).where(model.mall_id == mall_id)))
