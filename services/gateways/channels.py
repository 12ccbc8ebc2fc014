"""The gateway of every channel, as the settings choose it."""

from collections.abc import Mapping

from domain.notifications import Channel
from services.gateways.email.console import ConsoleEmail
from services.gateways.email.smtp import SmtpEmail
from services.gateways.in_app.inbox import InAppInbox
from services.gateways.message import Gateway
from services.gateways.sms.choice import open_sms
from storage.settings import Settings


def open_gateways(settings: Settings) -> Mapping[Channel, Gateway]:
    """One gateway per channel. Without a provider, messages are written to files of mode 0600
    in the state folder's log/. Raises SettingsError when a provider lacks a setting.
    """
    logs = settings.state_dir / "log"
    server = settings.email_server.get_secret_value()
    return {
        Channel.IN_APP: InAppInbox(),
        Channel.SMS: open_sms(settings),
        Channel.EMAIL: SmtpEmail.from_url(server, sender=settings.email_sender)
        if server
        else ConsoleEmail(logs / "email.mbox", sender=settings.email_sender),
    }
