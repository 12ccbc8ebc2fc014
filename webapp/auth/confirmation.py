"""Confirming a signature: the password, and a code that only the person can have.

Belongs here: asking a signed-in person for both, in one form. Not here: what is signed (the
portal), sending codes (services.operations.signing_codes).
"""

from flask_babel import gettext as _
from flask_security import current_user

from services.operations.second_factor import find_second_factor
from services.operations.sign_in import admit, recheck_password
from services.operations.signing_codes import SECRET_NAME, take_signing_code
from webapp.auth.door import door, knocker
from webapp.auth.totp import authenticator
from webapp.runtime import runtime

PASSWORD = "password"
CODE = "code"


def has_authenticator() -> bool:
    """Whether the person's codes come from an authenticator; else one is sent."""
    return find_second_factor(door(), user_id=current_user.id) is not None


def confirm_signature(paper_id: int, *, password: str, code: str) -> dict[str, str]:
    """What is wrong, by field; empty when both are right, and then the code is spent.

    Wrong ones count towards the lockout of the account; a code is looked at only beside the right
    password.
    """
    state = runtime()
    is_right = recheck_password(
        door(),
        user_id=current_user.id,
        password=password,
        salt=state.settings.secret("password_salt"),
        actor=knocker(),
        now=state.now(),
    )
    errors = {} if is_right else {PASSWORD: _("This password is wrong.")}
    if is_right:
        code_right = admit(
            door(),
            user_id=current_user.id,
            is_right=_is_code_right(paper_id, code),
            what="code",
            actor=knocker(),
            now=state.now(),
        )
        if not code_right:
            errors = {
                CODE: _("This code is wrong, has run out, or was used before. Ask for another.")
            }
    # Also when something was wrong: the try counts.
    door().commit()
    return errors


def _is_code_right(paper_id: int, code: str) -> bool:
    if has_authenticator():
        return authenticator().is_right(code, current_user)
    state = runtime()
    return take_signing_code(
        door(),
        user_id=current_user.id,
        paper_id=paper_id,
        code=code,
        secret=state.settings.secret(SECRET_NAME),
        now=state.now(),
    )
