"""Mail that came back, by the API: list the addresses, post a server's report, clear an address."""

import secrets
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import JSONBody, QueryParameter

from dueport_apps.usecases.receive_bounce import REPORT_BYTES_MAX, ReceiveBounce
from dueport_apps.usecases.steer_invitation import ClearBounce
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.api.invite_bodies import bounce_body, bounced_address_body
from dueport_apps.web.api.invite_shapes import AddressBody, BouncedPageBody, BounceResultBody
from dueport_apps.web.api.shapes import After, Limit
from dueport_apps.web.http.guards import operator_required
from dueport_apps.web.people import operator_of

AnyRequest = Request[Any, Any, Any]
WHOLE = "message/rfc822"
REPORT = "message/delivery-status"
REPORT_TYPES = (WHOLE, REPORT)
MessageId = Annotated[
    str,
    QueryParameter(
        max_length=300,
        pattern=r"^(<[^<>\s]+>)?$",
        description="The Message-ID that came back, where only the report's status part is sent.",
    ),
]


@get("/bounces", guards=[operator_required("view")], summary="List addresses that bounced")
async def bounces(
    uow: NamedDependency[UnitOfWorkFactory], after: After = None, limit: Limit = 50
) -> BouncedPageBody:
    """Addresses whose mail came back, newest first: nothing is sent there until the ERP holds
    another one or somebody clears the mark."""
    async with uow() as unit:
        rows, following = await unit.bounces.rows(after, limit)
    return BouncedPageBody(items=[bounced_address_body(row) for row in rows], next=following)


@post(
    "/bounces",
    guards=[operator_required("invite")],
    opt={"idempotency": "optional", "raw_body": REPORT_TYPES},
    status_code=200,
    request_max_body_size=REPORT_BYTES_MAX,
    summary="Report mail that came back",
)
async def receive(
    request: AnyRequest,
    receive_bounce: NamedDependency[ReceiveBounce],
    message_id: MessageId = "",
) -> BounceResultBody:
    """Take in a delivery status notification as the mail server sent it: the whole message, or its
    `message/delivery-status` part with the `message_id` of the mail that it is about. It counts only
    for a mail that Dueport sent to that very address; posting it again changes nothing."""
    kind = request.content_type[0]
    if kind not in REPORT_TYPES:
        raise HTTPException(
            f"Send the report as {' or '.join(REPORT_TYPES)}, not as {kind or 'nothing'}.",
            status_code=415,
        )
    raw = await request.body()
    if kind == REPORT:
        raw = _as_message(raw, message_id)
    return bounce_body(await receive_bounce(raw, operator_of(request)))


@post(
    "/bounces/clear",
    guards=[operator_required("invite")],
    opt={"idempotency": "optional"},
    status_code=204,
    summary="Mail an address again",
)
async def clear(
    request: AnyRequest,
    data: JSONBody[AddressBody],
    clear_bounce: NamedDependency[ClearBounce],
) -> None:
    """Take the mark off an address, so that mail goes there again."""
    await clear_bounce(data.address.strip(), operator_of(request))


def _as_message(status: bytes, message_id: str) -> bytes:
    """Wrap a bare status part as the message that it was a part of."""
    boundary = secrets.token_hex(16)
    head = [
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"',
        *([f"X-Original-Message-ID: {message_id}"] if message_id else []),
        "",
        f"--{boundary}",
        f"Content-Type: {REPORT}",
        "",
        "",
    ]
    return "\r\n".join(head).encode() + status + f"\r\n--{boundary}--\r\n".encode()
