"""Who is behind the audience of a message.

Belongs here: shops with their people and contacts, officers, roles and persons, as they are when a
message is addressed. Not here: what each of them gets (message_addressing).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.notifications import Audience, Channel, Topic
from domain.people import Role, effective_role
from storage.models import Contract, MessagePreference, OutboxMessage, Shop, User
from storage.models import Role as RoleRow
from storage.models.people import user_malls, user_roles, user_shops

# Columns that the pipelines may read, not the whole of an account.
_PERSON = (User.id, User.email, User.name, User.phone, User.locale)


@dataclass(frozen=True, slots=True)
class Person:
    """An active account. `locale` is empty for somebody who has chosen no language."""

    id: int
    email: str
    name: str
    phone: str
    locale: str
    switched_off: frozenset[tuple[Topic, Channel]]

    @property
    def addresses(self) -> Mapping[Channel, str]:
        """Where each channel reaches the person."""
        found = {Channel.IN_APP: self.email, Channel.EMAIL: self.email}
        if self.phone:
            found[Channel.SMS] = self.phone
        return found


@dataclass(frozen=True, slots=True)
class Recipients:
    """The people, and for a shop what belongs to it and to nobody in particular. `locale` is the
    language that all its people chose, else empty.
    """

    people: tuple[Person, ...]
    shop_id: int | None = None
    shop_code: str = ""
    contact_phone: str = ""
    contact_email: str = ""
    locale: str = ""

    def __bool__(self) -> bool:
        return bool(self.people) or self.shop_id is not None


class Directory:
    """Audiences of one transaction; each is looked up once."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._found: dict[tuple[object, ...], Recipients] = {}
        self._names: dict[str, str] = {}

    def recipients(self, message: OutboxMessage) -> Recipients:
        """Who a message is for; empty when there is nobody."""
        key: tuple[object, ...]
        if message.audience is Audience.SHOP:
            key = (Audience.SHOP, message.shop_id)
        elif message.audience is Audience.OFFICER:
            key = (Audience.OFFICER, message.contract_id)
        elif message.audience is Audience.ROLE:
            key = (Audience.ROLE, message.mall_id, message.role)
        else:
            key = (Audience.PERSON, message.user_id)
        if key not in self._found:
            self._found[key] = self._look_up(message)
        return self._found[key]

    def name_of(self, actor: str) -> str:
        """The name of the account with this address; the actor as it stands when there is none."""
        if actor not in self._names:
            name = self.session.scalar(sa.select(User.name).where(User.email == actor.lower()))
            self._names[actor] = name or actor
        return self._names[actor]

    def _look_up(self, message: OutboxMessage) -> Recipients:
        if message.audience is Audience.SHOP:
            return self._shop(message.shop_id or 0)
        if message.audience is Audience.OFFICER:
            return self._officer(message.contract_id or 0, message.mall_id)
        if message.audience is Audience.ROLE and message.role is not None:
            return Recipients(self._with_role(message.mall_id, message.role))
        return Recipients(self._people(User.id == message.user_id))

    def _shop(self, shop_id: int) -> Recipients:
        shop = self.session.get_one(Shop, shop_id)
        people = self._people(
            User.id.in_(sa.select(user_shops.c.user_id).where(user_shops.c.shop_id == shop_id))
        )
        locales = {person.locale for person in people}
        return Recipients(
            people=people,
            shop_id=shop_id,
            shop_code=shop.code,
            contact_phone=shop.contact_phone.strip(),
            contact_email=shop.contact_email.strip(),
            locale=locales.pop() if len(locales) == 1 else "",
        )

    def _officer(self, contract_id: int, mall_id: int) -> Recipients:
        """The account in charge; the mall's operation desk when that is not active any more, or
        not of the mall.
        """
        officer = self.session.scalar(sa.select(Contract.officer).where(Contract.id == contract_id))
        if officer:
            found = self._people(
                User.email == officer.strip().lower(),
                sa.or_(_is_of_mall(mall_id), User.id.in_(self._acting_as(Role.SUPER_ADMIN))),
            )
            if found:
                return Recipients(found)
        return Recipients(self._with_role(mall_id, Role.OPERATION))

    def _with_role(self, mall_id: int, role: Role) -> tuple[Person, ...]:
        """Everybody of the mall who acts in the role; administrators belong to every mall."""
        acting = User.id.in_(self._acting_as(role))
        if role is Role.SUPER_ADMIN:
            return self._people(acting)
        return self._people(acting, _is_of_mall(mall_id))

    def _acting_as(self, role: Role) -> list[int]:
        held = self.session.execute(
            sa.select(user_roles.c.user_id, sa.func.array_agg(RoleRow.name))
            .join(RoleRow, RoleRow.id == user_roles.c.role_id)
            .group_by(user_roles.c.user_id)
        )
        return [row[0] for row in held if effective_role(list(row[1])) is role]

    def _people(self, *conditions: sa.ColumnElement[bool]) -> tuple[Person, ...]:
        rows = self.session.execute(
            sa.select(*_PERSON).where(User.active, *conditions).order_by(User.id)
        ).all()
        off: dict[int, set[tuple[Topic, Channel]]] = {row.id: set() for row in rows}
        for one in self.session.scalars(
            sa.select(MessagePreference).where(MessagePreference.user_id.in_(off))
        ):
            off[one.user_id].add((one.topic, one.channel))
        return tuple(
            Person(
                id=row.id,
                email=row.email,
                name=row.name,
                phone=row.phone.strip(),
                locale=row.locale,
                switched_off=frozenset(off[row.id]),
            )
            for row in rows
        )


def _is_of_mall(mall_id: int) -> sa.ColumnElement[bool]:
    return User.id.in_(sa.select(user_malls.c.user_id).where(user_malls.c.mall_id == mall_id))
