"""The credential delivery: the mail carries a username and a password that works once.

The platform stores a hash of the password and shows nothing but the change page until it has been
replaced. This plugin keeps nothing.
"""

from pathlib import Path
from typing import Annotated

import msgspec

from dueport_invite_credentials.generator import OneTimeCredentials
from dueport_ports import (
    CredentialGenerator,
    CredentialRequest,
    InviteContent,
    InviteDelivery,
    InviteRequest,
    Skipped,
    check_email,
    field_words,
    missing_second_check,
)

Sentence = Annotated[str, msgspec.Meta(max_length=400)]

_GROUP = 4


class CredentialSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section ``[plugins.invite_credentials]`` of the dealer's configuration."""

    message: Sentence = ""
    """One or two sentences of the dealer's own, shown above the credentials."""


class CredentialDelivery(InviteDelivery):
    def __init__(
        self, settings: CredentialSettings, generator: CredentialGenerator | None = None
    ) -> None:
        self._settings = settings
        self._generator = generator or OneTimeCredentials()

    def prepare(self, request: InviteRequest) -> InviteContent | Skipped:
        if problem := check_email(request.email):
            return Skipped(reason=problem, field="email")
        if skipped := missing_second_check(request):
            return skipped
        issued = self._generator.issue(
            CredentialRequest(
                account=request.account,
                email=request.email,
                username_source=request.username_source,
                username=request.username,
                taken_usernames=request.taken_usernames,
            )
        )
        if isinstance(issued, Skipped):
            return issued
        contact = request.account.contact_of(request.email)
        return InviteContent(
            template="invite_credentials",
            values={
                "account_name": request.account.name,
                "account_no": request.account.account_no,
                "recipient_name": contact.name.strip() if contact else "",
                "on_file": "yes" if contact else "",
                "message": self._settings.message,
                "sign_in_url": request.sign_in_url,
                "decline_url": request.decline_url,
                "username": issued.username,
                "one_time_password": _in_groups(issued.secret),
                "expires_at": request.expires_at,
                "reminder": "yes" if request.reminder else "",
                "second_check": field_words(request.second_check, request.language)
                if request.second_check
                else "",
            },
            credential=issued,
        )

    def templates_folder(self) -> Path:
        return Path(__file__).parent / "templates"


def _in_groups(secret: str) -> str:
    """As people copy it from paper or a screen: ``XXXX-XXXX``; signing in ignores the dashes."""
    return "-".join(secret[at : at + _GROUP] for at in range(0, len(secret), _GROUP))
