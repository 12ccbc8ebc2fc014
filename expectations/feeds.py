"""Which module judges which feed."""

from collections.abc import Callable

from domain.devices import Feed
from expectations import footfall_hours, meter_registers, pos_days
from expectations.suite import Verdict

VALIDATIONS: dict[Feed, Callable[..., Verdict]] = {
    Feed.POS_DAYS: pos_days.validate,
    Feed.FOOTFALL_HOURS: footfall_hours.validate,
    Feed.METER_REGISTERS: meter_registers.validate,
}
