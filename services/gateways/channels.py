"""The gateway of every channel, as the settings choose it."""

import logging
from collections.abc import Mapping

from domain.notifications import Channel
from services.gateways.email.console import ConsoleEmail
from services.gateways.email.smtp import SmtpEmail
from services.gateways.in_app.inbox import InAppInbox
from services.gateways.message import Gateway
from services.gateways.sms.choice import open_sms
from storage.settings import Settings, SettingsError

log = logging.getLogger(__name__)


def open_gateways(settings: Settings) -> Mapping[Channel, Gateway]:
    """One gateway per channel. Without a provider, messages are written to files of mode 0600
    in the state folder's log/. A channel whose provider lacks a setting is left out, and said in
    the log: its messages wait.
    """
    logs = settings.state_dir / "log"
    server = settings.email_server.get_secret_value()
    found: dict[Channel, Gateway] = {
        Channel.IN_APP: InAppInbox(),
        Channel.EMAIL: SmtpEmail.from_url(server, sender=settings.email_sender)
        if server
        else ConsoleEmail(logs / "email.mbox", sender=settings.email_sender),
    }
    try:
        found[Channel.SMS] = open_sms(settings)
    except SettingsError as error:
        log.error("text messages wait: %s", error)
    return found
