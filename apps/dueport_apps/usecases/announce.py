"""Tell customers that the portal exists: a text to mail or to paste, or a letter for each of them.

What it says follows from how customers may come in here: with the code of their statement, with
the e-mail address on file, or by invitation alone.
"""

import datetime
from collections.abc import Sequence
from typing import Protocol

import msgspec

from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.enrolment_codes import EnrolmentCodes
from dueport_apps.usecases.mails import AnnouncementMail, SignUpWay
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import Language, Principal
from dueport_apps.usecases.services import WrittenMail
from dueport_ports import Account, Clock, Conflict

ACCESS_OFF = "Portal access is switched off for this customer; restore it on the account first."


class LetterPage(msgspec.Struct, frozen=True, kw_only=True):
    """One customer's letter."""

    account_no: str
    account_name: str
    address_lines: tuple[str, ...] = ()
    enrolment_code: str = ""


class Letters(Protocol):
    """Puts the announcement into words, and on paper."""

    def mail(self, facts: AnnouncementMail, language: Language) -> WrittenMail: ...

    async def pdf(
        self,
        facts: AnnouncementMail,
        written_on: datetime.date,
        pages: Sequence[LetterPage],
        language: Language,
    ) -> bytes:
        """Return one page for each customer, or one for everybody where there is none. Raises
        Invalid for more letters than one file holds."""
        ...


class Announce:
    def __init__(
        self,
        letters: Letters,
        codes: EnrolmentCodes,
        policies: Policies,
        addresses: PortalAddresses,
        clock: Clock,
    ) -> None:
        self._letters = letters
        self._codes = codes
        self._policies = policies
        self._addresses = addresses
        self._clock = clock

    async def text(self, account_no: str = "", language: Language | None = None) -> WrittenMail:
        """Return the announcement as a mail, for everybody or for one customer. Raises NotFound for
        an unknown account, Conflict for one whose portal access is switched off."""
        facts = self._facts()
        if account_no:
            page = await self._page_of(account_no)
            facts = msgspec.structs.replace(
                facts,
                account_no=page.account_no,
                account_name=page.account_name,
                enrolment_code=page.enrolment_code,
            )
        return self._letters.mail(facts, self._language(language))

    async def letter(
        self, account_nos: Sequence[str] = (), language: Language | None = None
    ) -> bytes:
        """Return a PDF with a page for each of these customers, or one page for everybody where none
        is named. Customers whose portal access is switched off are left out. Raises NotFound for an
        unknown account, Conflict where nobody is left."""
        named = [await self._codes.of_account(number) for number in dict.fromkeys(account_nos)]
        pages = [self._page(one.account, one.code) for one in named if not one.access_off]
        if named and not pages:
            raise Conflict(ACCESS_OFF)
        return await self._pdf(pages, language)

    async def letters_to_all(
        self, by: Principal, language: Language | None = None
    ) -> tuple[bytes, int]:
        """Return a PDF with a page for every customer whom nobody had a login for, and how many
        those are. Where there are none it is the page for everybody. Codes that are printed are
        told to the audit log as an export."""
        prints_codes = self._how is SignUpWay.CODE
        found = await (self._codes.export_all(by) if prints_codes else self._codes.all())
        pages = [self._page(account, code) for account, code in found]
        return await self._pdf(pages, language), len(pages)

    async def _pdf(self, pages: Sequence[LetterPage], language: Language | None) -> bytes:
        return await self._letters.pdf(
            self._facts(), self._clock.today(), pages, self._language(language)
        )

    def _facts(self) -> AnnouncementMail:
        return AnnouncementMail(
            how=self._how,
            sign_in_url=self._addresses.sign_in,
            sign_up_url=self._addresses.sign_up,
            enrol_url=self._addresses.enrol,
        )

    @property
    def _how(self) -> SignUpWay:
        if self._policies.signup.enrolment_codes:
            return SignUpWay.CODE
        return SignUpWay.SIGN_UP if self._policies.signup.self_service else SignUpWay.INVITATION

    async def _page_of(self, account_no: str) -> LetterPage:
        printed = await self._codes.of_account(account_no)
        if printed.access_off:
            raise Conflict(ACCESS_OFF)
        return self._page(printed.account, printed.code)

    def _page(self, account: Account, code: str) -> LetterPage:
        """A code that nobody can use is not printed."""
        return LetterPage(
            account_no=account.account_no,
            account_name=account.name,
            address_lines=account.address_lines,
            enrolment_code=code if self._how is SignUpWay.CODE else "",
        )

    def _language(self, language: Language | None) -> Language:
        return language or self._policies.invite.language
