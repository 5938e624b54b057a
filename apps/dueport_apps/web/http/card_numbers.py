"""Refuses card numbers in texts, so that none is ever stored or logged here.

Cards are typed into the processor's own form and never reach this server. People nevertheless paste
them into notes and search fields. Every text of a form or JSON body is therefore searched for what
looks like one: 13 to 19 digits in whole groups (spaces, dots, dashes and slashes between them), the
first digit 2 to 6 as on every card that can be paid with here, and a valid Luhn check digit.

The known false alarm: one in ten arbitrary long numbers passes the Luhn check, so a dealer's document
number of 13 and more digits would be refused now and then. Fields that only ever carry such numbers
(`DOCUMENT_FIELDS`, or more of them by `opt={"document_fields": {...}}`) are therefore not searched.
That is safe because their values are only compared with documents we already hold: an unknown
document is refused and its text is not kept. Free text is never exempt. Bodies that a processor signs
(webhooks) hold long numbers of its own: their routes say `opt={"signed_body": True}`.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import structlog
from litestar import Request
from litestar.exceptions import SerializationException
from litestar.types import ASGIApp, Receive, Scope, Send

from dueport_apps.web.http.csrf import FIELD, FORM_TYPES, is_unsafe
from dueport_apps.web.http.middleware import SharedMiddleware
from dueport_core.errors import Invalid

DOCUMENT_FIELDS = frozenset(
    {"document_ref", "document_refs", "account_no", "account_nos", "job_no", "statement_ref"}
)
REFUSAL = (
    "This looks like a card number. Never write card numbers here; "
    "they belong in the card form of the payment page alone."
)
_RUN = re.compile(r"\d+(?:[ .\-/‐-―]{1,3}\d+)*")
_GROUP = re.compile(r"\d+")


def holds_card_number(text: str) -> bool:
    """Tell whether a text holds a number that a card could have."""
    plain = unicodedata.normalize("NFKC", text).replace("\t", " ")
    return any(
        _is_card_number(digits)
        for run in _RUN.finditer(plain)
        for digits in _joined(_GROUP.findall(run.group()))
    )


def _joined(groups: list[str]) -> Iterator[str]:
    """Yield every stretch of neighbouring groups that has the length of a card number."""
    for first in range(len(groups)):
        digits = ""
        for group in groups[first:]:
            digits += group
            if len(digits) > 19:
                break
            if len(digits) >= 13:
                yield digits


def _is_card_number(digits: str) -> bool:
    if digits[0] not in "23456":
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


class CardNumberFilter(SharedMiddleware):
    """Searches form and JSON bodies; runs after `CsrfCheck`, before any handler."""

    exclude_opt_key = "signed_body"
    _log = structlog.get_logger("dueport.security")

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Refuse the request with the names of the fields that hold a card number."""
        if is_unsafe(scope):
            request: Request[Any, Any, Any] = Request(scope, receive)
            exempt = DOCUMENT_FIELDS | set(scope["route_handler"].opt.get("document_fields", ()))
            found = {
                name
                for name, text in await _texts(request)
                if name not in exempt and holds_card_number(text)
            }
            if found:
                self._log.warning("card number refused", fields=sorted(found))
                raise Invalid(REFUSAL, dict.fromkeys(sorted(found), REFUSAL))
        await next_app(scope, receive, send)


async def _texts(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    content_type = request.content_type[0]
    if content_type in FORM_TYPES:
        form = await request.form()
        return [
            (name, value)
            for name, value in form.multi_items()
            if isinstance(value, str) and name != FIELD
        ]
    if content_type.endswith("json") and await request.body():
        try:
            return list(_json_texts(await request.json(), "body"))
        except SerializationException as error:
            raise Invalid("The body is not valid JSON.") from error
    return []


def _json_texts(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield "body", str(key)
            yield from _json_texts(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _json_texts(inner, name)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        yield name, str(value)
