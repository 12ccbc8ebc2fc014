"""What messages say: every text, and the mall's own words for it.

Belongs here: the list, and the editor of both languages side by side with its preview. Not here:
what was sent (messages).
"""

from dataclasses import dataclass
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_security import current_user

from domain.message_templates import SPECS, Part, TemplateSpec
from domain.notifications import Template, Topic
from domain.permissions import Permission
from services.language import LOCALES
from services.operations.message_templates import reset_words, save_words
from services.operations.message_texts import our_words, preview, sample_values
from services.queries.message_templates import OwnWords, list_own_words
from webapp.admin import access, labels
from webapp.admin.base import StaffView
from webapp.auth.authorisation import may, require
from webapp.words import message_texts as words
from webapp.words.messages import kind_of_message


@dataclass(frozen=True)
class Side:
    """One language in the editor: what is typed, how it looks, what is wrong with each field.
    `seen` says which words of the mall the editor began with.
    """

    locale: str
    subject: str
    body: str
    shown_subject: str
    shown_body: str
    subject_errors: tuple[str, ...]
    body_errors: tuple[str, ...]
    own: OwnWords | None
    seen: str

    @property
    def is_right(self) -> bool:
        return not self.subject_errors and not self.body_errors

    @property
    def is_overtaken(self) -> bool:
        """Whether somebody changed the mall's words after this editor was opened."""
        return self.seen != _version(self.own)


class MessageTextsView(StaffView):
    permission = Permission.MESSAGES_READ

    @expose("/")
    def index(self) -> Any:
        own = list_own_words(access.database()(), mall_id=access.current_mall_id())
        page: str = self.render(
            "admin/message_texts.html",
            topics=[
                (topic, [spec for spec in SPECS.values() if spec.topic is topic]) for topic in Topic
            ],
            own={spec: _latest(own, spec) for spec in SPECS},
            kind=kind_of_message,
            locales_shown=LOCALES,
        )
        return page

    @expose("/<template>", methods=("GET", "POST"))
    def text(self, template: str) -> Any:
        """Look at a text; preview and save the mall's own words for it."""
        spec = _spec(template)
        if request.method == "GET":
            return self._editor(spec, [self._kept(spec, locale) for locale in LOCALES])
        require(Permission.MESSAGE_TEMPLATES_EDIT)
        if not spec.is_of_mall:
            abort(404)
        sides = [self._typed(spec, locale) for locale in LOCALES]
        is_preview = request.form.get("do") == "preview"
        if is_preview or not all(side.is_right and not side.is_overtaken for side in sides):
            return self._editor(spec, sides, is_preview=is_preview), 200 if is_preview else 422
        session = access.database()
        for side in sides:
            save_words(
                session(),
                mall_id=access.current_mall_id(),
                template=spec.template,
                locale=side.locale,
                subject=side.subject,
                body=side.body,
                actor=current_user.email,
                now=self.now(),
            )
        session.commit()
        flash(_("The text is saved; the next message says it so."), "success")
        return redirect(url_for(".text", template=template))

    @expose("/<template>/reset", methods=("POST",))
    def reset(self, template: str) -> Any:
        """Say in both languages what we say."""
        require(Permission.MESSAGE_TEMPLATES_EDIT)
        spec = _spec(template)
        session = access.database()
        for locale in LOCALES:
            reset_words(
                session(), mall_id=access.current_mall_id(), template=spec.template, locale=locale
            )
        session.commit()
        flash(_("The text is Atrium's again."), "success")
        return redirect(url_for(".text", template=template))

    def _kept(self, spec: TemplateSpec, locale: str) -> Side:
        own = self._own(spec, locale)
        said = own or our_words(spec.template, locale)
        return _side(spec, locale, said.subject, said.body, own, _version(own))

    def _typed(self, spec: TemplateSpec, locale: str) -> Side:
        return _side(
            spec,
            locale,
            request.form.get(f"subject-{locale}", ""),
            request.form.get(f"body-{locale}", "").replace("\r\n", "\n"),
            self._own(spec, locale),
            request.form.get(f"seen-{locale}", ""),
        )

    def _own(self, spec: TemplateSpec, locale: str) -> OwnWords | None:
        found = list_own_words(
            access.database()(), mall_id=access.current_mall_id(), template=spec.template.value
        )
        return found.get((spec.template.value, locale))

    def _editor(self, spec: TemplateSpec, sides: list[Side], *, is_preview: bool = False) -> str:
        page: str = self.render(
            "admin/message_text.html",
            spec=spec,
            sides=sides,
            is_preview=is_preview,
            is_wrong=any(not side.is_right for side in sides),
            overtaken=next((side.own for side in sides if side.is_overtaken), None),
            is_overtaken=any(side.is_overtaken for side in sides),
            versions={side.locale: _version(side.own) for side in sides},
            has_own=any(side.own for side in sides),
            variables=[
                (
                    one,
                    words.VARIABLES[one.name],
                    {side.locale: _sample(spec, side, one.name) for side in sides},
                )
                for one in spec.variables
            ],
            kind=kind_of_message,
            locale_names=labels.LOCALE_NAMES,
            may_edit=may(Permission.MESSAGE_TEMPLATES_EDIT) and spec.is_of_mall,
        )
        return page


def _spec(template: str) -> TemplateSpec:
    if template not in set(Template):
        abort(404)
    return SPECS[Template(template)]


def _side(
    spec: TemplateSpec, locale: str, subject: str, body: str, own: OwnWords | None, seen: str
) -> Side:
    shown = preview(spec.template, locale=locale, subject=subject.strip(), body=body.strip())
    flaws = {
        part: tuple(words.flaw(one) for one in shown.problems if one.part is part) for part in Part
    }
    return Side(
        locale=locale,
        subject=subject,
        body=body,
        shown_subject=shown.subject,
        shown_body=shown.body,
        subject_errors=flaws[Part.SUBJECT],
        body_errors=flaws[Part.BODY],
        own=own,
        seen=seen,
    )


def _sample(spec: TemplateSpec, side: Side, name: str) -> str:
    return sample_values(spec.template, side.locale)[name]


def _version(own: OwnWords | None) -> str:
    return own.edited_at.isoformat() if own else ""


def _latest(own: Any, template: Template) -> OwnWords | None:
    """The mall's words that were changed last, in whichever language."""
    found = [own[template.value, locale] for locale in LOCALES if (template.value, locale) in own]
    return max(found, key=lambda words_of_mall: words_of_mall.edited_at, default=None)
