"""What every page about one lease shares: finding it, who acts, and a deed that is asked first.

Belongs here: the base class of such pages. Not here: the pages.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_admin.helpers import get_form_data
from flask_babel import lazy_gettext as _l
from flask_security import current_user
from sqlalchemy.orm import Session
from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from domain.permissions import Permission
from storage.models import Contract, ContractChange
from webapp.admin import access
from webapp.admin.base import Form, RecordView
from webapp.auth.authorisation import principal, require
from webapp.words.lease_refusals import REFUSALS, refusal_sentence

ROW = "int(max=9223372036854775807)"
LEASE = f"/<{ROW}:contract_id>"
CHANGE = f"{LEASE}/changes/<{ROW}:change_id>"
LONGEST_COMMENT = 2000


class CommentForm(Form):
    comment = TextAreaField(
        _l("Comment"), [Optional(), Length(max=LONGEST_COMMENT)], render_kw={"rows": 3}
    )


class ReasonForm(Form):
    comment = TextAreaField(
        _l("Reason"), [DataRequired(), Length(max=LONGEST_COMMENT)], render_kw={"rows": 3}
    )


class LeaseDesk(RecordView):
    permission = Permission.CONTRACTS_READ
    edit_permission = Permission.CONTRACTS_DRAFT
    export_permission = Permission.CONTRACTS_EXPORT

    def lease(self, contract_id: int, permission: Permission) -> Contract:
        """The lease, for who has the permission: 403 without it, 404 for another mall's."""
        require(permission)
        found: Contract = self.get_one(contract_id)
        return found

    def change_of(self, contract: Contract, change_id: int) -> ContractChange:
        """A change of the lease; 404 for another's."""
        found = self.database().get(ContractChange, change_id)
        if found is None or found.contract_id != contract.id:
            abort(404)
        return found

    def database(self) -> Session:
        return access.database()()

    def who(self) -> dict[str, Any]:
        """Who acts, as what and when: arguments of every step."""
        person = principal()
        if person is None:
            abort(403)
        return {"actor": person.email, "role": person.role.value, "now": self.now()}

    def page_of(self, contract_id: int) -> Any:
        return redirect(url_for("contracts.details_view", id=contract_id))

    @contextmanager
    def refusing(self, said: list[str]) -> Iterator[None]:
        """Commit what the block did, or undo it and put why it was refused into `said`."""
        session = self.database()
        try:
            yield
            session.commit()
        except REFUSALS as error:
            session.rollback()
            said.append(refusal_sentence(error))

    def deed(
        self,
        contract: Contract,
        work: Callable[[], Any],
        *,
        title: str,
        consequence: str,
        done: str,
        form: Form | None = None,
        is_dangerous: bool = False,
        **shown: Any,
    ) -> Any:
        """A page that says what will happen and asks what it must know; then the deed."""
        refusals: list[str] = []
        contract_id = contract.id
        if request.method == "POST" and (form is None or self.validate_form(form)):
            with self.refusing(refusals):
                work()
            if not refusals:
                flash(done, "success")
                return self.page_of(contract_id)
            contract = self.get_one(contract_id)
        return self.render(
            "admin/contracts/deed.html",
            model=contract,
            crumb=(contract.number, url_for("contracts.details_view", id=contract_id)),
            form=form,
            title=title,
            consequence=consequence,
            refusal=" ".join(refusals),
            is_dangerous=is_dangerous,
            cancel_url=url_for("contracts.details_view", id=contract_id),
            **shown,
        )


def posted() -> Any:
    """What was posted, for a form; nothing of a GET."""
    return get_form_data()


def signed_in_as() -> str:
    return str(current_user.email)
