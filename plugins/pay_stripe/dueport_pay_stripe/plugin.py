"""The entry point: registers Stripe as a payment processor."""

from dueport_pay_stripe.processor import StripeProcessor
from dueport_pay_stripe.settings import Settings, check_mode
from dueport_ports import PluginContext, Registry, hookimpl


def build(settings: Settings, context: PluginContext) -> StripeProcessor:
    """Build the processor. Raises Misconfigured where keys, mode and addresses do not agree."""
    check_mode(settings, context.environment)
    # Half a second and 26 MiB: paid only by the processes that talk to Stripe.
    import stripe

    from dueport_pay_stripe.api import StripeApi

    return StripeProcessor(StripeApi(stripe, settings), settings, context)


@hookimpl
def register(registry: Registry) -> None:
    """Offer ``[processor.pay_stripe]``."""
    registry.processor("pay_stripe", Settings, build, title="Stripe")
