"""Enter a card or link a bank account, in the processor's own form.

No number is typed into a field of ours. The page loads the processor's script and the plugin's
adapter; what the adapter hands back is posted here as it is and goes to the plugin as it is.
"""

from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.params import FromPath
from litestar.response import Response

from dueport_apps.adapters.secret_box import FernetBox
from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.collect_method import (
    BeginCollect,
    BeginCollectCommand,
    FinishCollect,
    FinishCollectCommand,
)
from dueport_apps.usecases.offer_methods import MethodOffer, MethodOffers, OfferMethods
from dueport_apps.usecases.requote_payment import (
    RequotePayment,
    RequotePaymentCommand,
    own_quote,
)
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.customer.collect_shelf import clear_collects, put_on_shelf, shelf_of
from dueport_apps.web.customer.pages import AnyRequest, see_other, show
from dueport_apps.web.http.errors import kind_of
from dueport_apps.web.http.forms import bind
from dueport_apps.web.http.guards import customer_permitted
from dueport_apps.web.http.headers import allow_sources
from dueport_apps.web.people import customer_of, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import DueportError, Invalid, NotFound
from dueport_ports import BrowserScript, CollectMode, PaymentMethodKind

PAYING = [customer_permitted("pay")]
PAYLOAD_BYTES_MAX = 50_000


class CollectForm(msgspec.Struct, frozen=True, kw_only=True):
    method: PaymentMethodKind
    keep: bool = False


@post("/pay/{quote_id:str}/collect", guards=PAYING)
async def begin(
    request: AnyRequest,
    quote_id: FromPath[str],
    offer_methods: NamedDependency[OfferMethods],
    begin_collect: NamedDependency[BeginCollect],
    addresses: NamedDependency[PortalAddresses],
    box: NamedDependency[FernetBox],
) -> Response[Any]:
    """Ask the processor for its form and lead to the page that shows it."""
    form = bind(await request.form(), CollectForm)
    who = customer_of(request)
    offers = await offer_methods(who, quote_id)
    if offers.outdated:
        return see_other(f"/pay/{quote_id}")
    offer = _offer(offers, form.method)
    try:
        begun = await begin_collect(
            BeginCollectCommand(
                by=who,
                method=form.method,
                amount_cents=offer.price.total_cents,
                keep=form.keep and offer.saves,
                return_url=f"{addresses.base_url}/pay/{quote_id}/collect/return",
            )
        )
    except DueportError as error:
        if kind_of(error).status < 500:
            raise
        session_of(request).flash(
            "This way to pay does not answer at the moment. Nothing was charged. "
            "Try again in a few minutes or choose another method.",
            "warning",
        )
        return see_other(f"/pay/{quote_id}")
    collect = await put_on_shelf(request, box, begun, quote_id=quote_id, method=form.method.value)
    if collect.mode is CollectMode.REDIRECT:
        return see_other(collect.redirect_url)
    return see_other(f"/pay/{quote_id}/collect/{collect.collect_id}")


@get("/pay/{quote_id:str}/collect/return", guards=PAYING)
async def come_back(
    request: AnyRequest,
    quote_id: FromPath[str],
    uow: NamedDependency[UnitOfWorkFactory],
    finish_collect: NamedDependency[FinishCollect],
    requote_payment: NamedDependency[RequotePayment],
    box: NamedDependency[FernetBox],
) -> Response[Any]:
    """Take up the collection where the processor's or the bank's own page leads back to us."""
    async with uow() as unit:
        await own_quote(unit, quote_id, customer_of(request))
    collect = shelf_of(request, box).newest(quote_id)
    if collect is None:
        return see_other(f"/pay/{quote_id}")
    query = request.url.query
    if collect.mode is not CollectMode.REDIRECT:
        again = f"/pay/{quote_id}/collect/{collect.collect_id}"
        return see_other(f"{again}?{query}" if query else again)
    try:
        next_page = await _finished(
            request, finish_collect, requote_payment, quote_id, collect.collect_id, query.encode()
        )
    except DueportError as error:
        session_of(request).flash(f"Nothing was charged. {error.message}", "warning")
        return see_other(f"/pay/{quote_id}")
    await clear_collects(request, box)
    return see_other(next_page)


@get("/pay/{quote_id:str}/collect/{collect_id:str}", guards=PAYING)
async def collect_page(
    request: AnyRequest,
    quote_id: FromPath[str],
    collect_id: FromPath[str],
    templates: NamedDependency[Templates],
    offer_methods: NamedDependency[OfferMethods],
    box: NamedDependency[FernetBox],
) -> Response[Any]:
    """Show the processor's form; only this page may load what the processor needs."""
    offers = await offer_methods(customer_of(request), quote_id)
    shelf = shelf_of(request, box)
    collect = shelf.find(collect_id, quote_id)
    script = shelf.scripts.get(collect.processor) if collect else None
    if offers.outdated or collect is None or script is None:
        # The choice of methods says what is the matter, or begins anew.
        return see_other(f"/pay/{quote_id}")
    allow_script(request, script, bank=collect.method == PaymentMethodKind.ACH)
    return show(
        request,
        templates,
        "collect",
        quote_id=quote_id,
        collect=collect,
        offer=_offer(offers, PaymentMethodKind(collect.method)),
        script=script,
        bootstrap=msgspec.json.encode(collect.bootstrap).decode(),
    )


@post("/pay/{quote_id:str}/collect/{collect_id:str}", guards=PAYING)
async def finish(
    request: AnyRequest,
    quote_id: FromPath[str],
    collect_id: FromPath[str],
    uow: NamedDependency[UnitOfWorkFactory],
    finish_collect: NamedDependency[FinishCollect],
    requote_payment: NamedDependency[RequotePayment],
    box: NamedDependency[FernetBox],
) -> Response[Any]:
    """Take what the processor's script handed to the page; answers the script, not a person."""
    payload = await request.body()
    try:
        async with uow() as unit:
            await own_quote(unit, quote_id, customer_of(request))
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise Invalid("The page sent more than a payment method; reload it and try again.")
        next_page = await _finished(
            request, finish_collect, requote_payment, quote_id, collect_id, payload
        )
    except DueportError as error:
        return Response(
            {"message": error.message},
            status_code=kind_of(error).status,
            media_type=MediaType.JSON,
        )
    await clear_collects(request, box)
    return Response({"next": next_page}, status_code=200, media_type=MediaType.JSON)


@get("/pay/adapters/{file:str}", guards=PAYING, sync_to_thread=False)
def adapter(
    request: AnyRequest, file: FromPath[str], box: NamedDependency[FernetBox]
) -> Response[Any]:
    """Serve a plugin's adapter script from our own origin, so that no page has inline scripts."""
    script = shelf_of(request, box).scripts.get(file.removesuffix(".js"))
    if script is None:
        raise NotFound("There is no such script.")
    return Response(script.adapter, media_type="text/javascript")


def allow_script(request: AnyRequest, script: BrowserScript, *, bank: bool) -> None:
    """Let the page being answered load a processor's script, and a bank open its window."""
    frames = [source for source in script.csp.get("frame-src", ()) if "*" not in source]
    allow_sources(request, script.csp, popups=bank, payment=() if bank else frames)


async def _finished(
    request: AnyRequest,
    finish_collect: FinishCollect,
    requote_payment: RequotePayment,
    quote_id: str,
    collect_id: str,
    payload: bytes,
) -> str:
    """Store the method, price the selection for it, and return where to go on."""
    who = customer_of(request)
    stored = await finish_collect(
        FinishCollectCommand(by=who, collect_id=collect_id, payload=payload)
    )
    requoted = await requote_payment(
        RequotePaymentCommand(by=who, quote_id=quote_id, instrument_id=stored.instrument_id)
    )
    left_out = f"?was={quote_id}" if requoted.left_out else ""
    return f"/pay/{requoted.quote.quote_id}/review{left_out}"


def _offer(offers: MethodOffers, method: PaymentMethodKind) -> MethodOffer:
    for offer in offers.methods:
        if offer.method is method:
            if offer.price.problem:
                raise Invalid(offer.price.problem)
            return offer
    raise NotFound("This way to pay is not offered.")
