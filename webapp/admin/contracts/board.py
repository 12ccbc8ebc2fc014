"""Leases by state: a column for each, the most pressing first, and how many there are.

Belongs here: the board. Not here: moving a lease on, which its own page does with what that needs.
"""

from typing import Any

from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import ngettext

from domain.contracts import IN_FORCE, ContractState
from services.queries.contract_lists import MANY, Column, ListedContract, read_board
from webapp.admin import access
from webapp.admin.base import RecordView
from webapp.admin.contracts.listing import address, asked_filter, filter_words

# Columns that are left out while they are empty: what goes the usual way has its place always.
BESIDE = frozenset({ContractState.REJECTED, ContractState.DECLINED})
OVER = IN_FORCE - {ContractState.ACTIVE}


class ContractBoard(RecordView):
    @expose("/board")
    def board(self) -> str:
        """`?search=&officer=&shop=`; a state in the address is the list's."""
        wanted = asked_filter()
        columns = read_board(access.database()(), mall_id=access.current_mall_id(), wanted=wanted)
        page: str = self.render(
            "admin/contracts/board.html",
            columns=[
                column
                for column in columns
                if column.count != 0 or column.state not in BESIDE | OVER
            ],
            is_empty=all(column.count == 0 for column in columns),
            many=MANY,
            over=OVER,
            rest=_rest,
            when=when,
            list_address=lambda state: {**address(), "state": state.value},
            **filter_words(wanted),
        )
        return page


def _rest(column: Column) -> int | None:
    """How many leases the column does not show; None when they are many."""
    return None if column.count is None else column.count - len(column.cards)


def when(lease: ListedContract, today: Any) -> tuple[str, bool]:
    """What the lease's dates mean today, and whether somebody should hurry."""
    left = lease.days_left(today)
    if left is not None:
        return ngettext("%(num)s day left", "%(num)s days left", left), left <= 90
    coming = lease.days_to_start(today)
    if coming is None:
        if lease.state is ContractState.ACTIVE:
            return _("its last day has gone by"), True
        return "", False
    if coming > 0:
        return ngettext("begins in %(num)s day", "begins in %(num)s days", coming), coming <= 14
    if coming == 0:
        return _("begins today"), True
    return ngettext(
        "should have begun %(num)s day ago", "should have begun %(num)s days ago", -coming
    ), True
