"""The register of leases: every page of `/admin/contracts/` in one view."""

from webapp.admin.contracts.board import ContractBoard
from webapp.admin.contracts.calendar import ContractCalendar
from webapp.admin.contracts.changing import ChangePages
from webapp.admin.contracts.clause_pages import ClausePages
from webapp.admin.contracts.drafting import DraftPages
from webapp.admin.contracts.handing_in import HandingInPages
from webapp.admin.contracts.listing import ContractList
from webapp.admin.contracts.page import LeasePages
from webapp.admin.contracts.renewing import RenewalPages
from webapp.admin.contracts.reviewing import ReviewPages
from webapp.admin.contracts.sending import SendingPages


class ContractView(
    LeasePages,
    DraftPages,
    ClausePages,
    HandingInPages,
    ReviewPages,
    SendingPages,
    ChangePages,
    RenewalPages,
    ContractList,
    ContractBoard,
    ContractCalendar,
):
    """Found, drafted, reviewed, changed, renewed."""

    # Flask-Admin puts every page it inherits into each class of pages: the first class would
    # otherwise hide these two behind the library's own.
    index_view = ContractList.index_view
    create_view = DraftPages.create_view
