"""The one place that answers: who is asking, and may they?

Belongs here: the principal of a request, and the check that routes, staff pages, the portal, the
API and downloads share. Not here: what a role may do (`domain.permissions`) and proof of who
somebody is (the rest of webapp.auth, webapp.api.authentication).
"""

from dataclasses import dataclass

from flask import abort, g, has_request_context, redirect, request, url_for
from flask_security import current_user
from werkzeug.wrappers import Response

from domain.people import Role, effective_role
from domain.permissions import DEVICE_PERMISSIONS, ROLE_PERMISSIONS, Permission
from domain.scopes import EVERYTHING, NOTHING, Actor, ActorKind, Scope

AGENT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person with an active account and a role."""

    account_id: int
    email: str
    role: Role
    mall_ids: frozenset[int]
    shop_ids: frozenset[int]

    @property
    def permissions(self) -> frozenset[Permission]:
        return ROLE_PERMISSIONS[self.role]


@dataclass(frozen=True, slots=True)
class DevicePrincipal:
    """A device key that is valid now. `device_id` is None for a key of a mall's gateway."""

    key_id: int
    public_id: str
    mall_id: int
    device_id: int | None

    @property
    def permissions(self) -> frozenset[Permission]:
        return DEVICE_PERMISSIONS


def permits(who: Principal | DevicePrincipal | None, permission: Permission) -> bool:
    """Whether `who` has the permission; nobody has none."""
    return who is not None and permission in who.permissions


def principal() -> Principal | None:
    """The signed-in person; None for a stranger, an inactive account and one without a role."""
    if not has_request_context() or not current_user.is_authenticated:
        return None
    role = effective_role(role.name for role in current_user.roles)
    if role is None or not current_user.is_active:
        return None
    return Principal(
        account_id=current_user.id,
        email=current_user.email,
        role=role,
        mall_ids=frozenset(current_user.mall_ids),
        shop_ids=frozenset(current_user.shop_ids),
    )


def may(permission: Permission) -> bool:
    """Whether the person of this request has the permission."""
    return permits(principal(), permission)


def require(permission: Permission) -> None:
    """Go on only with the permission: a stranger is asked to sign in, anybody else gets 403."""
    if may(permission):
        return
    if principal() is None and not current_user.is_authenticated:
        abort(ask_to_sign_in())
    abort(403)


def ask_to_sign_in() -> Response:
    """To the sign-in page, and from there back to what was asked for."""
    target = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(url_for("security.login", next=target))


def current_scope() -> Scope:
    """The rows that this request may reach."""
    who = principal()
    if who is None:
        return NOTHING
    if who.role is Role.SUPER_ADMIN:
        return EVERYTHING
    if who.role is Role.SHOP:
        return Scope(shop_ids=who.shop_ids)
    return Scope(mall_ids=who.mall_ids)


def current_actor() -> Actor:
    """Who acts in this request, as the audit keeps it."""
    who = principal()
    facts = {
        "address": request.remote_addr or "",
        "agent": request.user_agent.string[:AGENT_LENGTH],
        "request_id": g.get("request_id", ""),
    }
    if who is None:
        return Actor(ActorKind.ANONYMOUS, "", **facts)
    return Actor(ActorKind.PERSON, who.email, who.account_id, who.role.value, **facts)
