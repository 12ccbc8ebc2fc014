"""How a process writes its log: one event a line, and nothing in it that must stay secret.

Belongs here: the form of a line and what is struck out of it. Not here: what is worth a line.
Every process configures this once; libraries that use `logging` come out in the same form.
"""

import logging
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, TextIO

import structlog

from storage.settings import Settings

HIDDEN = "[hidden]"
# A field whose name contains one of these words says something that stays out of every log.
PRIVATE_WORDS = frozenset(
    (
        "address", "authorization", "body", "cookie", "cookies", "credential", "credentials",
        "csrf", "email", "form", "headers", "key", "keys", "locals", "mail", "otp", "passphrase",
        "passwd", "password", "phone", "pin", "pwd", "query", "recovery", "salt", "secret",
        "secrets", "session", "signature", "token", "tokens", "totp",
    )
)  # fmt: skip
# Fields of ours whose names contain such a word and which say nothing private.
OPEN_FIELDS = frozenset({"account_id", "key_id", "object_key", "reason_code", "status_code"})
PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"AGE-SECRET-KEY-[0-9A-Z]+", re.IGNORECASE), HIDDEN),
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*KEY-----|\Z)", re.DOTALL
        ),
        HIDDEN,
    ),
    # user:password@ in an address
    (re.compile(r"(?<=://)[^\s/@'\"]+@"), f"{HIDDEN}@"),
    (re.compile(r"\b(Bearer|Basic|Digest)\s+[^\s,'\"]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"(?<![a-z])((?:[a-z]+[_-])*(?:password|passwd|passphrase|secret|token|api[_-]?key|"
            r"cookie|authorization|salt))(['\"]?\s*[:=]\s*)(?:b?'[^']*'|b?\"[^\"]*\"|[^\s,;&)\]}]+)",
            re.IGNORECASE,
        ),
        rf"\1\2{HIDDEN}",
    ),
    # A device key: <public id>_<secret>
    (re.compile(r"\b([0-9a-f]{16})_[A-Za-z0-9_-]{20,}"), rf"\1_{HIDDEN}"),
    # What the database quotes of a row
    (re.compile(r"\[parameters: .*", re.DOTALL), f"[parameters: {HIDDEN}]"),
    (re.compile(r"(DETAIL|CONTEXT):\s.*"), rf"\1: {HIDDEN}"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*"), "[e-mail]"),
    (re.compile(r"(?<![\w.+-])(?:\+\d{1,3}[ -]?)?1[3-9]\d{9}(?!\w)"), "[phone]"),
)
# What a line cannot lose, whatever it looks like.
UNTOUCHED = frozenset({"time", "level", "logger", "request_id"})

# What other readers than JSON's take for the end of a line.
LINE_ENDS = re.compile("[\x7f-\x9f\u2028\u2029]")

_Event = MutableMapping[str, Any]


class LogHandler(logging.StreamHandler[TextIO]):
    """The handler of `configure_logs`; another call replaces it and leaves others alone."""


def configure_logs(
    settings: Settings, *, stream: TextIO | None = None, least: int = logging.DEBUG
) -> None:
    """Send every log line of this process to `stream` (default: standard error).

    `log_format` json: an object a line; console: for people; auto: console where a person looks.
    Lines below `log_level` and below `least` are not written.
    """
    target = stream or sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    for_people = settings.log_format == "console" or (
        settings.log_format == "auto" and target.isatty()
    )
    handler = LogHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _drop_message],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # The text of a traceback: it has no local variables.
                structlog.processors.format_exc_info,
                strike_private,
                _renderer(for_people),
            ],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old, LogHandler):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(least, logging.getLevelNamesMapping()[settings.log_level]))
    # What these say at INFO is what our own lines say already, with addresses in it.
    for noisy in ("werkzeug", "alembic", "botocore", "urllib3", "tencentcloud_sdk_common"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)


def _drop_message(logger: Any, name: str, event: _Event) -> _Event:
    """Another handler may have left the finished text on the record; it is the event already."""
    event.pop("message", None)
    return event


def _renderer(for_people: bool) -> Any:
    if for_people:
        return structlog.dev.ConsoleRenderer(
            timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
        )
    return _in_order


def _in_order(logger: Any, name: str, event: _Event) -> str:
    """The line as JSON: time, level, logger and event first."""
    first = {key: event.pop(key) for key in ("time", "level", "logger", "event") if key in event}
    rendered = structlog.processors.JSONRenderer(ensure_ascii=False)(
        logger, name, {**first, **event}
    )
    text = rendered if isinstance(rendered, str) else rendered.decode()
    # A line is a line for every reader: JSON leaves these ends of lines as they are.
    return LINE_ENDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def strike_private(logger: Any, name: str, event: _Event) -> _Event:
    """Strike secrets and personal data out of an event: by the name of a field, and in texts."""
    for key, value in list(event.items()):
        if key in UNTOUCHED:
            continue
        event[key] = HIDDEN if _is_private(key) and value else _struck(value)
    return event


def _is_private(key: str) -> bool:
    if key in OPEN_FIELDS:
        return False
    return bool(PRIVATE_WORDS & set(re.split(r"[_\W]+", key.lower())))


def _struck(value: Any, depth: int = 0) -> Any:
    """`value` as it may be written; what is nested deeper than four is left out."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if depth > 4:
        return "…"
    if isinstance(value, Mapping):
        return dict(_struck_items(value, depth))
    if isinstance(value, list | tuple | set | frozenset):
        return [_struck(one, depth + 1) for one in value]
    return strike_text(str(value))


def _struck_items(value: Mapping[Any, Any], depth: int) -> Iterator[tuple[str, Any]]:
    for key, one in value.items():
        name = str(key)
        yield name, HIDDEN if _is_private(name) and one else _struck(one, depth + 1)


def strike_text(text: str) -> str:
    """`text` without what looks like a secret, an e-mail address or a mobile number."""
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text
