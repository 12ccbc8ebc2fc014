"""A person's own account, for staff and shops alike, under /account.

Belongs here: profile and language, password, second factor, sessions, what one is told. Not here:
other people's accounts (webapp.admin) and signing in (webapp.auth).
"""

from zoneinfo import ZoneInfo

from flask import Blueprint, g

from domain.people import Role
from domain.permissions import Permission
from webapp.auth.authorisation import principal, require

blueprint = Blueprint("account", __name__, url_prefix="/account")

# Imported for the routes that it adds to the blueprint.
from webapp.account import messages, pages  # noqa: E402, F401


@blueprint.before_request
def _people_only() -> None:
    require(Permission.OWN_ACCOUNT_MANAGE)
    who = principal()
    if who is not None and who.role is Role.SHOP:
        from webapp.portal.door import current_shop

        shop = current_shop()
        g.zone = ZoneInfo(shop.time_zone if shop else "UTC")
