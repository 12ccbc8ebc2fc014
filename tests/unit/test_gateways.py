"""Gateways: files for a mall without providers, and a mail server spoken to over a real socket."""

import json
import mailbox
import socketserver
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest

from domain.notifications import Channel
from services.gateways.channels import open_gateways
from services.gateways.email.console import ConsoleEmail
from services.gateways.email.smtp import SmtpEmail
from services.gateways.message import Message, PermanentError, RetryableError
from services.gateways.sms.console import ConsoleSms
from storage.settings import Settings

MESSAGE = Message("1/reminder/B1", "shop@example.org", "缴费提醒", "账单 B1 应缴 ¥1,234.50")


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as smtplib needs; `replies` overrides the answer to a command."""

    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MailConversation)
        self.replies: dict[str, str] = {}
        self.letters: list[bytes] = []


class MailConversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.answer(self.server.replies.get("CONNECT", "220 test"))
        for line in self.rfile:
            command = line.split()[0].decode().upper()
            reply = self.server.replies.get(command, "250 fine")
            if command == "DATA" and reply == "250 fine":
                self.answer("354 go on")
                lines = []
                while (part := self.rfile.readline()) != b".\r\n":
                    lines.append(part.removeprefix(b"."))
                self.server.letters.append(b"".join(lines))
            if command == "QUIT":
                self.answer(self.server.replies.get(command, "221 bye"))
                return
            self.answer(reply)

    def answer(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def smtp(server: MailServer) -> SmtpEmail:
    port = server.server_address[1]
    return SmtpEmail.from_url(f"smtp://127.0.0.1:{port}", sender="mall@example.org")


def test_letter_reaches_the_mail_server_whole(mail_server: MailServer) -> None:
    smtp(mail_server).send(MESSAGE)
    smtp(mail_server).send(MESSAGE)
    first, second = (
        BytesParser(policy=policy.default).parsebytes(letter) for letter in mail_server.letters
    )
    assert (first["From"], first["To"]) == ("mall@example.org", "shop@example.org")
    assert first["Subject"] == "缴费提醒"
    assert first.get_content().strip() == MESSAGE.body
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.parametrize(
    ("command", "reply", "kind"),
    [
        ("RCPT", "550 no such user", PermanentError),
        ("RCPT", "451 try later", RetryableError),
        ("MAIL", "550 not from you", RetryableError),
        ("DATA", "554 looks like spam", PermanentError),
        ("DATA", "452 disk full", RetryableError),
        ("EHLO", "421 too busy", RetryableError),
        ("EHLO", "550 who are you", RetryableError),
        ("STARTTLS", "554 no TLS today", RetryableError),
        ("CONNECT", "554 go away", RetryableError),
    ],
)
def test_refusal_of_the_mail_server_says_whether_to_try_again(
    mail_server: MailServer, command: str, reply: str, kind: type[Exception]
) -> None:
    mail_server.replies[command] = reply
    if command == "EHLO":
        mail_server.replies["HELO"] = reply
    if command == "STARTTLS":
        mail_server.replies["EHLO"] = "250-test\r\n250 STARTTLS"
    with pytest.raises(kind):
        smtp(mail_server).send(MESSAGE)


def test_letter_is_sent_though_the_mail_server_refuses_to_say_goodbye(
    mail_server: MailServer,
) -> None:
    mail_server.replies["QUIT"] = "554 no"
    assert smtp(mail_server).send(MESSAGE).provider == "smtp"
    assert len(mail_server.letters) == 1


def test_mail_server_that_is_away_is_tried_again(mail_server: MailServer) -> None:
    gateway = smtp(mail_server)
    gateway.port = 1
    with pytest.raises(RetryableError, match=r"127\.0\.0\.1:1"):
        gateway.send(MESSAGE)


def test_password_is_not_sent_over_a_network_in_the_clear(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateways.email.smtp.LOOPBACK", frozenset())
    gateway = smtp(mail_server)
    gateway.user, gateway.password = "mall", "secret"
    with pytest.raises(RetryableError, match="NO_TLS"):
        gateway.send(MESSAGE)


def test_url_of_a_mail_server_is_read_whole() -> None:
    gateway = SmtpEmail.from_url("smtps://m%40ll:p%3Aw@mail.example.org", sender="a@example.org")
    assert (gateway.host, gateway.port, gateway.is_tls) == ("mail.example.org", 465, True)
    assert (gateway.user, gateway.password) == ("m@ll", "p:w")


def test_text_messages_without_a_provider_are_lines_of_a_private_file(tmp_path: Path) -> None:
    gateway = ConsoleSms(tmp_path / "log" / "sms.log")
    gateway.send(MESSAGE)
    gateway.send(MESSAGE)
    lines = [json.loads(line) for line in gateway.path.read_text().splitlines()]
    assert [line["body"] for line in lines] == [MESSAGE.body] * 2
    assert stat.S_IMODE(gateway.path.stat().st_mode) == 0o600


def test_letters_without_a_server_are_kept_in_a_private_mailbox(tmp_path: Path) -> None:
    gateway = ConsoleEmail(tmp_path / "log" / "email.mbox", sender="mall@example.org")
    gateway.send(MESSAGE)
    gateway.send(MESSAGE)
    with closing(mailbox.mbox(gateway.path)) as box:
        assert [letter["To"] for letter in box] == ["shop@example.org"] * 2
    assert stat.S_IMODE(gateway.path.stat().st_mode) == 0o600


def test_letters_of_several_threads_and_processes_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "email.mbox"
    gateway, other = (ConsoleEmail(path, sender="mall@example.org") for _ in range(2))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: (gateway, other)[number % 2].send(MESSAGE), range(40)))
    with closing(mailbox.mbox(path)) as box:
        assert len(box) == 40


def test_every_channel_has_a_gateway(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, _env_file=None)
    assert set(open_gateways(settings)) == set(Channel)
    with_server = settings.model_copy(
        update={"email_server": type(settings.email_server)("smtp://mail.example.org")}
    )
    assert isinstance(open_gateways(with_server)[Channel.EMAIL], SmtpEmail)


def test_channel_with_a_wrong_setting_is_left_out_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = {"sms_provider": "aliyun", "sms_key_id": "k"}
    settings = Settings(state_dir=tmp_path, _env_file=None).model_copy(update=wrong)
    assert set(open_gateways(settings)) == {Channel.IN_APP, Channel.EMAIL}
    assert "ATRIUM_SMS_KEY_SECRET" in caplog.text
