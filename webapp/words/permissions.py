"""What roles may do, in words: a permission reads as a thing and a deed.

Belongs here: words for the parts of `domain.permissions`. Not here: the roles' names (labels).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from domain.permissions import Permission

SCOPES: dict[str, LazyString] = {
    "installation": _l("The installation"),
    "mall": _l("Of the person's malls"),
    "own": _l("The person's own"),
}
_THINGS: dict[str, LazyString] = {
    "account": _l("Account and sign-in"),
    "audit": _l("Audit"),
    "backups": _l("Backups"),
    "bills": _l("Bills"),
    "contracts": _l("Contracts"),
    "dashboard": _l("Dashboard"),
    "data": _l("Data sent by table"),
    "deposits": _l("Deposits"),
    "device_keys": _l("Device keys"),
    "devices": _l("Devices"),
    "documents": _l("Papers of bills"),
    "figures": _l("Sales and footfall"),
    "files": _l("Files"),
    "finance_reports": _l("Finance reports"),
    "flags": _l("Flags of cleaning"),
    "held_bills": _l("Held bills"),
    "inbox": _l("Inbox"),
    "landed_files": _l("Landed files"),
    "landing": _l("Files of no known mall"),
    "malls": _l("Malls"),
    "message_templates": _l("Message texts"),
    "messages": _l("Messages"),
    "months": _l("Months of data"),
    "quarantine": _l("Quarantine"),
    "readings": _l("Readings"),
    "renewals": _l("Renewals"),
    "reports": _l("Reports"),
    "requests": _l("Service requests"),
    "runs": _l("Runs"),
    "settings": _l("Settings"),
    "shops": _l("Shops"),
    "units": _l("Units"),
    "uploads": _l("Files of shops"),
    "users": _l("Users and roles"),
}
_DEEDS: dict[str, LazyString] = {
    "read": _l("read"),
    "export": _l("export"),
    "download": _l("download"),
    "edit": _l("edit"),
    "manage": _l("manage"),
    "draft": _l("draft"),
    "approve": _l("approve or reject"),
    "sign": _l("sign or decline"),
    "add": _l("add and remove"),
    "import": _l("import"),
    "upload": _l("upload"),
    "append": _l("hand in"),
    "close": _l("close and open again"),
    "decide": _l("decide"),
    "enter": _l("enter and confirm"),
    "ask": _l("ask for"),
    "resend": _l("send again"),
    "release": _l("release"),
}


@dataclass(frozen=True)
class Row:
    """One thing there are permissions for. `deeds` are the words of each column, in its order."""

    thing: LazyString
    deeds: tuple[tuple[LazyString, ...], ...]


def permission_table(
    columns: Iterable[frozenset[Permission]],
) -> tuple[tuple[LazyString, tuple[Row, ...]], ...]:
    """Each scope with its things, in the order of `Permission`; a column for each set given."""
    granted = tuple(columns)
    sections: dict[str, dict[str, list[Permission]]] = {}
    for permission in Permission:
        scope, thing, _deed = permission.value.split(":")
        sections.setdefault(scope, {}).setdefault(thing, []).append(permission)
    return tuple(
        (
            SCOPES[scope],
            tuple(_row(thing, permissions, granted) for thing, permissions in things.items()),
        )
        for scope, things in sections.items()
    )


def _row(
    thing: str, permissions: list[Permission], columns: tuple[frozenset[Permission], ...]
) -> Row:
    return Row(
        _THINGS[thing],
        tuple(
            tuple(_DEEDS[one.value.split(":")[2]] for one in permissions if one in column)
            for column in columns
        ),
    )
