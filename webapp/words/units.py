"""Why a merge or a split of units is refused, in the reader's language."""

from flask_babel import gettext as _

from services.language import number
from services.operations.malls import AlreadyRegistered, InvalidRegistration, NotRegistered
from services.operations.unit_changes import AreasDiffer, TooFewUnits, UnitInUse, UnitNotOpen

REFUSALS = (
    AlreadyRegistered,
    AreasDiffer,
    InvalidRegistration,
    NotRegistered,
    TooFewUnits,
    UnitInUse,
    UnitNotOpen,
)


def refusal_sentence(error: Exception) -> str:
    """What is said to who asked for the change."""
    match error:
        case TooFewUnits():
            return _("At least two units take part: choose another one.")
        case AreasDiffer(difference=difference) if difference > 0:
            return _(
                "The parts have %(parts)s m² together, the unit has %(area)s m²: "
                "%(count)s m² too much.",
                parts=number(error.parts_m2, 2),
                area=number(error.area_m2, 2),
                count=number(difference, 2),
            )
        case AreasDiffer(difference=difference):
            return _(
                "The parts have %(parts)s m² together, the unit has %(area)s m²: "
                "%(count)s m² are missing.",
                parts=number(error.parts_m2, 2),
                area=number(error.area_m2, 2),
                count=number(-difference, 2),
            )
        case UnitInUse():
            return _(
                "The contract %(number)s holds the unit %(unit)s until %(last)s. The change can "
                "take effect the day after.",
                number=error.number,
                unit=error.unit,
                last=error.last.isoformat(),
            )
        case UnitNotOpen(closed=None):
            return _(
                "The unit %(unit)s opens on %(day)s only; choose a later day.",
                unit=error.unit,
                day=error.opened.isoformat(),
            )
        case UnitNotOpen():
            return _(
                "The unit %(unit)s closes on %(day)s already.",
                unit=error.unit,
                day=error.closed.isoformat() if error.closed else "",
            )
        case AlreadyRegistered():
            return _("This code is taken; choose another.")
        case _:
            return _("It was not saved: it contradicts what is already recorded.")
