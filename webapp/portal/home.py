"""The shop's home: what is to be paid, last month's figures, the contract, the latest messages."""

from domain.permissions import Permission
from services.queries.portal_bills import get_owed
from services.queries.portal_contracts import current_contract, list_own_contracts
from services.queries.portal_figures import list_own_months
from services.queries.portal_messages import list_own_messages
from services.queries.portal_papers import list_waiting_papers
from webapp.portal import door
from webapp.portal.bills import chip, due_in
from webapp.words.messages import kind_of_message

BILLS_SHOWN = 3
MESSAGES_SHOWN = 3


@door.page("/", Permission.OWN_BILLS_READ)
def index() -> str:
    session, shop_ids, today = door.database(), door.shown_shop_ids(), door.today()
    months = list_own_months(session.connection(), shop_ids=shop_ids, limit=2)
    return door.show(
        "portal/home.html",
        owed=get_owed(session, shop_ids=shop_ids, today=today),
        bills_shown=BILLS_SHOWN,
        waiting=list_waiting_papers(session, shop_ids=shop_ids),
        # The month that is over; before the first is over, the one that has begun.
        month=next((one for one in months if one.month < today.replace(day=1)), None)
        or next(iter(months), None),
        contract=current_contract(list_own_contracts(session, shop_ids=shop_ids), today),
        messages=list_own_messages(session, shop_ids=shop_ids, size=MESSAGES_SHOWN).items,
        today=today,
        chip=chip,
        due_in=due_in,
        kind=kind_of_message,
    )


@door.page("/more", Permission.OWN_BILLS_READ)
def more() -> str:
    """What has no tab of its own on a telephone."""
    return door.show("portal/more.html")
