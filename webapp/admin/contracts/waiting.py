"""What of leases waits for the person who opens the home page."""

from flask import url_for
from flask_babel import gettext as _

from domain.contracts import ContractState
from domain.permissions import Permission
from services.queries.lease_reviews import (
    count_waiting_leases,
    count_waiting_reviews,
    list_open_renewals,
)
from webapp.admin import access
from webapp.auth.authorisation import may


def waiting_leases() -> list[tuple[str, int, str, str]]:
    """(what, how many, its page, icon): to be decided on, or to be gone on with."""
    session, mall_id = access.database()(), access.current_mall_id()
    found: list[tuple[str, int, str, str]] = []
    if may(Permission.CONTRACTS_APPROVE):
        count = count_waiting_reviews(session, mall_id=mall_id)
        found.append((_("Contracts to review"), count, url_for("reviews.index"), "contract"))
    if may(Permission.CONTRACTS_DRAFT):
        counts = count_waiting_leases(session, mall_id=mall_id)
        words = {
            ContractState.APPROVED: _("Contracts to send for signature"),
            ContractState.REJECTED: _("Contracts rejected by management"),
            ContractState.DECLINED: _("Contracts declined by shops"),
        }
        found += [
            (word, counts[state], url_for("contracts.index_view", state=state.value), "contract")
            for state, word in words.items()
        ]
        asked = list_open_renewals(session, mall_id=mall_id)
        longest = (
            url_for("contracts.details_view", id=asked[0][0])
            if asked
            else url_for("contracts.index_view")
        )
        found.append((_("Shops that ask for a renewal"), len(asked), longest, "history"))
    return found
