"""The provider of text messages, as the settings choose it.

Belongs here: reading the settings and saying what is missing. The SDKs are loaded by whoever
sends with them, and by nobody else: they are large.
"""

from services.gateways.message import Gateway
from services.gateways.sms.console import ConsoleSms
from services.gateways.sms.http import HttpSms
from services.gateways.sms.templates import read_templates
from storage.settings import Settings, SettingsError

# The secret in the address to which a gateway of one's own reports.
REPORT_SECRET = "sms-report-token"
NEEDED = {
    "": (),
    "http": ("sms_endpoint", "sms_key_id", "sms_key_secret"),
    "aliyun": ("sms_key_id", "sms_key_secret", "sms_sign_name", "sms_templates"),
    "tencent": (
        "sms_key_id", "sms_key_secret", "sms_app_id", "sms_sign_name", "sms_templates",
    ),
}  # fmt: skip


def missing_settings(settings: Settings) -> tuple[str, ...]:
    """Names of the settings that the chosen provider needs and that are empty."""
    return tuple(
        f"ATRIUM_{name.upper()}"
        for name in NEEDED[settings.sms_provider]
        if not getattr(settings, name)
    )


def report_url(settings: Settings) -> str:
    """Where a gateway of one's own tells what became of the message `{key}`."""
    token = settings.secret(REPORT_SECRET)
    return f"{settings.site}/api/v1/sms-reports/{token}?message={{key}}"


def open_sms(settings: Settings) -> Gateway:
    """Raises SettingsError when something that the provider needs is missing or wrong."""
    missing = missing_settings(settings)
    if missing:
        raise SettingsError(f"{missing[0]}: ATRIUM_SMS_PROVIDER={settings.sms_provider} needs it")
    secret = settings.sms_key_secret.get_secret_value()
    if settings.sms_provider == "http":
        return HttpSms(
            url=settings.sms_endpoint,
            user=settings.sms_key_id,
            password=secret,
            sender=settings.sms_sign_name,
            report_url=report_url(settings),
        )
    templates = read_templates(settings.sms_templates)
    if settings.sms_provider == "aliyun":
        from services.gateways.sms.aliyun import AliyunSms

        return AliyunSms(
            key_id=settings.sms_key_id,
            key_secret=secret,
            sign_name=settings.sms_sign_name,
            templates=templates,
            endpoint=settings.sms_endpoint,
            region=settings.sms_region,
        )
    if settings.sms_provider == "tencent":
        from services.gateways.sms.tencent import TencentSms

        return TencentSms(
            key_id=settings.sms_key_id,
            key_secret=secret,
            app_id=settings.sms_app_id,
            sign_name=settings.sms_sign_name,
            templates=templates,
            endpoint=settings.sms_endpoint,
            region=settings.sms_region,
        )
    return ConsoleSms(settings.state_dir / "log" / "sms.log")
