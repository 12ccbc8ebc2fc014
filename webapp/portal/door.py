"""Who comes in, and for which shops.

Belongs here: the one way to make a page of the portal, the shops of the person, the shop on the
page, the session that reads its rows, and the navigation. A page cannot be made without naming
the permission that opens it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import wraps
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from flask import session as cookie
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session, scoped_session
from werkzeug.wrappers import Response

from domain.permissions import Permission
from services.queries.portal import OwnShop, list_own_shops
from services.queries.portal_messages import UNREAD_SHOWN, count_unread
from webapp.auth.authorisation import current_scope, require
from webapp.database import tenant_database
from webapp.runtime import runtime

View = TypeVar("View", bound=Callable[..., Any])

# Row ids are Postgres' bigint: a greater one names nothing.
ID = "int(max=9223372036854775807)"

blueprint = Blueprint("portal", __name__, url_prefix="/portal")


@dataclass(frozen=True)
class Item:
    """A place of the navigation; `is_main`: it has a tab of its own on a telephone."""

    endpoint: str
    label: Any
    icon: str
    is_main: bool = True


NAVIGATION = (
    Item("portal.index", _l("Home"), "home"),
    Item("portal.bills", _l("Bills"), "bill"),
    Item("portal.figures", _l("Figures"), "reading"),
    Item("portal.messages", _l("Messages"), "message"),
    Item("portal.contracts", _l("Contracts"), "contract", is_main=False),
    Item("portal.documents", _l("Documents"), "file", is_main=False),
    Item("portal.data", _l("Send data"), "up", is_main=False),
)


def page(
    rule: str, permission: Permission, *, methods: tuple[str, ...] = ("GET",)
) -> Callable[[View], View]:
    """Make a view a page of the portal that `permission` opens; its name is its endpoint."""

    def make(view: View) -> View:
        @wraps(view)
        def guarded(**values: Any) -> Any:
            require(permission)
            shop = current_shop()
            if shop is None:
                return _no_shop()
            g.zone = ZoneInfo(shop.time_zone)
            return view(**values)

        # Read by the test that no address of the portal goes without.
        guarded.permission = permission  # type: ignore[attr-defined]
        blueprint.add_url_rule(rule, view.__name__, guarded, methods=list(methods))
        return view

    return make


def _no_shop() -> Any:
    """A person whose shops were taken away learns so at the door; behind it nothing is there."""
    if request.endpoint == "portal.index":
        return show("portal/no_shop.html")
    abort(404)


def database() -> scoped_session[Session]:
    """The session of this request; its rows are those of the person's shops."""
    return tenant_database()


def own_shop_ids() -> frozenset[int]:
    """The shops of the person, those of a detail's address too."""
    return current_scope().shop_ids


def own_shops() -> tuple[OwnShop, ...]:
    """The shops of the person, by code."""
    if "own_shops" not in g:
        ids = own_shop_ids()
        g.own_shops = list_own_shops(database(), shop_ids=ids) if ids else ()
    found: tuple[OwnShop, ...] = g.own_shops
    return found


def current_shop() -> OwnShop | None:
    """The shop chosen in this session, else the first; None when the person has none."""
    known = own_shops()
    chosen = cookie.get("shop")
    return next((shop for shop in known if shop.id == chosen), known[0] if known else None)


def shop_on_page() -> OwnShop:
    """The current shop, on a page that is only shown with one."""
    shop = current_shop()
    if shop is None:
        abort(404)
    return shop


def shown_shop_ids() -> frozenset[int]:
    """The shop that lists show."""
    return frozenset({shop_on_page().id})


def today() -> date:
    """The day on the mall's clock."""
    day: date = runtime().now().astimezone(ZoneInfo(shop_on_page().time_zone)).date()
    return day


def show(template: str, **facts: Any) -> str:
    """A page of the portal, in its frame."""
    return render_template(
        template,
        shop=current_shop(),
        shops=own_shops(),
        portal_navigation=NAVIGATION,
        unread=_unread(),
        account_url=url_for("account.index"),
        **facts,
    )


def _unread() -> str:
    """How many messages nobody has read, as the tab shows it; empty for none."""
    shop = current_shop()
    count = count_unread(database(), shop_ids={shop.id}) if shop else 0
    return "" if not count else str(count) if count <= UNREAD_SHOWN else f"{UNREAD_SHOWN}+"


@page("/shop", Permission.OWN_BILLS_READ, methods=("POST",))
def choose_shop() -> Response:
    """Show another of the person's shops on every page of this session."""
    chosen = request.form.get("shop", "")
    found = next((shop for shop in own_shops() if str(shop.id) == chosen), None)
    if found is None:
        abort(404)
    cookie["shop"] = found.id
    return redirect(url_for("portal.index"))
