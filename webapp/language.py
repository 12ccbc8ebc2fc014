"""The language of a page: the person's choice, else the browser's, else English.

Belongs here: choosing and remembering a language. Not here: the words: they stand in
translations/zh_Hans_CN, which is what Babel makes of zh_CN.
"""

from typing import Any

from flask import Flask, has_request_context, request, session
from flask_babel import Babel
from flask_security import current_user

LOCALES = {"zh_CN": "中文", "en": "English"}


def current_locale() -> str:
    """`zh_CN` or `en`."""
    if not has_request_context():
        return "en"
    chosen = session.get("locale")
    if chosen not in LOCALES and current_user.is_authenticated:
        chosen = current_user.locale
    if chosen in LOCALES:
        return str(chosen)
    preferred = request.accept_languages.best_match(("zh-CN", "zh", "zh-TW", "en"), default="en")
    return "zh_CN" if preferred.startswith("zh") else "en"


def install(app: Flask) -> None:
    Babel(app, default_locale="en", locale_selector=current_locale)
    app.context_processor(_page_words)


def _page_words() -> dict[str, Any]:
    locale = current_locale()
    return {"locale": locale, "html_lang": locale.replace("_", "-"), "locales": LOCALES}
