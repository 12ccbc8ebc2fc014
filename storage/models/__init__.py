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
from storage.models.deposits import DepositEntry
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
from storage.models.leasing import (
    Contract,
    ContractChange,
    ContractClause,
    ContractEvent,
    ContractUnit,
    ContractVersion,
    RenewalRequest,
)
from storage.models.malls import ClosedMonth, Mall, Shop, Unit, UnitChange, UnitChangePart
from storage.models.messages import (
    MessagePreference,
    MessageTemplate,
    Notification,
    OutboxMessage,
)
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
from storage.models.signing import ContractPaper, ContractSignature, SigningCode
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
    "ContractChange",
    "ContractClause",
    "ContractEvent",
    "ContractPaper",
    "ContractSignature",
    "ContractUnit",
    "ContractVersion",
    "DepositEntry",
    "Device",
    "DeviceInstallation",
    "DeviceKey",
    "Document",
    "InboxFile",
    "LateReading",
    "Mall",
    "MessagePreference",
    "MessageTemplate",
    "Notification",
    "OutboxMessage",
    "Payment",
    "PendingAuditEvent",
    "Quarantined",
    "Reading",
    "ReadingHour",
    "ReadingRevision",
    "RecoveryCode",
    "RenewalRequest",
    "ReportFile",
    "Role",
    "SecondFactor",
    "ServiceRequest",
    "Shop",
    "SignInAttempt",
    "SigningCode",
    "Tariff",
    "TillTransaction",
    "TillTransactionRevision",
    "TouchedDate",
    "Unit",
    "UnitChange",
    "UnitChangePart",
    "UnknownDevice",
    "Upload",
    "User",
    "UserSession",
    "user_malls",
    "user_roles",
    "user_shops",
]
