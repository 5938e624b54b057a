"""The link delivery: the mail carries an address that opens the registration page once.

The password is chosen by the customer there, so no secret but the link itself is ever mailed, and
the link is the platform's: this plugin only says what the mail says.
"""

from pathlib import Path
from typing import Annotated

import msgspec

from dueport_ports import (
    InviteContent,
    InviteDelivery,
    InviteRequest,
    Skipped,
    check_email,
    field_words,
    missing_second_check,
)

Sentence = Annotated[str, msgspec.Meta(max_length=400)]


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section ``[plugins.invite_link]`` of the dealer's configuration."""

    message: Sentence = ""
    """One or two sentences of the dealer's own, shown above the button."""


class LinkDelivery(InviteDelivery):
    def __init__(self, settings: LinkSettings) -> None:
        self._settings = settings

    def prepare(self, request: InviteRequest) -> InviteContent | Skipped:
        if problem := check_email(request.email):
            return Skipped(reason=problem, field="email")
        if skipped := missing_second_check(request):
            return skipped
        return InviteContent(
            template="invite_link",
            values={
                "account_name": request.account.name,
                "account_no": request.account.account_no,
                "recipient_name": _name_of(request),
                "message": self._settings.message,
                "register_url": request.register_url,
                "decline_url": request.decline_url,
                "expires_in": _days(request.expires_in_days, request.language),
                "reminder": "yes" if request.reminder else "",
                "second_check": field_words(request.second_check, request.language)
                if request.second_check
                else "",
            },
        )

    def templates_folder(self) -> Path:
        return Path(__file__).parent / "templates"


def _name_of(request: InviteRequest) -> str:
    """The name of the contact that this address belongs to, or nothing."""
    wanted = request.email.strip().casefold()
    for contact in request.account.contacts:
        if contact.email.strip().casefold() == wanted:
            return contact.name.strip()
    return ""


def _days(number: int, language: str) -> str:
    if language.startswith("es"):
        return "1 día" if number == 1 else f"{number} días"
    return "1 day" if number == 1 else f"{number} days"
