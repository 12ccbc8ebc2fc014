"""Text messages through Tencent Cloud (腾讯云短信), by its own SDK."""

from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sms.v20210111.models import SendSmsRequest
from tencentcloud.sms.v20210111.sms_client import SmsClient

from domain.notifications import Failure
from services.gateways.message import Message, PermanentError, Receipt, RetryableError
from services.gateways.sms.numbers import international
from services.gateways.sms.templates import ProviderTemplates
from services.gateways.web_address import WebAddress

NAME = "tencent"
SECONDS = 10
# The same message is refused again: number, template or words. A balance, a limit, a key or an
# outage are other matters. https://cloud.tencent.com/document/product/382/59177
FOR_GOOD = (
    "InvalidParameterValue.",
    "InvalidParameter.",
    "MissingParameter",
    "UnsupportedOperation.",
    "FailedOperation.PhoneNumberInBlacklist",
    "FailedOperation.ContainSensitiveWord",
    "FailedOperation.TemplateIncorrectOrUnapproved",
    "FailedOperation.TemplateParamSetNotMatchApprovedTemplate",
    "FailedOperation.SignatureIncorrectOrUnapproved",
    "FailedOperation.MissingTemplateToModify",
)


class TencentSms:
    """Sends a provider's template with values in its order; the words are the provider's."""

    def __init__(
        self,
        *,
        key_id: str,
        key_secret: str,
        app_id: str,
        sign_name: str,
        templates: ProviderTemplates,
        endpoint: str = "",
        region: str = "",
    ) -> None:
        address = WebAddress.read(endpoint)
        profile = ClientProfile(
            httpProfile=HttpProfile(
                protocol=address.scheme, endpoint=address.host or None, reqTimeout=SECONDS
            )
        )
        self._client = SmsClient(Credential(key_id, key_secret), region or "ap-guangzhou", profile)
        self._app_id = app_id
        self._sign_name = sign_name
        self._templates = templates

    def send(self, message: Message) -> Receipt:
        code, values = self._templates.of(message)
        request = SendSmsRequest()
        request.PhoneNumberSet = [international(message.recipient)]
        request.SmsSdkAppId = self._app_id
        request.SignName = self._sign_name
        request.TemplateId = code
        request.TemplateParamSet = list(values.values())
        request.SessionContext = message.report_key
        try:
            (status,) = self._client.SendSms(request).SendStatusSet
        except TencentCloudSDKException as error:
            if error.code == "ClientNetworkError":
                # Its text may hold the address, and what is in it.
                raise RetryableError(Failure.UNREACHABLE.told("Tencent Cloud")) from None
            raise _refusal(error.code, error.message) from None
        if status.Code != "Ok":
            raise _refusal(status.Code, status.Message)
        return Receipt(NAME, status.SerialNo or "")


def _refusal(code: str, reason: str) -> RetryableError | PermanentError:
    kind = PermanentError if code.startswith(FOR_GOOD) else RetryableError
    # Of a refused key or signature the code says enough.
    return kind(code if code.startswith("AuthFailure") else f"{code}: {reason}")
