"""The API described as an OpenAPI 3.1 document, built as data from what the code knows.

Belongs here: the description. Not here: how it is shown (docs). Every sentence is a msgid: the
page shows it in the reader's language, the document itself is English.
"""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from domain.devices import METRICS_OF_KIND, UNIT_OF_METRIC, Metric
from services.adapters.refusals import TITLES
from storage.settings import Settings
from webapp.api import problems
from webapp.api.bodies import JSON, LINES
from webapp.api.openapi_pushes import post_push, push_schemas
from webapp.api.problems import PROBLEM_JSON, PROBLEMS, ProblemKind

Translate = Callable[[str], str]
SMALLEST = {
    "device_id": "POS001",
    "data_type": "sales",
    "value": 1500.00,
    "timestamp": "2026-01-16T14:30:00Z",
}
SMALLEST_TEXT = """{"device_id": "POS001", "data_type": "sales",
 "value": 1500.00, "timestamp": "2026-01-16T14:30:00Z"}"""
BATCH = [
    {**SMALLEST, "timestamp": "2026-01-16T14:31:07.250Z", "value": 38.50, "unit": "CNY"},
    {
        "device_id": "FC-01",
        "data_type": "footfall_in",
        "value": 42,
        "timestamp": "2026-01-16T14:00:00+08:00",
        "interval_end": "2026-01-16T15:00:00+08:00",
    },
]
ANSWER = {
    "accepted": 1,
    "duplicate": 0,
    "revised": 0,
    "late": 0,
    "refused": 1,
    "uncertain": 0,
    "results": [
        {"index": 0, "count": 1, "status": "accepted"},
        {
            "index": 1,
            "count": 1,
            "status": "refused",
            "code": "UNKNOWN_DEVICE",
            "reason": "device_id is 'FC-01'; expected the code of a device registered in mall M1",
        },
    ],
}


def product_version() -> str:
    try:
        return version("atrium")
    except PackageNotFoundError:
        return "0"


def build_document(settings: Settings, translate: Translate = str) -> dict[str, Any]:
    """The OpenAPI document; `translate` turns each sentence into the reader's language."""
    _ = translate
    return {
        "openapi": "3.1.0",
        "info": {
            "title": _("Atrium device API"),
            "version": product_version(),
            "summary": _("Tills, counters and meters hand in what they measured."),
        },
        "paths": {
            "/api/v1/readings": {"post": _post_readings(settings, _)},
            "/api/v1/devices/{adapter}": {
                "post": post_push(
                    settings,
                    _,
                    refusals=_refusals(_, but=problems.WRONG_TYPE),
                    parameters=[_call_name(_)],
                )
            },
            "/healthz": {
                "get": {
                    "operationId": "healthz",
                    "summary": _("Is the process up?"),
                    "security": [],
                    "responses": {"200": {"description": _("The process answers.")}},
                }
            },
            "/readyz": {
                "get": {
                    "operationId": "readyz",
                    "summary": _("Can the service do its work?"),
                    "security": [],
                    "responses": {
                        "200": {
                            "description": _(
                                "The database is reachable and migrated, and the object store "
                                "takes objects."
                            )
                        },
                        "503": {"description": _("One of them is not ready; `checks` says which.")},
                    },
                }
            },
        },
        "components": {
            "securitySchemes": {
                "deviceKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": _(
                        "A device key, `<public id>_<secret>`, shown once when it is made. It "
                        "opens one device, or every device of one mall (a gateway). Cookies are "
                        "refused."
                    ),
                },
                "deviceSignature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": _(
                        "Instead of the secret, a signature by the key derived from it: "
                        "`Atrium-HMAC-SHA256 keyid=<public id>, timestamp=<Unix seconds>, "
                        "sequence=<number>, signature=<64 hex digits>`. The timestamp may differ "
                        "from our clock by 300 seconds; timestamp and sequence together are taken "
                        "once. A key can be made that requires it."
                    ),
                },
                "deviceBasic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": _(
                        "For devices that can do nothing else, where they push: the public id of "
                        "a device key as user, its secret as password."
                    ),
                },
            },
            "schemas": _schemas(_),
        },
        "security": [{"deviceKey": []}, {"deviceSignature": []}],
    }


def _post_readings(settings: Settings, _: Translate) -> dict[str, Any]:
    reading = {"$ref": "#/components/schemas/Reading"}
    many = {"oneOf": [reading, {"type": "array", "items": reading, "minItems": 1}]}
    examples = {
        "smallest": {"summary": _("The smallest form: one reading"), "value": SMALLEST},
        "batch": {"summary": _("A batch"), "value": BATCH},
    }
    return {
        "operationId": "postReadings",
        "summary": _("Hand in readings"),
        "description": _(
            "Takes one reading, an array, or one reading a line, and answers after the commit: "
            "what is counted as accepted, duplicate or revised is on disk. A call may be sent "
            "again at any time: a reading is known by its device, data type and timestamp, the "
            "same value again is a duplicate, another value revises it and the old one is kept. "
            "Two sales of one till need two timestamps. One bad reading spoils no other. A signed "
            "call is taken once: sent again byte for byte it answers 409, and its readings are on "
            "disk; after any other refusal nothing was kept, and it may be sent again or signed "
            "anew. A key may send {calls} calls and {bytes} bytes a minute (to each process that "
            "serves the site); beyond that it is answered 429 and told how long to wait."
        ).format(
            calls=f"{settings.api_key_calls_per_minute:,}",
            bytes=f"{settings.api_key_bytes_per_minute:,}",
        ),
        "parameters": [_call_name(_)],
        "requestBody": {
            "required": True,
            "description": _(
                "At most {readings} readings and {bytes} bytes a call, unpacked; gzip and zstd are "
                "welcome (Content-Encoding). Content-Length is needed; Content-Digest with "
                "sha-256 (RFC 9530) is checked when it is there."
            ).format(
                readings=f"{settings.api_max_readings:,}", bytes=f"{settings.api_max_bytes:,}"
            ),
            "content": {
                JSON: {"schema": many, "examples": examples},
                LINES[0]: {"schema": reading},
            },
        },
        "responses": {
            "200": {
                "description": _("At least one reading was taken; each one's fate is in results."),
                "content": {
                    JSON: {
                        "schema": {"$ref": "#/components/schemas/Answer"},
                        "examples": {"mixed": {"summary": _("Mixed"), "value": ANSWER}},
                    }
                },
            },
            **_refusals(_, but=problems.UNKNOWN_ADAPTER),
        },
    }


def _call_name(_: Translate) -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": _(
            "Names the call, in at most 255 visible ASCII characters. Sent again under the name "
            "within a day it is answered as the first time, with Idempotency-Replayed: true; "
            "another body under the name is refused."
        ),
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    }


def _refusals(_: Translate, *, but: ProblemKind) -> dict[str, Any]:
    """The problems, but one, by status."""
    kinds = [problem for problem in PROBLEMS if problem is not but]
    return {
        str(status): {
            "description": " · ".join(
                _(problem.title) for problem in kinds if problem.status == status
            ),
            **_headers(status, _),
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({problem.status for problem in kinds})
    }


def _headers(status: int, _: Translate) -> dict[str, Any]:
    """What else an answer of this status says."""
    if status == 401:
        name, says = "WWW-Authenticate", _("The ways of signing in.")
    elif status in (429, 503):
        name, says = "Retry-After", _("Seconds until the same call may be sent again.")
    else:
        return {}
    return {"headers": {name: {"description": says, "schema": {"type": "string"}}}}


def _schemas(_: Translate) -> dict[str, Any]:
    count = {"type": "integer", "minimum": 0}
    return {
        "Reading": {
            "type": "object",
            "additionalProperties": False,
            "required": ["device_id", "data_type", "value", "timestamp"],
            "properties": {
                "device_id": {
                    "type": "string",
                    "description": _("The code of the device in its mall."),
                },
                "data_type": {
                    "type": "string",
                    "enum": [metric.value for metric in Metric],
                    "description": _("What is measured; it must fit the kind of the device."),
                },
                "value": {
                    "type": ["number", "string"],
                    "description": _(
                        "At most 12 digits and 6 decimals, kept exactly. NaN and Infinity are "
                        "refused."
                    ),
                },
                "timestamp": {
                    "type": "string",
                    "format": "date-time",
                    "description": _(
                        "When it was measured, or when the interval begins; with an offset. Too "
                        "far ahead or behind our clock: kept as uncertain, and not used."
                    ),
                },
                "interval_end": {
                    "type": "string",
                    "format": "date-time",
                    "description": _(
                        "Where the interval ends. Without it a device that counts intervals gets "
                        "its registered length; events and registers have none."
                    ),
                },
                "unit": {
                    "type": "string",
                    "description": _("Checked when it is there: the unit of the data type."),
                },
            },
        },
        "Answer": {
            "type": "object",
            "required": [
                "accepted",
                "duplicate",
                "revised",
                "late",
                "refused",
                "uncertain",
                "results",
            ],
            "properties": {
                "accepted": {**count, "description": _("New readings.")},
                "duplicate": {**count, "description": _("Known already, with this value.")},
                "revised": {**count, "description": _("Known with another value, now replaced.")},
                "late": {
                    **count,
                    "description": _("Came for a month that is closed; kept until it is decided."),
                },
                "refused": {**count, "description": _("Not taken; kept in quarantine.")},
                "uncertain": {
                    **count,
                    "description": _("Taken, but their time differs too much from ours."),
                },
                "results": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/Result"},
                    "description": _(
                        "Runs of neighbouring readings that ended alike, in the order of the call."
                    ),
                },
            },
        },
        "Result": {
            "type": "object",
            "required": ["index", "count", "status"],
            "properties": {
                "index": {**count, "description": _("Place of the first reading, from 0.")},
                "count": {**count, "description": _("How many readings the run has.")},
                "status": {
                    "type": "string",
                    "enum": ["accepted", "duplicate", "revised", "late", "refused"],
                    "description": _("How they ended."),
                },
                "quality": {
                    "type": "string",
                    "enum": ["UNCERTAIN"],
                    "description": _("There only when their time is uncertain."),
                },
                "code": {
                    "type": "string",
                    "enum": sorted(TITLES),
                    "description": _("Why a reading was refused, for programs."),
                },
                "reason": {
                    "type": "string",
                    "description": _("Why a reading was refused, for people."),
                },
            },
        },
        **push_schemas(_, count),
        "Problem": {
            "type": "object",
            "description": _(
                "RFC 9457. When every reading was refused it also carries the members of Answer."
            ),
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": {"type": "string", "format": "uri-reference"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "request_id": {
                    "type": "string",
                    "description": _("Names this call in our logs; quote it when you ask."),
                },
                "code": {
                    "type": "string",
                    "enum": sorted(TITLES),
                    "description": _("Why a body could not be read, for programs."),
                },
                "adapters": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": _("With unknown-adapter: those that there are."),
                },
                "signed_text": {
                    "type": "string",
                    "description": _("With wrong-signature: the text that should be signed."),
                },
                "signed_at": {
                    "type": "string",
                    "format": "date-time",
                    "description": _("With wrong-clock: your time."),
                },
                "server_time": {
                    "type": "string",
                    "format": "date-time",
                    "description": _("With wrong-clock: our time."),
                },
                "server_timestamp": {
                    "type": "integer",
                    "description": _("The same in Unix seconds: set your clock by it."),
                },
            },
        },
    }


def data_types() -> list[dict[str, str]]:
    """Each data type with its unit and the kinds of device that measure it, for the page."""
    return [
        {
            "name": metric.value,
            "unit": UNIT_OF_METRIC[metric],
            "kinds": ", ".join(
                kind.value
                for kind, metrics in METRICS_OF_KIND.items()
                if metric in metrics and len(metrics) < len(Metric)
            ),
        }
        for metric in Metric
    ]
