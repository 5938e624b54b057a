"""The second step of a payment: the payer's bank asks them to confirm, in the processor's script."""

from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.collect_method import BeginCollect, BeginCollectCommand
from dueport_apps.web.customer.collect_shelf import put_on_shelf, shelf_of
from dueport_apps.web.customer.pages import AnyRequest
from dueport_apps.web.people import customer_of
from dueport_core.payments import Payment
from dueport_ports import SecretBox


async def ensure_script(
    request: AnyRequest,
    box: SecretBox,
    begin_collect: BeginCollect,
    addresses: PortalAddresses,
    payment: Payment,
) -> None:
    """Have the processor's script at hand in this session.

    A method that was saved earlier was not entered in this session, so its processor has not said
    yet which script its pages need; beginning a collection makes it say so.
    """
    if payment.processor in shelf_of(request, box).scripts:
        return
    begun = await begin_collect(
        BeginCollectCommand(
            by=customer_of(request),
            method=payment.method,
            amount_cents=payment.total_cents,
            keep=False,
            return_url=addresses.payment(payment.payment_id),
        )
    )
    await put_on_shelf(request, box, begun, quote_id="", method=payment.method.value)
