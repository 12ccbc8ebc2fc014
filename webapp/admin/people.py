"""People who may sign in: invited, looked after, closed.

Belongs here: the pages of accounts, for administrators. Not here: what changes an account
(services.operations) and the page of one's own (webapp.account).
"""

from collections.abc import Callable
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session, selectinload
from werkzeug.wrappers import Response

from domain.people import AccountState, Role, effective_role
from domain.permissions import Permission
from services.operations.account_links import (
    NoSuchAccount,
    send_invitation,
    send_password_reset,
)
from services.operations.malls import NotRegistered
from services.operations.people import (
    EmailTaken,
    InvalidAccount,
    LastAdministrator,
    OwnAccount,
    activate_user,
    change_access,
    change_phone,
    create_user,
    deactivate_user,
    rename_user,
)
from services.operations.second_factor import reset_second_factor
from services.operations.sessions import end_all_sessions, end_session
from services.operations.sign_in import unlock_user
from services.queries.accounts import list_sessions
from services.queries.people import (
    account_state,
    get_standing,
    in_state,
)
from storage.models import Role as RoleRow
from storage.models import User
from webapp.account.agents import browser_and_system
from webapp.admin import access, filters, labels
from webapp.admin.base import RecordView
from webapp.admin.people_forms import InvitationForm, PersonForm
from webapp.auth.authorisation import current_actor, principal, require
from webapp.auth.freshness import require_fresh
from webapp.language import LOCALES, current_locale
from webapp.runtime import runtime

# Row ids are Postgres' bigint: a greater one names nothing.
ACCOUNT = "/<int(max=9223372036854775807):user_id>"


def _role_of(user: User) -> Role | None:
    return effective_role(role.name for role in user.roles)


def _by_role(query: Any, value: str) -> Any:
    """Accounts that act in the role: those that have it and none that goes before."""
    role = Role(value)
    query = query.filter(User.roles.any(RoleRow.name == role.value))
    for other in Role:
        if other is not role and effective_role([role, other]) is other:
            query = query.filter(~User.roles.any(RoleRow.name == other.value))
    return query


def _by_mall(query: Any, value: str) -> Any:
    return query.filter(User.malls.any(code=value))


def _by_state(query: Any, value: str) -> Any:
    return query.filter(in_state(AccountState(value), runtime().now()))


class UserView(RecordView):
    permission = Permission.USERS_READ
    export_permission = Permission.USERS_EXPORT
    edit_permission = Permission.USERS_MANAGE
    editable = creatable = True
    fresh_views = frozenset({"create_view", "edit_view"})
    mall_column = None
    form_class = InvitationForm
    edit_form_class = PersonForm
    details_template = "admin/user.html"
    create_template = "admin/user_new.html"
    singular = _l("user")
    empty_title = _l("No user yet")
    empty_advice = _l("Invite the first person; a letter asks them to choose a password.")
    column_auto_select_related = False
    column_list = ("email", "name", "role", "reach", "state", "current_login_at")
    column_details_list = (
        "email",
        "name",
        "role",
        "reach",
        "phone",
        "locale",
        "create_datetime",
        "current_login_at",
        "current_login_ip",
        "login_count",
    )
    column_labels = {
        "email": _l("E-mail"),
        "name": _l("Full name"),
        "role": _l("Role"),
        "reach": _l("Malls and shops"),
        "state": _l("State"),
        "phone": _l("Telephone"),
        "locale": _l("Language"),
        "create_datetime": _l("Account made"),
        "current_login_at": _l("Last sign-in"),
        "current_login_ip": _l("Last address"),
        "login_count": _l("Sign-ins"),
    }
    column_searchable_list = ("email", "name")
    column_sortable_list = ("email", "name", "current_login_at")
    column_default_sort = "email"
    prose_columns = frozenset({"reach"})
    list_filters = (
        filters.Filter("role", _l("Role"), "select", _by_role, lambda: labels.labels_of(Role)),
        filters.Filter(
            "mall",
            _l("Mall"),
            "select",
            _by_mall,
            lambda: [(mall.code, mall.name) for mall in access.malls()],
        ),
        filters.Filter(
            "state",
            _l("State"),
            "select",
            _by_state,
            lambda: labels.labels_of(AccountState),
        ),
    )

    def scoped_query(self) -> Any:
        return super().scoped_query().options(selectinload(User.malls), selectinload(User.shops))

    def title_of(self, model: Any) -> str:
        return model.name or model.email

    def _get_field_value(self, model: Any, name: str) -> Any:
        if name == "role":
            return _role_of(model)
        if name == "state":
            return account_state(model, self.now())
        if name == "reach":
            return _reach(model)
        if name == "locale":
            return LOCALES.get(model.locale, "")
        return super()._get_field_value(model, name)

    # -- forms ------------------------------------------------------------------------------

    def on_form_prefill(self, form: Any, id: Any) -> None:
        user = self.get_one(id)
        form.role.data = _role_of(user)
        form.mall_codes.data = [mall.code for mall in user.malls]
        form.shop_codes.data = [f"{shop.mall.code}/{shop.code}" for shop in user.shops]

    def create_model(self, form: Any) -> Any:
        """Make the account and invite its person; the row, or False when it was refused."""
        session = access.database()
        try:
            user_id = create_user(
                session,
                email=form.email.data,
                name=form.name.data.strip(),
                role=form.role.data,
                mall_codes=form.malls_reached(),
                shop_codes=form.shop_codes.data,
                password_hash=None,
                locale=form.locale.data,
                phone=form.phone.data,
            )
            self._invite(session, user_id)
            session.commit()
        except EmailTaken:
            session.rollback()
            form.email.errors = [_("Another account has this address.")]
            return False
        except (InvalidAccount, NotRegistered):
            return self._refused(session)
        flash(_("An invitation is on its way to %(email)s.", email=form.email.data), "success")
        return session.get(User, user_id)

    def update_model(self, form: Any, model: Any) -> bool:
        session = access.database()
        try:
            rename_user(session, user_id=model.id, name=form.name.data, locale=form.locale.data)
            change_phone(session, user_id=model.id, phone=form.phone.data)
            changed = change_access(
                session,
                user_id=model.id,
                role=form.role.data,
                mall_codes=form.malls_reached(),
                shop_codes=form.shop_codes.data,
                by=_own_id(),
                now=self.now(),
            )
            session.commit()
        except (OwnAccount, LastAdministrator) as error:
            session.rollback()
            form.role.errors = [_why(error)]
            return False
        except (InvalidAccount, NotRegistered):
            return self._refused(session)
        if changed:
            flash(_("The new access is in force; the person must sign in again."), "success")
        return True

    # -- the page of one person -----------------------------------------------------------------

    def standing(self, user: User) -> Any:
        return get_standing(access.database(), user_id=user.id, now=self.now())

    def sessions(self, user: User) -> Any:
        return list_sessions(access.database(), user_id=user.id, now=self.now())

    def browser(self, agent: str) -> str:
        return browser_and_system(agent) or agent

    def is_own(self, user: User) -> bool:
        return user.id == _own_id()

    # -- deeds ------------------------------------------------------------------------------

    @expose(f"{ACCOUNT}/close", methods=("GET", "POST"))
    def close(self, user_id: int) -> Any:
        """Ask for the address to be typed, then close the account."""
        return self._confirmed(
            user_id,
            title=_("Close the account"),
            consequence=_(
                "All sessions end at once and nobody can sign in to this account. Nothing is "
                "deleted; the account can be opened again."
            ),
            work=lambda session, user: deactivate_user(
                session, user_id=user.id, by=_own_id(), now=self.now()
            ),
            done=_("The account is closed."),
        )

    @expose(f"{ACCOUNT}/open", methods=("POST",))
    def open(self, user_id: int) -> Response:
        return self._do(
            user_id,
            lambda session, user: activate_user(session, user_id=user.id, now=self.now()),
            _("The account is open again."),
        )

    @expose(f"{ACCOUNT}/unlock", methods=("POST",))
    def unlock(self, user_id: int) -> Response:
        return self._do(
            user_id,
            lambda session, user: unlock_user(session, user_id=user.id, now=self.now()),
            _("The account is unlocked."),
        )

    @expose(f"{ACCOUNT}/invite", methods=("POST",))
    def invite(self, user_id: int) -> Response:
        return self._do(
            user_id,
            lambda session, user: self._invite(session, user.id),
            _("A new invitation is on its way; the one before no longer works."),
        )

    @expose(f"{ACCOUNT}/reset-password", methods=("POST",))
    def reset_password(self, user_id: int) -> Response:
        return self._do(
            user_id,
            lambda session, user: send_password_reset(
                session,
                email=user.email,
                site=runtime().settings.site,
                locale=current_locale(),
                actor=current_actor(),
                now=self.now(),
            ),
            _("A letter with a link to choose a new password is on its way."),
        )

    @expose(f"{ACCOUNT}/second-factor", methods=("GET", "POST"))
    def remove_second_factor(self, user_id: int) -> Any:
        """Ask for the address to be typed, then take the authenticator away."""

        def remove(session: Session, user: User) -> None:
            if user.id == _own_id():
                raise OwnAccount(user.email)
            reset_second_factor(session, user_id=user.id, now=self.now())

        return self._confirmed(
            user_id,
            title=_("Take the authenticator away"),
            consequence=_(
                "Until a new authenticator is set up, the password alone signs in. Make sure that "
                "it is this person who asks: call back, do not answer a letter."
            ),
            work=remove,
            done=_("The authenticator is gone; all sessions have ended."),
        )

    @expose(f"{ACCOUNT}/end-session", methods=("POST",))
    def end_one_session(self, user_id: int) -> Response:
        session_id = request.form.get("session", type=int)
        if session_id is None or not 0 < session_id < 2**63:
            abort(404)

        def end(session: Session, user: User) -> None:
            if not end_session(session, session_id=session_id, user_id=user.id, now=self.now()):
                abort(404)

        return self._do(user_id, end, _("The session has ended."))

    @expose(f"{ACCOUNT}/end-sessions", methods=("POST",))
    def end_sessions(self, user_id: int) -> Response:
        return self._do(
            user_id,
            lambda session, user: end_all_sessions(session, user_id=user.id, now=self.now()),
            _("All sessions have ended."),
        )

    def _invite(self, session: Session, user_id: int) -> None:
        send_invitation(
            session,
            user_id=user_id,
            site=runtime().settings.site,
            locale=current_locale(),
            now=self.now(),
        )

    def _do(self, user_id: int, work: Callable[[Session, User], Any], done: str) -> Response:
        """Do something to an account that exists, in one transaction, and say so."""
        require(Permission.USERS_MANAGE)
        require_fresh()
        user = self.get_one(user_id)
        session = access.database()
        try:
            work(session, user)
            session.commit()
        except (OwnAccount, LastAdministrator, NoSuchAccount) as error:
            session.rollback()
            flash(_why(error), "error")
        else:
            flash(done, "success")
        return redirect(url_for(".details_view", id=user_id))

    def _confirmed(
        self,
        user_id: int,
        *,
        title: str,
        consequence: str,
        work: Callable[[Session, User], Any],
        done: str,
    ) -> Any:
        require(Permission.USERS_MANAGE)
        require_fresh()
        user = self.get_one(user_id)
        typed = request.form.get("typed", "").strip().lower()
        if request.method == "POST" and typed == user.email:
            return self._do(user_id, work, done)
        return self.render(
            "admin/user_confirm.html",
            model=user,
            title=title,
            consequence=consequence,
            is_wrong=request.method == "POST",
        )


def _own_id() -> int:
    who = principal()
    if who is None:
        abort(403)
    return who.account_id


def _reach(user: User) -> str:
    if _role_of(user) is Role.SUPER_ADMIN:
        return _("Everything")
    shops = [f"{shop.mall.code}/{shop.code}" for shop in user.shops]
    return ", ".join(shops or sorted(mall.code for mall in user.malls))


def _why(error: Exception) -> str:
    if isinstance(error, LastAdministrator):
        return _("This is the last administrator; make somebody else one first.")
    if isinstance(error, OwnAccount):
        return _("Not your own account: another administrator must do it.")
    return _("The account is closed; open it first.")
