"""The words and colours of every value that people see instead of a code.

Belongs here: labels and tones of the domain's enums, of roles, report names, run states and
gates. Not here: column titles, which stand with their view.
"""

from enum import StrEnum
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from domain.backups import BackupKind, BackupOrigin, BackupState
from domain.bills import BillEvent, BillRunState, BillState
from domain.charges import ChargeType, PricingKind, Proration, TariffKind
from domain.contracts import ContractEvent, ContractState
from domain.devices import (
    Adapter,
    DeviceKind,
    DeviceStatus,
    Feed,
    FeedKind,
    KeyState,
    Metric,
    Quality,
)
from domain.gates import Gate
from domain.malls import BusinessType
from domain.notifications import DeliveryState
from domain.payments import PaymentMethod, PaymentState
from domain.people import AccountState, Role
from domain.requests import RequestCategory, RequestKind, RequestPriority, RequestState
from domain.uploads import UploadKind
from storage.models.ingest import FileState, UnknownDeviceState

# What a colour says, everywhere: neutral grey, waiting amber, good green, bad red, info blue,
# void struck through.
NEUTRAL, WAITING, GOOD, BAD, INFO, VOID = "neutral", "waiting", "good", "bad", "info", "void"

Label = str | LazyString

# Pairs, not a dictionary: members of two enums with one value are equal and would overwrite.
_WORDS: tuple[tuple[StrEnum, Label], ...] = (
    (BusinessType.RETAIL, _l("Retail")),
    (BusinessType.CATERING, _l("Catering")),
    (BusinessType.ENTERTAINMENT, _l("Entertainment")),
    (BusinessType.SERVICE, _l("Service")),
    (BusinessType.OTHER, _l("Other")),
    (UploadKind.LICENCE, _l("Licence")),
    (UploadKind.PHOTO, _l("Photo")),
    (UploadKind.DOCUMENT, _l("Document")),
    (UploadKind.REPAIR_PHOTO, _l("Repair photo")),
    (UploadKind.BANK_SLIP, _l("Bank slip")),
    (UploadKind.SALES_FILE, _l("Sales file")),
    (ContractState.DRAFT, _l("Draft")),
    (ContractState.IN_REVIEW, _l("In review")),
    (ContractState.APPROVED, _l("Approved")),
    (ContractState.REJECTED, _l("Rejected")),
    (ContractState.SENT, _l("Sent")),
    (ContractState.DECLINED, _l("Declined")),
    (ContractState.SIGNED, _l("Signed")),
    (ContractState.ACTIVE, _l("Active")),
    (ContractState.EXPIRED, _l("Expired")),
    (ContractState.TERMINATED, _l("Terminated")),
    (ContractState.RENEWED, _l("Renewed")),
    (ChargeType.RENT, _l("Rent")),
    (ChargeType.TURNOVER_RENT, _l("Turnover rent")),
    (ChargeType.PROPERTY_FEE, _l("Property fee")),
    (ChargeType.ELECTRICITY, _l("Electricity")),
    (ChargeType.WATER, _l("Water")),
    (ChargeType.GAS, _l("Gas")),
    (ChargeType.LATE_FEE, _l("Late fee")),
    (ChargeType.DEPOSIT, _l("Deposit")),
    (ChargeType.OTHER, _l("Other")),
    (PricingKind.FIXED_MONTHLY, _l("Fixed per month")),
    (PricingKind.PER_AREA_MONTH, _l("Per m² and month")),
    (PricingKind.PER_AREA_DAY, _l("Per m² and day")),
    (PricingKind.PERCENTAGE, _l("Percentage of sales")),
    (PricingKind.METERED, _l("Metered")),
    (PricingKind.ONE_OFF, _l("One-off")),
    (Proration.ACTUAL, _l("Actual days")),
    (Proration.THIRTY_360, _l("30/360")),
    (Proration.DAYS_365, _l("× 12 ÷ 365")),
    (TariffKind.FLAT, _l("Flat price")),
    (TariffKind.TIME_OF_USE, _l("Time of use")),
    (TariffKind.TIERED, _l("Tiered")),
    (BillState.DRAFT, _l("Draft")),
    (BillState.IN_REVIEW, _l("In review")),
    (BillState.ISSUED, _l("Issued")),
    (BillState.PARTIALLY_PAID, _l("Partially paid")),
    (BillState.PAID, _l("Paid")),
    (BillState.VOID, _l("Void")),
    (BillRunState.RUNNING, _l("Running")),
    (BillRunState.FINISHED, _l("Finished")),
    (BillRunState.FAILED, _l("Failed")),
    (PaymentMethod.WECHAT, _l("WeChat Pay")),
    (PaymentMethod.ALIPAY, _l("Alipay")),
    (PaymentMethod.BANK_TRANSFER, _l("Bank transfer")),
    (PaymentMethod.CASH, _l("Cash")),
    (PaymentState.PENDING, _l("Pending")),
    (PaymentState.CONFIRMED, _l("Confirmed")),
    (PaymentState.FAILED, _l("Failed")),
    (PaymentState.CLOSED, _l("Closed")),
    (PaymentState.REFUNDED, _l("Refunded")),
    (DeviceKind.FOOTFALL, _l("Footfall counter")),
    (DeviceKind.POS, _l("Till")),
    (DeviceKind.METER, _l("Meter")),
    (DeviceKind.ENVIRONMENT, _l("Environment sensor")),
    (DeviceKind.OTHER, _l("Other")),
    (DeviceStatus.ONLINE, _l("Online")),
    (DeviceStatus.OFFLINE, _l("Offline")),
    (DeviceStatus.MAINTENANCE, _l("Maintenance")),
    (KeyState.OPEN, _l("Valid")),
    (KeyState.CLOSING, _l("Being replaced")),
    (KeyState.EXPIRED, _l("Expired")),
    (KeyState.REVOKED, _l("Revoked")),
    (FeedKind.INTERVAL, _l("Intervals")),
    (FeedKind.CUMULATIVE, _l("Register")),
    (FeedKind.EVENT, _l("Events")),
    (Metric.SALES, _l("Net sales")),
    (Metric.TRANSACTIONS, _l("Transactions")),
    (Metric.GROSS_SALES, _l("Gross sales")),
    (Metric.REFUNDS, _l("Refunds")),
    (Metric.DISCOUNTS, _l("Discounts")),
    (Metric.TAX, _l("Tax")),
    (Metric.FOOTFALL_IN, _l("Footfall in")),
    (Metric.FOOTFALL_OUT, _l("Footfall out")),
    (Metric.ELECTRICITY, _l("Electricity register")),
    (Metric.WATER, _l("Water register")),
    (Metric.GAS, _l("Gas register")),
    (Metric.ELECTRICITY_USED, _l("Electricity used")),
    (Metric.WATER_USED, _l("Water used")),
    (Metric.GAS_USED, _l("Gas used")),
    (Metric.DECLARED_SALES, _l("Sales by the till's own day summary")),
    (Metric.DECLARED_TRANSACTIONS, _l("Transactions by the till's own day summary")),
    (Metric.TEMPERATURE, _l("Temperature")),
    (Metric.HUMIDITY, _l("Humidity")),
    (Metric.CARBON_DIOXIDE, _l("Carbon dioxide")),
    (Adapter.ATRIUM, _l("Atrium's own format")),
    (Adapter.HIKVISION, "Hikvision"),
    (Adapter.AXIS, "Axis"),
    (Adapter.XOVIS, "Xovis"),
    (Adapter.MILESIGHT, "Milesight"),
    (Adapter.POSLOG, "POSLog"),
    (Adapter.TECHTRANS, _l("TechTrans")),
    (Adapter.SHOP_DAYS, _l("Day summaries of shops")),
    (Adapter.NEM12, "NEM12"),
    (Adapter.DSMR, "DSMR"),
    (Adapter.GATEWAY, _l("Meter gateway")),
    (Adapter.AI_ON_THE_EDGE, "AI-on-the-edge"),
    (UnknownDeviceState.NEW, _l("New")),
    (UnknownDeviceState.REGISTERED, _l("Registered")),
    (UnknownDeviceState.IGNORED, _l("Ignored")),
    (Quality.GOOD, _l("Good")),
    (Quality.ESTIMATED, _l("Estimated")),
    (Quality.UNCERTAIN, _l("Uncertain")),
    (Feed.POS_DAYS, _l("Till days")),
    (Feed.FOOTFALL_HOURS, _l("Footfall hours")),
    (Feed.METER_REGISTERS, _l("Meter registers")),
    (Feed.READINGS, _l("Readings")),
    (Feed.HIKVISION, "Hikvision"),
    (Feed.AXIS, "Axis"),
    (Feed.XOVIS, "Xovis"),
    (Feed.MILESIGHT, "Milesight"),
    (Feed.POSLOG, "POSLog"),
    (Feed.TECHTRANS, _l("TechTrans")),
    (Feed.SHOP_DAYS, _l("Day summaries of shops")),
    (Feed.NEM12, "NEM12"),
    (Feed.DSMR, "DSMR"),
    (Feed.GATEWAY, _l("Meter gateway")),
    (Feed.AI_ON_THE_EDGE, "AI-on-the-edge"),
    (FileState.LANDED, _l("Landed")),
    (FileState.DUPLICATE, _l("Duplicate")),
    (FileState.REFUSED, _l("Refused")),
    (RequestKind.REPAIR, _l("Repair")),
    (RequestKind.EVENT, _l("Event")),
    (RequestCategory.UTILITY_FAULT, _l("Utility fault")),
    (RequestCategory.EQUIPMENT, _l("Equipment")),
    (RequestCategory.FACILITY, _l("Facility")),
    (RequestCategory.OTHER, _l("Other")),
    (RequestPriority.LOW, _l("Low")),
    (RequestPriority.MEDIUM, _l("Medium")),
    (RequestPriority.HIGH, _l("High")),
    (RequestPriority.URGENT, _l("Urgent")),
    (RequestState.SUBMITTED, _l("Submitted")),
    (RequestState.ACCEPTED, _l("Accepted")),
    (RequestState.REJECTED, _l("Rejected")),
    (RequestState.ASSIGNED, _l("Assigned")),
    (RequestState.IN_PROGRESS, _l("In progress")),
    (RequestState.COMPLETED, _l("Completed")),
    (RequestState.CONFIRMED, _l("Confirmed")),
    (RequestState.REOPENED, _l("Reopened")),
    (RequestState.CLOSED, _l("Closed")),
    (RequestState.CANCELLED, _l("Cancelled")),
    (BackupKind.FULL, _l("Full")),
    (BackupKind.INCREMENTAL, _l("Incremental")),
    (BackupOrigin.AUTOMATIC, _l("Automatic")),
    (BackupOrigin.MANUAL, _l("Manual")),
    (BackupState.PENDING, _l("Pending")),
    (BackupState.RUNNING, _l("Running")),
    (BackupState.SUCCESS, _l("Stored, not proven")),
    (Gate.CLAUSES, _l("A clause cannot be read")),
    (Gate.TARIFF, _l("No tariff for some days")),
    (Gate.METER_COMPLETENESS, _l("Meter readings are missing")),
    (Gate.METER_ANOMALY, _l("A meter ran backwards or too fast")),
    (Gate.USAGE_DISAPPEARED, _l("Usage billed before has disappeared")),
    (Gate.POS_DAYS, _l("Sales days are missing")),
    (Gate.LINE_EXISTS, _l("A line is charged already")),
    (Gate.LINES_PER_DAY, _l("More lines in a day than there should be")),
    (Gate.AMOUNT, _l("Far above the last bills")),
    (BackupState.VERIFIED, _l("Proven")),
    (BackupState.FAILED, _l("Failed")),
    (BackupState.EXPIRED, _l("Expired")),
    (DeliveryState.PENDING, _l("Pending")),
    (DeliveryState.SENT, _l("Sent")),
    (DeliveryState.FAILED, _l("Failed")),
    (Role.SUPER_ADMIN, _l("Super administrator")),
    (Role.MANAGEMENT, _l("Management")),
    (Role.OPERATION, _l("Operation")),
    (Role.FINANCE, _l("Finance")),
    (Role.SHOP, _l("Shop")),
    (AccountState.ACTIVE, _l("In use")),
    (AccountState.INVITED, _l("Invited")),
    (AccountState.LOCKED, _l("Locked")),
    (AccountState.CLOSED, _l("Closed")),
)
_EVENTS: tuple[tuple[StrEnum, Label], ...] = (
    (ContractEvent.SUBMIT, _l("Submitted for review")),
    (ContractEvent.APPROVE, _l("Approved")),
    (ContractEvent.REJECT, _l("Rejected")),
    (ContractEvent.SEND, _l("Sent to the shop")),
    (ContractEvent.SIGN, _l("Signed")),
    (ContractEvent.DECLINE, _l("Declined by the shop")),
    (ContractEvent.REVISE, _l("Taken back to draft")),
    (ContractEvent.ACTIVATE, _l("Came into force")),
    (ContractEvent.EXPIRE, _l("Expired")),
    (ContractEvent.TERMINATE, _l("Terminated")),
    (ContractEvent.RENEW, _l("Renewed")),
    (BillEvent.SUBMIT, _l("Handed to finance")),
    (BillEvent.ISSUE, _l("Issued")),
    (BillEvent.PAY_PART, _l("Part paid")),
    (BillEvent.PAY_REST, _l("Paid in full")),
    (BillEvent.VOID, _l("Voided")),
)

# What report_files and runs name with plain text.
REPORTS: dict[str, Label] = {
    "shop_operation": _l("Shop operation"),
    "rent_collection": _l("Rent collection"),
}
LOCALE_NAMES = {"zh_CN": "中文", "en": "English"}

_TONES: dict[tuple[type[StrEnum], str], str] = {
    (ContractState, "IN_REVIEW"): WAITING,
    (ContractState, "APPROVED"): INFO,
    (ContractState, "REJECTED"): BAD,
    (ContractState, "SENT"): WAITING,
    (ContractState, "DECLINED"): BAD,
    (ContractState, "SIGNED"): INFO,
    (ContractState, "ACTIVE"): GOOD,
    (AccountState, "ACTIVE"): GOOD,
    (AccountState, "INVITED"): WAITING,
    (AccountState, "LOCKED"): BAD,
    (AccountState, "CLOSED"): VOID,
    (BillState, "IN_REVIEW"): WAITING,
    (BillState, "ISSUED"): INFO,
    (BillState, "PARTIALLY_PAID"): WAITING,
    (BillState, "PAID"): GOOD,
    (BillState, "VOID"): VOID,
    (BillRunState, "RUNNING"): INFO,
    (BillRunState, "FINISHED"): GOOD,
    (BillRunState, "FAILED"): BAD,
    (PaymentState, "PENDING"): WAITING,
    (PaymentState, "CONFIRMED"): GOOD,
    (PaymentState, "FAILED"): BAD,
    (DeviceStatus, "ONLINE"): GOOD,
    (DeviceStatus, "OFFLINE"): BAD,
    (DeviceStatus, "MAINTENANCE"): WAITING,
    (KeyState, "OPEN"): GOOD,
    (KeyState, "CLOSING"): WAITING,
    (KeyState, "EXPIRED"): VOID,
    (KeyState, "REVOKED"): VOID,
    (Quality, "GOOD"): GOOD,
    (Quality, "ESTIMATED"): WAITING,
    (Quality, "UNCERTAIN"): WAITING,
    (FileState, "LANDED"): GOOD,
    (UnknownDeviceState, "NEW"): WAITING,
    (UnknownDeviceState, "REGISTERED"): GOOD,
    (FileState, "REFUSED"): BAD,
    (RequestPriority, "HIGH"): WAITING,
    (RequestPriority, "URGENT"): BAD,
    (RequestState, "SUBMITTED"): WAITING,
    (RequestState, "REJECTED"): BAD,
    (RequestState, "ASSIGNED"): INFO,
    (RequestState, "IN_PROGRESS"): INFO,
    (RequestState, "COMPLETED"): GOOD,
    (RequestState, "CONFIRMED"): GOOD,
    (RequestState, "REOPENED"): WAITING,
    (BackupState, "PENDING"): WAITING,
    (BackupState, "RUNNING"): INFO,
    (BackupState, "SUCCESS"): WAITING,
    (BackupState, "VERIFIED"): GOOD,
    (BackupState, "FAILED"): BAD,
}
# States and levels are chips; kinds and types are plain words.
_CHIPS = frozenset({kind for kind, _ in _TONES})

_LABELS: dict[tuple[type[StrEnum], str], Label] = {
    (type(member), member.value): word for member, word in (*_WORDS, *_EVENTS)
}


def label(member: StrEnum) -> Label:
    """The word for a member; a member without one shows its value."""
    return _LABELS.get((type(member), member.value), member.value)


def labels_of(kind: type[StrEnum]) -> list[tuple[str, Label]]:
    """(value, word) of every member, for a select."""
    return [(member.value, label(member)) for member in kind]


def tone(member: StrEnum) -> str:
    return _TONES.get((type(member), member.value), NEUTRAL)


def is_chip(member: Any) -> bool:
    return type(member) in _CHIPS


def label_of_value(kind: type[StrEnum], value: str) -> Label:
    """The word for a stored value; an unknown value shows itself."""
    return _LABELS.get((kind, value), value)
