"""Flags of cleaning: the hours that a rule found odd, why, and what people decide about them.

Belongs here: the list, the hours of a day, one hour with its decisions. Not here: the rules
(domain.cleaning) and what a decision does (services.operations.cleaning_decisions).
"""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _

from domain.cleaning import CLEANING_RULES, EXCLUDED_BY_HAND, RULE_OF_NAME, CleaningVerdict
from domain.devices import UNIT_OF_METRIC, Metric
from domain.permissions import Permission
from services.operations.cleaning_decisions import DecisionError, decide, withdraw
from services.queries.cleaning_flags import (
    FlagFilter,
    FlaggedHour,
    FlagPlace,
    get_hour,
    list_flagged_hours,
    list_hours_of_day,
)
from storage.models import Device
from webapp.admin import access, labels
from webapp.admin.base import StaffView
from webapp.auth.authorisation import current_actor, may, require
from webapp.words.cleaning import estimate_reason, rule_name, rule_reason

LONGEST_REASON = 400
DECIDED = {"yes": True, "no": False}


class FlagsView(StaffView):
    permission = Permission.READINGS_READ

    @expose("/")
    def index(self) -> str:
        """`?rule=outlier&device=7&first=2026-03-01&last=2026-03-31&decided=no`."""
        session, mall_id = access.database()(), access.current_mall_id()
        devices = session.execute(
            sa.select(Device.id, Device.code).where(Device.mall_id == mall_id).order_by(Device.code)
        ).all()
        asked = request.args
        rule, decided = asked.get("rule", ""), asked.get("decided", "")
        wanted = FlagFilter(
            rule=rule if rule in RULE_OF_NAME else None,
            device_id=asked.get("device", type=int),
            first=_day(asked.get("first", "")),
            last=_day(asked.get("last", "")),
            is_decided=DECIDED.get(decided),
        )
        found = list_flagged_hours(
            session,
            mall_id=mall_id,
            wanted=wanted,
            after=_read_place(asked.get("after", "")),
            before=_read_place(asked.get("before", "")),
        )
        kept = {
            name: value
            for name, value in asked.items()
            if name not in ("after", "before") and value
        }
        page: str = self.render(
            "admin/flags.html",
            found=found,
            wanted=wanted,
            decided=decided,
            devices=devices,
            rules=[(one.name, rule_name(one.name)) for one in CLEANING_RULES],
            is_filtered=bool(kept),
            previous=_link(kept, "before", found.rows[0]) if found.has_previous else "",
            following=_link(kept, "after", found.rows[-1]) if found.has_next else "",
            **_words(),
        )
        return page

    @expose("/day")
    def day(self) -> str:
        """The hours of a device and metric on a business date: `?device=7&metric=&day=`."""
        device, metric, day = self._device(), _metric(), _day(request.args.get("day", ""))
        if day is None:
            abort(404)
        hours = list_hours_of_day(
            access.database()(),
            mall_id=access.current_mall_id(),
            device_id=device.id,
            metric=metric,
            business_date=day,
        )
        page: str = self.render(
            "admin/flag_day.html", device=device, metric=metric, day=day, hours=hours, **_words()
        )
        return page

    @expose("/hour", methods=("GET", "POST"))
    def hour(self) -> Any:
        """One hour, why it is flagged, and the decisions: `?device=7&metric=&hour=&day=`."""
        device, metric = self._device(), _metric()
        day, start = _day(request.args.get("day", "")), _instant(request.args.get("hour", ""))
        if day is None or start is None:
            abort(404)
        place = FlagPlace(day, start, device.id, metric)
        error = ""
        if request.method == "POST":
            require(Permission.FLAGS_DECIDE)
            reason = request.form.get("reason", "").strip()
            if not reason or len(reason) > LONGEST_REASON:
                error = _("Say why, in at most %(limit)s characters.", limit=LONGEST_REASON)
            else:
                return self._decide(place, reason)
        found = get_hour(access.database()(), mall_id=access.current_mall_id(), place=place)
        if found is None:
            abort(404)
        page = self.render(
            "admin/flag.html",
            device=device,
            hour=found,
            error=error,
            typed=request.form.get("reason", ""),
            may_decide=may(Permission.FLAGS_DECIDE),
            open_flags=_open_flags(found),
            is_excluded=EXCLUDED_BY_HAND.name in found.flags,
            longest=LONGEST_REASON,
            **_words(),
        )
        return page, 422 if error else 200

    def _decide(self, place: FlagPlace, reason: str) -> Any:
        session = access.database()()
        actor, now = current_actor(), self.now()
        deed, _colon, subject = request.form.get("deed", "").partition(":")
        try:
            if deed == "withdraw" and subject.isdecimal():
                withdraw(
                    session, decision_id=int(subject[:18]), reason=reason, actor=actor, now=now
                )
            elif deed in ("release", "exclude"):
                is_release = deed == "release"
                decide(
                    session,
                    device_id=place.device_id,
                    metric=place.metric,
                    hour_start=place.hour_start,
                    business_date=place.business_date,
                    rule=subject if is_release else "",
                    verdict=CleaningVerdict.RELEASE if is_release else CleaningVerdict.EXCLUDE,
                    reason=reason,
                    actor=actor,
                    now=now,
                )
            else:
                abort(400)
        except DecisionError:
            session.rollback()
            flash(
                _("The hour has changed since you looked, or somebody decided before you."), "error"
            )
        else:
            session.commit()
            flash(
                _("It is written down. The hour, the day and the month follow with the next run."),
                "success",
            )
        return redirect(
            url_for(
                ".hour",
                device=place.device_id,
                metric=place.metric,
                hour=place.hour_start.isoformat(),
                day=place.business_date.isoformat(),
            )
        )

    def _device(self) -> Device:
        """A device of the current mall, or 404."""
        device = access.database().scalar(
            sa.select(Device).where(
                Device.id == request.args.get("device", 0, type=int),
                Device.mall_id == access.current_mall_id(),
            )
        )
        return device or abort(404)


def _open_flags(hour: FlaggedHour) -> list[str]:
    """Flags that nobody has released and no hand has set."""
    released = {one.rule for one in hour.decisions if one.verdict is CleaningVerdict.RELEASE}
    return [flag for flag in hour.flags if flag not in released and flag != EXCLUDED_BY_HAND.name]


def _words() -> dict[str, Any]:
    return {
        "rule_name": rule_name,
        "rule_reason": rule_reason,
        "estimate_reason": estimate_reason,
        "metric_word": lambda name: labels.label_of_value(Metric, name),
        "unit_of": lambda name: UNIT_OF_METRIC.get(Metric(name), "") if name in set(Metric) else "",
        "Verdict": CleaningVerdict,
    }


def _metric() -> str:
    metric = request.args.get("metric", "")
    return metric if metric in set(Metric) else abort(404)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _read_place(text: str) -> FlagPlace | None:
    """`2026-03-05~2026-03-05T10:00:00+00:00~7~sales`; None for anything else."""
    parts = text.split("~")
    if len(parts) != 4 or not parts[2].isdecimal() or len(parts[2]) > 18:
        return None
    day, start = _day(parts[0]), _instant(parts[1])
    if day is None or start is None:
        return None
    return FlagPlace(day, start, int(parts[2]), parts[3])


def _link(kept: dict[str, str], name: str, hour: FlaggedHour) -> str:
    place = hour.place
    written = (
        f"{place.business_date}~{place.hour_start.isoformat()}~{place.device_id}~{place.metric}"
    )
    return url_for(".index", **kept, **{name: written})
