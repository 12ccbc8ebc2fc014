"""The description of the API: as a document for programs, as a page for people.

The page is drawn from the document; nothing is loaded from elsewhere.
"""

from pathlib import Path
from typing import Any

import msgspec
from flask import Response, current_app, render_template, request
from flask_babel import Domain, get_locale

from services.adapters.refusals import TITLES, title_of
from webapp.api.openapi import SMALLEST_TEXT, build_document, data_types, product_version
from webapp.api.problems import PROBLEMS
from webapp.api.signing_guide import KEY, SIGNING_KEY, VECTORS, programs
from webapp.runtime import runtime

LANGUAGES = {"en": "English", "zh_CN": "中文"}
# The API's words stand in a catalogue of their own beside that of the pages.
words = Domain(
    translation_directories=[str(Path(__file__).parent.parent / "translations")], domain="api"
)


def openapi_json() -> Response:
    document = build_document(runtime().settings)
    return Response(msgspec.json.encode(document), mimetype="application/json")


def docs_page() -> str:
    locale = "zh_CN" if str(get_locale() or "en").startswith("zh") else "en"
    document = build_document(runtime().settings, words.gettext)
    return render_template(
        "api/docs.html",
        _=words.gettext,
        html_lang=locale.replace("_", "-"),
        locale=locale,
        languages=LANGUAGES,
        can_choose_language="pages.choose_language" in current_app.view_functions,
        document=document,
        operations=_operations(document),
        schemas=document["components"]["schemas"],
        smallest=SMALLEST_TEXT,
        key_words=document["components"]["securitySchemes"]["deviceKey"]["description"],
        signature_words=document["components"]["securitySchemes"]["deviceSignature"]["description"],
        signing={
            "key": KEY,
            "signing_key": SIGNING_KEY,
            "vectors": VECTORS,
            "programs": programs(),
        },
        data_types=data_types(),
        problems=PROBLEMS,
        reasons=[(code, title_of(code, locale)) for code in TITLES],
        address=request.host_url.rstrip("/"),
        version=product_version(),
        pretty=_pretty,
    )


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"method": method.upper(), "path": path, **operation}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
