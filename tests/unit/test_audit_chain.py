"""The text that is hashed is pinned to the byte: who verifies elsewhere relies on it."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.audit import (
    EMPTY_CHAIN,
    FIRST_PREVIOUS,
    ChainHead,
    ChainWalk,
    Fault,
    SealedEvent,
    canonical_text,
    event_hash,
)

EVENT = SealedEvent(
    seq=1,
    previous_hash=FIRST_PREVIOUS,
    hash="",
    occurred_at=datetime(2026, 4, 1, 10, 0, tzinfo=timezone(timedelta(hours=8))),
    recorded_at=datetime(2026, 4, 1, 2, 0, 0, 7, tzinfo=UTC),
    mall_id=None,
    actor_kind="PERSON",
    actor_id=7,
    actor_name="li@example.org",
    actor_role="FINANCE",
    address="203.0.113.9",
    agent="",
    request_id="r-1",
    login="web",
    action="ROW_UPDATED",
    subject_type="shops",
    subject_id="3",
    part="",
    before=None,
    after='{"name": "茶"}',
    note="",
)
TEXT = (
    "14:atrium-audit-1,64:" + "0" * 64 + ",1:1,"
    "27:2026-04-01T02:00:00.000007Z,27:2026-04-01T02:00:00.000000Z,"
    "-,6:PERSON,1:7,14:li@example.org,7:FINANCE,11:203.0.113.9,0:,3:r-1,3:web,"
    '11:ROW_UPDATED,5:shops,1:3,0:,-,15:{"name": "茶"},0:,'
)


def events(count: int) -> list[SealedEvent]:
    made: list[SealedEvent] = []
    for seq in range(1, count + 1):
        previous = made[-1].hash if made else FIRST_PREVIOUS
        event = replace(EVENT, seq=seq, previous_hash=previous, note=f"event {seq}")
        made.append(replace(event, hash=event_hash(event)))
    return made


def walked(chain: list[SealedEvent], recorded: ChainHead | None = None) -> list[tuple[str, int]]:
    walk = ChainWalk()
    for event in chain:
        walk.check(event)
    last = chain[-1]
    walk.finish(recorded or ChainHead(last.seq, last.hash))
    return [(finding.fault, finding.seq) for finding in walk.findings]


def test_canonical_text_is_as_documented() -> None:
    assert canonical_text(EVENT).decode() == TEXT
    assert event_hash(EVENT) == hashlib.sha256(TEXT.encode()).hexdigest()


def test_null_differs_from_empty_and_fields_cannot_run_into_each_other() -> None:
    variants = [
        EVENT,
        replace(EVENT, before=""),
        replace(EVENT, agent="3:r-1,", request_id=""),
        replace(EVENT, subject_id="", part="3"),
        replace(EVENT, mall_id=0),
    ]
    assert len({event_hash(event) for event in variants}) == len(variants)


@pytest.mark.parametrize("name", [field for field in SealedEvent.__slots__ if field != "hash"])
def test_every_column_is_hashed(name: str) -> None:
    value = getattr(EVENT, name)
    other = value + timedelta(microseconds=1) if isinstance(value, datetime) else (
        value + 1 if isinstance(value, int) else f"{value or ''}x"
    )  # fmt: skip
    assert event_hash(replace(EVENT, **{name: other})) != event_hash(EVENT)


def test_whole_chain_has_no_finding() -> None:
    assert walked(events(5)) == []


def test_empty_chain_has_no_finding() -> None:
    walk = ChainWalk()
    walk.finish(EMPTY_CHAIN)
    assert walk.findings == []


def test_missing_head_is_found() -> None:
    walk = ChainWalk()
    walk.finish(None)
    assert [finding.fault for finding in walk.findings] == [Fault.HEAD_MOVED]


def test_findings_are_limited() -> None:
    walk = ChainWalk(limit=3)
    for event in events(9):
        walk.check(replace(event, note="changed"))
    assert len(walk.findings) == 3
    assert walk.events == 9


def test_every_fault_has_its_sentence() -> None:
    from domain.audit import Finding

    sentences = {Finding(fault, 5, 7, "a witness").sentence() for fault in Fault}
    assert len(sentences) == len(Fault)
    assert all("5" in sentence for sentence in sentences)
