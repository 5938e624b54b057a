"""The words of these commands: the same as the operator portal's pages, times in the dealer's zone.

``--json`` says none of them: its words are for programs and stay as they are.
"""

import datetime
import zoneinfo
from typing import Final

import msgspec

from dueport_apps.usecases.invite_records import (
    CampaignKind,
    CampaignProgress,
    CampaignRefusal,
    CampaignRow,
    InvitationRow,
)
from dueport_apps.usecases.mail_records import MailState
from dueport_apps.web.operator.words import CAMPAIGN_TITLES, MAIL_WORDS

_UNSAID: Final = frozenset({MailState.SENT, MailState.CANCELLED})
"""What a mail server says of these helps nobody."""
_NEED_NONE: Final = {
    CampaignKind.INVITE: "invited or registered already",
    CampaignKind.RESEND: "in no need of a new link",
    CampaignKind.NUDGE: "in no need of a reminder",
}
_DONE: Final = {
    CampaignKind.INVITE: "invited",
    CampaignKind.RESEND: "sent a new link",
    CampaignKind.NUDGE: "reminded",
}


def counted(number: int, one: str, several: str = "") -> str:
    """Return ``1 mail`` or ``2 mails``."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def moment(at: datetime.datetime, zone: zoneinfo.ZoneInfo) -> str:
    """Write an instant as ``2026-11-22 06:29 EST``."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def campaign_lines(row: CampaignRow) -> list[str]:
    """Return how a campaign stands."""
    campaign = row.campaign
    lines = [f"Campaign {campaign.campaign_id} is {campaign.state.value}: {_counts(row.progress)}."]
    if campaign.cannot:
        customers = counted(campaign.cannot, "customer")
        lines.append(f"{customers} could not be {_DONE[campaign.kind]}.")
    if campaign.already:
        customers = counted(campaign.already, "customer is", "customers are")
        lines.append(f"{customers} {_NEED_NONE[campaign.kind]}.")
    return lines


def campaign_line(row: CampaignRow, zone: zoneinfo.ZoneInfo) -> str:
    """Return a campaign as one line of a list."""
    campaign = row.campaign
    return (
        f"{campaign.campaign_id}  {moment(campaign.created_at, zone)}  "
        f"{CAMPAIGN_TITLES[campaign.kind]:11}  {campaign.state.value.capitalize():9}  "
        f"{_counts(row.progress)}  by {campaign.created_by_name}"
    )


def left_out_line(one: CampaignRefusal) -> str:
    """Return somebody whom a campaign left out, and why."""
    return f"  {one.account_no}  {one.account_name}  {one.reason}"


def invitation_line(row: InvitationRow, zone: zoneinfo.ZoneInfo) -> str:
    """Return an invitation as one line of a list, with what became of its last mail."""
    one = row.invitation
    reason = row.mail_reason if row.mail_state not in _UNSAID else ""
    mail = f"E-mail {MAIL_WORDS[row.mail_state]}" if row.mail_state else "No e-mail"
    parts = [
        one.invitation_id,
        one.account_no,
        row.account_name,
        one.email,
        one.state.value.capitalize(),
        f"Invited {moment(one.invited_at, zone)}",
        f"{mail} ({reason})" if reason else mail,
        f"Reminded {moment(one.nudged_at, zone)}" if one.nudged_at else "",
        "Asked for a new link" if one.asked_at else "",
    ]
    return "  ".join(filter(None, parts))


def _counts(progress: CampaignProgress) -> str:
    counts = msgspec.structs.asdict(progress)
    said = [
        f"{count:,} {MAIL_WORDS[MailState(name)].lower()}"
        for name, count in counts.items()
        if count
    ]
    return ", ".join(said) or "no mails"
