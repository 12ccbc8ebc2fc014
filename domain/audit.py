"""What the audit keeps: who did what to which thing, linked so that no event can be changed unseen.

Belongs here: the actions, the text that is hashed, how one event follows another and how that is
checked. Not here: how events are written (storage, by Postgres itself) and read (services).

The chain: every event carries `previous_hash`, the hash of the event before it, and `hash`, the
SHA-256 of its own canonical text, both as 64 lower-case hexadecimal digits. The canonical text is
UTF-8 and joins, with nothing between them, the fields of `CANONICAL_FIELDS` in that order, each
as a netstring: the number of bytes in decimal, a colon, the bytes, a comma; a null is `-,`.
Numbers are decimal; moments are UTC with microseconds, `2026-04-01T10:00:00.000000Z`; `before`
and `after` are the text that PostgreSQL shows of the stored `jsonb`. The first field is the text
`atrium-audit-1`. The event with seq 1 follows `FIRST_PREVIOUS`.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter

VERSION = "atrium-audit-1"
FIRST_PREVIOUS = "0" * 64
# Stands in `before` and `after` for the value of a column that holds a secret.
REDACTED = "[redacted]"
CANONICAL_FIELDS = (
    "previous_hash",
    "seq",
    "recorded_at",
    "occurred_at",
    "mall_id",
    "actor_kind",
    "actor_id",
    "actor_name",
    "actor_role",
    "address",
    "agent",
    "request_id",
    "login",
    "action",
    "subject_type",
    "subject_id",
    "part",
    "before",
    "after",
    "note",
)
_fields = attrgetter(*CANONICAL_FIELDS)


class AuditAction(StrEnum):
    SIGNED_IN = "SIGNED_IN"
    SIGN_IN_FAILED = "SIGN_IN_FAILED"
    LOCKED_OUT = "LOCKED_OUT"
    UNLOCKED = "UNLOCKED"
    SIGNED_OUT = "SIGNED_OUT"
    SESSION_ENDED = "SESSION_ENDED"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"
    PASSWORD_RESET_ASKED = "PASSWORD_RESET_ASKED"
    PASSWORD_RESET = "PASSWORD_RESET"
    INVITED = "INVITED"
    INVITATION_ACCEPTED = "INVITATION_ACCEPTED"
    TOTP_ENROLLED = "TOTP_ENROLLED"
    TOTP_RESET = "TOTP_RESET"
    RECOVERY_CODES_MADE = "RECOVERY_CODES_MADE"
    RECOVERY_CODE_USED = "RECOVERY_CODE_USED"
    ACCOUNT_CREATED = "ACCOUNT_CREATED"
    ACCOUNT_DISABLED = "ACCOUNT_DISABLED"
    ACCOUNT_ENABLED = "ACCOUNT_ENABLED"
    ROLE_CHANGED = "ROLE_CHANGED"
    REFUSED = "REFUSED"
    EXPORTED = "EXPORTED"
    DOWNLOADED = "DOWNLOADED"
    UPLOADED = "UPLOADED"
    UPLOAD_REFUSED = "UPLOAD_REFUSED"
    IMPORTED = "IMPORTED"
    DEVICE_KEY_MADE = "DEVICE_KEY_MADE"
    DEVICE_KEY_ROTATED = "DEVICE_KEY_ROTATED"
    DEVICE_KEY_REVOKED = "DEVICE_KEY_REVOKED"
    MONTH_CLOSED = "MONTH_CLOSED"
    MONTH_REOPENED = "MONTH_REOPENED"
    LATE_APPLIED = "LATE_APPLIED"
    LATE_DISMISSED = "LATE_DISMISSED"
    FLAG_DECIDED = "FLAG_DECIDED"
    FLAG_DECISION_WITHDRAWN = "FLAG_DECISION_WITHDRAWN"
    MESSAGE_RESENT = "MESSAGE_RESENT"
    AUDIT_VERIFIED = "AUDIT_VERIFIED"
    ROW_INSERTED = "ROW_INSERTED"
    ROW_UPDATED = "ROW_UPDATED"
    ROW_DELETED = "ROW_DELETED"


# Written by the database's own triggers; code cannot say them.
CAPTURED_ACTIONS = frozenset(
    {AuditAction.ROW_INSERTED, AuditAction.ROW_UPDATED, AuditAction.ROW_DELETED}
)


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """One event as it is stored. `before` and `after` are the text of the stored `jsonb`.

    `login` is the database login that wrote it. `part` names, as `table:key`, the part of the
    subject that changed; empty: the subject itself.
    """

    seq: int
    previous_hash: str
    hash: str
    occurred_at: datetime
    recorded_at: datetime
    mall_id: int | None
    actor_kind: str
    actor_id: int | None
    actor_name: str
    actor_role: str
    address: str
    agent: str
    request_id: str
    login: str
    action: str
    subject_type: str
    subject_id: str
    part: str
    before: str | None
    after: str | None
    note: str


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last event of a chain, or any event as somebody remembers it; seq 0: an empty chain."""

    seq: int
    hash: str


EMPTY_CHAIN = ChainHead(0, FIRST_PREVIOUS)


def canonical_text(event: SealedEvent) -> bytes:
    """The bytes whose SHA-256 is the event's hash; see the module's charter."""
    return "".join(_netstring(value) for value in (VERSION, *_fields(event))).encode()


def event_hash(event: SealedEvent) -> str:
    return hashlib.sha256(canonical_text(event)).hexdigest()


def _netstring(value: str | int | datetime | None) -> str:
    if value is None:
        return "-,"
    if isinstance(value, datetime):
        value = value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    text = str(value)
    return f"{len(text) if text.isascii() else len(text.encode())}:{text},"


class Fault(StrEnum):
    """What may be wrong with a chain."""

    CHANGED = "CHANGED"  # a column of the event is not what was hashed
    MISSING = "MISSING"  # events `seq` to `until` are not there
    UNLINKED = "UNLINKED"  # does not follow the event before it: one of the two was replaced
    INSERTED = "INSERTED"  # stands before the first event
    HEAD_MOVED = "HEAD_MOVED"  # the last event is not the one that the head names
    REWRITTEN = "REWRITTEN"  # not the event that was remembered elsewhere


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault at event `seq`, or of `seq` to `until`. `witness` names who remembered another."""

    fault: Fault
    seq: int
    until: int
    witness: str = ""

    def sentence(self) -> str:
        """In English, for the command line and logs."""
        match self.fault:
            case Fault.CHANGED:
                return f"event {self.seq} was changed: its columns do not have its hash"
            case Fault.MISSING if self.seq == self.until:
                return f"event {self.seq} is missing"
            case Fault.MISSING:
                return f"events {self.seq} to {self.until} are missing"
            case Fault.UNLINKED:
                return (
                    f"event {self.seq} does not follow event {self.seq - 1}: "
                    "one of them was replaced"
                )
            case Fault.INSERTED:
                return f"event {self.seq} was inserted: the chain begins with event 1"
            case Fault.HEAD_MOVED:
                return f"the chain ends with event {self.seq}, which is not its recorded head"
            case Fault.REWRITTEN:
                return (
                    f"event {self.seq} is not the one that {self.witness} remembers: the chain "
                    "was rewritten at this event or before it"
                )


class ChainWalk:
    """Checks events one by one, in the order of seq, in memory that does not grow with them.

    `heads` are (name of the witness, event it remembers). `finish` must be called after the last
    event; `findings` then says what is wrong, at most `limit` sentences of it.
    """

    def __init__(self, heads: Iterable[tuple[str, ChainHead]] = (), *, limit: int = 100) -> None:
        self.findings: list[Finding] = []
        self.events = 0
        self.head = EMPTY_CHAIN
        self._limit = limit
        self._remembered: dict[int, list[tuple[str, str]]] = {}
        for witness, head in heads:
            if head.seq > 0:
                self._remembered.setdefault(head.seq, []).append((witness, head.hash))

    def check(self, event: SealedEvent) -> None:
        self.events += 1
        if event.seq <= self.head.seq:
            self._find(Fault.INSERTED, event.seq)
            return
        expected = self.head.seq + 1
        if event.seq > expected:
            self._find(Fault.MISSING, expected, event.seq - 1)
        elif event.previous_hash != self.head.hash:
            self._find(Fault.UNLINKED, event.seq)
        own = event_hash(event)
        if own != event.hash:
            self._find(Fault.CHANGED, event.seq)
        for witness, remembered in self._remembered.pop(event.seq, ()):
            if remembered != own:
                self._find(Fault.REWRITTEN, event.seq, witness=witness)
        self.head = ChainHead(event.seq, event.hash)

    def finish(self, recorded: ChainHead | None) -> None:
        """`recorded` is the head that the database names, None when it names none."""
        last = max([recorded.seq if recorded else 0, *self._remembered])
        if last > self.head.seq:
            self._find(Fault.MISSING, self.head.seq + 1, last)
        elif recorded != self.head:
            self._find(Fault.HEAD_MOVED, self.head.seq)

    def _find(self, fault: Fault, seq: int, until: int | None = None, *, witness: str = "") -> None:
        if len(self.findings) < self._limit:
            self.findings.append(Finding(fault, seq, seq if until is None else until, witness))
