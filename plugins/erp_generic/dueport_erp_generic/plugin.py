"""Registers the generic ERP connector."""

from dueport_erp_generic.settings import Settings
from dueport_ports import ErpConnector, PluginContext, Registry, hookimpl


def build(settings: Settings, context: PluginContext) -> ErpConnector:
    """Build the connector; reads the mapping file and refuses a wrong one."""
    from dueport_erp_generic.connector import GenericErp

    return GenericErp(settings, context)


@hookimpl
def register(registry: Registry) -> None:
    """Offer the connector as ``erp_generic``."""
    registry.erp("erp_generic", Settings, build, title="Generic ERP")
