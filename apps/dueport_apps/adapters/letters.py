"""The announcement as the use case asks for it, made by the renderer of documents."""

import datetime
from collections.abc import Sequence

from dueport_apps.documents.announcements import AnnouncementLetter, LetterRecipient
from dueport_apps.usecases.announce import LetterPage
from dueport_apps.usecases.mails import AnnouncementMail
from dueport_apps.usecases.records import Language
from dueport_apps.usecases.services import WrittenMail


class TypesetLetters:
    def __init__(self, letter: AnnouncementLetter) -> None:
        self._letter = letter

    def mail(self, facts: AnnouncementMail, language: Language) -> WrittenMail:
        rendered = self._letter.mail(facts, language)
        return WrittenMail(subject=rendered.subject, text=rendered.text, html=rendered.html)

    async def pdf(
        self,
        facts: AnnouncementMail,
        written_on: datetime.date,
        pages: Sequence[LetterPage],
        language: Language,
    ) -> bytes:
        recipients = [
            LetterRecipient(
                account_name=page.account_name,
                account_no=page.account_no,
                address_lines=page.address_lines,
                enrolment_code=page.enrolment_code,
            )
            for page in pages
        ]
        return await self._letter.pdf(facts, written_on, recipients, language)
