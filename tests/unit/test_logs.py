"""A log line: one object, in a fixed order, without secrets and personal data."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars

from storage.logs import HIDDEN, LogHandler, configure_logs, strike_text
from storage.settings import Settings

log = logging.getLogger("atrium.tests")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the lines of this test go; afterwards logging is as it was."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    stream = io.StringIO()
    configure_logs(Settings(_env_file=None), stream=stream)
    yield stream
    clear_contextvars()
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.setLevel(level)
    root.handlers[:] = handlers


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_line_is_one_object_with_its_context(stream: io.StringIO) -> None:
    bind_contextvars(request_id="0123456789abcdef", method="GET", path="/admin/<id>")
    log.info("request", extra={"status": 200, "milliseconds": 1.5, "account_id": 7})
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert list(json.loads(text))[:4] == ["time", "level", "logger", "event"]
    (line,) = lines(stream)
    assert line.pop("time").endswith("Z")  # type: ignore[attr-defined]
    assert line == {
        "level": "info",
        "logger": "atrium.tests",
        "event": "request",
        "request_id": "0123456789abcdef",
        "method": "GET",
        "path": "/admin/<id>",
        "status": 200,
        "milliseconds": 1.5,
        "account_id": 7,
    }


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\u2028b", "a\x85b", '{"level": "x"}\n'])
def test_text_cannot_pretend_to_be_another_line(stream: io.StringIO, text: str) -> None:
    log.warning("seen %s", text, extra={"name_given": text})
    (line,) = lines(stream)
    assert line["event"] == f"seen {text}"


def test_structlog_and_logging_write_alike(stream: io.StringIO) -> None:
    structlog.get_logger("atrium.tests").info("done", rows=3)
    log.info("done", extra={"rows": 3})
    one, two = lines(stream)
    assert one.pop("time")
    assert two.pop("time")
    assert one == two


def test_traceback_has_no_local_variables(stream: io.StringIO) -> None:
    def fail() -> None:
        canary = "local-canary-value"
        raise RuntimeError(f"failed after {len(canary)}")

    try:
        fail()
    except RuntimeError:
        log.exception("it failed")
    (line,) = lines(stream)
    assert "RuntimeError: failed after 18" in str(line["exception"])
    assert "in fail" in str(line["exception"])
    assert "'local-canary" not in stream.getvalue()


@pytest.mark.parametrize(
    "name",
    ["password", "new_password", "Authorization", "cookie", "set-cookie", "device_key", "api_key",
     "csrf_token", "totp_code", "recovery_codes", "email", "contact_phone", "body", "session",
     "X-Signature", "client_secret"],
)  # fmt: skip
def test_field_named_for_a_secret_is_hidden(stream: io.StringIO, name: str) -> None:
    log.info("seen", extra={name: "canary", "nested": {"deep": [{name: "canary"}]}})
    assert "canary" not in stream.getvalue()
    assert lines(stream)[0][name] == HIDDEN


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer canary",
        "authorization='Basic canary'",
        "password=canary",
        "'password': 'canary'",
        '"new_password": "canary with blanks"',
        "ATRIUM_EMAIL_PASSWORD: canary",
        "token = canary",
        "postgresql://atrium:canary@127.0.0.1:5432/atrium",
        "smtp://canary:x@mail.example.org",
        "0123456789abcdef_canary-canary-canary-canary",
        "AGE-SECRET-KEY-1CANARYCANARY",
        "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\ncanary",
        "DETAIL:  Key (email)=(canary) already exists.",
        "DETAIL:  Failing row contains (1, canary).",
        "[parameters: {'name': 'canary'}]\n(more)",
        "canary@example.org",
        "canary.name+tag@mail.example.org",
        "Cookie: atrium_session=canary",
        "Set-Cookie: __Host-atrium_session=canary; Secure",
    ],
)
def test_secret_inside_a_text_is_struck_out(stream: io.StringIO, text: str) -> None:
    log.warning("before %s after", text)
    log.warning("seen", extra={"note": text, "notes": [text]})
    try:
        raise ValueError(text)
    except ValueError:
        log.exception("it failed")
    assert "canary" not in stream.getvalue().lower()


def test_mobile_numbers_are_struck_out_and_other_numbers_stay() -> None:
    assert strike_text("call 13800138000 or +86 13800138000 now") == "call [phone] or [phone] now"
    assert strike_text("bill 20260300013800138000, 1.5 ms") == "bill 20260300013800138000, 1.5 ms"


def test_ordinary_words_stay() -> None:
    for text in (
        "the token is wrong",
        "key_id 7 of mall M01 posts to /api/v1/readings",
        "SELECT 1 FROM app.users WHERE id = %s",
        "archive/2026/03/a1b2.csv.gz landed, 1,204 rows",
    ):
        assert strike_text(text) == text


def test_form_for_people_hides_the_same(stream: io.StringIO) -> None:
    configure_logs(Settings(log_format="console", _env_file=None), stream=stream)
    log.warning("password=canary for canary@example.org", extra={"token": "canary"})
    assert "canary" not in stream.getvalue()
    assert HIDDEN in stream.getvalue()


def test_level_is_the_setting_s(stream: io.StringIO) -> None:
    configure_logs(Settings(log_level="WARNING", _env_file=None), stream=stream)
    log.info("not this")
    log.warning("this")
    assert [line["event"] for line in lines(stream)] == ["this"]
    handlers = [h for h in logging.getLogger().handlers if isinstance(h, LogHandler)]
    assert len(handlers) == 1
