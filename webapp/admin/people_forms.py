"""The forms of people's accounts."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.validators import DataRequired, Email, Length, ValidationError

from domain.people import InvalidPhone, Role, phone_number
from services.queries.people import list_shop_choices
from webapp.admin import access, labels
from webapp.admin.base import Form
from webapp.language import LOCALES


class CheckList(SelectMultipleField):
    """Any number of choices as boxes to tick, in a list that scrolls when it is long."""

    def widget(self, field: Any, **attributes: Any) -> Markup:
        wrong = attributes.get("aria-invalid")
        boxes = Markup("").join(
            Markup('<label><input type="checkbox" name="{}" value="{}"{}> {}</label>').format(
                field.name, value, Markup(" checked") if chosen else "", word
            )
            for value, word, chosen, _more in field.iter_choices()
        )
        described = Markup(' aria-describedby="{}-errors"').format(field.id) if wrong else ""
        return Markup(
            '<div class="check-list" id="{}" role="group" aria-label="{}"{}>{}</div>'
        ).format(field.id, field.label.text, described, boxes)


class InvitationForm(Form):
    """What an administrator decides about an account."""

    email: Any = StringField(
        _l("E-mail"),
        [DataRequired(), Length(max=254), Email()],
        render_kw={"type": "email", "autocomplete": "off"},
        description=_l("A letter with a link to choose a password goes there."),
    )
    name = StringField(_l("Full name"), [DataRequired(), Length(max=120)])
    # Nothing is chosen at first: nobody becomes an administrator by not looking.
    role = SelectField(
        _l("Role"),
        [DataRequired()],
        choices=lambda: [("", _("Choose a role")), *labels.labels_of(Role)],
        coerce=lambda value: Role(value) if value else None,
    )
    mall_codes = CheckList(
        _l("Malls"),
        choices=lambda: [(mall.code, f"{mall.code} {mall.name}") for mall in access.malls()],
        description=_l("A super administrator reaches every mall, ticked or not."),
    )
    shop_codes = CheckList(
        _l("Shops"),
        choices=lambda: list_shop_choices(access.database()),
        description=_l("For the role Shop, and only for it: the shops it acts for."),
    )
    phone = StringField(
        _l("Telephone"),
        [Length(max=40)],
        render_kw={"type": "tel", "autocomplete": "off"},
        description=_l("For text messages; the person can change it."),
    )
    locale = SelectField(
        _l("Language"),
        choices=lambda: [("", _("As the browser asks")), *LOCALES.items()],
        description=_l("Of the pages and of letters."),
    )

    def validate_phone(self, field: Any) -> None:
        try:
            field.data = phone_number(field.data or "")
        except InvalidPhone:
            raise ValidationError(
                _("Write the number with its digits, such as 138 0000 0000 or +86 138 0000 0000.")
            ) from None

    def validate_mall_codes(self, field: Any) -> None:
        if self.role.data in (Role.MANAGEMENT, Role.OPERATION, Role.FINANCE) and not field.data:
            raise ValidationError(
                _("Tick at least one mall; without one this person sees nothing.")
            )

    def validate_shop_codes(self, field: Any) -> None:
        if self.role.data is Role.SHOP and not field.data:
            raise ValidationError(_("Tick the shops that this person acts for."))
        if self.role.data not in (Role.SHOP, None) and field.data:
            raise ValidationError(_("Only the role Shop belongs to shops; tick none."))

    def malls_reached(self) -> set[str]:
        """The malls ticked, with those of the shops ticked."""
        return {*self.mall_codes.data, *(code.split("/")[0] for code in self.shop_codes.data)}


class PersonForm(InvitationForm):
    """The same of an account that is there: its address stays."""

    email = None
