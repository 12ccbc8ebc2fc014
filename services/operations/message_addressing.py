"""Messages of the outbox become deliveries: to whom, in which language, over which channels.

Belongs here: who is behind an audience and what each of them gets. Not here: the words
(message_texts) and the sending (outbox). The template says over which channels a message goes
(`domain.message_templates`), each person's preferences which of them are switched off.

Each delivery is written once, whoever runs at the same time: the message is locked meanwhile, and
its key, the channel and the person are unique.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.bills import OWED
from domain.message_templates import SPECS, TemplateSpec
from domain.notifications import (
    REMINDERS,
    Channel,
    DeliveryState,
    Failure,
    Template,
    Unaddressed,
    after_quiet_hours,
)
from services.operations.message_audiences import Directory, Person, Recipients
from services.operations.message_texts import (
    Text,
    WrongParameters,
    render,
    words_of,
)
from services.operations.message_words import Words
from storage.database import transaction
from storage.models import Bill, Contract, Mall, Notification, OutboxMessage, Shop

BATCH = 200


@dataclass(frozen=True, slots=True)
class AddressingResult:
    """`addressed` messages became `deliveries`; `unaddressed` are those that reached nobody."""

    addressed: int
    deliveries: int
    unaddressed: int


@dataclass(frozen=True, slots=True)
class Language:
    """What a reader's texts depend on beside the message; `site` is the address of the site."""

    default_locale: str
    site: str


def address_messages(
    engine: sa.Engine, *, site: str, default_locale: str, now: datetime
) -> AddressingResult:
    """Make deliveries of all messages whose time has come, in transactions of a batch each."""
    language = Language(default_locale, site)
    found = AddressingResult(0, 0, 0)
    while True:
        with transaction(engine) as session:
            batch = address_waiting(session, language=language, now=now, limit=BATCH)
        found = AddressingResult(
            found.addressed + batch.addressed,
            found.deliveries + batch.deliveries,
            found.unaddressed + batch.unaddressed,
        )
        if batch.addressed < BATCH:
            return found


def address_waiting(
    session: Session, *, language: Language, now: datetime, limit: int
) -> AddressingResult:
    """Make deliveries of up to `limit` messages; those that others address now are left to them.

    A message that reaches nobody is closed with the reason in `problem`.
    """
    messages = session.scalars(
        sa.select(OutboxMessage)
        .where(OutboxMessage.addressed_at.is_(None), OutboxMessage.send_after <= now)
        .order_by(OutboxMessage.send_after, OutboxMessage.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    addressing = _Addressing(session, language, now)
    deliveries = [addressing.address_apart(message) for message in messages]
    session.flush()
    return AddressingResult(
        addressed=len(messages),
        deliveries=sum(deliveries),
        unaddressed=sum(bool(message.problem) for message in messages),
    )


class _Addressing:
    """One batch, in one transaction; what many messages need is read once."""

    def __init__(self, session: Session, language: Language, now: datetime) -> None:
        self.session = session
        self.language = language
        self.now = now
        self.directory = Directory(session)
        self.words: dict[tuple[int, Template, str], Words] = {}

    def address_apart(self, message: OutboxMessage) -> int:
        """As `address`; a message that cannot be made sense of holds up no other. Nothing of it is
        written before all of it is made.
        """
        try:
            return self.address(message)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            return self._close(message, Unaddressed.WORDS, type(error).__name__)

    def address(self, message: OutboxMessage) -> int:
        """Write the deliveries of a message; how many."""
        message.addressed_at = self.now
        message.problem = ""
        if message.template not in set(Template):
            return self._close(message, Unaddressed.WORDS, "no such template")
        if message.expires_at is not None and message.expires_at <= self.now:
            return self._close(message, Unaddressed.EXPIRED)
        if message.template in REMINDERS and not self._is_owed(message.bill_id):
            return self._close(message, Unaddressed.SETTLED)
        recipients = self.directory.recipients(message)
        if not recipients:
            return self._close(message, Unaddressed.NOBODY)
        try:
            rows = self._rows(message, SPECS[Template(message.template)], recipients)
        except WrongParameters as error:
            return self._close(message, Unaddressed.WORDS, ", ".join(error.missing))
        if not rows:
            return self._close(message, Unaddressed.SWITCHED_OFF)
        written = self.session.scalars(
            insert(Notification)
            .on_conflict_do_nothing(index_elements=["mall_id", "dedupe_key", "channel"])
            .returning(Notification.id),
            rows,
        )
        return len(written.all())

    def _close(self, message: OutboxMessage, reason: Unaddressed, detail: str = "") -> int:
        message.problem = f"{reason.value}: {detail}" if detail else reason.value
        return 0

    def _is_owed(self, bill_id: int | None) -> bool:
        state = self.session.scalar(sa.select(Bill.state).where(Bill.id == bill_id))
        return state in OWED

    def _rows(
        self, message: OutboxMessage, spec: TemplateSpec, recipients: Recipients
    ) -> list[dict[str, Any]]:
        mall = self.session.get_one(Mall, message.mall_id)
        zone = mall.clock.zone
        values = self._values(message, mall)
        send_after = after_quiet_hours(self.now, zone) if spec.waits_for_morning else self.now
        texts: dict[str, Text] = {}

        def row(
            channel: Channel, recipient: str, locale: str, person: Person | None = None
        ) -> dict[str, Any]:
            locale = locale or self.language.default_locale
            if locale not in texts:
                texts[locale] = self._text(message, spec.template, values, locale)
            text = texts[locale]
            suffix = f"/user/{person.id}" if person else ""
            return {
                "message_id": message.id,
                "mall_id": message.mall_id,
                # A shop reads what has its number: what staff are told is not for it.
                "shop_id": recipients.shop_id,
                "user_id": person.id if person else None,
                "bill_id": message.bill_id,
                "contract_id": message.contract_id,
                "channel": channel,
                "recipient": recipient,
                "locale": locale,
                "template": message.template,
                "parameters": values,
                "subject": text.subject,
                "body": text.masked,
                "dedupe_key": f"{message.dedupe_key}{suffix}",
                "state": DeliveryState.PENDING,
                "error": "",
                "send_after": send_after,
                "expires_at": message.expires_at,
            }

        rows = []
        if recipients.shop_id is not None:
            rows += self._shop_rows(spec, recipients, row)
        for person in recipients.people:
            for channel, address in person.addresses.items():
                if recipients.shop_id is not None and channel is not Channel.EMAIL:
                    continue  # a shop has one inbox and one number
                if channel in spec.channels and not _is_off(person, spec, channel):
                    rows.append(row(channel, address, person.locale, person))
        return rows

    def _shop_rows(
        self, spec: TemplateSpec, recipients: Recipients, row: Callable[..., dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """To the shop itself: its inbox, its number, its address when none of its people has it."""
        rows = []
        locale = recipients.locale
        if Channel.IN_APP in spec.channels:
            rows.append(row(Channel.IN_APP, recipients.shop_code, locale))
        if Channel.SMS in spec.channels:
            phone = recipients.contact_phone
            sms = row(Channel.SMS, phone, locale)
            if not phone:
                sms |= {
                    "state": DeliveryState.FAILED,
                    "error": Failure.NO_TELEPHONE.told(),
                }
            rows.append(sms)
        known = {person.email.lower() for person in recipients.people}
        email = recipients.contact_email
        if Channel.EMAIL in spec.channels and email and email.lower() not in known:
            rows.append(row(Channel.EMAIL, email, locale))
        return rows

    def _text(
        self, message: OutboxMessage, template: Template, values: Mapping[str, Any], locale: str
    ) -> Text:
        key = (message.mall_id, template, locale)
        if key not in self.words:
            self.words[key] = words_of(
                self.session, mall_id=message.mall_id, template=template, locale=locale
            )
        return render(template, locale=locale, values=values, words=self.words[key])

    def _values(self, message: OutboxMessage, mall: Mall) -> dict[str, Any]:
        """What was posted, and what is known from the rows it is about."""
        known: dict[str, Any] = {
            "mall": mall.name,
            "site": self.language.site,
            "actor": self.directory.name_of(message.actor),
        }
        shop_id = message.shop_id
        if message.contract_id is not None:
            contract = self.session.get_one(Contract, message.contract_id)
            shop_id = shop_id or contract.shop_id
            known |= {
                "contract": contract.number,
                "start_date": contract.start_date.isoformat(),
                "end_date": contract.end_date.isoformat(),
            }
        if shop_id is not None:
            known["shop"] = self.session.get_one(Shop, shop_id).name
        return {**known, **message.parameters}


def _is_off(person: Person, spec: TemplateSpec, channel: Channel) -> bool:
    """What the law or the lease wants told cannot be switched off."""
    return not spec.is_legal and (spec.topic, channel) in person.switched_off
