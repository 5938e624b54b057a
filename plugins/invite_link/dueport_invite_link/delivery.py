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
        contact = request.account.contact_of(request.email)
        return InviteContent(
            template="invite_link",
            values={
                "account_name": request.account.name,
                "account_no": request.account.account_no,
                "recipient_name": contact.name.strip() if contact else "",
                "on_file": "yes" if contact else "",
                "message": self._settings.message,
                "register_url": request.register_url,
                "decline_url": request.decline_url,
                "expires_at": request.expires_at,
                "reminder": "yes" if request.reminder else "",
                "second_check": field_words(request.second_check, request.language)
                if request.second_check
                else "",
            },
        )

    def templates_folder(self) -> Path:
        return Path(__file__).parent / "templates"
