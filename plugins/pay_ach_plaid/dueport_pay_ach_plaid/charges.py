"""Charging a bank account: Plaid decides about the debit, then the debit is made, each step once.

The attempt's id is the idempotency key of the decision for 48 hours, and the decision is the
idempotency key of the debit. Which decision a debit is asked for under is on the disk before it is
asked for, so a lost answer can be looked up; and a debit carries its attempt, so it can be found
among the debits of the time even without that.
"""

import datetime
import logging
import math
from typing import Any, Final

from plaid.model.ach_class import ACHClass
from plaid.model.transfer_authorization_cancel_request import TransferAuthorizationCancelRequest
from plaid.model.transfer_authorization_create_request import TransferAuthorizationCreateRequest
from plaid.model.transfer_authorization_idempotency_key import TransferAuthorizationIdempotencyKey
from plaid.model.transfer_authorization_user_in_request import TransferAuthorizationUserInRequest
from plaid.model.transfer_create_request import TransferCreateRequest
from plaid.model.transfer_get_request import TransferGetRequest
from plaid.model.transfer_list_request import TransferListRequest
from plaid.model.transfer_metadata import TransferMetadata
from plaid.model.transfer_network import TransferNetwork
from plaid.model.transfer_type import TransferType

from dueport_pay_ach_plaid.api import PAGE_SIZE, Failure, PlaidApi, Refused, as_error
from dueport_pay_ach_plaid.banks import Bank, Banks
from dueport_pay_ach_plaid.collect import Collector, bootstrap_of, transfer_action
from dueport_pay_ach_plaid.journal import Journal
from dueport_pay_ach_plaid.mapping import (
    RATIONALES,
    REFUSALS,
    Retry,
    answer_of,
    attempt_of,
    cents,
    instant,
)
from dueport_pay_ach_plaid.settings import Settings
from dueport_pay_ach_plaid.wire import (
    Authorization,
    AuthorizationAnswer,
    Nothing,
    Transfer,
    TransferAnswer,
    TransferPage,
)
from dueport_ports import (
    ActionRequired,
    AttemptResult,
    DeclineCode,
    DeclinedAttempt,
    DueportError,
    InstrumentVerification,
    Misconfigured,
    PaymentAttempt,
    PaymentMethodKind,
    PluginContext,
    RejectedAttempt,
    Unavailable,
    Unknown,
    decimal_text,
    dollars,
)

KEY_LIFETIME_H: Final = 48
KEY_USABLE_FOR: Final = datetime.timedelta(hours=KEY_LIFETIME_H - 1)
"""An hour is left for clocks and slow calls."""

AUTHORIZATION_USABLE_FOR: Final = datetime.timedelta(minutes=59)
"""Plaid makes a debit under a decision for an hour."""

CERTAIN_AFTER: Final = datetime.timedelta(seconds=90)
"""From then on no request for a debit can still be on its way to Plaid."""

CLOCK_DIFFERENCE: Final = datetime.timedelta(hours=1)
UNKNOWN_RETRY_S: Final = 30
KEY_LENGTH_MAX: Final = 50
DESCRIPTION_LENGTH_MAX: Final = 10
DESCRIPTION: Final = "INVOICE"

logger = logging.getLogger(__name__)


class Charger:
    """Submits attempts and finds out what became of them."""

    def __init__(
        self,
        api: PlaidApi,
        banks: Banks,
        journal: Journal,
        collector: Collector,
        settings: Settings,
        context: PluginContext,
    ) -> None:
        self._api = api
        self._banks = banks
        self._journal = journal
        self._collector = collector
        self._settings = settings
        self._clock = context.clock

    async def submit(self, attempt: PaymentAttempt) -> AttemptResult:
        """Charge once. A lost answer, at whichever step, is Unknown."""
        impossible = _impossible(attempt)
        if impossible is not None:
            return impossible
        try:
            if self._age(attempt) >= KEY_USABLE_FOR:
                return await self._too_late(attempt)
            made = await self._made_before(attempt)
            if made is not None:
                return answer_of(made)
            return await self._charge(attempt)
        except Unavailable as error:
            return Unknown(
                retry_after_s=error.retry_after_s or UNKNOWN_RETRY_S, detail=error.message
            )

    async def lookup(self, attempt: PaymentAttempt) -> AttemptResult | None:
        """Ask for the debits that were requested, then search those of the time."""
        made = await self._made_before(attempt) or await self._listed(attempt)
        if made is not None:
            return answer_of(made)
        sent_at = [send.sent_at for send in await self._journal.sends(attempt.attempt_id)]
        latest = max([attempt.created_at, *sent_at])
        wait_s = math.ceil((latest + CERTAIN_AFTER - self._clock.now()).total_seconds())
        if wait_s > 0:
            return Unknown(
                retry_after_s=wait_s, detail="not there; it may still be on its way to Plaid"
            )
        return None

    # The decision.

    async def _charge(self, attempt: PaymentAttempt) -> AttemptResult:
        bank = self._banks.opened(attempt.instrument)
        request = self._authorization_request(attempt, bank)
        try:
            answer = await self._api.ask(
                AuthorizationAnswer, self._api.calls.transfer_authorization_create, request
            )
        except Refused as refused:
            return await self._refused(attempt, refused)
        authorization = answer.authorization
        match authorization.decision:
            case "approved":
                problem = self._problem(attempt, authorization)
                if problem is None:
                    return await self._create(attempt, bank, authorization)
                await self._give_up(authorization.id)
                return problem
            case "declined":
                return _declined(authorization, "DECLINED")
            case "user_action_required":
                # Plaid keeps no key for this decision: submitted again, it is decided anew.
                token = await self._collector.link_token(
                    attempt.payer.payer_id, **transfer_action(authorization.id)
                )
                # There is no debit yet that a reference could name.
                bootstrap = bootstrap_of(token, "action")
                return ActionRequired(processor_ref="", kind="relink", bootstrap=bootstrap)
            case decision:
                return RejectedAttempt(
                    code="unknown_decision",
                    detail=f"Plaid decided {decision!r}, which this version does not know; "
                    "nothing was debited",
                )

    def _authorization_request(self, attempt: PaymentAttempt, bank: Bank) -> Any:
        """Everything comes from the frozen attempt: the same key must carry the same request."""
        fields: dict[str, Any] = {}
        if self._settings.ledger_id:
            fields["ledger_id"] = self._settings.ledger_id
        holder = attempt.instrument.holder
        classes = {"business": "ccd", "person": "web"}
        return TransferAuthorizationCreateRequest(
            access_token=bank.access_token.reveal(),
            account_id=bank.account_id,
            type=TransferType("debit"),
            network=TransferNetwork("same-day-ach" if self._settings.same_day else "ach"),
            ach_class=ACHClass(classes.get(holder, self._settings.unknown_holder_class)),
            amount=decimal_text(attempt.total_cents),
            iso_currency_code=attempt.currency,
            user=TransferAuthorizationUserInRequest(legal_name=attempt.payer.name.strip()),
            user_present=attempt.present,
            idempotency_key=TransferAuthorizationIdempotencyKey(attempt.attempt_id),
            **fields,
        )

    def _problem(
        self, attempt: PaymentAttempt, authorization: Authorization
    ) -> DeclinedAttempt | None:
        """Return why a debit that Plaid approved is not made, or None."""
        authorised = authorization.proposed_transfer
        if authorised.iso_currency_code != attempt.currency or (
            cents(authorised.amount) != attempt.total_cents
        ):
            logger.warning(
                "Plaid authorised %s of %s for attempt %s; nothing is debited",
                authorised.amount,
                decimal_text(attempt.total_cents),
                attempt.attempt_id,
            )
            return DeclinedAttempt(
                code=DeclineCode.LIMIT_EXCEEDED,
                raw_code="PARTIALLY_AUTHORISED",
                retry="other_instrument",
            )
        unassessed = authorization.decision_rationale is not None and (
            authorization.decision_rationale.code is not None
        )
        if unassessed and attempt.total_cents > self._settings.unassessed_limit_cents:
            logger.warning(
                "Plaid could not check the account of attempt %s, and it is above %s",
                attempt.attempt_id,
                dollars(self._settings.unassessed_limit_cents),
            )
            return _declined(authorization, "UNASSESSED")
        return None

    async def _give_up(self, authorization_ref: str) -> None:
        """Take back a decision that is not used; without this it ends by itself in an hour."""
        request = TransferAuthorizationCancelRequest(authorization_id=authorization_ref)
        try:
            await self._api.read(Nothing, self._api.calls.transfer_authorization_cancel, request)
        except DueportError as error:
            logger.info("authorization %s is left to expire: %s", authorization_ref, error)

    # The debit.

    async def _create(
        self, attempt: PaymentAttempt, bank: Bank, authorization: Authorization
    ) -> AttemptResult:
        send_id = await self._journal.add_send(
            attempt.attempt_id, authorization.id, self._clock.now()
        )
        request = TransferCreateRequest(
            access_token=bank.access_token.reveal(),
            account_id=bank.account_id,
            authorization_id=authorization.id,
            amount=decimal_text(attempt.total_cents),
            description=_description(attempt),
            metadata=TransferMetadata(
                attempt_id=attempt.attempt_id,
                payment_id=attempt.payment_id,
                deployment=self._settings.deployment,
            ),
        )
        try:
            answer = await self._api.ask(TransferAnswer, self._api.calls.transfer_create, request)
        except Refused as refused:
            if refused.failure.is_silence:
                raise as_error(refused.failure) from refused.__cause__
            made = await self._made(authorization.id) or await self._listed(attempt)
            if made is not None:
                return answer_of(made)
            created_at = instant(authorization.created)
            if created_at and self._clock.now() - created_at > AUTHORIZATION_USABLE_FOR:
                return await self._unless_sent(attempt, _expired(), send_id)
            return await self._refused(attempt, refused, send_id)
        return answer_of(answer.transfer)

    async def _refused(
        self, attempt: PaymentAttempt, refused: Refused, send_id: int = 0
    ) -> AttemptResult:
        error = as_error(refused.failure)
        if isinstance(error, Unavailable | Misconfigured):
            raise error from refused.__cause__
        return await self._unless_sent(attempt, _no_of(refused.failure), send_id)

    async def _unless_sent(
        self, attempt: PaymentAttempt, no: AttemptResult, send_id: int
    ) -> AttemptResult:
        """A final no holds only where no other request of the attempt can still be carried out."""
        sends = await self._journal.sends(attempt.attempt_id)
        for send in sends:
            age = self._clock.now() - send.sent_at
            if send.send_id != send_id and age < CERTAIN_AFTER:
                return Unknown(
                    retry_after_s=math.ceil((CERTAIN_AFTER - age).total_seconds()),
                    detail="an earlier request of this attempt is still unanswered",
                )
        return no

    # What became of it.

    async def _too_late(self, attempt: PaymentAttempt) -> AttemptResult:
        """Plaid may have forgotten the key, and the same request would be a second debit."""
        found = await self.lookup(attempt)
        return found or RejectedAttempt(
            code="attempt_too_old",
            detail=f"an attempt older than {KEY_LIFETIME_H - 1} hours is not sent; make a new one",
        )

    async def _made_before(self, attempt: PaymentAttempt) -> Transfer | None:
        sends = await self._journal.sends(attempt.attempt_id)
        for authorization_ref in dict.fromkeys(send.authorization_ref for send in sends):
            made = await self._made(authorization_ref)
            if made is not None:
                return made
        return None

    async def _made(self, authorization_ref: str) -> Transfer | None:
        """Return the debit of a decision, or None where Plaid refuses to name one.

        A refusal alone is no proof: whoever must be certain also searches the list.
        """
        request = TransferGetRequest(authorization_id=authorization_ref)
        try:
            answer = await self._api.ask(TransferAnswer, self._api.calls.transfer_get, request)
        except Refused as refused:
            error = as_error(refused.failure)
            if isinstance(error, Unavailable | Misconfigured):
                raise error from refused.__cause__
            return None
        return answer.transfer

    async def _listed(self, attempt: PaymentAttempt) -> Transfer | None:
        """Search the debits of the time in which the attempt could be sent."""
        latest = attempt.created_at + KEY_USABLE_FOR + AUTHORIZATION_USABLE_FOR + CLOCK_DIFFERENCE

        def request(offset: int) -> Any:
            return TransferListRequest(
                start_date=attempt.created_at - CLOCK_DIFFERENCE,
                end_date=latest,
                count=PAGE_SIZE,
                offset=offset,
            )

        async for transfer in self._api.entries(
            TransferPage, self._api.calls.transfer_list, request, lambda page: page.transfers
        ):
            if attempt_of(transfer, self._settings.deployment) == attempt.attempt_id:
                return transfer
        return None

    def _age(self, attempt: PaymentAttempt) -> datetime.timedelta:
        return self._clock.now() - attempt.created_at


def _impossible(attempt: PaymentAttempt) -> AttemptResult | None:
    """Return why an attempt cannot be sent at all, or None."""
    if attempt.kind is not PaymentMethodKind.ACH:
        return RejectedAttempt(code="not_ach", detail="pay_ach_plaid debits bank accounts only")
    if attempt.currency != "USD" or attempt.total_cents <= 0:
        return RejectedAttempt(code="amount", detail="only amounts in USD above zero are debited")
    if not attempt.attempt_id.isascii() or not 0 < len(attempt.attempt_id) <= KEY_LENGTH_MAX:
        return RejectedAttempt(
            code="attempt_id", detail="attempt_id must have 1 to 50 ASCII characters"
        )
    if not attempt.payer.name.strip():
        return RejectedAttempt(code="payer_name", detail="a debit names its payer; set the name")
    match attempt.instrument.verification:
        case InstrumentVerification.PENDING:
            return _no(DeclineCode.PROCESSING_ERROR, "VERIFICATION_PENDING", "later")
        case InstrumentVerification.FAILED:
            return _no(DeclineCode.INCORRECT_DATA, "VERIFICATION_FAILED", "other_instrument")
        case _:
            return None


def _description(attempt: PaymentAttempt) -> str:
    """Return what the customer's bank statement says beside the dealer's name."""
    kept = "".join(one for one in attempt.description if one.isascii() and one.isprintable())
    return kept.strip()[:DESCRIPTION_LENGTH_MAX].strip() or DESCRIPTION


def _declined(authorization: Authorization, without_reason: str) -> DeclinedAttempt:
    rationale = authorization.decision_rationale
    raw = (rationale.code if rationale else None) or without_reason
    code, retry = RATIONALES.get(raw, (DeclineCode.UNKNOWN, "other_instrument"))
    return DeclinedAttempt(code=code, raw_code=raw, retry=retry)


def _expired() -> DeclinedAttempt:
    return _no(DeclineCode.PROCESSING_ERROR, "AUTHORIZATION_EXPIRED", "same")


def _no_of(failure: Failure) -> AttemptResult:
    if failure.error.error_type == "INSTITUTION_ERROR":
        return _no(DeclineCode.BANK_UNREACHABLE, failure.code, "later")
    if failure.code in REFUSALS:
        code, retry = REFUSALS[failure.code]
        return _no(code, failure.code, retry)
    return RejectedAttempt(code=failure.code, detail=failure.reason)


def _no(code: DeclineCode, raw_code: str, retry: Retry) -> DeclinedAttempt:
    return DeclinedAttempt(code=code, raw_code=raw_code, retry=retry)
