"""How the description tells of the endpoint for makers' pushes.

Belongs here: that operation and what it answers. Not here: the rest of the document (openapi).
"""

from collections.abc import Callable
from typing import Any

from storage.settings import Settings
from webapp.api.device_pushes import VENDORS
from webapp.api.push_examples import JSON, PUSH_EXAMPLES, SOAP

Translate = Callable[[str], str]
OTHER = "application/octet-stream"
ANSWER = {
    "accepted": 2,
    "duplicate": 0,
    "revised": 0,
    "late": 0,
    "refused": 0,
    "skipped": 0,
    "uncertain": 0,
    "unknown": [],
    "results": [{"index": 0, "count": 2, "status": "accepted"}],
}
WAITING = {
    **ANSWER,
    "accepted": 0,
    "refused": 1,
    "unknown": [{"serial": "00005e0053a3", "channel": "1"}],
    "results": [
        {
            "index": 0,
            "count": 1,
            "status": "refused",
            "code": "UNKNOWN_DEVICE",
            "reason": "no xovis device with the serial '00005e0053a3' and the channel '1' is "
            "registered in mall M1; register it, then release this",
        }
    ],
    "detail": "nobody has registered who sent this; it is kept, and taken when somebody does: "
    "nothing needs to be sent again",
}


def post_push(
    settings: Settings,
    _: Translate,
    *,
    refusals: dict[str, Any],
    parameters: list[dict[str, Any]],
) -> dict[str, Any]:
    """The operation; `refusals` are its answers as problems, `parameters` those of every call."""
    answer = {"schema": {"$ref": "#/components/schemas/PushAnswer"}}
    soap = {SOAP: {"schema": {"type": "string"}}}
    return {
        "operationId": "postPush",
        "summary": _("Let a device push in its maker's language"),
        "description": _(
            "Takes what a device sends as it is: the address names its maker's language, "
            "Content-Type does not matter, and parts of a multipart stream are read one by one. A "
            "device is known by the serial and channel under which it is registered; a message "
            "that names no serial is of the device that the key opens alone. What an unregistered "
            "device says is kept and its serial listed for the operators: 202, and nothing is "
            "lost. A body that cannot be read is kept too. A call may be sent again at any time. "
            "Besides the two ways of the other endpoints, HTTP Basic is taken here: the public id "
            "as user, the secret as password. Tills of TechTrans get their SOAP reply."
        ),
        "security": [{"deviceKey": []}, {"deviceSignature": []}, {"deviceBasic": []}],
        "parameters": [
            {
                "name": "adapter",
                "in": "path",
                "required": True,
                "description": _("The maker's language, in which the device is registered."),
                "schema": {"type": "string", "enum": [adapter.value for adapter in VENDORS]},
            },
            *parameters,
        ],
        "requestBody": {
            "required": True,
            "description": _(
                "At most {bytes} bytes a call, unpacked; gzip and zstd are welcome "
                "(Content-Encoding). Content-Length is needed; Content-Digest with sha-256 (RFC "
                "9530) is checked when it is there."
            ).format(bytes=f"{settings.api_max_bytes:,}"),
            "content": _content(_),
        },
        "responses": {
            "200": {
                "description": _(
                    "Something was taken, or there was nothing to take (a heartbeat); each "
                    "piece's fate is in results."
                ),
                "content": {
                    JSON: {
                        **answer,
                        "examples": {"taken": {"summary": _("Taken"), "value": ANSWER}},
                    },
                    **soap,
                },
            },
            "202": {
                "description": _(
                    "Nobody has registered who sent this. It is kept, and taken when somebody "
                    "does: nothing needs to be sent again."
                ),
                "content": {
                    JSON: {
                        **answer,
                        "examples": {
                            "waiting": {"summary": _("Waiting"), "value": WAITING},
                        },
                    },
                    **soap,
                },
            },
            **{
                status: {**refusal, "content": {**refusal["content"], **soap}}
                if status == "422"
                else refusal
                for status, refusal in refusals.items()
            },
        },
    }


def _content(_: Translate) -> dict[str, Any]:
    """Each type of body with its examples; a description cannot say what a maker's body is."""
    content: dict[str, Any] = {}
    for example in PUSH_EXAMPLES:
        schema = {} if example.content_type == JSON else {"type": "string"}
        media = content.setdefault(example.content_type, {"schema": schema, "examples": {}})
        media["examples"][example.adapter.value] = {
            "summary": _(example.summary),
            "value": example.value,
        }
    return {**content, OTHER: {"schema": {"type": "string", "format": "binary"}}}


def push_schemas(_: Translate, count: dict[str, Any]) -> dict[str, Any]:
    """What is answered; `count` is the schema of a number of pieces."""
    return {
        "PushAnswer": {
            "type": "object",
            "required": list(ANSWER),
            "properties": {
                "accepted": {**count, "description": _("New figures and sales.")},
                "duplicate": {**count, "description": _("Known already, with this value.")},
                "revised": {**count, "description": _("Known with another value, now replaced.")},
                "late": {
                    **count,
                    "description": _("Came for a month that is closed; kept until it is decided."),
                },
                "refused": {**count, "description": _("Not taken; kept in quarantine.")},
                "skipped": {
                    **count,
                    "description": _(
                        "No figures: heartbeats, running totals, what does not count."
                    ),
                },
                "uncertain": {
                    **count,
                    "description": _("Taken, but their time differs too much from ours."),
                },
                "unknown": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/Address"},
                    "description": _("Who spoke and is not registered."),
                },
                "results": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/Result"},
                    "description": _(
                        "Runs of neighbouring pieces of the message that ended alike."
                    ),
                },
                "detail": {
                    "type": "string",
                    "description": _("With 202: what becomes of it."),
                },
            },
        },
        "Address": {
            "type": "object",
            "required": ["serial", "channel"],
            "properties": {
                "serial": {"type": "string", "description": _("As the device names itself.")},
                "channel": {
                    "type": "string",
                    "description": _("A line, zone, register or till; empty where there is one."),
                },
            },
        },
    }
