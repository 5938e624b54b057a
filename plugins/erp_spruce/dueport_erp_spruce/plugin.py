"""Registers the Spruce connector."""

from dueport_erp_spruce.settings import Settings
from dueport_ports import ErpConnector, PluginContext, Registry, hookimpl


def build(settings: Settings, context: PluginContext) -> ErpConnector:
    """Build the connector."""
    from dueport_erp_spruce.connector import SpruceErp

    return SpruceErp(settings, context)


@hookimpl
def register(registry: Registry) -> None:
    """Offer the connector as ``erp_spruce``."""
    registry.erp("erp_spruce", Settings, build, title="ECI Spruce")
