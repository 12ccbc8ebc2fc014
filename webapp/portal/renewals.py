"""A shop asks to stay on, and takes the wish back.

Belongs here: the shop's two steps. Not here: the mall's answer, which is a new contract for the
shop to sign (signing) or a refusal, both shown on the page of the lease (contracts).
"""

from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_security import current_user
from werkzeug.wrappers import Response

from domain.permissions import Permission
from services.operations.leasing import ask_renewal, withdraw_renewal_request
from services.operations.leasing.running_errors import (
    InvalidMonths,
    NotRunning,
    RenewalAlreadyAsked,
    RequestClosed,
)
from services.queries.portal_contracts import find_own_contract
from services.queries.portal_papers import find_own_request
from webapp.portal import contracts, door
from webapp.runtime import runtime

COMMENT_LENGTH = 1000


@door.page(
    f"/contracts/<{door.ID}:contract_id>/renewal", Permission.OWN_RENEWALS_ASK, methods=("POST",)
)
def ask(contract_id: int) -> Any:
    _require_own(contract_id)
    typed = request.form.get("months", "").strip()
    try:
        ask_renewal(
            door.database(),
            contract_id=contract_id,
            months=int(typed) if typed.isdecimal() and len(typed) < 5 else 0,
            comment=request.form.get("comment", "")[:COMMENT_LENGTH],
            actor=current_user.email,
            now=runtime().now(),
        )
    except InvalidMonths as error:
        door.database().rollback()
        problem = _("Say for how many months, %(least)s to %(most)s.", least=error.least,
                    most=error.most)  # fmt: skip
        return contracts.show_contract(contract_id, renewal_error=problem), 422
    except (RenewalAlreadyAsked, NotRunning):
        door.database().rollback()
        return redirect(url_for("portal.contract", contract_id=contract_id) + "#renewal")
    door.database().commit()
    flash(_("The mall knows that you would like to stay."), "success")
    return redirect(url_for("portal.contract", contract_id=contract_id))


@door.page(
    f"/contracts/<{door.ID}:contract_id>/renewal/withdraw",
    Permission.OWN_RENEWALS_ASK,
    methods=("POST",),
)
def withdraw(contract_id: int) -> Response:
    _require_own(contract_id)
    wish = find_own_request(door.database(), contract_id=contract_id)
    if wish is None:
        abort(404)
    try:
        withdraw_renewal_request(
            door.database(), request_id=wish.id, actor=current_user.email, now=runtime().now()
        )
    except RequestClosed:
        door.database().rollback()
    else:
        door.database().commit()
        flash(_("Your wish to renew was taken back."), "success")
    return redirect(url_for("portal.contract", contract_id=contract_id))


def _require_own(contract_id: int) -> None:
    """404 for a contract of another shop."""
    found = find_own_contract(
        door.database(), shop_ids=door.own_shop_ids(), contract_id=contract_id
    )
    if found is None:
        abort(404)
