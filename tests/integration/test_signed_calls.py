"""Signed calls: what a signature opens, how long, how often, and what each failure says."""

import gzip
import hashlib
import itertools
import json
import logging
import threading
from datetime import timedelta

import psycopg
import pytest
from device_door import NOW, READING, Door, problem
from werkzeug.test import TestResponse

from domain.signatures import canonical_text, sign, signing_key
from services.operations.device_keys import (
    prune_signed_calls,
    reseal_signing_keys,
    revoke_device_key,
)
from services.operations.signing_vault import (
    NEXT_SECRET_NAME,
    SECRET_NAME,
    SigningVault,
    open_vault,
)
from storage.database import transaction
from webapp.api import connections

BODY = json.dumps(READING).encode()
PATH = "/api/v1/readings"
COUNTER = itertools.count(1)


def signed(door: Door, body: bytes = BODY, *, key: str = "", **changed: object) -> dict[str, str]:
    """Headers of a signed POST; `changed` is what the signature says otherwise."""
    keyid, _, secret = (key or door.key).partition("_")
    timestamp = changed.get("timestamp", int(door.clock.now().timestamp()))
    sequence = changed.get("sequence", next(COUNTER))
    text = canonical_text(
        method=str(changed.get("method", "POST")),
        target=str(changed.get("target", PATH)),
        timestamp=int(timestamp),
        sequence=int(sequence),
        body_sha256=hashlib.sha256(changed.get("body", body)).digest(),
    )
    signature = sign(signing_key(secret), text).hex()
    return {
        "Authorization": f"Atrium-HMAC-SHA256 keyid={keyid}, timestamp={timestamp}, "
        f"sequence={sequence}, signature={signature}"
    }


def post(door: Door, headers: dict[str, str], body: bytes = BODY, path: str = PATH) -> TestResponse:
    headers = {"Content-Type": "application/json", **headers}
    return door.client.post(path, data=body, headers=headers)


def test_signed_call_is_taken(door: Door) -> None:
    assert post(door, signed(door)).json["accepted"] == 1


def test_body_is_signed_as_it_is_sent(door: Door) -> None:
    packed = gzip.compress(BODY, mtime=0)
    headers = {**signed(door, packed), "Content-Encoding": "gzip"}
    assert post(door, headers, packed).json["accepted"] == 1
    headers = {**signed(door, BODY), "Content-Encoding": "gzip"}
    problem(post(door, headers, packed), 401, "wrong-signature")


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "PUT"},
        {"target": "/api/v1/readings?x=1"},
        {"body": BODY + b" "},
        {"key": "other"},
    ],
)
def test_signature_of_another_call_is_refused_and_nothing_kept(door: Door, changed: dict) -> None:
    if "key" in changed:
        changed = {"key": door.key.split("_")[0] + "_" + "x" * 43}
    document = problem(post(door, signed(door, **changed)), 401, "wrong-signature")
    assert document["signed_text"].split("\n")[:3] == ["ATRIUM-HMAC-SHA256", "POST", PATH]
    for table in ("readings", "batches", "signed_calls"):
        assert door.one(f"SELECT count(*) FROM ingest.{table}") == 0


def test_query_is_part_of_what_is_signed(door: Door) -> None:
    path = "/api/v1/readings?till=%2F1&x=%E6%94%B6"
    assert post(door, signed(door, target=path), path=path).status_code == 200
    problem(post(door, signed(door), path=path), 401, "wrong-signature")


def test_wrong_body_is_not_parsed_before_its_signature_is_checked(door: Door) -> None:
    problem(post(door, signed(door), b"[{"), 401, "wrong-signature")
    problem(post(door, signed(door, b"[{"), b"[{"), 422, "unreadable")


@pytest.mark.parametrize("seconds", [-301, 301])
def test_wrong_clock_is_told_both_times(door: Door, seconds: int) -> None:
    then = NOW + timedelta(seconds=seconds)
    document = problem(
        post(door, signed(door, timestamp=int(then.timestamp()))), 401, "wrong-clock"
    )
    assert document["signed_at"] == then.isoformat()
    assert document["server_time"] == NOW.isoformat()
    assert document["server_timestamp"] == int(NOW.timestamp())
    assert then.isoformat() in document["detail"]


@pytest.mark.parametrize("seconds", [-300, 300])
def test_clock_at_the_edge_of_the_window_is_taken(door: Door, seconds: int) -> None:
    stamp = int(NOW.timestamp()) + seconds
    assert post(door, signed(door, timestamp=stamp)).status_code == 200


def test_replay_is_refused_and_says_that_all_is_on_disk(door: Door) -> None:
    headers = signed(door)
    assert post(door, headers).status_code == 200
    document = problem(post(door, headers), 409, "repeated-call")
    assert "on disk" in document["detail"]
    assert door.one("SELECT count(*) FROM ingest.batches") == 1


def test_another_body_under_a_used_sequence_is_refused_unkept(door: Door) -> None:
    assert post(door, signed(door, sequence=7)).status_code == 200
    other = json.dumps({**READING, "value": 9}).encode()
    document = problem(post(door, signed(door, other, sequence=7), other), 409, "sequence-used")
    assert "nothing of this call was kept" in document["detail"]
    assert door.one("SELECT value::text FROM ingest.readings") == "1500.0"
    later = int(NOW.timestamp()) + 1
    assert post(door, signed(door, other, sequence=7, timestamp=later), other).status_code == 200


def test_sequence_is_each_key_s_own(door: Door) -> None:
    other = door.make_key(None)
    for key in (door.key, other):
        assert post(door, signed(door, key=key, sequence=7)).status_code == 200


def test_call_that_was_not_kept_may_come_again_as_it_was(door: Door) -> None:
    """A refusal and a broken database keep neither readings nor the call's number."""
    broken = signed(door, b"[]")
    problem(post(door, broken, b"[]"), 422, "unreadable")
    problem(post(door, broken, b"[]"), 422, "unreadable")
    headers = signed(door)
    with psycopg.connect(door.url) as connection:
        connection.execute("ALTER TABLE ingest.batches RENAME TO elsewhere")
    assert post(door, headers).status_code == 500
    with psycopg.connect(door.url) as connection:
        connection.execute("ALTER TABLE ingest.elsewhere RENAME TO batches")
    assert post(door, headers).json["accepted"] == 1


def test_of_a_call_that_comes_eight_times_at_once_one_is_taken(door: Door) -> None:
    headers = signed(door)
    ready = threading.Barrier(8)
    statuses: list[int] = []

    def knock() -> None:
        ready.wait()
        answer = door.app.test_client(use_cookies=False).post(
            PATH, data=BODY, headers={"Content-Type": "application/json", **headers}
        )
        statuses.append(answer.status_code)
        connections.own_connection(door.url).close()

    threads = [threading.Thread(target=knock) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 7
    assert door.one("SELECT count(*) FROM ingest.batches") == 1


def test_key_that_requires_signatures_refuses_its_secret(door: Door) -> None:
    key = door.make_key(None, requires_signature=True)
    problem(door.post(READING, key=key), 401, "signature-needed")
    problem(door.post(READING, key=key[:-1] + "~"), 401, "no-key")
    problem(door.post(READING, key=key[:-2] + "xx"), 401, "wrong-key")
    assert post(door, signed(door, key=key)).status_code == 200


def test_unknown_and_revoked_keys_sign_nothing(door: Door) -> None:
    unknown = problem(post(door, signed(door, key="0" * 16 + "_x")), 401, "wrong-key")
    with transaction(door.engine) as session:
        revoke_device_key(session, public_id=door.key.split("_")[0], now=NOW)
    assert problem(post(door, signed(door)), 401, "wrong-key") == unknown


def test_signature_of_a_device_s_key_opens_no_other_device(door: Door) -> None:
    key = door.make_key(door.devices["POS001"])
    other = {**READING, "device_id": "FC-01", "data_type": "footfall_in", "value": 3}
    body = json.dumps([READING, other]).encode()
    answer = post(door, signed(door, body, key=key), body).json
    assert [entry.get("code") for entry in answer["results"]] == [None, "FOREIGN_DEVICE"]


def test_header_of_another_form_says_what_is_expected(door: Door) -> None:
    for text in ("keyid=x", "keyid=a, timestamp=x, sequence=1, signature=00", "Basic YTpi"):
        response = post(door, {"Authorization": f"Atrium-HMAC-SHA256 {text}"})
        document = problem(response, 401, "malformed-signature")
        assert document["detail"].startswith("Authorization: ")
        assert "Atrium-HMAC-SHA256" in response.headers["WWW-Authenticate"]
    problem(post(door, {"Authorization": "Atrium-HMAC-SHA256"}), 401, "no-key")


def test_size_is_judged_before_the_key_and_the_signature(door: Door) -> None:
    response = door.client.open(
        PATH,
        method="POST",
        headers={**signed(door), "Content-Type": "application/json"},
        environ_overrides={"CONTENT_LENGTH": str(10 * 1024**3)},
    )
    problem(response, 413, "too-large")


def test_database_alone_does_not_give_a_signing_key_away(door: Door) -> None:
    row = door.one("SELECT device_keys::text FROM app.device_keys")
    secret = door.key.partition("_")[2]
    assert secret not in row
    assert signing_key(secret).hex() not in row


def test_key_sealed_under_a_lost_secret_is_said_and_logged(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    (door.settings.secrets_dir / SECRET_NAME).write_text("another\n")
    with caplog.at_level(logging.ERROR):
        response = post(door, signed(door))
    problem(response, 503, "unavailable")
    assert door.key.split("_")[0] in caplog.text
    assert door.post(READING).status_code == 200


def test_keys_go_on_signing_while_and_after_their_secret_is_replaced(door: Door) -> None:
    old = door.settings.secret(SECRET_NAME)
    new = door.settings.secret(NEXT_SECRET_NAME)
    assert post(door, signed(door)).status_code == 200
    later = door.make_key(None)
    with transaction(door.engine) as session:
        assert reseal_signing_keys(session, vault=SigningVault(new, old)) == 2
    assert post(door, signed(door)).status_code == 200
    (door.settings.secrets_dir / NEXT_SECRET_NAME).replace(door.settings.secrets_dir / SECRET_NAME)
    for key in (door.key, later):
        assert post(door, signed(door, key=key)).status_code == 200
    assert open_vault(door.settings)


def test_calls_are_forgotten_when_their_signature_is_out_of_time(door: Door) -> None:
    headers = signed(door)
    post(door, headers)
    with psycopg.connect(door.url, autocommit=True) as connection:
        assert prune_signed_calls(connection, before=NOW) == 0
        assert prune_signed_calls(connection, before=NOW + timedelta(seconds=1)) == 1
    door.clock.at = NOW + timedelta(seconds=301)
    problem(post(door, headers), 401, "wrong-clock")
