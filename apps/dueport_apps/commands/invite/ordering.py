"""The options that say whom to invite and how, and the order that they make."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import click
import msgspec

from dueport_apps.usecases.invite_records import (
    CampaignKind,
    InviteOptions,
    InviteRecipient,
    Selection,
)
from dueport_apps.usecases.plan_invitations import InviteOrder
from dueport_apps.usecases.records import AccountFilter, Language
from dueport_ports import SECOND_CHECKS, UsernameSource

if TYPE_CHECKING:
    from dueport_apps.container import Container

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

FIELDS = [source.value for source in UsernameSource]
CONFIRM_DECLINED = "Add --confirm-declined to invite a customer who declined again."
SECOND_CHECK_CHOICES = ["none", *[source.value for source in SECOND_CHECKS]]


class Whom(msgspec.Struct, frozen=True, kw_only=True):
    """The options that select customers."""

    account: tuple[str, ...] = ()
    everybody: bool = False
    matching: str = ""
    not_invited: bool = False
    past_due: bool = False
    active: bool = False
    but: tuple[str, ...] = ()

    @property
    def selection(self) -> Selection:
        """Return who is selected; raises UsageError for nobody, and for a contradiction."""
        filtered = bool(self.matching or self.not_invited or self.past_due or self.active)
        if self.account and (filtered or self.everybody):
            raise click.UsageError("Name accounts, or select by --all or a filter; not both.")
        if self.account:
            if self.but:
                raise click.UsageError("--except goes with --all or a filter.")
            return Selection(account_nos=tuple(dict.fromkeys(one.strip() for one in self.account)))
        if not filtered and not self.everybody:
            raise click.UsageError(
                "Nobody is selected. Name customers with --account, or use --all or a filter such "
                "as --matching or --not-invited."
            )
        return Selection(
            matching=AccountFilter(
                text=self.matching,
                active_only=self.active,
                past_due_only=self.past_due,
                invitation="none" if self.not_invited else "",
            ),
            excluded=self.but,
        )


class How(msgspec.Struct, frozen=True, kw_only=True):
    """The options that say how; None is what the dealer's policies say."""

    delivery: str | None = None
    username_from: str | None = None
    second_check: str | None = None
    to: str = "primary"
    language: str | None = None
    additional_login: bool = False
    confirm_declined: bool = False

    def options(self, container: "Container") -> InviteOptions:
        """Return the options; raises UsageError for those that contradict each other."""
        policy = container.settings().config.policies.invite
        delivery = cast(Literal["link", "credentials"], self.delivery or policy.delivery)
        self._refuse_contradictions(delivery)
        check = policy.second_check
        if self.second_check is not None:
            check = None if self.second_check == "none" else UsernameSource(self.second_check)
        known = {"primary": InviteRecipient.PRIMARY, "contacts": InviteRecipient.CONTACTS}
        recipient = known.get(self.to, InviteRecipient.OTHER)
        return InviteOptions(
            delivery=delivery,
            username=UsernameSource(self.username_from) if self.username_from else policy.username,
            second_check=check,
            recipient=recipient,
            address=self.to.strip() if recipient is InviteRecipient.OTHER else "",
            language=cast(Language, self.language or policy.language),
            additional_login=self.additional_login,
            confirm_declined=self.confirm_declined,
        )

    def _refuse_contradictions(self, delivery: str) -> None:
        """Refuse what would be ignored: whoever types it expects something else to happen."""
        named = f"--delivery {delivery}" if self.delivery else f"{delivery}, the dealer's policy"
        if self.username_from is not None and delivery == "link":
            raise click.UsageError(
                f"--username-from goes with --delivery credentials, not with {named}: with a link "
                "customers sign in with their e-mail address."
            )
        if self.second_check not in (None, "none") and delivery == "credentials":
            raise click.UsageError(
                f"--second-check goes with --delivery link, not with {named}: nothing is asked for "
                "beside a password."
            )


def order_of(
    container: "Container", whom: Whom, how: How, kind: CampaignKind = CampaignKind.INVITE
) -> InviteOrder:
    """Return the order; raises UsageError for a selection or options that make no sense."""
    if kind is CampaignKind.RESEND and how.to == "contacts":
        raise click.UsageError(
            "--to contacts does not go with --resend: a new link goes where the invitation went, "
            "or to the address that --to names."
        )
    return InviteOrder(kind=kind, selection=whom.selection, options=how.options(container))


def split(given: dict[str, Any]) -> tuple[Whom, How]:
    """Take the options of ``whom_options`` and ``how_options`` out of a command's own."""
    whom = Whom(**{name: given.pop(name) for name in Whom.__struct_fields__ if name in given})
    how = How(**{name: given.pop(name) for name in How.__struct_fields__ if name in given})
    return whom, how


def whom_options(function: FunctionT) -> FunctionT:
    """Add the options that select customers."""
    return _options(
        function,
        click.option("--account", multiple=True, metavar="NO", help="This customer; repeatable."),
        click.option("--all", "everybody", is_flag=True, help="Every customer."),
        click.option("--matching", default="", metavar="TEXT", help="By name or account number."),
        click.option("--not-invited", is_flag=True, help="Those without any invitation."),
        click.option("--past-due", is_flag=True, help="Those who owe something past due."),
        click.option("--active", is_flag=True, help="Those who are active in the ERP."),
        click.option("--except", "but", multiple=True, metavar="NO", help="Not this one."),
    )


def mail_options(function: FunctionT) -> FunctionT:
    """Add the options that say what the mail is like; their defaults are the dealer's policies."""
    return _options(
        function,
        click.option(
            "--delivery",
            type=click.Choice(["link", "credentials"]),
            help="A registration link, or generated credentials.",
        ),
        click.option(
            "--username-from",
            type=click.Choice(FIELDS),
            help="With credentials: the field that becomes the username.",
        ),
        click.option(
            "--second-check",
            type=click.Choice(SECOND_CHECK_CHOICES),
            help="With a link: what the registration asks for beside it.",
        ),
        click.option("--language", type=click.Choice(["en", "es"]), help="English or Spanish."),
    )


def how_options(function: FunctionT) -> FunctionT:
    """Add the options that say how to invite."""
    return _options(
        function,
        mail_options,
        click.option(
            "--to",
            default="primary",
            show_default=True,
            metavar="primary|contacts|ADDRESS",
            help="Which address of the customer, or one of its own.",
        ),
        click.option("--additional-login", is_flag=True, help="One more person of a customer."),
        click.option("--confirm-declined", is_flag=True, help="Also those who declined."),
    )


def _options(function: FunctionT, *options: Callable[[FunctionT], FunctionT]) -> FunctionT:
    for option in reversed(options):
        function = option(function)
    return function
