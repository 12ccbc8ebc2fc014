"""A shop's inbox on the site."""

from flask import redirect, url_for
from werkzeug.wrappers import Response

from domain.permissions import Permission
from services.operations.inboxes import mark_messages_read
from services.queries.keyset import Place
from services.queries.portal_messages import list_own_messages
from webapp import listing
from webapp.portal import door
from webapp.runtime import runtime
from webapp.words.messages import kind_of_message


@door.page("/messages/", Permission.OWN_MESSAGES_READ)
def messages() -> str:
    found = list_own_messages(
        door.database(),
        shop_ids=door.shown_shop_ids(),
        after=listing.asked_place("after", listing.read_instant),
        before=listing.asked_place("before", listing.read_instant),
    )
    return door.show(
        "portal/messages.html",
        messages=found.items,
        pager=listing.pager(found, lambda message: Place(message.sent_at, message.id)),
        kind=kind_of_message,
    )


@door.page("/messages/read", Permission.OWN_MESSAGES_READ, methods=("POST",))
def read_messages() -> Response:
    """Everything in the shop's inbox has been read."""
    session = door.database()
    mark_messages_read(session, shop_ids=door.shown_shop_ids(), now=runtime().now())
    session.commit()
    return redirect(url_for("portal.messages"))
