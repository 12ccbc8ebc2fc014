"""The peer of ingest_batch_1: what a small team would write in an afternoon, under the same server.

Flask and SQLAlchemy's ORM: the key is looked up by the hash of its secret, the reading is checked
by the few lines below, one row is inserted and committed, no batch, no raw body, no walls. Served
by gunicorn with as many workers and threads: `gunicorn bench.peer_server:app`, its database
PEER_DATABASE_URL.
"""

import hashlib
import os
from datetime import UTC, datetime
from decimal import Decimal

import sqlalchemy as sa
from flask import Flask, Response, jsonify, request
from sqlalchemy.orm import Session

from storage.database import create_engine
from storage.models import Device, DeviceKey, Reading

app = Flask(__name__)
_engine = create_engine(os.environ["PEER_DATABASE_URL"])


@app.get("/readyz")
def readyz() -> str:
    return "ok"


@app.post("/api/v1/readings")
def post_reading() -> tuple[Response, int]:
    public_id, _, secret = request.headers["Authorization"].removeprefix("Bearer ").partition("_")
    given = request.get_json()
    now = datetime.now(UTC)
    with Session(_engine) as session:
        key = session.scalar(
            sa.select(DeviceKey).where(
                DeviceKey.public_id == public_id,
                DeviceKey.secret_sha256 == hashlib.sha256(secret.encode()).digest(),
                DeviceKey.revoked_at.is_(None),
            )
        )
        if key is None:
            return jsonify(error="unknown key"), 401
        device = session.scalar(
            sa.select(Device).where(
                Device.mall_id == key.mall_id, Device.code == given["device_id"]
            )
        )
        if device is None:
            return jsonify(error="unknown device"), 422
        at = datetime.fromisoformat(given["timestamp"])
        session.add(
            Reading(
                device_id=device.id,
                metric=given["data_type"],
                interval_start=at,
                interval_end=at,
                value=Decimal(str(given["value"])),
                received_at=now,
                batch_id=1,
            )
        )
        session.commit()
    return jsonify(accepted=1), 200
