"""``invite send``, and looking at the mail before."""

from typing import TYPE_CHECKING, Any

import click

from dueport_apps.commands.invite.following import (
    campaign_lines,
    campaign_row,
    follow,
    row_json,
    say_campaign,
)
from dueport_apps.commands.invite.ordering import (
    How,
    Whom,
    how_options,
    order_of,
    split,
    whom_options,
)
from dueport_apps.commands.session import EXIT_FOUND, Session, command_line, deployment_command
from dueport_apps.usecases.invite_records import CampaignKind
from dueport_apps.usecases.plan_invitations import InviteOrder, Plan
from dueport_apps.usecases.preview_invitation import InvitationPreview

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
    campaign = await container.start_campaign().at_once(order, command_line())
    if watch:
        say_campaign(session, await follow(session, container, campaign.campaign_id))
        return
    row = await campaign_row(container, campaign.campaign_id)
    following = f"`dueport invite status {campaign.campaign_id}` shows how far it is."
    session.say(row_json(row), "\n".join([*campaign_lines(row), following]))
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
    shown = await container.preview_invitation()(order)
    mail = shown.mail
    head = f"To: {shown.to_address}\nSubject: {mail.subject}\n\n"
    session.say(_preview_json(shown), mail.html if as_html else head + mail.text)


@click.command("test")
@click.option("--to", "to_address", required=True, metavar="ADDRESS", help="Where the test goes.")
@click.option("--account", required=True, metavar="NO", help="Whose mail to send.")
@click.option("--delivery", type=click.Choice(["link", "credentials"]))
@click.option("--language", type=click.Choice(["en", "es"]))
@deployment_command
async def send_test(
    session: Session,
    container: "Container",
    to_address: str,
    account: str,
    delivery: str | None,
    language: str | None,
) -> None:
    """Mail a customer's invitation to yourself, marked as a test; no record changes."""
    how = How(delivery=delivery, language=language)
    order = order_of(container, Whom(account=(account,)), how)
    sent = await container.preview_invitation().send_test(order, to_address.strip(), command_line())
    session.say(_preview_json(sent), f"“{sent.mail.subject}” is on its way to {sent.to_address}.")


async def _agreed(session: Session, container: "Container", order: InviteOrder) -> bool:
    """Show the counts and ask; an order that mails nobody is left to be refused with its reason."""
    if session.as_json:
        raise click.UsageError("With --json nobody can be asked; add --yes or --dry-run.")
    plan = await container.rehearse_invitations()(order)
    if not plan.will:
        return True
    click.echo(_counts(plan))
    if click.confirm(f"Send {len(plan.will)} mail(s)?"):
        return True
    click.echo("Nothing was sent.")
    return False


def _say_rehearsal(session: Session, plan: Plan) -> None:
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
            }
            for mail in plan.will
        ],
        "cannot": [
            {
                "account_no": one.account_no,
                "account_name": one.account_name,
                "email": one.email,
                "reason": one.reason,
                "field": one.field,
            }
            for one in plan.cannot
        ],
        "already": plan.already,
    }
    lines = [f"Will get the mail ({len(plan.will)}):"]
    lines += [
        f"  {mail.account.account_no}  {mail.account.name}  {mail.email}" for mail in plan.will
    ]
    lines.append(f"Cannot get it ({len(plan.cannot)}):")
    lines += [f"  {one.account_no}  {one.account_name}  {one.reason}" for one in plan.cannot]
    lines.append(f"Need none ({len(plan.already)}):")
    lines += [f"  {one.account_no}  {one.account_name}  {one.words}" for one in plan.already]
    lines.append("Nothing was sent.")
    session.say(value, "\n".join(lines))
    if plan.cannot:
        raise SystemExit(EXIT_FOUND)


def _counts(plan: Plan) -> str:
    return (
        f"{len(plan.will)} will get the mail, {len(plan.cannot)} cannot, "
        f"{len(plan.already)} are invited or registered already."
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
