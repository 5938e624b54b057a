"""The fields of the invite dialog, and the options of a campaign that they stand for."""

from typing import Annotated, Literal

import msgspec

from dueport_apps.usecases.invite_records import (
    Campaign,
    CampaignKind,
    InviteOptions,
    InviteRecipient,
)
from dueport_apps.usecases.records import Language
from dueport_apps.web.operator.words import SOURCE_WORDS
from dueport_ports import SECOND_CHECKS, UsernameSource

Recipient = Literal["primary", "contacts", "other", "additional"]

USERNAME_CHOICES = [(source.value, words) for source, words in SOURCE_WORDS.items()]
CHECK_CHOICES = [
    ("", "Nothing else"),
    *[(source.value, SOURCE_WORDS[source]) for source in SECOND_CHECKS],
]


class InviteForm(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of the dialog; those that the chosen way does not need are left alone."""

    delivery: Literal["link", "credentials"] = "link"
    username: UsernameSource = UsernameSource.EMAIL
    second_check: UsernameSource | None = None
    recipient: Recipient = "primary"
    address: Annotated[str, msgspec.Meta(max_length=320)] = ""
    language: Language = "en"
    confirm_declined: bool = False

    def options(self, campaign: Campaign) -> InviteOptions:
        """Return the campaign's options with what the form says; one that sends again keeps the
        delivery and the language that its invitations have."""
        elsewhere = self.recipient in ("other", "additional")
        changed = msgspec.structs.replace(
            campaign.options,
            recipient=InviteRecipient.OTHER if elsewhere else InviteRecipient(self.recipient),
            address=self.address.strip() if elsewhere else "",
            additional_login=self.recipient == "additional",
            confirm_declined=self.confirm_declined,
        )
        if campaign.kind is not CampaignKind.INVITE:
            return changed
        return msgspec.structs.replace(
            changed,
            delivery=self.delivery,
            username=self.username,
            second_check=self.second_check if self.delivery == "link" else None,
            language=self.language,
        )


def form_of(options: InviteOptions) -> InviteForm:
    """Return the form as the draft's options fill it."""
    recipient: Recipient = "primary"
    if options.additional_login:
        recipient = "additional"
    elif options.recipient is InviteRecipient.CONTACTS:
        recipient = "contacts"
    elif options.recipient is InviteRecipient.OTHER:
        recipient = "other"
    return InviteForm(
        delivery=options.delivery,
        username=options.username,
        second_check=options.second_check,
        recipient=recipient,
        address=options.address,
        language=options.language,
        confirm_declined=options.confirm_declined,
    )
