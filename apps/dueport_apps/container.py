"""Where everything is put together, and the only place that knows dependency-injector.

The container is synchronous: it makes objects. What must be opened and closed around an event
loop (connections, HTTP clients, the embedded database) is opened and closed by ``running`` below.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dependency_injector import containers, providers

from dueport_apps import wiring
from dueport_apps.adapters.clock import SystemClock
from dueport_apps.adapters.credentials import Argon2Hasher, TotpFactor
from dueport_apps.adapters.enrolment_codes import DerivedEnrolmentCodes
from dueport_apps.adapters.identifiers import SecretTokens, UlidIds
from dueport_apps.adapters.letters import TypesetLetters
from dueport_apps.adapters.mailed_codes import KeyedMailedCodes
from dueport_apps.adapters.secret_box import FernetBox
from dueport_apps.documents.announcements import AnnouncementLetter
from dueport_apps.documents.letterhead import draw_logo
from dueport_apps.documents.receipts import TypstReceipts
from dueport_apps.mail.bounces import read_bounce
from dueport_apps.plugin_loader import load_plugins
from dueport_apps.settings import Settings
from dueport_apps.storage.engine import Database
from dueport_apps.storage.presence import WorkerPresence
from dueport_apps.storage.sessions import SqlIdempotencyStore, SqlSessionStore
from dueport_apps.usecases.abandon_payment import AbandonPayment
from dueport_apps.usecases.accept_invitation import AcceptInvitation
from dueport_apps.usecases.announce import Announce
from dueport_apps.usecases.api_keys import IssueApiKey, RevokeApiKey
from dueport_apps.usecases.ask_for_link import AskForLink
from dueport_apps.usecases.campaigns import DraftCampaign, RehearseInvitations, StartCampaign
from dueport_apps.usecases.change_name import ChangeName
from dueport_apps.usecases.change_password import ChangeLanguage, ChangePassword
from dueport_apps.usecases.clean_up import CleanUp
from dueport_apps.usecases.collect_method import BeginCollect, FinishCollect
from dueport_apps.usecases.compose_invitations import ComposeInvitations
from dueport_apps.usecases.decline_invitation import DeclineInvitation
from dueport_apps.usecases.enrol import Enrol, OpenEnrolment
from dueport_apps.usecases.enrolment_codes import EnrolmentCodes
from dueport_apps.usecases.expire_invitations import ExpireInvitations
from dueport_apps.usecases.import_settlements import ImportSettlements
from dueport_apps.usecases.link_account import LinkAccount
from dueport_apps.usecases.offer_methods import OfferMethods
from dueport_apps.usecases.open_invitation import OpenInvitation
from dueport_apps.usecases.payment_mails import PaymentMails
from dueport_apps.usecases.payment_outcomes import PaymentOutcomes
from dueport_apps.usecases.plan_invitations import InvitePlanner
from dueport_apps.usecases.poll_processors import PollFeed, PollPayments
from dueport_apps.usecases.post_settlement import MarkPosted, PostSettlement, ResolveSettlement
from dueport_apps.usecases.preview_invitation import PreviewInvitation
from dueport_apps.usecases.process_event import ProcessEvent
from dueport_apps.usecases.process_leftovers import (
    ImportAllSettlements,
    PollEverything,
    ProcessLeftoverEvents,
)
from dueport_apps.usecases.prove_mailbox import MailedCodes, MailEnrolmentCode
from dueport_apps.usecases.quote_payment import QuotePayment
from dueport_apps.usecases.receipts import ResendReceipt, ShowReceipt
from dueport_apps.usecases.receive_bounce import ReadBounces, ReceiveBounce
from dueport_apps.usecases.receive_webhook import ReceiveWebhook
from dueport_apps.usecases.refresh_figures import RefreshFigures
from dueport_apps.usecases.remind_pending import RemindPending
from dueport_apps.usecases.request_sync import RequestSync
from dueport_apps.usecases.requote_payment import RequotePayment
from dueport_apps.usecases.reset_password import (
    MailPasswordReset,
    RequestPasswordReset,
    ResetPassword,
)
from dueport_apps.usecases.resolve_attempts import ResolveAttempts
from dueport_apps.usecases.restore_access import RestoreAccess
from dueport_apps.usecases.second_check import AnswerSecondCheck
from dueport_apps.usecases.send_again import SendAgain
from dueport_apps.usecases.set_up_operator import AddOperator, SetUpOperator
from dueport_apps.usecases.show_outstanding import ShowOutstanding
from dueport_apps.usecases.sign_in import (
    CheckPassword,
    ConfirmSecondFactor,
    SignInCustomer,
    SignInOperator,
)
from dueport_apps.usecases.sign_up import MailSignUp, RequestSignUp
from dueport_apps.usecases.steer_campaign import SteerCampaign
from dueport_apps.usecases.steer_invitation import (
    ClearBounce,
    CopyInvitationLink,
    DisableAccess,
    RevokeInvitation,
    RevokeMovedInvitations,
)
from dueport_apps.usecases.submit_payment import SubmitPayment
from dueport_apps.usecases.sync_erp import SyncErp
from dueport_ports import (
    Misconfigured,
)


class Container(containers.DeclarativeContainer):
    """One deployment's objects. ``settings`` and ``database_url`` come from outside."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database_url: providers.Dependency[str] = providers.Dependency(instance_of=str)

    zone = settings.provided.zone
    policies = settings.provided.config.policies
    clock = providers.Singleton(SystemClock, zone)
    ids = providers.Singleton(UlidIds, clock)
    tokens = providers.Singleton(SecretTokens)
    hasher = providers.Singleton(Argon2Hasher)
    box = providers.Singleton(FernetBox, settings.provided.secret_key)
    # A provider's own `name` hides an attribute of that name, hence the function.
    dealer_name = providers.Callable(wiring.dealer_name, settings)
    factor = providers.Singleton(TotpFactor, box, clock, dealer_name)
    addresses = providers.Singleton(wiring.addresses, settings)
    customer_rules = providers.Singleton(wiring.customer_rules, settings)
    operator_rules = providers.Singleton(wiring.operator_rules, settings)

    catalog = providers.Singleton(
        load_plugins, settings.provided.wanted_plugins, settings.provided.config.extensions
    )
    plugins = providers.Singleton(wiring.Plugins, settings, catalog, box)
    erp = providers.Singleton(plugins.provided.erp.call())
    sender = providers.Singleton(plugins.provided.email.call())
    deliveries = providers.Singleton(plugins.provided.deliveries.call())
    processors = providers.Singleton(plugins.provided.processors.call())

    database = providers.Singleton(Database, database_url)
    uow = providers.Singleton(wiring.transactions, database, box, settings)
    # For what only reads: every statement sees the newest data by itself, as it does in a
    # transaction too, and two round trips and the planning of each statement are saved.
    reads = providers.Singleton(wiring.statements, database, box, settings)
    renderer = providers.Singleton(wiring.mail_renderer, settings, deliveries)
    mailroom = providers.Singleton(wiring.mailroom, settings, renderer, box, ids, clock)
    mails = providers.Singleton(PaymentMails, addresses, clock, zone)
    receipt_renderer = providers.Singleton(
        TypstReceipts, settings.provided.dealer_facts, settings.provided.logo
    )
    receipts = providers.Singleton(ShowReceipt, uow, mails, receipt_renderer)
    resend_receipt = providers.Singleton(ResendReceipt, uow, mails, receipts, mailroom, clock)
    outcomes = providers.Singleton(PaymentOutcomes, clock, mailroom, mails)

    sync_erp = providers.Singleton(SyncErp, uow, erp, clock, ids)
    request_sync = providers.Singleton(RequestSync, uow, clock)
    issue_api_key = providers.Singleton(IssueApiKey, uow, tokens, ids, clock)
    revoke_api_key = providers.Singleton(RevokeApiKey, uow, clock)
    refresh_figures = providers.Singleton(RefreshFigures, uow, clock, policies)
    planner = providers.Singleton(InvitePlanner, deliveries, policies, addresses, clock)
    rehearse_invitations = providers.Singleton(RehearseInvitations, reads, planner)
    draft_campaign = providers.Singleton(DraftCampaign, uow, planner, ids, clock)
    start_campaign = providers.Singleton(StartCampaign, uow, planner, ids, clock, policies)
    steer_campaign = providers.Singleton(SteerCampaign, uow, clock)
    remind_pending = providers.Singleton(RemindPending, uow, start_campaign, policies, clock)
    preview_invitation = providers.Singleton(PreviewInvitation, uow, planner, mailroom, ids, clock)
    compose_invitations = providers.Singleton(
        ComposeInvitations, planner, mailroom, tokens, clock, addresses
    )
    revoke_invitation = providers.Singleton(RevokeInvitation, uow, clock)
    copy_invitation_link = providers.Singleton(CopyInvitationLink, uow, tokens, clock, addresses)
    disable_access = providers.Singleton(DisableAccess, uow, clock)
    revoke_moved_invitations = providers.Singleton(RevokeMovedInvitations, uow, clock)
    clear_bounce = providers.Singleton(ClearBounce, uow, clock)
    send_again = providers.Singleton(SendAgain, uow, start_campaign, clock)
    restore_access = providers.Singleton(RestoreAccess, uow, disable_access)
    bounce_reader = providers.Object(read_bounce)
    receive_bounce = providers.Singleton(ReceiveBounce, uow, bounce_reader, clock)
    bounce_folder = providers.Singleton(wiring.bounce_folder, settings)
    read_bounces = providers.Singleton(ReadBounces, bounce_folder, receive_bounce)
    sessions = providers.Singleton(SqlSessionStore, database)
    kept_answers = providers.Singleton(SqlIdempotencyStore, database)
    clean_up = providers.Singleton(CleanUp, uow, sessions, kept_answers, clock)
    open_invitation = providers.Singleton(OpenInvitation, uow, tokens, clock, policies)
    accept_invitation = providers.Singleton(
        AcceptInvitation, uow, tokens, hasher, customer_rules, ids, clock, policies
    )
    decline_invitation = providers.Singleton(DeclineInvitation, uow, tokens, clock)
    expire_invitations = providers.Singleton(ExpireInvitations, uow, clock)
    answer_second_check = providers.Singleton(AnswerSecondCheck, uow, tokens, clock)
    check_password = providers.Singleton(CheckPassword, uow, hasher, clock)
    link_account = providers.Singleton(
        LinkAccount, uow, check_password, tokens, mailroom, ids, clock, policies
    )
    ask_for_link = providers.Singleton(
        AskForLink, uow, tokens, mailroom, clock, addresses, settings.provided.dealer_facts
    )
    request_password_reset = providers.Singleton(RequestPasswordReset, uow, ids, clock)
    mail_password_reset = providers.Singleton(
        MailPasswordReset, uow, tokens, mailroom, clock, addresses
    )
    reset_password = providers.Singleton(
        ResetPassword, uow, tokens, hasher, customer_rules, mailroom, ids, clock, addresses
    )
    change_password = providers.Singleton(
        ChangePassword, uow, hasher, customer_rules, mailroom, ids, clock, addresses
    )
    change_language = providers.Singleton(ChangeLanguage, uow)
    change_name = providers.Singleton(ChangeName, uow, clock)
    request_sign_up = providers.Singleton(RequestSignUp, uow, ids, clock, policies)
    mail_sign_up = providers.Singleton(
        MailSignUp, uow, tokens, mailroom, ids, clock, policies, addresses
    )
    enrolment_code_maker = providers.Singleton(DerivedEnrolmentCodes, settings.provided.secret_key)
    enrolment_codes = providers.Singleton(EnrolmentCodes, uow, enrolment_code_maker, clock)
    announcement_letter = providers.Singleton(
        AnnouncementLetter, settings.provided.dealer_facts, renderer, settings.provided.logo
    )
    letters = providers.Singleton(TypesetLetters, announcement_letter)
    announce = providers.Singleton(Announce, letters, enrolment_codes, policies, addresses, clock)
    open_enrolment = providers.Singleton(OpenEnrolment, uow, enrolment_code_maker, clock, policies)
    mailed_code_maker = providers.Singleton(KeyedMailedCodes, settings.provided.secret_key)
    mail_enrolment_code = providers.Singleton(
        MailEnrolmentCode, uow, mailed_code_maker, mailroom, ids, clock, policies
    )
    mailed_codes = providers.Singleton(MailedCodes, mailed_code_maker, clock)
    enrol = providers.Singleton(
        Enrol,
        uow,
        check_password,
        hasher,
        customer_rules,
        mailed_codes,
        mailroom,
        ids,
        clock,
        policies,
        addresses,
    )
    sign_in_customer = providers.Singleton(SignInCustomer, uow, hasher, tokens, clock)
    sign_in_operator = providers.Singleton(SignInOperator, uow, hasher, clock)
    confirm_second_factor = providers.Singleton(ConfirmSecondFactor, uow, factor, tokens, clock)
    add_operator = providers.Singleton(AddOperator, uow, tokens, ids, clock)
    set_up_operator = providers.Singleton(
        SetUpOperator, uow, tokens, hasher, factor, operator_rules, clock
    )
    show_outstanding = providers.Singleton(ShowOutstanding, reads, clock, policies)
    begin_collect = providers.Singleton(BeginCollect, uow, processors, ids, clock)
    finish_collect = providers.Singleton(FinishCollect, uow, processors, ids, clock)
    quote_payment = providers.Singleton(QuotePayment, uow, processors, ids, clock, policies)
    requote_payment = providers.Singleton(RequotePayment, uow, quote_payment, show_outstanding)
    offer_methods = providers.Singleton(
        OfferMethods, uow, quote_payment, processors, clock, policies
    )
    submit_payment = providers.Singleton(
        SubmitPayment,
        uow,
        processors,
        erp,
        quote_payment,
        outcomes,
        ids,
        clock,
        dealer_name,
    )
    resolve_attempts = providers.Singleton(ResolveAttempts, uow, processors, outcomes, clock)
    receive_webhook = providers.Singleton(ReceiveWebhook, uow, processors, clock)
    process_event = providers.Singleton(ProcessEvent, uow, processors, outcomes, clock)
    process_leftovers = providers.Singleton(ProcessLeftoverEvents, uow, process_event, clock)
    poll_feed = providers.Singleton(PollFeed, uow, processors, clock)
    poll_payments = providers.Singleton(PollPayments, uow, processors, process_event)
    poll_everything = providers.Singleton(PollEverything, processors, poll_feed, poll_payments)
    abandon_payment = providers.Singleton(AbandonPayment, uow, processors, outcomes, clock)
    import_settlements = providers.Singleton(
        ImportSettlements, uow, processors, process_event, ids, clock, policies
    )
    import_all_settlements = providers.Singleton(
        ImportAllSettlements, processors, import_settlements
    )
    post_settlement = providers.Singleton(PostSettlement, uow, erp, clock, policies, zone)
    mark_posted = providers.Singleton(MarkPosted, uow, post_settlement, clock)
    resolve_settlement = providers.Singleton(ResolveSettlement, uow, clock)
    presence = providers.Singleton(WorkerPresence, database)
    send_mail = providers.Singleton(
        wiring.send_mail,
        uow,
        reads,
        sender,
        mailroom,
        compose_invitations,
        presence,
        clock,
        settings,
    )


def build_container(settings: Settings, database_url: str) -> Container:
    """Return the deployment's container; nothing is opened yet."""
    return Container(settings=settings, database_url=database_url)


def check_wiring(container: Container) -> None:
    """Build every plugin and draw the logo once: a wrong setting stops the start, not a customer.

    Raises Misconfigured with every problem that was found.
    """
    problems: list[str] = []
    for part in (container.erp, container.sender, container.deliveries, container.processors):
        try:
            part()
        except Misconfigured as error:
            problems.append(str(error))
    settings = container.settings()
    if settings.logo is not None:
        try:
            draw_logo(settings.logo)
        except Misconfigured as error:
            problems.append(f"dealer.logo: {settings.config.dealer.logo} {error}")
    if problems:
        raise Misconfigured("\n".join(problems))


@asynccontextmanager
async def running(container: Container) -> AsyncIterator[Container]:
    """Close what was opened on the way, in reverse order, whatever happens inside."""
    try:
        yield container
    finally:
        for processor in container.processors().all().values():
            await processor.close()
        await container.sender().close()
        await container.erp().connector.close()
        await container.presence().close()
        await container.database().close()
