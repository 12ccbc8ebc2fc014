"""What each role and every device may do, as `scope:resource:action`.

Belongs here: the permissions and who has them; both walls read this table. Not here: whose rows a
permission reaches (`domain.scopes`) and who is asking (webapp.auth.authorisation).

Scopes: `installation` reaches what is no mall's, `mall` the malls of a person, `own` the shops of
a person, the account itself, or the measuring points of a device.
"""

from collections.abc import Mapping
from enum import StrEnum

from domain.people import Role


class Permission(StrEnum):
    """A permission is named when something asks for it; a test holds it so."""

    USERS_READ = "installation:users:read"
    USERS_EXPORT = "installation:users:export"
    USERS_MANAGE = "installation:users:manage"  # roles included
    MALLS_EDIT = "installation:malls:edit"
    BACKUPS_READ = "installation:backups:read"
    BACKUPS_EXPORT = "installation:backups:export"
    RUNS_READ = "installation:runs:read"
    SETTINGS_READ = "installation:settings:read"
    LANDING_READ = "installation:landing:read"  # files and rows whose mall nobody could tell

    DASHBOARD_READ = "mall:dashboard:read"
    DASHBOARD_EXPORT = "mall:dashboard:export"
    MALLS_READ = "mall:malls:read"
    MALLS_EXPORT = "mall:malls:export"
    SHOPS_READ = "mall:shops:read"
    SHOPS_EXPORT = "mall:shops:export"
    SHOPS_EDIT = "mall:shops:edit"
    UNITS_READ = "mall:units:read"
    UNITS_EXPORT = "mall:units:export"
    UNITS_EDIT = "mall:units:edit"
    CONTRACTS_READ = "mall:contracts:read"
    CONTRACTS_EXPORT = "mall:contracts:export"
    CONTRACTS_DRAFT = "mall:contracts:draft"
    CONTRACTS_APPROVE = "mall:contracts:approve"  # or reject
    DEPOSITS_READ = "mall:deposits:read"
    DEPOSITS_ENTER = "mall:deposits:enter"  # and confirm what another entered
    BILLS_READ = "mall:bills:read"
    BILLS_EXPORT = "mall:bills:export"
    HELD_BILLS_READ = "mall:held_bills:read"
    HELD_BILLS_EXPORT = "mall:held_bills:export"
    DEVICES_READ = "mall:devices:read"
    DEVICES_EXPORT = "mall:devices:export"
    DEVICES_EDIT = "mall:devices:edit"
    DEVICE_KEYS_MANAGE = "mall:device_keys:manage"
    READINGS_READ = "mall:readings:read"
    LANDED_FILES_READ = "mall:landed_files:read"
    LANDED_FILES_EXPORT = "mall:landed_files:export"
    QUARANTINE_READ = "mall:quarantine:read"
    QUARANTINE_EXPORT = "mall:quarantine:export"
    QUARANTINE_RELEASE = "mall:quarantine:release"  # try again, or dismiss
    FLAGS_DECIDE = "mall:flags:decide"  # release a flag of cleaning, exclude an hour
    MONTHS_CLOSE = "mall:months:close"  # open again, decide about what came late
    REQUESTS_READ = "mall:requests:read"
    REQUESTS_EXPORT = "mall:requests:export"
    REQUESTS_EDIT = "mall:requests:edit"
    FILES_READ = "mall:files:read"  # that there are reports; their content has its own
    REPORTS_DOWNLOAD = "mall:reports:download"
    FINANCE_REPORTS_DOWNLOAD = "mall:finance_reports:download"
    DOCUMENTS_DOWNLOAD = "mall:documents:download"
    UPLOADS_READ = "mall:uploads:read"
    UPLOADS_DOWNLOAD = "mall:uploads:download"
    UPLOADS_ADD = "mall:uploads:add"  # and take away
    SHOPS_IMPORT = "mall:shops:import"
    MESSAGES_READ = "mall:messages:read"  # what was sent to whom, and why
    MESSAGES_RESEND = "mall:messages:resend"
    MESSAGE_TEMPLATES_EDIT = "mall:message_templates:edit"
    AUDIT_READ = "mall:audit:read"
    AUDIT_EXPORT = "mall:audit:export"

    OWN_ACCOUNT_MANAGE = "own:account:manage"  # password, second factor, sessions, language
    OWN_INBOX_READ = "own:inbox:read"  # what the mall's people are told on the site
    OWN_FIGURES_READ = "own:figures:read"
    OWN_FIGURES_EXPORT = "own:figures:export"
    OWN_BILLS_READ = "own:bills:read"
    OWN_BILLS_EXPORT = "own:bills:export"
    OWN_CONTRACTS_READ = "own:contracts:read"
    OWN_CONTRACTS_SIGN = "own:contracts:sign"  # or decline
    OWN_RENEWALS_ASK = "own:renewals:ask"
    OWN_DOCUMENTS_DOWNLOAD = "own:documents:download"
    OWN_MESSAGES_READ = "own:messages:read"  # and mark as read
    OWN_FILES_READ = "own:files:read"
    OWN_FILES_UPLOAD = "own:files:upload"
    OWN_DATA_UPLOAD = "own:data:upload"  # sales, visitors and meters of the shop, by table
    OWN_READINGS_APPEND = "own:readings:append"

    @property
    def scope(self) -> str:
        """`installation`, `mall` or `own`."""
        return self.value.split(":")[0]


_P = Permission

# What every desk of the mall looks up.
_EVERY_DESK = frozenset(
    {
        _P.OWN_ACCOUNT_MANAGE,
        _P.OWN_INBOX_READ,
        _P.SETTINGS_READ,
        _P.DASHBOARD_READ,
        _P.DASHBOARD_EXPORT,
        _P.MALLS_READ,
        _P.MALLS_EXPORT,
        _P.SHOPS_READ,
        _P.SHOPS_EXPORT,
        _P.UNITS_READ,
        _P.UNITS_EXPORT,
        _P.CONTRACTS_READ,
        _P.CONTRACTS_EXPORT,
        _P.DEPOSITS_READ,
        _P.MESSAGES_READ,
        _P.FILES_READ,
        _P.REPORTS_DOWNLOAD,
        _P.UPLOADS_READ,
        _P.UPLOADS_DOWNLOAD,
    }
)
_MONEY = frozenset(
    {
        _P.BILLS_READ,
        _P.BILLS_EXPORT,
        _P.HELD_BILLS_READ,
        _P.HELD_BILLS_EXPORT,
        _P.FINANCE_REPORTS_DOWNLOAD,
        _P.DOCUMENTS_DOWNLOAD,
    }
)
_DATA_AND_REQUESTS = frozenset(
    {
        _P.DEVICES_READ,
        _P.DEVICES_EXPORT,
        _P.READINGS_READ,
        _P.LANDED_FILES_READ,
        _P.LANDED_FILES_EXPORT,
        _P.QUARANTINE_READ,
        _P.QUARANTINE_EXPORT,
        _P.REQUESTS_READ,
        _P.REQUESTS_EXPORT,
        _P.RUNS_READ,
    }
)
# Registering what leases, bills and readings refer to.
_REGISTER = frozenset(
    {
        _P.SHOPS_EDIT,
        _P.SHOPS_IMPORT,
        _P.UNITS_EDIT,
        _P.DEVICES_EDIT,
        _P.DEVICE_KEYS_MANAGE,
        _P.QUARANTINE_RELEASE,
        _P.FLAGS_DECIDE,
        _P.REQUESTS_EDIT,
        _P.UPLOADS_ADD,
    }
)
_MESSAGES = frozenset({_P.MESSAGES_RESEND, _P.MESSAGE_TEMPLATES_EDIT})
_AUDIT = frozenset({_P.AUDIT_READ, _P.AUDIT_EXPORT})

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.SUPER_ADMIN: _EVERY_DESK
    | _MONEY
    | _DATA_AND_REQUESTS
    | _REGISTER
    | _MESSAGES
    | _AUDIT
    | {
        _P.USERS_READ,
        _P.USERS_EXPORT,
        _P.USERS_MANAGE,
        _P.MALLS_EDIT,
        _P.BACKUPS_READ,
        _P.BACKUPS_EXPORT,
        _P.LANDING_READ,
        _P.MONTHS_CLOSE,
    },
    Role.MANAGEMENT: _EVERY_DESK | _MONEY | _DATA_AND_REQUESTS | _AUDIT | {_P.CONTRACTS_APPROVE},
    Role.OPERATION: _EVERY_DESK | _DATA_AND_REQUESTS | _REGISTER | _MESSAGES | {_P.CONTRACTS_DRAFT},
    Role.FINANCE: _EVERY_DESK | _MONEY | {_P.MONTHS_CLOSE, _P.DEPOSITS_ENTER},
    Role.SHOP: frozenset(
        {
            _P.OWN_ACCOUNT_MANAGE,
            _P.OWN_FIGURES_READ,
            _P.OWN_FIGURES_EXPORT,
            _P.OWN_BILLS_READ,
            _P.OWN_BILLS_EXPORT,
            _P.OWN_CONTRACTS_READ,
            _P.OWN_CONTRACTS_SIGN,
            _P.OWN_RENEWALS_ASK,
            _P.OWN_DOCUMENTS_DOWNLOAD,
            _P.OWN_MESSAGES_READ,
            _P.OWN_FILES_READ,
            _P.OWN_FILES_UPLOAD,
            _P.OWN_DATA_UPLOAD,
        }
    ),
}
"""What a person may do: the permissions of the account's one role."""

DEVICE_PERMISSIONS: frozenset[Permission] = frozenset({_P.OWN_READINGS_APPEND})
"""What a device key may do: hand in readings of its own measuring points, nothing else."""

MAKER_AND_CHECKER: tuple[tuple[Permission, Permission], ...] = (
    (_P.CONTRACTS_DRAFT, _P.CONTRACTS_APPROVE),
    (_P.CONTRACTS_DRAFT, _P.OWN_CONTRACTS_SIGN),
    (_P.CONTRACTS_APPROVE, _P.OWN_CONTRACTS_SIGN),
)
"""Pairs that no role holds both of: who makes a thing does not decide on it."""
