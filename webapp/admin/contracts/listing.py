"""Leases as a list: found, narrowed, sorted, taken away as a file.

Belongs here: the list and what its address asks for, which the board shares. Not here: the page
of one lease (records).
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from flask import Response, request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from domain.contracts import ContractState
from domain.permissions import Permission
from services.queries.contract_lists import (
    MANY,
    ContractFilter,
    ContractOrder,
    ListedContract,
    count_contracts,
    list_contracts,
    list_officers_in_charge,
)
from services.queries.keyset import Place
from storage.models import Shop
from webapp import listing
from webapp.admin import access, formats, labels
from webapp.admin.base import RecordView, parse_date
from webapp.admin.filters import row_id
from webapp.downloads import csv_download

EXPORT_ROWS = 100_000
SEARCH_LENGTH = 60
SOON_DAYS = 90
FILTERS = ("search", "state", "shop", "officer", "ends_from", "ends_until")
# What of the filter each way of looking at leases understands.
FILTERS_OF_VIEW: Mapping[str, tuple[str, ...]] = {
    "list": FILTERS,
    "board": ("search", "shop", "officer"),
    "calendar": ("shop", "officer"),
}
COLUMNS: Mapping[ContractOrder, Any] = {
    ContractOrder.NUMBER: _l("Number"),
    ContractOrder.SHOP: _l("Shop"),
    ContractOrder.START: _l("First day"),
    ContractOrder.END: _l("Last day"),
    ContractOrder.DEPOSIT: _l("Deposit"),
}


READ: Mapping[ContractOrder, Callable[[str], Any]] = {
    ContractOrder.NUMBER: str,
    ContractOrder.SHOP: str,
    ContractOrder.START: date.fromisoformat,
    ContractOrder.END: date.fromisoformat,
    ContractOrder.DEPOSIT: listing.read_amount,
}
VALUE: Mapping[ContractOrder, Callable[[ListedContract], Any]] = {
    ContractOrder.NUMBER: lambda lease: lease.number,
    ContractOrder.SHOP: lambda lease: lease.shop_code,
    ContractOrder.START: lambda lease: lease.start_date,
    ContractOrder.END: lambda lease: lease.end_date,
    ContractOrder.DEPOSIT: lambda lease: lease.deposit_amount,
}


class ContractList(RecordView):
    permission = Permission.CONTRACTS_READ
    export_permission = Permission.CONTRACTS_EXPORT
    empty_title = _l("No contract yet")
    empty_advice = _l("A contract is drafted for a shop and its units; register both first.")

    @expose("/")
    def index_view(self) -> str:
        """`?search=&state=ACTIVE&shop=7&officer=&ends_from=&ends_until=&sort=end&desc=1`."""
        session, mall_id = access.database()(), access.current_mall_id()
        wanted, (order, is_descending) = asked_filter(), _asked_order()
        found = list_contracts(
            session,
            mall_id=mall_id,
            wanted=wanted,
            order=order,
            is_descending=is_descending,
            after=listing.asked_place("after", READ[order]),
            before=listing.asked_place("before", READ[order]),
        )
        page: str = self.render(
            "admin/contracts/list.html",
            leases=found.items,
            pager=listing.pager(found, lambda lease: Place(VALUE[order](lease), lease.id)),
            count=count_contracts(session, mall_id=mall_id, wanted=wanted),
            many=MANY,
            columns=COLUMNS,
            orders=ContractOrder,
            order=order,
            is_descending=is_descending,
            sort_url=_sort_url,
            is_paged=any(request.args.get(name) for name in ("after", "before")),
            soon=SOON_DAYS,
            **filter_words(wanted),
        )
        return page

    def _export_csv(self, return_url: str) -> Response:
        order, is_descending = _asked_order()
        found = list_contracts(
            access.database()(),
            mall_id=access.current_mall_id(),
            wanted=asked_filter(),
            order=order,
            is_descending=is_descending,
            size=EXPORT_ROWS,
        )
        titles = (
            _("Number"), _("Shop"), _("Name"), _("State"), _("Version"), _("Units"),
            _("First day"), _("Last day"), _("Deposit"), _("Currency"), _("In charge"),
        )  # fmt: skip
        return csv_download(
            f"contracts-{self.now():%Y%m%d-%H%M}.csv",
            titles,
            (
                (
                    lease.number,
                    lease.shop_code,
                    lease.shop_name,
                    lease.state,
                    lease.version,
                    ", ".join(lease.unit_codes),
                    lease.start_date,
                    lease.end_date,
                    lease.deposit_amount,
                    lease.currency,
                    lease.officer,
                )
                for lease in found.items
            ),
            mall_id=access.current_mall_id(),
        )


def asked_filter() -> ContractFilter:
    """What of the leases the address asks for; what cannot be does not narrow."""
    state = request.args.get("state", "")
    return ContractFilter(
        search=_text("search")[:SEARCH_LENGTH],
        states=frozenset({ContractState(state)}) if state in set(ContractState) else frozenset(),
        shop_id=_shop_id(),
        officer=_text("officer"),
        ends_from=parse_date(_text("ends_from")),
        ends_until=parse_date(_text("ends_until")),
    )


def filter_words(wanted: ContractFilter) -> dict[str, Any]:
    """What a page of leases shows of its filter."""
    session, mall_id = access.database()(), access.current_mall_id()
    shop = session.get(Shop, wanted.shop_id) if wanted.shop_id else None
    return {
        "wanted": wanted,
        "states": labels.labels_of(ContractState),
        "chips": {state: formats.enum(state) for state in ContractState},
        "officers": list_officers_in_charge(session, mall_id=mall_id),
        "shop": shop,
        "is_filtered": any(request.args.get(name) for name in FILTERS),
        "today": formats.today(),
        "address": address,
        "views_address": _views_address,
    }


def _views_address(view: str) -> dict[str, str]:
    """As much of this address's filter as another view of the leases understands."""
    known = FILTERS_OF_VIEW[view]
    return {name: value for name, value in address().items() if name in known}


def address(**changes: Any) -> dict[str, str]:
    """The filter of this address with `changes`; an empty value takes one away."""
    values = {**{name: request.args.get(name, "") for name in FILTERS}, **changes}
    return {name: str(value) for name, value in values.items() if value}


def _text(name: str) -> str:
    return request.args.get(name, "").strip()


def _shop_id() -> int | None:
    try:
        return row_id(_text("shop"))
    except ValueError:
        return None


def _asked_order() -> tuple[ContractOrder, bool]:
    order = request.args.get("sort", "")
    if order not in set(ContractOrder):
        return ContractOrder.NUMBER, False
    return ContractOrder(order), bool(request.args.get("desc"))


def _sort_url(column: ContractOrder, order: ContractOrder, is_descending: bool) -> str:
    """The list sorted by a column; a second choice of the same column turns it round."""
    turned = {"desc": "1"} if column is order and not is_descending else {}
    return url_for(".index_view", **address(), sort=column.value, **turned)
