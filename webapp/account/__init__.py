"""A person's own account, for staff and shops alike, under /account.

Belongs here: profile and language, password, second factor, sessions. Not here: other people's
accounts (webapp.admin) and signing in (webapp.auth).
"""

from zoneinfo import ZoneInfo

from flask import Blueprint, abort, g
from flask_security import current_user

from domain.people import Role
from webapp.auth.authorisation import ask_to_sign_in, principal

blueprint = Blueprint("account", __name__, url_prefix="/account")

# Imported for the routes that it adds to the blueprint.
from webapp.account import pages  # noqa: E402, F401


@blueprint.before_request
def _people_only() -> None:
    if not current_user.is_authenticated:
        abort(ask_to_sign_in())
    who = principal()
    if who is not None and who.role is Role.SHOP:
        from webapp.portal.door import current_shop

        shop = current_shop()
        g.zone = ZoneInfo(shop.time_zone if shop else "UTC")
