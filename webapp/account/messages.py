"""What the person of an account wants to be told, and where.

Belongs here: the number for text messages, and the channels that are switched off by topic. Not
here: the inbox itself (webapp.admin.inbox, webapp.portal.messages).
"""

from dataclasses import dataclass
from enum import StrEnum

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_security import current_user
from werkzeug.wrappers import Response

from domain.message_templates import SPECS
from domain.notifications import Channel, Template, Topic
from domain.people import InvalidPhone, Role
from services.operations.message_preferences import switch_off
from services.operations.people import change_phone
from services.queries.message_preferences import list_switched_off
from webapp.account import blueprint
from webapp.account.pages import account_page
from webapp.auth.authorisation import principal
from webapp.auth.door import door
from webapp.auth.freshness import require_fresh
from webapp.words.messages import kind_of_message

# What the mall's own people are told of; reminders of bills go to shops alone.
_OF_STAFF = (Topic.LEASING, Topic.ACCOUNT)
# Of a shop there is one inbox and one number, for all its people.
_SHARED = frozenset({Channel.IN_APP, Channel.SMS})


class Say(StrEnum):
    """What a person has to say about a channel of a topic."""

    NOTHING = "NOTHING"  # no message of the topic takes it
    ALWAYS = "ALWAYS"  # all that take it are sent whatever is chosen
    SHARED = "SHARED"  # it is the shop's
    CHOOSE = "CHOOSE"


@dataclass(frozen=True)
class Row:
    """A topic: what can be said of each channel, and the messages that are always sent."""

    topic: Topic
    says: dict[Channel, Say]
    always: tuple[Template, ...]


def rows_for(role: Role) -> tuple[Row, ...]:
    """The topics that people of a role are told of."""
    topics = tuple(Topic) if role is Role.SHOP else _OF_STAFF
    return tuple(
        Row(
            topic,
            {channel: _say(role, topic, channel) for channel in Channel},
            tuple(one for one in Template if SPECS[one].topic is topic and SPECS[one].is_legal),
        )
        for topic in topics
    )


def _say(role: Role, topic: Topic, channel: Channel) -> Say:
    taking = [one for one in SPECS.values() if one.topic is topic and channel in one.channels]
    if not taking:
        return Say.NOTHING
    if role is Role.SHOP and channel in _SHARED:
        return Say.SHARED
    return Say.ALWAYS if all(one.is_legal for one in taking) else Say.CHOOSE


@blueprint.route("/messages", methods=["GET", "POST"])
def messages() -> str | Response:
    who = principal()
    if who is None:
        abort(403)
    rows = rows_for(who.role)
    if request.method == "POST":
        wanted = set(request.form.getlist("wanted"))
        unwanted = {
            (row.topic, channel)
            for row in rows
            for channel, say in row.says.items()
            if say is Say.CHOOSE and f"{row.topic}-{channel}" not in wanted
        }
        switch_off(door()(), user_id=who.account_id, unwanted=unwanted)
        door().commit()
        flash(_("Your choice is saved."), "success")
        return redirect(url_for("account.messages"))
    return _page(rows, phone=current_user.phone)


@blueprint.post("/phone")
def phone() -> tuple[str, int] | Response:
    """The number to which text messages go, codes for signing among them."""
    require_fresh()
    who = principal()
    if who is None:
        abort(403)
    typed = request.form.get("phone", "").strip()
    try:
        change_phone(door()(), user_id=who.account_id, phone=typed)
    except InvalidPhone:
        door().rollback()
        error = _("Write the number with its digits, such as 138 0000 0000 or +86 138 0000 0000.")
        return _page(rows_for(who.role), phone=typed, error=error), 422
    door().commit()
    flash(
        _("Text messages to you go to the new number.") if typed else _("The number is removed."),
        "success",
    )
    return redirect(url_for("account.messages"))


def _page(rows: tuple[Row, ...], *, phone: str, error: str = "") -> str:
    return account_page(
        "messages.html",
        rows=rows,
        channels=tuple(Channel),
        off=list_switched_off(door()(), user_id=current_user.id),
        kind=kind_of_message,
        phone=phone,
        error=error,
    )
