"""Reads delivery status notifications (RFC 3464, internationalized: RFC 6533), called bounces.

A notification says which mail could not be delivered to whom, and why. Anybody can write one, so
what is read here is a claim: it counts only where the Message-ID is one that we sent and the
address is the one that we sent it to. Nothing of its content is ever run, shown as markup or
followed.
"""

import re
from typing import Final

import msgspec

from dueport_apps.mail.mime import Part, field_groups, parsed, parts_of, walk
from dueport_core.errors import Invalid

BOUNCE_BYTES_MAX: Final = 1_000_000
RECIPIENTS_MAX: Final = 200
TEXT_MAX: Final = 500

ACTIONS: Final = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})

_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_MESSAGE_TYPES = ("message/rfc822", "message/global")
_HEADER_TYPES = ("text/rfc822-headers", "message/global-headers", "text/rfc822-header")
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_HEX = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")


class BouncedRecipient(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the mail to one address."""

    address: str
    """As we wrote it (Original-Recipient) where the notification says so, else as it ended up."""
    action: str
    """``failed``, ``delayed``, ``delivered``, ``relayed`` or ``expanded``."""
    status: str
    """Three numbers such as ``5.1.1`` (RFC 3463); empty where it is missing or malformed."""
    diagnostic: str
    """What the other server said, one line of at most ``TEXT_MAX`` characters."""
    final_address: str = ""
    """Where it ended up after forwarding, where that is another address."""

    @property
    def permanent(self) -> bool:
        """Whether sending there again is of no use."""
        return self.action == "failed" and self.status.startswith("5.")


class Bounce(msgspec.Struct, frozen=True, kw_only=True):
    """One notification. ``original_message_id`` is empty where the original cannot be told."""

    original_message_id: str
    """With its angle brackets, as in the ``Message-ID`` header that we sent."""
    recipients: tuple[BouncedRecipient, ...]


def read_bounce(raw: bytes) -> Bounce:
    """Read a received message.

    Raises Invalid, and nothing else, for what is no delivery status notification (an answer of a
    person, an out-of-office notice, a read receipt), names no recipient or is too large; the
    message says which.
    """
    if len(raw) > BOUNCE_BYTES_MAX:
        raise Invalid(f"this message is larger than {BOUNCE_BYTES_MAX // 1000} kB; no bounce is")
    message = parsed(raw)
    report = _report_in(message)
    parts = parts_of(report)
    status = next(each for each in parts if each.content_type in _STATUS_TYPES)
    recipients = tuple(
        recipient
        for group in field_groups(status.decoded())[: RECIPIENTS_MAX + 1]
        if (recipient := _recipient(group))
    )
    if not recipients:
        raise Invalid("this delivery status notification names no recipient and what became of it")
    return Bounce(
        original_message_id=_original_message_id(message, report, parts),
        recipients=recipients[:RECIPIENTS_MAX],
    )


def _report_in(message: Part) -> Part:
    """The report itself, which mailing lists and forwarding wrap in other parts."""
    pending, seen = [message], 0
    while pending and seen < 10:
        outer = pending.pop(0)
        seen += 1
        for part in walk(outer):
            if part.content_type == "multipart/report" and any(
                each.content_type in _STATUS_TYPES for each in parts_of(part)
            ):
                return part
            if part.content_type in _MESSAGE_TYPES:
                pending.append(parsed(part.decoded()))
    raise Invalid(_why_not(message))


def _why_not(message: Part) -> str:
    if message.content_type == "multipart/report":
        kind = message.parameter("report-type").lower()
        if kind and kind != "delivery-status":
            shown = _one_line(kind)[:40]
            return f"this is a report of another kind ({shown}), not of a delivery"
        return "this report has no delivery status part"
    if message.fields.get("auto-submitted", "no").strip().lower().startswith("auto-replied"):
        return "this is an automatic reply, not a delivery status notification"
    return "this is no delivery status notification (multipart/report with a delivery-status part)"


def _recipient(group: dict[str, str]) -> BouncedRecipient | None:
    """One group of fields; the first group is about the message as a whole and has none."""
    final = _address(group.get("final-recipient", ""))
    original = _address(group.get("original-recipient", ""))
    action = group.get("action", "").partition("(")[0].strip().lower()
    if not (final or original) or action not in ACTIONS:
        return None
    status = _STATUS.match(group.get("status", "").strip())
    kind, semicolon, said = group.get("diagnostic-code", "").partition(";")
    return BouncedRecipient(
        address=original or final,
        action=action,
        status=status[0] if status else "",
        diagnostic=_one_line(said if semicolon else kind)[:TEXT_MAX],
        final_address=final if original and final.casefold() != original.casefold() else "",
    )


def _address(field: str) -> str:
    """``rfc822; <maria@x.test>`` without its type and brackets."""
    kind, semicolon, address = field.partition(";")
    if not semicolon:
        kind, address = "rfc822", kind
    if kind.strip().lower() == "utf-8":
        address = _HEX.sub(_letter, address)
    shown = _one_line(address).strip("<> ")
    return shown if "@" in shown and len(shown) <= 320 else ""


def _letter(escaped: re.Match[str]) -> str:
    r"""``\x{e9}``, as RFC 6533 writes letters for servers that know ASCII alone."""
    point = int(escaped[1], 16)
    return chr(point) if point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF else ""


def _original_message_id(message: Part, report: Part, parts: list[Part]) -> str:
    """From the returned original, else from what the notification says it answers."""
    for part in parts:
        if part.content_type in (*_MESSAGE_TYPES, *_HEADER_TYPES):
            original = parsed(part.decoded().lstrip(b"\r\n"))
            if found := _MESSAGE_ID.search(original.fields.get("message-id", "")):
                return found[0]
    for fields in (report.fields, message.fields):
        for name in ("in-reply-to", "references", "x-original-message-id"):
            if found := _MESSAGE_ID.search(fields.get(name, "")):
                return found[0]
    return ""


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
