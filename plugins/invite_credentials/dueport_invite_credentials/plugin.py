"""Registers the credential delivery under the name ``invite_credentials``."""

from dueport_invite_credentials.delivery import CredentialDelivery, CredentialSettings
from dueport_ports import PluginContext, Registry, hookimpl


def build(settings: CredentialSettings, context: PluginContext) -> CredentialDelivery:
    return CredentialDelivery(settings)


@hookimpl
def register(registry: Registry) -> None:
    registry.invite_delivery(
        "invite_credentials", CredentialSettings, build, title="Invitation with credentials"
    )
