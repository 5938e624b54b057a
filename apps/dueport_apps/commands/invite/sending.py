"""``invite send``, and looking at the mail before."""

import contextlib
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import click

from dueport_apps.commands.invite.following import (
    campaign_row,
    exit_for,
    follow,
    row_json,
    say_campaign,
)
from dueport_apps.commands.invite.ordering import (
    CONFIRM_DECLINED,
    Whom,
    how_options,
    mail_options,
    order_of,
    split,
    whom_options,
)
from dueport_apps.commands.invite.words import campaign_lines, counted, left_out_line
from dueport_apps.commands.session import EXIT_FOUND, Session, command_line, deployment_command
from dueport_apps.usecases.declined_customers import leaves_out_declined
from dueport_apps.usecases.invite_records import CampaignKind, CampaignRow
from dueport_apps.usecases.plan_invitations import InviteOrder, Plan, PlannedMail
from dueport_apps.usecases.preview_invitation import InvitationPreview
from dueport_apps.web.operator.words import MAIL_WORDS
from dueport_ports import Conflict, Invalid

if TYPE_CHECKING:
    from dueport_apps.container import Container


@click.command("send")
@whom_options
@how_options
@click.option("--resend", is_flag=True, help="New links for those that expired or did not arrive.")
@click.option("--dry-run", is_flag=True, help="Show who would get a mail, and send nothing.")
@click.option("--yes", is_flag=True, help="Send without asking.")
@click.option("--watch", is_flag=True, help="Stay, help sending, and show the progress.")
@deployment_command
async def send(
    session: Session,
    container: "Container",
    resend: bool,
    dry_run: bool,
    yes: bool,
    watch: bool,
    **given: Any,
) -> None:
    """Invite customers: those named, those that a filter shows, or all.

    Whoever is invited or registered already gets no mail, so doing it twice is harmless.
    """
    whom, how = split(given)
    kind = CampaignKind.RESEND if resend else CampaignKind.INVITE
    order = order_of(container, whom, how, kind)
    if dry_run:
        _say_rehearsal(session, await container.rehearse_invitations()(order))
        return
    if not yes and not await _agreed(session, container, order):
        return
    async with _explained(container, order):
        campaign = await container.start_campaign().at_once(order, command_line())
    if watch:
        row = await follow(session, container, campaign.campaign_id)
        say_campaign(session, row)
        exit_for(row)
        return
    row = await campaign_row(container, campaign.campaign_id)
    following = f"`dueport invite status {campaign.campaign_id}` shows how far it is"
    more = "; with --left-out it lists who got no mail, and why." if _left_out(row) else "."
    session.say(row_json(row), "\n".join([*campaign_lines(row), following + more]))
    if campaign.cannot:
        raise SystemExit(EXIT_FOUND)


@click.command("preview")
@click.option("--account", required=True, metavar="NO", help="Whose mail to show.")
@click.option("--html", "as_html", is_flag=True, help="Show the HTML instead of the text.")
@how_options
@deployment_command
async def preview(
    session: Session, container: "Container", account: str, as_html: bool, **given: Any
) -> None:
    """Show the exact mail that a customer would get; nothing is sent."""
    _, how = split(given)
    order = order_of(container, Whom(account=(account,)), how)
    async with _explained(container, order):
        shown = await container.preview_invitation()(order)
    mail = shown.mail
    head = f"To: {shown.to_address}\nSubject: {mail.subject}\n\n"
    session.say(_preview_json(shown), mail.html if as_html else head + mail.text)


@click.command("test")
@click.option("--to", "to_address", required=True, metavar="ADDRESS", help="Where the test goes.")
@click.option("--account", required=True, metavar="NO", help="Whose mail to send.")
@mail_options
@deployment_command
async def send_test(
    session: Session, container: "Container", to_address: str, account: str, **given: Any
) -> None:
    """Mail a customer's invitation to yourself, marked as a test; no record changes."""
    _, how = split(given)
    order = order_of(container, Whom(account=(account,)), how)
    async with _explained(container, order):
        sent = await container.preview_invitation().send_test(
            order, to_address.strip(), command_line()
        )
    session.say(_preview_json(sent), f"“{sent.mail.subject}” is on its way to {sent.to_address}.")


async def _agreed(session: Session, container: "Container", order: InviteOrder) -> bool:
    """Show the counts and ask; an order that mails nobody is left to be refused with its reason."""
    if session.as_json:
        raise click.UsageError("With --json nobody can be asked; add --yes or --dry-run.")
    plan = await container.rehearse_invitations()(order)
    if not plan.will:
        return True
    click.echo(_counts(plan))
    try:
        agreed = click.confirm(f"Send {counted(len(plan.will), 'mail')}?")
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo()
        raise click.UsageError(
            "Nobody is there to answer, so nothing was sent; add --yes to send, or --dry-run."
        ) from None
    if not agreed:
        click.echo("Nothing was sent.")
    return agreed


@contextlib.asynccontextmanager
async def _explained(container: "Container", order: InviteOrder) -> AsyncIterator[None]:
    """Let a refusal say how to invite customers who declined, where that would help."""
    try:
        yield
    except (Conflict, Invalid) as error:
        if getattr(error, "fields", None) or not await leaves_out_declined(
            container.rehearse_invitations(), order
        ):
            raise
        raise type(error)(f"{error.message} {CONFIRM_DECLINED}") from error


def _say_rehearsal(session: Session, plan: Plan) -> None:
    if not (plan.will or plan.cannot or plan.already):
        raise Invalid("No customer matches, so nobody would get a mail.")
    value = {
        "will_count": len(plan.will),
        "cannot_count": len(plan.cannot),
        "already_count": len(plan.already),
        "will": [
            {
                "account_no": mail.account.account_no,
                "account_name": mail.account.name,
                "email": mail.email,
                "username": mail.username,
                "last_failure": mail.last_failure,
            }
            for mail in plan.will
        ],
        "cannot": [
            {
                "account_no": one.account_no,
                "account_name": one.account_name,
                "email": one.email,
                "kind": one.kind,
                "reason": one.reason,
                "field": one.field,
            }
            for one in plan.cannot
        ],
        "already": plan.already,
    }
    lines = [f"Will get the mail ({len(plan.will)}):"]
    lines += [_will_line(mail) for mail in plan.will]
    lines.append(f"Cannot get it ({len(plan.cannot)}):")
    lines += [left_out_line(one) for one in plan.cannot]
    lines.append(f"Need none ({len(plan.already)}):")
    lines += [f"  {one.account_no}  {one.account_name}  {one.words}" for one in plan.already]
    lines.append("Nothing was sent.")
    session.say(value, "\n".join(lines))
    if plan.cannot:
        raise SystemExit(EXIT_FOUND)


def _left_out(row: CampaignRow) -> bool:
    return bool(row.campaign.cannot or row.campaign.already)


def _will_line(mail: PlannedMail) -> str:
    username = f"  username {mail.username}" if mail.username else ""
    failed = ""
    if mail.last_failure is not None:
        state = MAIL_WORDS[mail.last_failure.state].lower()
        failed = f"  last mail {state}: {mail.last_failure.words}"
    return f"  {mail.account.account_no}  {mail.account.name}  {mail.email}{username}{failed}"


def _counts(plan: Plan) -> str:
    return (
        f"{len(plan.will):,} will get the mail, {len(plan.cannot):,} cannot, "
        f"{len(plan.already):,} need none."
    )


def _preview_json(shown: InvitationPreview) -> dict[str, str]:
    return {
        "account_no": shown.account_no,
        "account_name": shown.account_name,
        "to_address": shown.to_address,
        "subject": shown.mail.subject,
        "text": shown.mail.text,
        "html": shown.mail.html,
    }


COMMANDS: list[click.Command] = [send, preview, send_test]
