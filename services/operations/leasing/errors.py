"""What can stand in the way of a lease.

Belongs here: the refusals that all its operations share.
"""


class ContractNotFound(Exception):
    """No such contract."""


class InvalidContract(Exception):
    """A contract that cannot be: its dates, units or clauses do not fit together."""


class UnitAlreadyLet(Exception):
    """Another contract holds a unit on one of the days; the message names it."""


class MakerIsChecker(Exception):
    """Who drafted or handed in a contract may not decide on it."""


class RoleMayNot(Exception):
    """The role does not carry the permission for this step of a contract."""


class CommentRequired(Exception):
    """A refusal must say why."""


class NotYetStarted(Exception):
    """A contract becomes active on its first day, not before."""


class NotYetEnded(Exception):
    """A contract expires the day after its last day, not before."""
