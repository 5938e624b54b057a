"""Decides, before any network is touched, that a message may not leave.

A name or an address that comes from an ERP must never add a header, a second recipient or a
second message; nothing is repaired here, since a repaired address reaches somebody else.
"""

import re
from functools import lru_cache

from dueport_ports import Attachment, EmailResult, OutgoingEmail, check_email

MAX_TEXT_HEADER = 900
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+>")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*/[A-Za-z0-9][A-Za-z0-9.+-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Headers that this plugin writes itself, or that would name further recipients.
_RESERVED = frozenset(
    {"from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id"}
    | {"mime-version", "return-path", "received"}
)
_RESERVED_PREFIXES = ("resent-", "content-")


def refusal_reason(message: OutgoingEmail) -> str | None:
    """Return why this message cannot be sent at all, or None."""
    if problem := check_email(message.to_address):
        return f"to_address: {problem}"
    if problem := _check_own(message.from_address):
        return f"from_address: {problem}"
    if message.reply_to and (problem := _check_own(message.reply_to)):
        return f"reply_to: {problem}"
    if not _MESSAGE_ID.fullmatch(message.message_id) or message.message_id.count("@") != 1:
        return "message_id must have the form <something@host>"
    if len(message.message_id) > 250:
        return "message_id is longer than 250 characters"
    for field in ("subject", "to_name", "from_name"):
        if problem := _text_problem(getattr(message, field)):
            return f"{field} {problem}"
    for name, value in message.headers:
        if problem := _header_problem(name, value):
            return problem
    for attachment in message.attachments:
        if problem := _attachment_problem(attachment):
            return problem
    return None


@lru_cache(64)
def _check_own(address: str) -> str | None:
    """The dealer's few addresses are the same in message after message."""
    return check_email(address)


def refused(message: OutgoingEmail, reason: str) -> EmailResult:
    return EmailResult(
        message_id=message.message_id, state="refused", permanent=True, reason=reason
    )


def _text_problem(text: str) -> str | None:
    if _CONTROL.search(text):
        return "holds a line break or another control character"
    if len(text) > MAX_TEXT_HEADER:
        return f"is longer than {MAX_TEXT_HEADER} characters"
    return None


def _header_problem(name: str, value: str) -> str | None:
    if not _HEADER_NAME.fullmatch(name):
        return "a header's name may hold letters, digits and hyphens only"
    if name.lower() in _RESERVED or name.lower().startswith(_RESERVED_PREFIXES):
        return f"the header {name} is written by the mailer and cannot be given"
    if problem := _text_problem(value):
        return f"the header {name} {problem}"
    return None


def _attachment_problem(attachment: Attachment) -> str | None:
    if not attachment.name or len(attachment.name) > 200 or _CONTROL.search(attachment.name):
        return "an attachment's name must have 1 to 200 characters and no control character"
    if not _MEDIA_TYPE.fullmatch(attachment.media_type):
        return f"the attachment {attachment.name} has no valid media type"
    if attachment.media_type.lower().startswith(("multipart/", "message/")):
        return f"the attachment {attachment.name} may not be a composite media type"
    return None
