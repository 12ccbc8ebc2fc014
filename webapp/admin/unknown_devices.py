"""New devices: who spoke and is not registered; from here they are registered, connected, ignored.

Belongs here: the pages of senders that nobody knew. Not here: the form of an entry
(device_forms), what landing their waiting calls does (relanding).
"""

from typing import Any

import sqlalchemy as sa
from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_admin.helpers import get_form_data
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from wtforms import SelectField

from domain.devices import Adapter
from domain.permissions import Permission
from services.adapters.suggestions import probable
from services.operations.device_rules import DeviceDraft, faults_of
from services.operations.devices import InvalidDevice
from services.operations.malls import AlreadyRegistered, NotRegistered
from services.operations.unknown_devices import (
    AlreadyDecided,
    connect_unknown,
    ignore_unknown,
    notice_unknown,
    register_unknown,
)
from services.queries.waiting_sources import SourceId, sources_of_unknown
from storage.models import Device, UnknownDevice
from storage.models.ingest import UnknownDeviceState
from webapp.admin import access, filters, labels
from webapp.admin.base import Form, RecordView
from webapp.admin.device_forms import DeviceForm
from webapp.admin.devices import form_words
from webapp.admin.relanding import try_again
from webapp.auth.authorisation import may, require
from webapp.words.devices import fault_sentence

UNKNOWN = "/<int(max=9223372036854775807):unknown_id>"
LONGEST_CODE = 40


class ConnectForm(Form):
    device = SelectField(
        _l("Device"),
        coerce=int,
        validate_choice=True,
        description=_l("It gets this sender's serial and channel in the place of its own."),
    )


class UnknownDeviceView(RecordView):
    permission = Permission.DEVICES_READ
    edit_permission = Permission.DEVICES_EDIT
    details_template = "admin/new_device.html"
    singular = _l("new device")
    empty_title = _l("Nobody unknown has spoken")
    empty_advice = _l(
        "A device that sends data and is not registered appears here; what it sent waits."
    )
    column_list = (
        "serial",
        "channel",
        "adapter",
        "labels",
        "messages",
        "first_seen_at",
        "last_seen_at",
        "state",
    )
    column_details_list = (
        "adapter",
        "serial",
        "channel",
        "labels",
        "messages",
        "first_seen_at",
        "last_seen_at",
    )
    column_labels = {
        "serial": _l("Serial number"),
        "channel": _l("Channel"),
        "adapter": _l("Adapter"),
        "labels": _l("Labels"),
        "messages": _l("Messages"),
        "first_seen_at": _l("First seen"),
        "last_seen_at": _l("Last seen"),
        "state": _l("State"),
    }
    column_formatters = {
        "adapter": lambda view, context, model, name: labels.label_of_value(Adapter, model.adapter),
        "labels": lambda view, context, model, name: ", ".join(model.labels),
    }
    numeric_columns = frozenset({"messages"})
    prose_columns = frozenset({"labels"})
    column_searchable_list = ("serial", "channel")
    column_default_sort = ("last_seen_at", True)
    list_filters = (
        filters.by_enum("state", _l("State"), UnknownDevice.state, UnknownDeviceState),
        filters.by_enum("adapter", _l("Adapter"), UnknownDevice.adapter, Adapter),
    )

    def get_query(self) -> Any:
        """What is decided is shown when it is asked for."""
        query = super().get_query()
        if not request.args.get("state"):
            query = query.filter(UnknownDevice.state == UnknownDeviceState.NEW)
        return query

    def title_of(self, model: Any) -> str:
        return " · ".join(filter(None, (model.serial, model.channel)))

    def may_decide(self) -> bool:
        return may(Permission.DEVICES_EDIT)

    def may_release(self) -> bool:
        return may(Permission.QUARANTINE_RELEASE)

    def device_of(self, unknown: UnknownDevice) -> Device | None:
        return access.database().get(Device, unknown.device_id) if unknown.device_id else None

    def waiting(self, unknown: UnknownDevice) -> int:
        return len(self._sources(unknown))

    # -- decisions --------------------------------------------------------------------------

    @expose(f"{UNKNOWN}/register", methods=("GET", "POST"))
    def register_sender(self, unknown_id: int) -> Any:
        """A form filled with what the sender says of itself."""
        require(Permission.DEVICES_EDIT)
        unknown = self.get_one(unknown_id)
        form = DeviceForm(get_form_data())
        if request.method == "GET":
            form.fill(_suggested(unknown), sent_labels=self._free_labels(unknown))
        else:
            form.adapter.data = unknown.adapter
            form.serial.data, form.channel.data = unknown.serial, unknown.channel
            if self._registered(form, unknown):
                flash(_("The device is registered."), "success")
                return redirect(url_for(".details_view", id=unknown_id))
        return self.render(
            "admin/device_form.html",
            form=form,
            sender=self.get_one(unknown_id),
            sender_adapter=Adapter,
            **form_words(),
        )

    def _registered(self, form: DeviceForm, unknown: UnknownDevice) -> bool:
        is_valid, session = bool(form.validate()), access.database()
        if form.kind.data is None or form.feed_kind.data is None:
            return False
        if None in (form.ratio.data, form.expected_interval_minutes.data):
            return False
        mall_id = access.current_mall_id()
        form.show(faults_of(session(), form.draft().tidied(), mall_id=mall_id))
        if not is_valid or form.errors:
            return False
        try:
            register_unknown(session(), form.draft(), mall_id=mall_id, unknown_id=unknown.id)
            session.commit()
        except (AlreadyDecided, AlreadyRegistered, InvalidDevice, NotRegistered):
            session.rollback()
            flash(_("It was not saved: it contradicts what is already recorded."), "error")
            return False
        return True

    @expose(f"{UNKNOWN}/connect", methods=("GET", "POST"))
    def connect(self, unknown_id: int) -> Any:
        require(Permission.DEVICES_EDIT)
        unknown = self.get_one(unknown_id)
        form = ConnectForm(get_form_data())
        form.device.choices = _devices()
        refusal = ""
        if self.validate_form(form):
            session = access.database()
            try:
                connect_unknown(
                    session(),
                    mall_id=access.current_mall_id(),
                    unknown_id=unknown_id,
                    device_id=form.device.data,
                )
                session.commit()
                flash(_("The device has this sender's address now."), "success")
                return redirect(url_for(".details_view", id=unknown_id))
            except InvalidDevice as error:
                session.rollback()
                refusal = " ".join(fault_sentence(wrong) for wrong in error.faults.values())
            except (AlreadyDecided, NotRegistered):
                session.rollback()
                refusal = _("It was not saved: it contradicts what is already recorded.")
            unknown = self.get_one(unknown_id)
        return self.render(
            "admin/deed.html",
            crumb=(self.title_of(unknown), url_for(".details_view", id=unknown_id)),
            form=form,
            title=_("Connect to a device"),
            consequence=_(
                "The sender is a device that is registered, at an address that was wrong or has"
                " changed. What it sent can be landed then."
            ),
            refusal=refusal,
            is_dangerous=False,
            cancel_url=url_for(".details_view", id=unknown_id),
        )

    @expose(f"{UNKNOWN}/ignore", methods=("POST",))
    def ignore(self, unknown_id: int) -> Any:
        return self._decide(unknown_id, ignore_unknown, _("The sender is ignored."))

    @expose(f"{UNKNOWN}/notice", methods=("POST",))
    def notice(self, unknown_id: int) -> Any:
        return self._decide(unknown_id, notice_unknown, _("The sender is in the list again."))

    def _decide(self, unknown_id: int, decide: Any, done: str) -> Any:
        require(Permission.DEVICES_EDIT)
        self.get_one(unknown_id)
        session = access.database()
        try:
            decide(session(), mall_id=access.current_mall_id(), unknown_id=unknown_id)
            session.commit()
            flash(done, "success")
        except AlreadyDecided:
            session.rollback()
            flash(_("This sender is registered."), "error")
        return redirect(url_for(".details_view", id=unknown_id))

    # -- landing what waits -----------------------------------------------------------------

    @expose(f"{UNKNOWN}/land", methods=("GET", "POST"))
    def land(self, unknown_id: int) -> Any:
        """One step; the page shows how many remain and goes on by itself."""
        require(Permission.QUARANTINE_RELEASE)
        unknown = self.get_one(unknown_id)
        after = _source(request.args.get("after", ""))
        counts = {
            name: max(request.args.get(name, 0, type=int), 0)
            for name in ("done", "readings", "released", "refused")
        }
        sources = self._sources(unknown, after)
        problems: list[str] = []
        if request.method == "POST" and sources:
            totals, last = try_again(sources, mall_id=access.current_mall_id())
            counts["done"] += totals.sources
            counts["readings"] += totals.readings
            counts["released"] += totals.released
            counts["refused"] += totals.refused
            for problem in totals.problems[:3]:
                flash(problem, "warning")
            cursor = f"{last.kind}-{last.id}" if last else ""
            return redirect(url_for(".land", unknown_id=unknown_id, after=cursor, **counts))
        return self.render(
            "admin/new_device_land.html",
            model=unknown,
            device=self.device_of(unknown),
            remaining=len(sources),
            has_begun=after is not None,
            problems=problems,
            **counts,
        )

    def _sources(
        self, unknown: UnknownDevice, after: SourceId | None = None
    ) -> tuple[SourceId, ...]:
        return sources_of_unknown(
            access.database()(),
            mall_id=unknown.mall_id,
            adapter=unknown.adapter,
            serial=unknown.serial,
            after=after,
        )

    def waiting_words(self, count: int) -> str:
        return str(ngettext("%(num)s message is waiting.", "%(num)s messages are waiting.", count))

    def _free_labels(self, unknown: UnknownDevice) -> list[str]:
        """The labels that a direction map could turn; our own format has none."""
        return [] if unknown.adapter == Adapter.ATRIUM else list(unknown.labels)


def _suggested(unknown: UnknownDevice) -> DeviceDraft:
    """A first entry: what it probably is. The code is a proposal, to be changed."""
    adapter = Adapter(unknown.adapter)
    kind, feed_kind, minutes = probable(adapter, unknown.labels)
    words = [unknown.serial] if adapter is Adapter.ATRIUM else [unknown.serial, unknown.channel]
    code = "-".join(filter(None, words)).replace("/", "-").replace(" ", "")
    return DeviceDraft(
        code=code[:LONGEST_CODE],
        kind=kind,
        feed_kind=feed_kind,
        adapter=unknown.adapter,
        serial=unknown.serial,
        channel=unknown.channel,
        expected_interval_minutes=minutes,
    ).tidied()


def _devices() -> list[tuple[int, str]]:
    rows = access.database().execute(
        sa.select(Device.id, Device.code, Device.name, Device.serial)
        .where(Device.mall_id == access.current_mall_id())
        .order_by(Device.code)
    )
    return [(row.id, " ".join(filter(None, (row.code, row.name, row.serial)))) for row in rows]


def _source(text: str) -> SourceId | None:
    kind, _dash, number = text.partition("-")
    if kind not in ("batch", "file"):
        return None
    try:
        return SourceId("batch" if kind == "batch" else "file", filters.row_id(number))
    except ValueError:
        abort(404)
