"""The forms of signing in and of a person's own account.

Belongs here: fields, their words and what password managers are told of them. Not here: whether
what was typed is right (services).
"""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

ADDRESS_LENGTH = 254  # RFC 5321
# Longer than any password or code: refused before it is hashed.
TYPED_LENGTH = 1024

filled = InputRequired(_l("Please fill this in."))
readable = Length(max=TYPED_LENGTH, message=_l("This is too long."))


def _password(label: object, autocomplete: str, *more: object) -> PasswordField:
    return PasswordField(
        label, validators=[filled, readable, *more], render_kw={"autocomplete": autocomplete}
    )


def _code(label: object, **attributes: str) -> StringField:
    keywords = {"autocomplete": "one-time-code", "autocapitalize": "off", "spellcheck": "false"}
    return StringField(label, validators=[filled, readable], render_kw=keywords | attributes)


class SignInForm(FlaskForm):
    email = StringField(
        _l("E-mail"),
        validators=[filled, Length(max=ADDRESS_LENGTH, message=_l("This is too long."))],
        render_kw={"autocomplete": "username", "type": "email"},
    )
    password = _password(_l("Password"), "current-password")


class CodeForm(FlaskForm):
    code = _code(_l("Code of the authenticator"), inputmode="numeric")


class RecoveryForm(FlaskForm):
    code = _code(_l("Recovery code"), autocomplete="off")


class ForgottenForm(FlaskForm):
    email = StringField(
        _l("E-mail"),
        validators=[filled, Length(max=ADDRESS_LENGTH, message=_l("This is too long."))],
        render_kw={"autocomplete": "username", "type": "email"},
    )


class NewPasswordForm(FlaskForm):
    password = _password(_l("New password"), "new-password")
    repeated = _password(
        _l("New password, again"),
        "new-password",
        EqualTo("password", message=_l("This differs from the first.")),
    )


class ChangePasswordForm(NewPasswordForm):
    current = _password(_l("Current password"), "current-password")
