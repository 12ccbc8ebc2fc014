"""Who acts, and which malls and shops that reaches.

Belongs here: the two facts that every transaction carries into the database. Not here: what a
role may do (`domain.permissions`) and how they are carried (storage).
"""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    PERSON = "PERSON"
    DEVICE = "DEVICE"
    SYSTEM = "SYSTEM"  # the pipelines, the command line
    ANONYMOUS = "ANONYMOUS"  # somebody at the sign-in page


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows a transaction may reach: those of `mall_ids`, or of `shop_ids` alone for a shop's
    person, or all of the installation. Empty: none.
    """

    mall_ids: frozenset[int] = frozenset()
    shop_ids: frozenset[int] = frozenset()
    is_everything: bool = False


EVERYTHING = Scope(is_everything=True)
NOTHING = Scope()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, as the audit keeps it.

    `name`: a person's e-mail address, a key's public id, or a program's name. `role`: the
    person's role, else empty. `address` and `agent`: IP and user agent of the request.
    """

    kind: ActorKind
    name: str
    id: int | None = None
    role: str = ""
    address: str = ""
    agent: str = ""
    request_id: str = ""
