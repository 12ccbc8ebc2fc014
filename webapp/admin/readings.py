"""Readings of one device and metric, newest first, paged by key."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import request
from flask_admin import expose

from domain.devices import UNIT_OF_METRIC, Metric, Quality
from domain.permissions import Permission
from services.queries.readings import list_metrics, list_readings
from storage.models import Device
from webapp.admin import access, labels
from webapp.admin.base import StaffView

PAGE = 100


class ReadingsView(StaffView):
    permission = Permission.READINGS_READ

    @expose("/")
    def index(self) -> str:
        session = access.database()
        devices = session.scalars(
            sa.select(Device)
            .where(Device.mall_id == access.current_mall_id())
            .order_by(Device.code)
        ).all()
        asked = request.args.get("device", type=int)
        device = next((one for one in devices if one.id == asked), None)
        if device is None and devices:
            seen = [one for one in devices if one.last_seen_at is not None]
            device = max(seen, key=lambda one: one.last_seen_at) if seen else devices[0]
        metrics = list_metrics(session.connection(), device_id=device.id) if device else ()
        metric = request.args.get("metric", "")
        if metric not in metrics:
            preferred = [name for name in (Metric.SALES, Metric.FOOTFALL_IN) if name in metrics]
            metric = preferred[0] if preferred else (metrics[0] if metrics else "")
        page = None
        if device is not None and metric:
            page = list_readings(
                session.connection(),
                device_id=device.id,
                metric=metric,
                before=_instant(request.args.get("before", "")),
                limit=PAGE,
            )
        return self.render(
            "admin/readings.html",
            devices=devices,
            device=device,
            metrics=[(name, labels.label_of_value(Metric, name)) for name in metrics],
            metric=metric,
            unit=UNIT_OF_METRIC.get(Metric(metric), "") if metric in set(Metric) else "",
            page=page,
            is_first="before" not in request.args,
            quality=lambda value: Quality(value) if value in set(Quality) else value,
        )


def _instant(text: str) -> Any:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
