"""Staff pages on Flask-Admin, closed by default.

Belongs here: which pages there are. Each page derives from webapp.admin.base.StaffView and names
the permission that opens it.
"""

from typing import Any

from flask import Flask
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme
from flask_babel import lazy_gettext as _l
from flask_security import current_user


def create_admin(app: Flask) -> Admin:
    """Put the staff pages under /admin/."""
    from domain.permissions import Permission
    from storage import models
    from webapp.admin import access, audit_words, formats, labels, navigation
    from webapp.admin.account import SettingsView
    from webapp.admin.audit import AuditView
    from webapp.admin.backups import BackupView
    from webapp.admin.billing import BillPages
    from webapp.admin.contracts.deposits import DepositView
    from webapp.admin.contracts.records import ContractView
    from webapp.admin.contracts.reviewing import ReviewQueue
    from webapp.admin.dashboard import HomeView
    from webapp.admin.data_quality import DataQualityView
    from webapp.admin.datastore import RequestDatabase
    from webapp.admin.device_keys import DeviceKeyView
    from webapp.admin.devices import DeviceView
    from webapp.admin.files import FilesView
    from webapp.admin.flags import FlagsView
    from webapp.admin.gates import HeldBillPages
    from webapp.admin.imports import ImportView
    from webapp.admin.inbox import InboxView, unread
    from webapp.admin.landing import LandedFileView
    from webapp.admin.late_values import LateValuesView
    from webapp.admin.malls import MallView
    from webapp.admin.message_texts import MessageTextsView
    from webapp.admin.messages import MessagesView
    from webapp.admin.people import UserView
    from webapp.admin.quarantine import QuarantineView
    from webapp.admin.readings import ReadingsView
    from webapp.admin.requests import RequestView
    from webapp.admin.roles import RolesView
    from webapp.admin.runs import RunsView
    from webapp.admin.shop_files import ShopFilesView
    from webapp.admin.shops import ShopView
    from webapp.admin.units import UnitView
    from webapp.admin.unknown_devices import UnknownDeviceView
    from webapp.auth.authorisation import may
    from webapp.database import EXTENSION

    session = RequestDatabase(app.extensions[EXTENSION].staff)
    admin = Admin(
        app,
        name="Atrium",
        index_view=HomeView(name=_l("Home"), url="/admin"),
        theme=Bootstrap4Theme(swatch="default", base_template="admin/frame.html"),
        translations_path=f"{app.root_path}/translations",
    )
    for view in (
        ShopView(models.Shop, session, name=_l("Shops"), endpoint="shops"),
        ShopFilesView(name=_l("Files of shops"), endpoint="shop_files", url="/admin/shop-files"),
        ImportView(name=_l("Import"), endpoint="imports"),
        ContractView(models.Contract, session, name=_l("Contracts"), endpoint="contracts"),
        ReviewQueue(name=_l("Reviews"), endpoint="reviews"),
        DepositView(name=_l("Deposits"), endpoint="deposits"),
        UnitView(models.Unit, session, name=_l("Units"), endpoint="units"),
        MallView(models.Mall, session, name=_l("Malls"), endpoint="malls"),
        BillPages(models.Bill, session, name=_l("Bills"), endpoint="bills"),
        HeldBillPages(
            models.BillingGate,
            session,
            name=_l("Held bills"),
            endpoint="held_bills",
            url="/admin/held-bills",
        ),
        DeviceView(models.Device, session, name=_l("Devices"), endpoint="devices"),
        UnknownDeviceView(
            models.UnknownDevice,
            session,
            name=_l("New devices"),
            endpoint="unknown_devices",
            url="/admin/new-devices",
        ),
        DeviceKeyView(
            models.DeviceKey,
            session,
            name=_l("Device keys"),
            endpoint="device_keys",
            url="/admin/device-keys",
        ),
        ReadingsView(name=_l("Readings"), endpoint="readings"),
        DataQualityView(
            name=_l("Data quality"), endpoint="data_quality", url="/admin/data-quality"
        ),
        FlagsView(name=_l("Flags"), endpoint="flags"),
        LateValuesView(name=_l("Late values"), endpoint="late_values", url="/admin/late-values"),
        LandedFileView(
            models.InboxFile,
            session,
            name=_l("Landed files"),
            endpoint="landed_files",
            url="/admin/landed-files",
        ),
        QuarantineView(models.Quarantined, session, name=_l("Quarantine"), endpoint="quarantine"),
        RequestView(
            models.ServiceRequest, session, name=_l("Service requests"), endpoint="requests"
        ),
        InboxView(name=_l("Inbox"), endpoint="inbox"),
        MessagesView(name=_l("Sent messages"), endpoint="messages"),
        MessageTextsView(
            name=_l("Message texts"), endpoint="message_texts", url="/admin/message-texts"
        ),
        FilesView(name=_l("Files"), endpoint="files"),
        UserView(models.User, session, name=_l("Users"), endpoint="users"),
        RolesView(name=_l("Roles"), endpoint="roles"),
        AuditView(name=_l("Audit"), endpoint="audit"),
        BackupView(models.Backup, session, name=_l("Backups"), endpoint="backups"),
        RunsView(name=_l("Runs"), endpoint="runs"),
        SettingsView(name=_l("Settings"), endpoint="settings"),
    ):
        admin.add_view(view)

    @app.context_processor
    def staff_words() -> dict[str, Any]:
        if not current_user.is_authenticated:
            return {"fmt": formats}
        return {
            "fmt": formats,
            "labels": labels,
            "navigation": navigation.sections,
            "mall": access.current_mall(),
            "malls": access.malls(),
            "can_open": navigation.can_open,
            "has_history": audit_words.has_history,
            "month_name": formats.month_name,
            "unread": unread,
            "may_see_money": may(Permission.BILLS_READ),
        }

    return admin
