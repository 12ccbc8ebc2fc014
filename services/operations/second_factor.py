"""The second factor: an authenticator's codes, and recovery codes for the day it is lost.

Belongs here: enrolling, spending codes, starting anew. Not here: the arithmetic of codes and the
encryption of an authenticator's key (webapp.auth.totp).
"""

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.audit import AuditAction
from domain.sign_in import RECOVERY_CODES, SessionEnd
from services.operations.account_letters import write_second_factor_letter
from services.operations.audit import record_event
from services.operations.sessions import end_all_sessions
from storage.models import RecoveryCode, SecondFactor, User

# Without the letters and digits that are read for one another.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH = 10


@dataclass(frozen=True, slots=True)
class EnrolledFactor:
    """`totp_key` is encrypted; `codes_left` counts recovery codes not yet used."""

    totp_key: str
    last_counter: int
    enrolled_at: datetime
    codes_left: int


def find_second_factor(session: Session, *, user_id: int) -> EnrolledFactor | None:
    """The authenticator of a person, None without one."""
    row = session.execute(
        sa.select(SecondFactor.totp_key, SecondFactor.last_counter, SecondFactor.enrolled_at).where(
            SecondFactor.user_id == user_id
        )
    ).one_or_none()
    if row is None:
        return None
    left = session.scalar(
        sa.select(sa.func.count()).where(
            RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None)
        )
    )
    return EnrolledFactor(row[0], row[1], row[2], left or 0)


def enrol_second_factor(
    session: Session,
    *,
    user_id: int,
    totp_key: str,
    counter: int,
    code_key: str,
    now: datetime,
    session_id: int | None = None,
) -> tuple[str, ...]:
    """Keep an authenticator whose first code, of time step `counter`, was right, in place of any
    other; returns new recovery codes. Every session but `session_id` ends.
    """
    values = {"totp_key": totp_key, "last_counter": counter, "enrolled_at": now}
    session.execute(
        insert(SecondFactor)
        .values(user_id=user_id, **values)
        .on_conflict_do_update(index_elements=["user_id"], set_=values)
    )
    end_all_sessions(
        session,
        user_id=user_id,
        now=now,
        reason=SessionEnd.SECOND_FACTOR_CHANGED,
        except_id=session_id,
    )
    _tell(session, AuditAction.TOTP_ENROLLED, user_id, now)
    write_second_factor_letter(session, user=session.get_one(User, user_id), is_new=True, now=now)
    return make_recovery_codes(session, user_id=user_id, code_key=code_key, now=now)


def claim_counter(session: Session, *, user_id: int, counter: int) -> bool:
    """Spend the code of a time step: False when it, or a later one, was spent before. Of two that
    come at the same time one is spent.
    """
    spent = session.scalar(
        sa.update(SecondFactor)
        .where(SecondFactor.user_id == user_id, SecondFactor.last_counter < counter)
        .values(last_counter=counter)
        .returning(SecondFactor.user_id)
    )
    return spent is not None


def replace_totp_key(session: Session, *, user_id: int, totp_key: str) -> None:
    """The same authenticator, its key encrypted anew."""
    session.execute(
        sa.update(SecondFactor).where(SecondFactor.user_id == user_id).values(totp_key=totp_key)
    )


def make_recovery_codes(
    session: Session, *, user_id: int, code_key: str, now: datetime
) -> tuple[str, ...]:
    """New recovery codes in place of the old; shown now or never, for only digests are kept."""
    session.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = [
        "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(RECOVERY_CODES)
    ]
    session.add_all(RecoveryCode(user_id=user_id, digest=_digest(code, code_key)) for code in codes)
    session.flush()
    _tell(session, AuditAction.RECOVERY_CODES_MADE, user_id, now)
    half = CODE_LENGTH // 2
    return tuple(f"{code[:half]}-{code[half:]}" for code in codes)


def use_recovery_code(
    session: Session, *, user_id: int, code: str, code_keys: Iterable[str], now: datetime
) -> bool:
    """Spend a recovery code, however it was typed; False when it is none or was spent before.

    `code_keys` are the secrets under which it may have been kept.
    """
    typed = "".join(c for c in code.upper() if c.isalnum())
    spent = session.scalar(
        sa.update(RecoveryCode)
        .where(
            RecoveryCode.user_id == user_id,
            RecoveryCode.digest.in_([_digest(typed, key) for key in code_keys]),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
        .returning(RecoveryCode.user_id)
    )
    if spent is not None:
        _tell(session, AuditAction.RECOVERY_CODE_USED, user_id, now)
    return spent is not None


def reset_second_factor(
    session: Session, *, user_id: int, now: datetime, session_id: int | None = None
) -> bool:
    """Take the authenticator and the recovery codes away and end every session but `session_id`;
    whether there was one. The next sign-in of a role that needs one enrols anew.
    """
    session.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    removed = session.scalar(
        sa.delete(SecondFactor)
        .where(SecondFactor.user_id == user_id)
        .returning(SecondFactor.user_id)
    )
    if removed is None:
        return False
    end_all_sessions(
        session,
        user_id=user_id,
        now=now,
        reason=SessionEnd.SECOND_FACTOR_CHANGED,
        except_id=session_id,
    )
    _tell(session, AuditAction.TOTP_RESET, user_id, now)
    write_second_factor_letter(session, user=session.get_one(User, user_id), is_new=False, now=now)
    return True


def _tell(session: Session, action: AuditAction, user_id: int, now: datetime) -> None:
    record_event(session, action=action, now=now, subject_type="users", subject_id=user_id)


def _digest(code: str, key: str) -> bytes:
    return hmac.digest(key.encode(), code.encode(errors="replace"), "sha256")
