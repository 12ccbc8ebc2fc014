"""The left navigation: by job, not by table; a person sees what they may open."""

from dataclasses import dataclass
from typing import Any

from flask import current_app, request, url_for
from flask_babel import lazy_gettext as _l


@dataclass(frozen=True)
class Item:
    endpoint: str
    label: Any
    icon: str
    url: str = ""
    is_current: bool = False


SECTIONS: tuple[tuple[Any, tuple[Item, ...]], ...] = (
    ("", (Item("admin", _l("Home"), "home"),)),
    (
        _l("Leasing"),
        (
            Item("shops", _l("Shops"), "shop"),
            Item("contracts", _l("Contracts"), "contract"),
            Item("reviews", _l("Reviews"), "role"),
            Item("deposits", _l("Deposits"), "deposit"),
            Item("units", _l("Units"), "unit"),
            Item("malls", _l("Malls"), "mall"),
        ),
    ),
    (
        _l("Billing"),
        (
            Item("bills", _l("Bills"), "bill"),
            Item("held_bills", _l("Held bills"), "quarantine"),
        ),
    ),
    (
        _l("Data"),
        (
            Item("data_quality", _l("Data quality"), "table"),
            Item("flags", _l("Flags"), "flag"),
            Item("devices", _l("Devices"), "device"),
            Item("unknown_devices", _l("New devices"), "plus"),
            Item("device_keys", _l("Device keys"), "key"),
            Item("readings", _l("Readings"), "reading"),
            Item("landed_files", _l("Landed files"), "inbox"),
            Item("quarantine", _l("Quarantine"), "quarantine"),
            Item("late_values", _l("Late values"), "history"),
        ),
    ),
    (
        _l("Messages"),
        (
            Item("inbox", _l("Inbox"), "bell"),
            Item("messages", _l("Sent messages"), "message"),
            Item("message_texts", _l("Message texts"), "edit"),
        ),
    ),
    (_l("Requests"), (Item("requests", _l("Service requests"), "request"),)),
    (_l("Reports"), (Item("files", _l("Files"), "file"),)),
    (
        _l("People"),
        (
            Item("users", _l("Users"), "user"),
            Item("roles", _l("Roles"), "role"),
        ),
    ),
    (
        _l("System"),
        (
            Item("audit", _l("Audit"), "history"),
            Item("backups", _l("Backups"), "backup"),
            Item("runs", _l("Runs"), "run"),
            Item("settings", _l("Settings"), "settings"),
        ),
    ),
)


def can_open(endpoint: str) -> bool:
    """Whether this person may open the pages of an endpoint."""
    views = {view.endpoint: view for view in current_app.extensions["admin"][0]._views}
    return bool(views[endpoint].is_accessible())


def sections() -> list[tuple[Any, list[Item]]]:
    """Sections with the items that this person may open; empty sections are left out."""
    views = {view.endpoint: view for view in current_app.extensions["admin"][0]._views}
    here = (request.endpoint or "").split(".")[0]
    found = []
    for title, items in SECTIONS:
        shown = [
            Item(
                item.endpoint,
                item.label,
                item.icon,
                url_for(f"{item.endpoint}.{views[item.endpoint]._default_view}"),
                item.endpoint == here,
            )
            for item in items
            if views[item.endpoint].is_accessible()
        ]
        if shown:
            found.append((title, shown))
    return found
