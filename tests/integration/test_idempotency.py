"""Idempotency-Key: a call that is sent again is answered as the first time, and taken once."""

import threading
from datetime import timedelta

import psycopg
import pytest
from device_door import NOW, READING, Door, problem

from services.operations.idempotency import prune_idempotency_keys
from webapp.api import connections

NAME = {"Idempotency_Key": "b1946ac9-2492"}
BATCHES = "SELECT count(*) FROM ingest.batches"


def test_same_call_again_is_answered_as_the_first_time(door: Door) -> None:
    first = door.post(READING, **NAME)
    again = door.post(READING, **NAME)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.data == again.data
    assert again.json["accepted"] == 1
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert door.one(BATCHES) == 1


def test_without_the_header_a_repeat_counts_as_duplicate(door: Door) -> None:
    door.post(READING)
    assert door.post(READING).json["duplicate"] == 1
    assert door.one(BATCHES) == 2
    assert door.one("SELECT count(*) FROM ingest.idempotency_keys") == 0


def test_another_body_under_the_name_is_refused_and_nothing_kept(door: Door) -> None:
    door.post(READING, **NAME)
    response = door.post({**READING, "value": 2}, **NAME)
    assert "another body" in problem(response, 422, "idempotency-key")["detail"]
    assert door.one("SELECT value::int FROM ingest.readings") == 1500
    assert door.one(BATCHES) == 1


def test_names_of_two_keys_are_two(door: Door) -> None:
    door.post(READING, **NAME)
    other = door.make_key(None)
    assert door.post(READING, key=other, **NAME).json["duplicate"] == 1


def test_refusal_of_every_reading_is_answered_again(door: Door) -> None:
    body = {**READING, "device_id": "POS999"}
    first = problem(door.post(body, **NAME), 422, "all-refused")
    again = door.post(body, **NAME)
    assert problem(again, 422, "all-refused") == first
    assert again.headers["Idempotency-Replayed"] == "true"
    assert door.one("SELECT count(*) FROM ingest.quarantine") == 1


@pytest.mark.parametrize("name", ["", "a b", "é", "x" * 256])
def test_name_that_is_none_is_refused(door: Door, name: str) -> None:
    response = door.post(READING, Idempotency_Key=name)
    assert "visible ASCII" in problem(response, 422, "idempotency-key")["detail"]
    assert door.one(BATCHES) == 0


def test_call_that_kept_nothing_keeps_no_name(door: Door) -> None:
    problem(door.post(b"[", **NAME), 422, "unreadable")
    assert door.post(READING, **NAME).json["accepted"] == 1


def test_name_is_kept_with_the_readings_or_not_at_all(door: Door) -> None:
    with psycopg.connect(door.url) as connection:
        connection.execute("ALTER TABLE ingest.readings ADD CHECK (value <> 13)")
    door.app.config["PROPAGATE_EXCEPTIONS"] = False
    assert door.post({**READING, "value": 13}, **NAME).status_code == 500
    assert door.one("SELECT count(*) FROM ingest.idempotency_keys") == 0
    assert door.post(READING, **NAME).json["accepted"] == 1


def test_twins_are_taken_once_and_both_answered(door: Door) -> None:
    answers = []
    go = threading.Barrier(6)

    def call() -> None:
        go.wait()
        response = door.post([READING], **NAME)
        answers.append((response.data, response.headers.get("Idempotency-Replayed")))
        connections.own_connection(door.url).close()

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({data for data, _ in answers}) == 1
    assert sorted(replayed or "" for _, replayed in answers) == ["", *["true"] * 5]
    assert door.one(BATCHES) == 1


def test_names_are_forgotten_after_a_day(door: Door) -> None:
    door.post(READING, **NAME)
    with psycopg.connect(door.url) as connection:
        assert prune_idempotency_keys(connection, now=NOW + timedelta(hours=24)) == 0
        assert prune_idempotency_keys(connection, now=NOW + timedelta(hours=24, seconds=1)) == 1
    assert door.post(READING, **NAME).json["duplicate"] == 1
