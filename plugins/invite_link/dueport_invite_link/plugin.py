"""Registers the link delivery under the name ``invite_link``."""

from dueport_invite_link.delivery import LinkDelivery, LinkSettings
from dueport_ports import PluginContext, Registry, hookimpl


def build(settings: LinkSettings, context: PluginContext) -> LinkDelivery:
    return LinkDelivery(settings)


@hookimpl
def register(registry: Registry) -> None:
    registry.invite_delivery("invite_link", LinkSettings, build, title="Invitation by link")
