"""One's own inbox: what the person of the mall was told on the site.

Belongs here: the list, opening what a message is about, and the count on every page. Not here:
what others were sent (messages).
"""

from typing import Any

from flask import abort, redirect, session, url_for
from flask_admin import expose

from domain.permissions import Permission
from services.operations.inboxes import mark_inbox_read
from services.queries.inboxes import (
    OwnMessage,
    count_unread_of,
    find_own_message,
    list_inbox,
)
from services.queries.keyset import Place
from services.queries.portal_messages import UNREAD_SHOWN
from webapp import listing
from webapp.admin import access
from webapp.admin.base import StaffView
from webapp.auth.authorisation import may, principal
from webapp.words.messages import kind_of_message


class InboxView(StaffView):
    permission = Permission.OWN_INBOX_READ

    @expose("/")
    def index(self) -> Any:
        found = list_inbox(
            access.database()(),
            user_id=_own_id(),
            after=listing.asked_place("after", listing.read_instant),
            before=listing.asked_place("before", listing.read_instant),
        )
        page: str = self.render(
            "admin/inbox.html",
            inbox=found.items,
            pager=listing.pager(found, lambda message: Place(message.sent_at, message.id)),
            kind=kind_of_message,
            thing=_thing,
            has_unread=bool(unread()),
            malls_by_id={mall.id: mall.name for mall in access.malls()},
        )
        return page

    @expose("/<int(max=9223372036854775807):message_id>", methods=("POST",))
    def open(self, message_id: int) -> Any:
        """Note that the message is read, and go to what it is about, in the mall that it is of."""
        database = access.database()
        message = find_own_message(database(), user_id=_own_id(), message_id=message_id)
        if message is None:
            abort(404)
        mark_inbox_read(database(), user_id=_own_id(), message_id=message_id, now=self.now())
        database.commit()
        thing = _thing(message)
        if not thing:
            return redirect(url_for(".index"))
        mall = next((one for one in access.malls() if one.id == message.mall_id), None)
        if mall is not None:
            session["mall"] = mall.code
        id_of_thing = message.contract_id if thing == "contract" else message.bill_id
        return redirect(url_for(f"{thing}s.details_view", id=id_of_thing))

    @expose("/read", methods=("POST",))
    def read(self) -> Any:
        """Everything in the inbox is read."""
        database = access.database()
        mark_inbox_read(database(), user_id=_own_id(), now=self.now())
        database.commit()
        return redirect(url_for(".index"))


def unread() -> str:
    """How many messages the person has not read, as the top bar shows it; empty for none, and
    for people without an inbox here.
    """
    if not may(Permission.OWN_INBOX_READ):
        return ""
    count = count_unread_of(access.database()(), user_id=_own_id())
    return "" if not count else str(count) if count <= UNREAD_SHOWN else f"{UNREAD_SHOWN}+"


def _own_id() -> int:
    who = principal()
    if who is None:
        abort(403)
    return who.account_id


def _thing(message: OwnMessage) -> str:
    """What the message is about, if this person may look at it: `contract`, `bill` or nothing."""
    if message.contract_number is not None and may(Permission.CONTRACTS_READ):
        return "contract"
    return "bill" if message.bill_id and may(Permission.BILLS_READ) else ""
