"""Device keys: shown once, found by what is presented, closed when revoked."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.operations.device_keys import (
    DeviceKeyError,
    create_device_key,
    find_device_key,
    revoke_device_key,
)

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)


def _mall_with_device(session: Session, code: str = "M1") -> tuple[int, int]:
    mall_id = session.execute(
        sa.text("INSERT INTO app.malls (code, name) VALUES (:code, 'Mall') RETURNING id"),
        {"code": code},
    ).scalar_one()
    device_id = session.execute(
        sa.text(
            "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
            "VALUES (:mall, 'POS-001', 'POS', 'EVENT') RETURNING id"
        ),
        {"mall": mall_id},
    ).scalar_one()
    return mall_id, device_id


def _connection(session: Session) -> psycopg.Connection:
    return session.connection().connection.driver_connection


def test_key_opens_its_device_and_only_its_hash_is_kept(session: Session) -> None:
    mall_id, device_id = _mall_with_device(session)
    key = create_device_key(session, mall_id=mall_id, device_id=device_id, name="till", now=NOW)
    grant = find_device_key(_connection(session), presented=key, now=NOW)
    assert grant is not None
    assert (grant.mall_id, grant.device_id) == (mall_id, device_id)
    kept = session.execute(sa.text("SELECT device_keys::text FROM app.device_keys")).scalar_one()
    assert key.split("_", 1)[1] not in kept


@pytest.mark.parametrize("spoil", [lambda k: k[:-1], lambda k: "x" + k, lambda k: "", lambda k: "_",
                                   lambda k: k + "é", lambda k: "\x00_" + k])  # fmt: skip
def test_wrong_key_opens_nothing(session: Session, spoil) -> None:
    mall_id, _ = _mall_with_device(session)
    key = create_device_key(session, mall_id=mall_id, device_id=None, name="gateway", now=NOW)
    assert find_device_key(_connection(session), presented=spoil(key), now=NOW) is None
    assert find_device_key(_connection(session), presented=key, now=NOW) is not None


def test_revoked_key_opens_nothing_from_that_moment_on(session: Session) -> None:
    mall_id, _ = _mall_with_device(session)
    key = create_device_key(session, mall_id=mall_id, device_id=None, name="gateway", now=NOW)
    revoke_device_key(session, public_id=key.split("_")[0], now=NOW + timedelta(hours=1))
    find = _connection(session)
    assert find_device_key(find, presented=key, now=NOW) is not None
    assert find_device_key(find, presented=key, now=NOW + timedelta(hours=1)) is None


def test_key_for_a_device_of_another_mall_is_refused(session: Session) -> None:
    _, device_id = _mall_with_device(session, "M1")
    other, _ = _mall_with_device(session, "M2")
    with pytest.raises(DeviceKeyError, match="does not belong"):
        create_device_key(session, mall_id=other, device_id=device_id, name="", now=NOW)


def test_revoking_an_unknown_key_says_so(session: Session) -> None:
    with pytest.raises(DeviceKeyError, match="no device key"):
        revoke_device_key(session, public_id="nothing", now=NOW)
