"""What was sent to whom, and why; what could not be sent goes out again.

Belongs here: the log of deliveries, one of them, messages that reached nobody, and sending again.
Not here: one's own inbox (inbox) and what messages say (message_texts).
"""

from collections import Counter
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import ngettext

from domain.audit import AuditAction
from domain.message_templates import MASK
from domain.notifications import Channel, DeliveryState
from domain.permissions import Permission
from services.operations.audit import record_event
from services.operations.outbox import (
    NotResendable,
    Refusal,
    resend_notification,
    why_not_resendable,
)
from services.queries.keyset import Place
from services.queries.message_log import (
    LoggedDelivery,
    MessageFilter,
    count_failed,
    find_delivery,
    list_deliveries,
    list_deliveries_of_message,
    list_undelivered,
)
from webapp import listing
from webapp.admin import access, filters, formats, labels
from webapp.admin.base import StaffView, parse_date
from webapp.auth.authorisation import current_scope, may, require
from webapp.words import messages as words

FAILED_COUNTED = 1000
FILTERS = ("text", "template", "channel", "state", "shop", "contract", "from", "to")


class MessagesView(StaffView):
    permission = Permission.MESSAGES_READ

    @expose("/")
    def index(self) -> Any:
        session = access.database()()
        found = list_deliveries(
            session,
            _wanted(),
            after=listing.asked_place("after", int),
            before=listing.asked_place("before", int),
        )
        page: str = self.render(
            "admin/messages.html",
            deliveries=found.items,
            pager=listing.pager(found, _place),
            chosen={name: request.args.get(name, "").strip() for name in FILTERS},
            is_filtered=any(request.args.get(name) for name in FILTERS),
            has_place=bool(request.args.get("after") or request.args.get("before")),
            shops=filters.shop_options(),
            templates=words.kinds_of_messages(),
            channels=labels.labels_of(Channel),
            states=labels.labels_of(DeliveryState),
            resendable={one.id for one in found.items if self._can_resend(one)},
            **_shared(),
        )
        return page

    @expose("/undelivered")
    def undelivered(self) -> Any:
        """Messages that reached nobody, and those whose time has not come."""
        found = list_undelivered(
            access.database()(),
            mall_id=access.current_mall_id(),
            after=listing.asked_place("after", int),
            before=listing.asked_place("before", int),
        )
        page: str = self.render(
            "admin/messages_undelivered.html",
            messages_waiting=found.items,
            pager=listing.pager(found, _place),
            why_nobody=words.why_nobody,
            is_lost=words.is_lost,
            **_shared(),
        )
        return page

    @expose("/<int(max=9223372036854775807):delivery_id>")
    def delivery(self, delivery_id: int) -> Any:
        session = access.database()()
        found = _found(delivery_id)
        if found is None:
            abort(404)
        others = (
            list_deliveries_of_message(session, message_id=found.message_id)
            if found.message_id
            else ()
        )
        page: str = self.render(
            "admin/message.html",
            one=found,
            others=[other for other in others if other.id != found.id],
            has_secret=MASK in found.body,
            can_resend=self._can_resend(found),
            locale_names=labels.LOCALE_NAMES,
            **_shared(),
        )
        return page

    def _can_resend(self, one: LoggedDelivery) -> bool:
        """Whether whoever looks may send it again, and it can be."""
        return may(Permission.MESSAGES_RESEND) and not why_not_resendable(
            one.state, template=one.template, expires_at=one.expires_at, now=self.now()
        )

    @expose("/again", methods=("POST",))
    def again(self) -> Any:
        """Send the chosen deliveries once more; each that cannot be says why."""
        require(Permission.MESSAGES_RESEND)
        chosen = _chosen()
        back = _back(chosen)
        if not chosen:
            flash(_("Choose the messages first."), "error")
            return redirect(back)
        session = access.database()()
        sent, refused = 0, Counter[str]()
        for delivery_id in chosen:
            found = _found(delivery_id)
            try:
                if found is None:
                    raise NotResendable(delivery_id, Refusal.UNKNOWN)
                resend_notification(session, notification_id=delivery_id, now=self.now())
            except NotResendable as error:
                refused[str(words.why_not_again(error.refusal))] += 1
                continue
            sent += 1
            record_event(
                session,
                action=AuditAction.MESSAGE_RESENT,
                now=self.now(),
                mall_id=found.mall_id,
                subject_type="notifications",
                subject_id=delivery_id,
            )
        session.commit()
        if sent:
            flash(
                ngettext("%(num)s message goes out again.", "%(num)s messages go out again.", sent),
                "success",
            )
        for reason, count in refused.items():
            flash(
                ngettext(
                    "%(num)s message stays as it is: %(reason)s",
                    "%(num)s messages stay as they are: %(reason)s",
                    count,
                    reason=reason,
                ),
                "warning",
            )
        return redirect(back)


def _shared() -> dict[str, Any]:
    """What the pages of messages all show."""
    failed = count_failed(
        access.database()(), mall_id=access.current_mall_id(), most=FAILED_COUNTED + 1
    )
    return {
        "kind": words.kind_of_message,
        "why": words.why,
        "who": words.who,
        "why_not_sent": words.why_not_sent,
        "audience": _audience,
        "failed": f"{FAILED_COUNTED}+" if failed > FAILED_COUNTED else str(failed or ""),
    }


def _audience(message: Any) -> str:
    """For whom a message is, in words: `Shop`, `Officer in charge`, `Management`."""
    if message.role is not None:
        return str(labels.label(message.role))
    return str(labels.label(message.audience)) if message.audience is not None else ""


def _found(delivery_id: int) -> LoggedDelivery | None:
    """A delivery of the mall on the page, for administrators a letter about an account too."""
    return find_delivery(
        access.database()(),
        delivery_id=delivery_id,
        mall_id=access.current_mall_id(),
        of_people=current_scope().is_everything,
    )


def _place(item: Any) -> Place:
    return Place(item.id, item.id)


def _wanted() -> MessageFilter:
    """What the address asks for; a value that cannot be does not narrow."""
    channel, state = _text("channel"), _text("state")
    return MessageFilter(
        mall_id=access.current_mall_id(),
        of_people=current_scope().is_everything,
        text=_text("text"),
        template=_text("template"),
        channel=Channel(channel) if channel in set(Channel) else None,
        state=DeliveryState(state) if state in set(DeliveryState) else None,
        shop_id=_number("shop"),
        contract_id=_number("contract"),
        since=_start_of("from"),
        until=_start_of("to", days=1),
    )


def _text(name: str) -> str:
    return request.args.get(name, "").strip()


def _number(name: str) -> int | None:
    try:
        return filters.row_id(_text(name))
    except ValueError:
        return None


def _start_of(name: str, *, days: int = 0) -> datetime | None:
    """The beginning of a day of the address, in the mall's zone, or of the day after it."""
    day = parse_date(_text(name))
    if day is None or day == date.max:
        return None
    return datetime.combine(day + timedelta(days=days), time(), formats.zone())


def _chosen() -> list[int]:
    """Ids of the chosen deliveries; what is no id is none."""
    found = []
    for text in request.form.getlist("delivery"):
        try:
            found.append(filters.row_id(text))
        except ValueError:
            continue
    return found


def _back(chosen: list[int]) -> str:
    """The delivery's own page, or the list as it was: its filters travel with the form."""
    if request.form.get("at-delivery") and len(chosen) == 1:
        return url_for(".delivery", delivery_id=chosen[0])
    names = (*FILTERS, "after", "before")
    kept = {name: request.form[f"at-{name}"] for name in names if request.form.get(f"at-{name}")}
    return url_for(".index", **kept)
