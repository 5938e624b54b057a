"""The words of the operator portal for what the code names by constants."""

from collections.abc import Callable, Mapping
from typing import Final

from dueport_apps.usecases.invite_records import (
    CampaignKind,
    CampaignState,
    InvitationEventKind,
    InviteRecipient,
    LeftOutKind,
)
from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.records import Language
from dueport_core.open_items import OpenItemKind
from dueport_core.payments import PaymentState
from dueport_core.postings import PostingCategory, PostingState
from dueport_core.settlements import SettlementLineCategory, SettlementState
from dueport_ports import UsernameSource

KIND_WORDS: Final[Mapping[OpenItemKind, str]] = {
    OpenItemKind.INVOICE: "Invoice",
    OpenItemKind.DEBIT: "Debit adjustment",
    OpenItemKind.CREDIT: "Credit adjustment",
    OpenItemKind.FINANCE_CHARGE: "Finance charge",
    OpenItemKind.BALANCE_FORWARD: "Balance forward",
}

METHOD_WORDS: Final[Mapping[str, str]] = {"card": "Card", "ach": "Bank account (ACH)"}

STAGE_WORDS: Final[Mapping[str, str]] = {
    "created": "Submitted by the customer",
    PaymentState.REQUIRES_ACTION: "Waiting for the customer to confirm with their bank",
    PaymentState.PENDING: "Sent to the processor",
    PaymentState.PROCESSING: "Under way in the bank network",
    PaymentState.SETTLED: "Settled",
    PaymentState.FAILED: "Failed",
    PaymentState.CANCELED: "Canceled",
    PaymentState.RETURNED: "Returned by the customer's bank",
    PaymentState.DISPUTED: "Disputed by the cardholder",
    PaymentState.PARTIALLY_REFUNDED: "Refunded in part",
    PaymentState.REFUNDED: "Refunded",
    "unknown": "The processor's answer was lost; its record is being looked up",
    "rejected": "Refused by the processor",
}

SETTLEMENT_COLOURS: Final[Mapping[SettlementState, str]] = {
    SettlementState.OPEN: "amber",
    SettlementState.MATCHED: "cyan",
    SettlementState.POSTING: "amber",
    SettlementState.POSTED: "blue",
    SettlementState.RESOLVED: "green",
    SettlementState.FAILED: "red",
}

POSTING_COLOURS: Final[Mapping[PostingState, str]] = {
    PostingState.PENDING: "grey",
    PostingState.CLAIMED: "amber",
    PostingState.POSTED: "green",
    PostingState.UNKNOWN: "amber",
    PostingState.REJECTED: "red",
}

POSTING_WORDS: Final[Mapping[PostingState, str]] = {
    PostingState.PENDING: "Not posted",
    PostingState.CLAIMED: "Handed over",
    PostingState.POSTED: "Posted",
    PostingState.UNKNOWN: "Not confirmed",
    PostingState.REJECTED: "Rejected",
}

CATEGORY_WORDS: Final[Mapping[PostingCategory, str]] = {
    PostingCategory.INVOICES: "Invoices",
    PostingCategory.CREDITS: "Credits",
    PostingCategory.DEBITS: "Debits",
}

LINE_WORDS: Final[Mapping[SettlementLineCategory, str]] = {
    SettlementLineCategory.PAYMENT: "Payment",
    SettlementLineCategory.REFUND: "Refund",
    SettlementLineCategory.REFUND_FAILURE: "Refund that failed",
    SettlementLineCategory.RETURN: "ACH return",
    SettlementLineCategory.DISPUTE: "Dispute",
    SettlementLineCategory.DISPUTE_REVERSAL: "Dispute won",
    SettlementLineCategory.FEE: "Processor fee",
    SettlementLineCategory.ADJUSTMENT: "Adjustment",
    SettlementLineCategory.RESERVE_HOLD: "Held in reserve",
    SettlementLineCategory.RESERVE_RELEASE: "Released from reserve",
    SettlementLineCategory.TOPUP: "Top-up",
    SettlementLineCategory.PRIOR_SETTLEMENT: "Earlier payout",
    SettlementLineCategory.FOREIGN: "Not from this portal",
    SettlementLineCategory.UNALLOCATED: "Unexplained",
}

LEDGER_WORDS: Final[Mapping[str, str]] = {
    "cash": "Cash",
    "ar": "Accounts receivable",
    "sales_discounts": "Sales discounts",
    "surcharge_recovery": "Surcharge recovery",
    "processor_fees": "Processor fees",
    "dispute_loss": "Dispute losses",
    "unapplied": "Unapplied",
    "suspense": "Suspense",
}


MAIL_WORDS: Final[Mapping[MailState, str]] = {
    MailState.QUEUED: "Queued",
    MailState.SENDING: "Sending",
    MailState.SENT: "Sent",
    MailState.FAILED: "Failed",
    MailState.UNCONFIRMED: "Not confirmed",
    MailState.CANCELLED: "Cancelled",
    MailState.BOUNCED: "Bounced",
}

MAIL_COLOURS: Final[Mapping[MailState, str]] = {
    MailState.QUEUED: "grey",
    MailState.SENDING: "amber",
    MailState.SENT: "green",
    MailState.FAILED: "red",
    MailState.UNCONFIRMED: "amber",
    MailState.CANCELLED: "grey",
    MailState.BOUNCED: "red",
}

CAMPAIGN_COLOURS: Final[Mapping[CampaignState, str]] = {
    CampaignState.DRAFT: "grey",
    CampaignState.SENDING: "amber",
    CampaignState.PAUSED: "cyan",
    CampaignState.DONE: "green",
    CampaignState.CANCELLED: "grey",
}

CAMPAIGN_TITLES: Final[Mapping[CampaignKind, str]] = {
    CampaignKind.INVITE: "Invitations",
    CampaignKind.RESEND: "New links",
    CampaignKind.NUDGE: "Reminders",
}

SOURCE_WORDS: Final[Mapping[UsernameSource, str]] = {
    UsernameSource.EMAIL: "E-mail",
    UsernameSource.PHONE: "Phone",
    UsernameSource.ACCOUNT_NO: "Account number",
    UsernameSource.FIRST_NAME: "First name",
    UsernameSource.LAST_NAME: "Last name",
    UsernameSource.SHIP_TO_ZIP: "Ship-to ZIP",
    UsernameSource.RANDOM: "Random",
}

RECIPIENT_WORDS: Final[Mapping[InviteRecipient, str]] = {
    InviteRecipient.PRIMARY: "Primary e-mail",
    InviteRecipient.CONTACTS: "All contacts",
    InviteRecipient.OTHER: "Another address",
    InviteRecipient.CUSTOMER: "The customer's own request",
}

DELIVERY_WORDS: Final[Mapping[str, str]] = {
    "link": "Registration link",
    "credentials": "Generated credentials",
}

LANGUAGE_WORDS: Final[Mapping[Language, str]] = {"en": "English", "es": "Spanish"}

EVENT_WORDS: Final[Mapping[InvitationEventKind, str]] = {
    "invited": "Invited",
    "resent": "New link asked for",
    "nudged": "Reminder asked for",
    "link_copied": "Link copied",
    "opened": "Link opened",
    "second_check_failed": "Wrong answer to the second check",
    "asked_again": "Customer asked for a new link",
    "accepted": "Registered",
    "declined": "Declined by the customer",
    "not_asked": "Sign-up link taken back: they had not asked for it",
    "expired": "Expired",
    "revoked": "Revoked",
    "bounced": "E-mail came back",
    "access_disabled": "Portal access disabled",
    "access_restored": "Portal access restored",
}

FIELD_WORDS: Final[Mapping[str, str]] = {
    source.value: words for source, words in SOURCE_WORDS.items()
}

STATUS_WORDS: Final[Mapping[str, str]] = {
    "inactive": "Inactive in ERP",
    "hold": "On hold in ERP",
    "disabled": "Disabled in ERP",
    "closed": "Closed in ERP",
}
"""What the ERP says of customers whom the dealer does not simply trade with."""

LEFT_OUT_BADGES: Final[Mapping[LeftOutKind, tuple[str, str]]] = {
    LeftOutKind.ACCESS_OFF: ("Portal access disabled", "red"),
    LeftOutKind.NEVER_INVITED: ("Not invited", "grey"),
    LeftOutKind.USERNAME_SHARED: ("Username taken", "amber"),
    LeftOutKind.USERNAME_TAKEN: ("Username taken", "amber"),
    LeftOutKind.MAIL_NOT_ARRIVED: ("Mail did not arrive", "red"),
}
"""Badge and colour of those who cannot be mailed for another reason than a field of the ERP."""

LEFT_OUT_WORDS: Final[Mapping[LeftOutKind, str]] = {
    LeftOutKind.REGISTERED: "Somebody can sign in already",
    LeftOutKind.PENDING: "Has a working link",
    LeftOutKind.DECLINED: "Did not want to register",
    LeftOutKind.EXPIRED: "The link has run out",
    LeftOutKind.REVOKED: "Was taken back",
    LeftOutKind.MAIL_WAITING: "The mail has not left yet",
}
"""Why somebody needs no mail, beside a badge that names the state."""


def left_out_badge(kind: LeftOutKind, field: str = "") -> tuple[str, str]:
    """Return the words and the colour of the badge of somebody who cannot be mailed."""
    if kind in LEFT_OUT_BADGES:
        return LEFT_OUT_BADGES[kind]
    return fix_words(field), "amber"


def fix_words(field: str = "") -> str:
    """Say that something has to be mended in the ERP, and which field where one is known."""
    if not field:
        return "Fix in ERP"
    return f"Fix in ERP: {FIELD_WORDS.get(field, field.replace('_', ' ').capitalize())}"


def ledger_words(account: str, title_of: Callable[[str], str] = str) -> str:
    """Name a ledger account for people; every processor has a clearing account of its own."""
    if account.startswith("clearing:"):
        return f"Clearing, {title_of(account.removeprefix('clearing:'))}"
    return LEDGER_WORDS.get(account, account)
