"""Money received: how it came and what may become of it."""

from enum import StrEnum

from domain.state_machines import IllegalTransition


class PaymentMethod(StrEnum):
    WECHAT = "WECHAT"
    ALIPAY = "ALIPAY"
    BANK_TRANSFER = "BANK_TRANSFER"
    CASH = "CASH"


class PaymentState(StrEnum):
    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"
    CLOSED = "CLOSED"
    REFUNDED = "REFUNDED"


class PaymentEvent(StrEnum):
    CONFIRM = "CONFIRM"
    FAIL = "FAIL"
    CLOSE = "CLOSE"  # nothing came in time
    REFUND = "REFUND"  # the whole of it went back; a part leaves it CONFIRMED


TRANSITIONS: dict[tuple[PaymentState, PaymentEvent], PaymentState] = {
    (PaymentState.PENDING, PaymentEvent.CONFIRM): PaymentState.CONFIRMED,
    (PaymentState.PENDING, PaymentEvent.FAIL): PaymentState.FAILED,
    (PaymentState.PENDING, PaymentEvent.CLOSE): PaymentState.CLOSED,
    (PaymentState.CONFIRMED, PaymentEvent.REFUND): PaymentState.REFUNDED,
}


def advance(state: PaymentState, event: PaymentEvent) -> PaymentState:
    """The state that follows; raises IllegalTransition when the table has no such row."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition("payment", state, event) from None
