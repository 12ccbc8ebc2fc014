"""Repairs and events that shops ask for."""

from enum import StrEnum


class RequestKind(StrEnum):
    REPAIR = "REPAIR"
    EVENT = "EVENT"


class RequestCategory(StrEnum):
    UTILITY_FAULT = "UTILITY_FAULT"
    EQUIPMENT = "EQUIPMENT"
    FACILITY = "FACILITY"
    OTHER = "OTHER"


class RequestPriority(StrEnum):
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    URGENT = "URGENT"


class RequestState(StrEnum):
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    ASSIGNED = "ASSIGNED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    CONFIRMED = "CONFIRMED"
    REOPENED = "REOPENED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"
