"""The entry point: registers Plaid Transfer as a payment processor."""

from dueport_pay_ach_plaid.settings import Settings, check_environment
from dueport_ports import PaymentProcessor, PluginContext, Registry, hookimpl


def build(settings: Settings, context: PluginContext) -> PaymentProcessor:
    """Build the processor. Raises Misconfigured where environment and addresses do not agree."""
    check_environment(settings, context.environment)
    # Plaid's SDK takes half a second to import: paid only by the processes that talk to Plaid.
    from dueport_pay_ach_plaid.processor import PlaidProcessor

    return PlaidProcessor(settings, context)


@hookimpl
def register(registry: Registry) -> None:
    """Offer ``[plugins.pay_ach_plaid]``."""
    registry.processor("pay_ach_plaid", Settings, build, title="Plaid")
