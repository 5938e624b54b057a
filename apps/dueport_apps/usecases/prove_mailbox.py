"""Prove a mailbox with six digits that are mailed to it, before an address becomes a login.

Whoever enrols with the code on their statement types their address, and a slip of the finger makes it
somebody else's, who could then take the login over with a forgotten password. So the digits come
first. They are mailed to every address alike, whoever it belongs to: what is known of an address is
told only to those who have proved it.

A code is good for a quarter of an hour, for one registration, and until five wrong ones were typed or
another was mailed. Everything about an account's codes happens while the account is held, so that
guesses at once are counted one by one.
"""

import datetime
from typing import Final, Protocol

import msgspec

from dueport_apps.usecases.accept_invitation import FORM_INCOMPLETE
from dueport_apps.usecases.enrolment_steps import hold_enrolment
from dueport_apps.usecases.invitation_steps import email_problem
from dueport_apps.usecases.mails import EnrolmentCodeMail
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import OneTimeToken, Principal, audit
from dueport_apps.usecases.services import Ids, Mailroom
from dueport_apps.usecases.throttle import Throttle
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.errors import Invalid, NotFound
from dueport_ports import Clock

PURPOSE: Final = "enrolment_email"
LIFETIME = datetime.timedelta(minutes=15)
CODE_LENGTH = 6
TRIES = 5

MALFORMED = "Type the six digits of the mail."
EXPIRED = "This code is older than 15 minutes. Send a new one."
REPLACED = "This code was used or replaced by a newer one. Use the newest, or send another."
VOID = "Five wrong codes were typed, so the mailed one is void. Send a new one."


class MailboxClaim(msgspec.Struct, frozen=True, kw_only=True):
    """An address that somebody says is theirs; a code proves this claim and no other."""

    claim_id: str
    account_no: str
    generation: int
    """Of the code on the statement that opened the registration."""
    email: str


class MailedCodeMaker(Protocol):
    """Draws codes, and turns them into what is stored."""

    def new(self) -> str:
        """Return six random digits."""
        ...

    def digest(self, claim: MailboxClaim, code: str) -> bytes:
        """Return a digest that needs the deployment's key, bound to everything in the claim; the
        address is taken in lower case."""
        ...


class MailEnrolmentCode:
    """Mail a code to an address that somebody enrols with."""

    def __init__(
        self,
        uow: UnitOfWorkFactory,
        codes: MailedCodeMaker,
        mailroom: Mailroom,
        ids: Ids,
        clock: Clock,
        policies: Policies,
    ) -> None:
        self._uow = uow
        self._codes = codes
        self._mailroom = mailroom
        self._ids = ids
        self._clock = clock
        self._policies = policies
        self._throttle = Throttle(clock)

    async def __call__(
        self, account_no: str, generation: int, email: str, client_ip: str
    ) -> MailboxClaim:
        """Mail a code and return the claim that it proves; every call is a new mail, and voids the
        account's earlier code.

        Raises Invalid for what is no address, TooManyTries when too many mails were asked for by
        this client, to this address or for this account (the earlier code then stays good), and
        Conflict or Forbidden when the code on the statement opens nothing any more. As at signing
        up, an address whose mail came back gets none, and is answered like every other.
        """
        email = email.strip()
        if problem := email_problem(email):
            raise Invalid(FORM_INCOMPLETE, {"email": problem})
        claim = MailboxClaim(
            claim_id=self._ids.new(), account_no=account_no, generation=generation, email=email
        )
        now = self._clock.now()
        async with self._uow() as uow:
            await hold_enrolment(uow, self._policies, account_no, generation)
            await self._throttle.admit_mail(
                uow, (f"enrol:address:{email}", f"enrol:account:{account_no}"), client_ip
            )
            code = self._codes.new()
            await forget_codes(uow, account_no, now)
            await uow.tokens.add(
                OneTimeToken(
                    token_hash=self._codes.digest(claim, code),
                    purpose=PURPOSE,
                    subject_id=account_no,
                    expires_at=now + LIFETIME,
                )
            )
            has_bounced = bool(await uow.bounces.of([email]))
            if not has_bounced:
                await self._mail(uow, claim, code)
            await uow.audit.append(
                audit(
                    _somebody(claim, client_ip),
                    now,
                    "enrolment.code_withheld" if has_bounced else "enrolment.code_mailed",
                    f"account:{account_no}",
                    email=email,
                )
            )
            await uow.commit()
        return claim

    async def _mail(self, uow: UnitOfWork, claim: MailboxClaim, code: str) -> None:
        await self._mailroom.queue(
            uow,
            kind="enrolment_code",
            subject_ref=f"enrolment:{claim.claim_id}",
            to_address=claim.email,
            to_name="",
            message=EnrolmentCodeMail(
                code=f"{code[:3]} {code[3:]}",
                expires_in_minutes=int(LIFETIME.total_seconds() // 60),
            ),
            language=self._policies.invite.language,
        )


class MailedCodes:
    """What registering asks of a code; each call is within the caller's transaction, which holds the
    account."""

    def __init__(self, codes: MailedCodeMaker, clock: Clock) -> None:
        self._codes = codes
        self._clock = clock
        self._throttle = Throttle(clock)

    async def check(
        self, uow: UnitOfWork, claim: MailboxClaim, typed: str, client_ip: str
    ) -> str | None:
        """Return what is wrong with a typed code, None when it is right. A wrong one is counted, so
        the caller commits; the fifth voids the mailed one. Raises TooManyTries for a client that
        guesses."""
        await self._throttle.refuse_address(uow, client_ip)
        code = _plain(typed)
        if code is None:
            return MALFORMED
        now = self._clock.now()
        failures, _ = await uow.throttle.failures(_guesses(claim.account_no), now - LIFETIME)
        if failures >= TRIES:
            return VOID
        token = await uow.tokens.find(self._codes.digest(claim, code), PURPOSE)
        if token is None:
            return await self._count(uow, claim, failures + 1, client_ip)
        if token.used_at is not None:
            return REPLACED
        return EXPIRED if now >= token.expires_at else None

    async def use(self, uow: UnitOfWork, claim: MailboxClaim, typed: str) -> None:
        """Use a code up. Raises Invalid when it was used, replaced or voided meanwhile."""
        now = self._clock.now()
        try:
            await uow.tokens.use(self._codes.digest(claim, _plain(typed) or ""), PURPOSE, now)
        except NotFound as error:
            raise Invalid(FORM_INCOMPLETE, {"code": REPLACED}) from error

    async def _count(
        self, uow: UnitOfWork, claim: MailboxClaim, failures: int, client_ip: str
    ) -> str:
        now = self._clock.now()
        await uow.throttle.record(_guesses(claim.account_no), now)
        await self._throttle.record_address(uow, client_ip)
        await uow.audit.append(
            audit(
                _somebody(claim, client_ip),
                now,
                "enrolment.code_refused",
                f"account:{claim.account_no}",
                email=claim.email,
                failures=str(failures),
            )
        )
        left = TRIES - failures
        if left <= 0:
            await uow.tokens.void(PURPOSE, claim.account_no, now)
            return VOID
        tries = "One more wrong code voids it" if left == 1 else f"{left} more wrong codes void it"
        return f"That is not the code in the newest mail. {tries}."


async def forget_codes(uow: UnitOfWork, account_no: str, now: datetime.datetime) -> None:
    """Void the account's mailed code, and forget the guesses at it."""
    await uow.tokens.void(PURPOSE, account_no, now)
    await uow.throttle.clear(_guesses(account_no))


def _plain(typed: str) -> str | None:
    """Return the digits, as people copy them with blanks and dashes; None where it is no code."""
    code = "".join(letter for letter in typed if not (letter.isspace() or letter in "-–"))
    return code if len(code) == CODE_LENGTH and code.isascii() and code.isdigit() else None


def _guesses(account_no: str) -> str:
    return f"enrol:guesses:{account_no}"


def _somebody(claim: MailboxClaim, client_ip: str) -> Principal:
    """Return who acts, of whom nothing is proved yet."""
    return Principal(
        kind="customer",
        principal_id="",
        name="",
        account_no=claim.account_no,
        client_ip=client_ip,
    )
