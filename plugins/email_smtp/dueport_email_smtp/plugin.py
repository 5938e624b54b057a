"""Registers the SMTP mailer under the name ``email_smtp``."""

from dueport_email_smtp.sender import SmtpEmailSender
from dueport_email_smtp.settings import SmtpSettings
from dueport_ports import PluginContext, Registry, hookimpl


def build(settings: SmtpSettings, context: PluginContext) -> SmtpEmailSender:
    return SmtpEmailSender(settings, context)


@hookimpl
def register(registry: Registry) -> None:
    registry.email("email_smtp", SmtpSettings, build, title="Mail server (SMTP)")
