"""Tables of the schemas `app`, `ingest` and `audit`, one module per part of the mall's life."""

from storage.models.audit import AuditEvent, AuditHead, PendingAuditEvent
from storage.models.backups import Backup
from storage.models.base import Base
from storage.models.billing import (
    Bill,
    BillEvent,
    BillingGate,
    BillLine,
    BillRun,
    Document,
    Tariff,
)
from storage.models.devices import Device, DeviceInstallation, DeviceKey
from storage.models.ingest import (
    Batch,
    CleaningDecision,
    InboxFile,
    LateReading,
    Quarantined,
    Reading,
    ReadingHour,
    ReadingRevision,
    TillTransaction,
    TillTransactionRevision,
    TouchedDate,
    UnknownDevice,
)
from storage.models.leasing import Contract, ContractClause, ContractEvent, ContractUnit
from storage.models.malls import ClosedMonth, Mall, Shop, Unit
from storage.models.messages import Notification
from storage.models.payments import Allocation, Payment
from storage.models.people import Role, User, user_malls, user_roles, user_shops
from storage.models.reports import ReportFile
from storage.models.requests import ServiceRequest
from storage.models.sign_in import (
    AccountToken,
    RecoveryCode,
    SecondFactor,
    SignInAttempt,
    UserSession,
)
from storage.models.uploads import Upload
from storage.models.walls import ContextKey

__all__ = [
    "AccountToken",
    "Allocation",
    "AuditEvent",
    "AuditHead",
    "Backup",
    "Base",
    "Batch",
    "Bill",
    "BillEvent",
    "BillLine",
    "BillRun",
    "BillingGate",
    "CleaningDecision",
    "ClosedMonth",
    "ContextKey",
    "Contract",
    "ContractClause",
    "ContractEvent",
    "ContractUnit",
    "Device",
    "DeviceInstallation",
    "DeviceKey",
    "Document",
    "InboxFile",
    "LateReading",
    "Mall",
    "Notification",
    "Payment",
    "PendingAuditEvent",
    "Quarantined",
    "Reading",
    "ReadingHour",
    "ReadingRevision",
    "RecoveryCode",
    "ReportFile",
    "Role",
    "SecondFactor",
    "ServiceRequest",
    "Shop",
    "SignInAttempt",
    "Tariff",
    "TillTransaction",
    "TillTransactionRevision",
    "TouchedDate",
    "Unit",
    "UnknownDevice",
    "Upload",
    "User",
    "UserSession",
    "user_malls",
    "user_roles",
    "user_shops",
]
