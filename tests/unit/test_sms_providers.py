"""Text messages through the clouds' own SDKs, at an endpoint that checks what they sign."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from services.gateways.message import Gateway, Message, PermanentError, RetryableError
from services.gateways.sms.aliyun import AliyunSms
from services.gateways.sms.choice import missing_settings, open_sms
from services.gateways.sms.http import HttpSms
from services.gateways.sms.numbers import international
from services.gateways.sms.templates import read_templates
from services.gateways.sms.tencent import TencentSms
from storage.settings import Settings, SettingsError

KEY, SECRET = "AKIDtest", "s3cr3t-of-the-cloud"
CODE = "482915"
TEMPLATES = read_templates("SIGNING_CODE=SMS_1(minutes,code);SIGNING_CODE/en=SMS_2(code)")
MESSAGE = Message(
    reference="people/signing-code/1",
    recipient="138 0000 0001",
    subject="合约签署验证码",
    body=f"验证码 {CODE}，用于签署合约 HT-1",
    template="SIGNING_CODE",
    locale="zh_CN",
    values={"code": CODE, "minutes": "10", "contract": "HT-1"},
    report_key="report-1",
)


def sha256(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def sign(key: str | bytes, text: str) -> bytes:
    return hmac.new(key.encode() if isinstance(key, str) else key, text.encode(), "sha256").digest()


class Cloud(ThreadingHTTPServer):
    """Answers as told, after it has checked the signature with its own arithmetic."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Call)
        self.answer: tuple[int, object] = (200, {})
        self.calls: list[dict[str, object]] = []
        self.secret = SECRET

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Call(BaseHTTPRequestHandler):
    server: Cloud

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        scheme = self.headers.get("Authorization", "none").split()[0]
        if scheme == "ACS3-HMAC-SHA256":
            expected, call = self.aliyun(body)
        elif scheme == "TC3-HMAC-SHA256":
            expected, call = self.tencent(body)
        else:
            expected = ""
            call = {"headers": dict(self.headers), "body": body.decode(), "path": self.path}
        given = self.headers.get("Authorization", "").partition("Signature=")[2]
        if expected != given:
            said = f"you sent {self.path} {body!r}"
            if scheme == "TC3-HMAC-SHA256":
                self.reply(200, failed("AuthFailure.SignatureFailure", said))
            else:
                self.reply(400, {"Code": "SignatureDoesNotMatch", "Message": said})
            return
        self.server.calls.append(call)
        self.reply(*self.server.answer)

    def aliyun(self, body: bytes) -> tuple[str, dict[str, object]]:
        """https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature"""
        parts = urlsplit(self.path)
        query = parse_qsl(parts.query, keep_blank_values=True)
        signed = self.headers["Authorization"].split("SignedHeaders=")[1].split(",")[0]
        canonical = "\n".join(
            (
                "POST",
                parts.path,
                "&".join(f"{quote(k, '~')}={quote(v, '~')}" for k, v in sorted(query)),
                "".join(f"{name}:{self.headers[name].strip()}\n" for name in signed.split(";")),
                signed,
                sha256(body),
            )
        )
        text = f"ACS3-HMAC-SHA256\n{sha256(canonical)}"
        return sign(self.server.secret, text).hex(), {
            **dict(query),
            "action": self.headers["x-acs-action"],
        }

    def tencent(self, body: bytes) -> tuple[str, dict[str, object]]:
        """https://cloud.tencent.com/document/api/382/52072"""
        scope = self.headers["Authorization"].split("Credential=")[1].split(",")[0]
        key, date, service, ending = scope.split("/")
        assert key == KEY
        canonical = "\n".join(
            (
                "POST",
                "/",
                "",
                f"content-type:{self.headers['Content-Type']}\nhost:{self.headers['Host']}\n",
                "content-type;host",
                sha256(body),
            )
        )
        stamp = self.headers["X-TC-Timestamp"]
        text = f"TC3-HMAC-SHA256\n{stamp}\n{date}/{service}/{ending}\n{sha256(canonical)}"
        secret = sign(sign(sign(f"TC3{self.server.secret}", date), service), ending)
        return sign(secret, text).hex(), {
            **json.loads(body),
            "action": self.headers["X-TC-Action"],
        }

    def reply(self, status: int, answer: object) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if status == 302:
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def aliyun(url: str) -> Gateway:
    return AliyunSms(
        key_id=KEY, key_secret=SECRET, sign_name="南湖天街", templates=TEMPLATES, endpoint=url
    )


def tencent(url: str) -> Gateway:
    return TencentSms(
        key_id=KEY,
        key_secret=SECRET,
        app_id="1400000000",
        sign_name="南湖天街",
        templates=TEMPLATES,
        endpoint=url,
    )


def taken(code: str = "Ok", message: str = "send success") -> dict[str, object]:
    status = {"SerialNo": "T-1", "Code": code, "Message": message, "PhoneNumber": "+86", "Fee": 1}
    return {"Response": {"SendStatusSet": [status], "RequestId": "R"}}


def failed(code: str, message: str = "no") -> dict[str, object]:
    return {"Response": {"Error": {"Code": code, "Message": message}, "RequestId": "R"}}


def test_aliyun_takes_a_signed_call_with_its_template(cloud: Cloud) -> None:
    cloud.answer = (200, {"Code": "OK", "Message": "OK", "BizId": "A-1", "RequestId": "R"})
    receipt = aliyun(cloud.url).send(MESSAGE)
    assert (receipt.provider, receipt.provider_id) == ("aliyun", "A-1")
    (call,) = cloud.calls
    assert json.loads(str(call.pop("TemplateParam"))) == {"minutes": "10", "code": CODE}
    assert call == {
        "action": "SendSms",
        "PhoneNumbers": "13800000001",
        "SignName": "南湖天街",
        "TemplateCode": "SMS_1",
        "OutId": "report-1",
    }


def test_tencent_takes_a_signed_call_with_values_in_its_order(cloud: Cloud) -> None:
    cloud.answer = (200, taken())
    receipt = tencent(cloud.url).send(MESSAGE)
    assert (receipt.provider, receipt.provider_id) == ("tencent", "T-1")
    assert cloud.calls == [
        {
            "action": "SendSms",
            "PhoneNumberSet": ["+8613800000001"],
            "SmsSdkAppId": "1400000000",
            "SignName": "南湖天街",
            "TemplateId": "SMS_1",
            "TemplateParamSet": ["10", CODE],
            "SessionContext": "report-1",
        }
    ]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (200, "isv.MOBILE_NUMBER_ILLEGAL", PermanentError),
        (200, "isv.TEMPLATE_MISSING_PARAMETERS", PermanentError),
        (200, "isv.BUSINESS_LIMIT_CONTROL", RetryableError),
        (200, "isv.AMOUNT_NOT_ENOUGH", RetryableError),
        (403, "Forbidden.RAM", RetryableError),
        (503, "ServiceUnavailable", RetryableError),
    ],
)
def test_refusal_of_aliyun_says_whether_to_try_again(
    cloud: Cloud, status: int, code: str, kind: type[Exception]
) -> None:
    cloud.answer = (status, {"Code": code, "Message": "no", "RequestId": "R"})
    with pytest.raises(kind, match=code):
        aliyun(cloud.url).send(MESSAGE)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (taken("InvalidParameterValue.IncorrectPhoneNumber"), PermanentError),
        (taken("FailedOperation.PhoneNumberInBlacklist"), PermanentError),
        (taken("LimitExceeded.PhoneNumberDailyLimit"), RetryableError),
        (taken("FailedOperation.InsufficientBalanceInSmsPackage"), RetryableError),
        (failed("UnauthorizedOperation.RequestIpNotInWhitelist"), RetryableError),
        (failed("InternalError.Timeout"), RetryableError),
    ],
)
def test_refusal_of_tencent_says_whether_to_try_again(
    cloud: Cloud, answer: object, kind: type[Exception]
) -> None:
    cloud.answer = (200, answer)
    with pytest.raises(kind):
        tencent(cloud.url).send(MESSAGE)


@pytest.mark.parametrize("make", [aliyun, tencent])
def test_wrong_signature_is_tried_again_and_repeats_nothing_secret(cloud: Cloud, make) -> None:  # type: ignore[no-untyped-def]
    cloud.secret = "another"
    with pytest.raises(RetryableError) as error:
        make(cloud.url).send(MESSAGE)
    assert CODE not in str(error.value)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("make", [aliyun, tencent])
def test_cloud_that_is_away_is_tried_again_and_its_address_is_not_repeated(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RetryableError, match="UNREACHABLE") as error:
        make("http://127.0.0.1:1").send(MESSAGE)
    assert CODE not in str(error.value)


def test_message_without_a_template_of_the_provider_is_given_up(cloud: Cloud) -> None:
    gateway = aliyun(cloud.url)
    with pytest.raises(PermanentError, match="NO_TEMPLATE: PAYMENT_REMINDER"):
        gateway.send(Message("r", "13800000001", "", "", "PAYMENT_REMINDER", "zh_CN"))
    with pytest.raises(PermanentError, match="NO_VALUE: minutes"):
        gateway.send(Message("r", "13800000001", "", "", "SIGNING_CODE", "zh_CN", {"code": CODE}))
    assert cloud.calls == []


def test_language_has_a_template_of_its_own(cloud: Cloud) -> None:
    cloud.answer = (200, taken())
    english = Message("r", "13800000001", "", "", "SIGNING_CODE", "en", {"code": CODE})
    tencent(cloud.url).send(english)
    assert (cloud.calls[0]["TemplateId"], cloud.calls[0]["TemplateParamSet"]) == ("SMS_2", [CODE])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SIGNING_CODE", "write MESSAGE=code"),
        ("NO_SUCH=SMS_1", "there is no such text message"),
        ("ACCOUNT_LOCKED=SMS_1", "there is no such text message"),
        ("SIGNING_CODE/fr=SMS_1", "languages are zh_CN, en"),
        ("SIGNING_CODE=SMS_1(link)", "has no variable link; it has code, contract, minutes"),
    ],
)
def test_list_of_templates_that_cannot_be_read_is_named(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match="ATRIUM_SMS_TEMPLATES") as error:
        read_templates(text)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("written", "called"),
    [
        ("13800000001", "+8613800000001"),
        ("138-0000 0001", "+8613800000001"),
        ("8613800000001", "+8613800000001"),
        ("0086 138 0000 0001", "+8613800000001"),
        ("+852 9123 4567", "+85291234567"),
    ],
)
def test_number_is_called_as_people_mean_it(written: str, called: str) -> None:
    assert international(written) == called


@pytest.mark.parametrize("written", ["", "010-12345678", "12345", "+", "call me", "1380000000"])
def test_number_that_takes_no_text_messages_is_given_up(written: str) -> None:
    with pytest.raises(PermanentError):
        international(written)


def test_own_gateway_is_given_nothing_in_its_address(cloud: Cloud) -> None:
    gateway = HttpSms(
        url=f"{cloud.url}/cgi-bin/sendsms",
        user="mall",
        password=SECRET,
        report_url="https://mall.example.org/r/token?message={key}",
    )
    assert gateway.send(MESSAGE).provider_id == "report-1"
    (call,) = cloud.calls
    assert call["path"] == "/cgi-bin/sendsms"
    sent = call["headers"]
    assert call["body"] == MESSAGE.body
    assert {name: sent[name] for name in sent if name.startswith("X-Kannel-")} == {  # type: ignore[index]
        "X-Kannel-Username": "mall",
        "X-Kannel-Password": SECRET,
        "X-Kannel-To": "+8613800000001",
        "X-Kannel-Coding": "2",
        "X-Kannel-Dlr-Mask": "19",
        "X-Kannel-Dlr-Url": "https://mall.example.org/r/token?message=report-1&state=%d",
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, PermanentError), (403, RetryableError), (302, RetryableError), (503, RetryableError)],
)
def test_refusal_of_the_own_gateway_says_whether_to_try_again(
    cloud: Cloud, status: int, kind: type[Exception]
) -> None:
    cloud.answer = (status, "no")
    gateway = HttpSms(url=cloud.url, user="mall", password=SECRET)
    with pytest.raises(kind) as error:
        gateway.send(MESSAGE)
    assert SECRET not in str(error.value)
    assert len(cloud.calls) == 1, "nobody else is given the password"


def test_provider_without_its_settings_is_not_opened(settings: Settings) -> None:
    chosen = settings.model_copy(update={"sms_provider": "aliyun", "sms_key_id": "k"})
    assert missing_settings(chosen) == (
        "ATRIUM_SMS_KEY_SECRET",
        "ATRIUM_SMS_SIGN_NAME",
        "ATRIUM_SMS_TEMPLATES",
    )
    with pytest.raises(SettingsError, match="ATRIUM_SMS_KEY_SECRET: ATRIUM_SMS_PROVIDER=aliyun"):
        open_sms(chosen)
    assert missing_settings(settings) == ()
