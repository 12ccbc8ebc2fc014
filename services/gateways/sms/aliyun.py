"""Text messages through Aliyun (阿里云短信服务), by its own SDK."""

import json

from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_dysmsapi20170525.models import SendSmsRequest
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import RuntimeOptions

from domain.notifications import Failure
from services.gateways.message import Message, PermanentError, Receipt, RetryableError
from services.gateways.sms.numbers import CHINA, international
from services.gateways.sms.templates import ProviderTemplates
from services.gateways.web_address import WebAddress

NAME = "aliyun"
MILLISECONDS = 10_000
# The same message is refused again: number, template or words. A balance, a limit, a key or an
# outage are other matters. https://help.aliyun.com/zh/sms/developer-reference/api-error-codes
FOR_GOOD = frozenset(
    (
        "isv.MOBILE_NUMBER_ILLEGAL", "isv.MOBILE_COUNT_OVER_LIMIT",
        "isv.TEMPLATE_MISSING_PARAMETERS",
        "isv.SMS_TEMPLATE_ILLEGAL", "isv.SMS_SIGNATURE_ILLEGAL", "isv.TEMPLATE_PARAMS_ILLEGAL",
        "isv.INVALID_PARAMETERS", "isv.INVALID_JSON_PARAM", "isv.PARAM_LENGTH_LIMIT",
        "isv.PARAM_NOT_SUPPORT_URL", "isv.BLACK_KEY_CONTROL_LIMIT", "isv.EXTEND_CODE_ERROR",
        "isv.SMS_CONTENT_ILLEGAL", "isv.SMS_SIGNATURE_SCENE_ILLEGAL", "isv.DENY_IP_RANGE",
    )
)  # fmt: skip


class AliyunSms:
    """Sends a provider's template with values; the words are the provider's."""

    def __init__(
        self,
        *,
        key_id: str,
        key_secret: str,
        sign_name: str,
        templates: ProviderTemplates,
        endpoint: str = "",
        region: str = "",
    ) -> None:
        address = WebAddress.read(endpoint)
        config = Config(
            access_key_id=key_id,
            access_key_secret=key_secret,
            region_id=region or "cn-hangzhou",
            protocol=address.scheme,
            connect_timeout=MILLISECONDS,
            read_timeout=MILLISECONDS,
        )
        if address.host:
            config.endpoint = address.host
        self._client = Client(config)
        self._sign_name = sign_name
        self._templates = templates

    def send(self, message: Message) -> Receipt:
        code, values = self._templates.of(message)
        number = international(message.recipient)
        request = SendSmsRequest(
            # Numbers of the mainland go without their country, others without the plus.
            phone_numbers=number.removeprefix(CHINA).removeprefix("+"),
            sign_name=self._sign_name,
            template_code=code,
            template_param=json.dumps(values, ensure_ascii=False),
            out_id=message.report_key,
        )
        try:
            body = self._client.send_sms_with_options(request, RuntimeOptions()).body
        except Exception as error:  # noqa: BLE001  # the transport's have no common ancestor
            if isinstance(error, AlibabaCloudException) and error.code:
                raise _refusal(str(error.code), str(error.message)) from None
            # Its text may hold the address, with every value in it.
            raise RetryableError(
                Failure.UNREACHABLE.told(f"Aliyun, {type(error).__name__}")
            ) from None
        if body.code != "OK":
            raise _refusal(str(body.code), str(body.message))
        return Receipt(NAME, body.biz_id or "")


def _refusal(code: str, reason: str) -> RetryableError | PermanentError:
    kind = PermanentError if code in FOR_GOOD else RetryableError
    # What is said of a wrong signature repeats the call, with every value in it.
    return kind(f"{code}: {reason}" if code.startswith(("isv.", "isp.")) else code)
