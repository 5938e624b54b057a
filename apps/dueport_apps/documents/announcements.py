"""Sets the letter that tells customers about the portal; the same words also make a mail.

The words come from the template ``announcement_letter.txt.j2``, which a dealer may override like
any mail's; typst only lays them out. One customer is one page, so a PDF of all customers can be
printed and put into window envelopes.
"""

import asyncio
import calendar
import datetime
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import segno
import typst

from dueport_apps.documents.letterhead import printed_logo
from dueport_apps.logo import Logo
from dueport_apps.mail.colors import palette
from dueport_apps.mail.languages import SPANISH, language_code, written_date
from dueport_apps.mail.renderer import MailRenderer, RenderedMail
from dueport_apps.usecases.mails import AnnouncementMail, SignUpWay
from dueport_core.errors import Invalid
from dueport_ports import DealerFacts

FOLDER = Path(__file__).resolve().parent
LETTERS_MAX: Final = 20_000
"""Pages of one PDF; more customers are printed in several."""
TAGGED_MAX: Final = 100

_STEP = re.compile(r"[0-9]{1,2}\.\s+(.*)", re.DOTALL)
_ADDRESS = re.compile(r"https?://[^\s<>()]*[^\s<>().,;:!?]")
# So many paragraphs stand beside the QR code: the greeting, what the portal is, and how to get in.
_BESIDE: Final = 4


class LetterRecipient(msgspec.Struct, frozen=True, kw_only=True):
    """One customer's page. Without any recipient there is one page for everybody."""

    account_name: str
    account_no: str
    address_lines: tuple[str, ...] = ()
    enrolment_code: str = ""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """Words of one paragraph; an address can be clicked where the PDF is read on a screen."""

    text: str
    url: str = ""


class Paragraph(msgspec.Struct, frozen=True, kw_only=True):
    lines: tuple[tuple[Piece, ...], ...]
    """One for a plain paragraph, one for each step of a list."""
    numbered: bool = False


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be typed in, shown large."""

    label: str
    value: str


class LetterPage(msgspec.Struct, frozen=True, kw_only=True):
    """What one customer reads."""

    heading: str
    address: tuple[str, ...]
    paragraphs: tuple[Paragraph, ...]
    codes: tuple[Code, ...] = ()


class AnnouncementLetter:
    """Announces the portal in the dealer's name, on paper and as a mail to paste elsewhere."""

    def __init__(self, dealer: DealerFacts, mails: MailRenderer, logo: Logo | None = None) -> None:
        self._dealer = dealer
        self._logo = printed_logo(logo, dealer.name)
        self._mails = mails

    def mail(self, facts: AnnouncementMail, language: str = "") -> RenderedMail:
        """Return subject, text and HTML for the dealer's own mailer, which breaks lines itself."""
        mail = self._mails.render_message(facts, language)
        text = self._mails.render_text(facts.TEMPLATE, facts, language).text
        return msgspec.structs.replace(mail, text=text)

    def page(
        self,
        facts: AnnouncementMail,
        recipient: LetterRecipient | None = None,
        language: str = "",
    ) -> LetterPage:
        """Return the words of one page.

        Raises Misconfigured where a dealer's own template cannot be rendered.
        """
        code = language_code(language)
        filled = _addressed(facts, recipient) if recipient else facts
        rendered = self._mails.render_text("announcement_letter", filled, code)
        lines = (filled.account_name, *(recipient.address_lines if recipient else ()))
        return LetterPage(
            heading=rendered.subject,
            address=tuple(line.strip() for line in lines if line.strip()),
            paragraphs=_paragraphs(rendered.text, self._mails.portal_url),
            codes=_codes(filled, spanish=code == SPANISH),
        )

    def scanned_url(self, facts: AnnouncementMail) -> str:
        """Return the address in the QR code.

        It never holds an enrolment code: whoever photographs the page would send it to every
        server on the way.
        """
        match facts.how:
            case SignUpWay.SIGN_UP:
                return facts.sign_up_url
            case SignUpWay.CODE:
                return facts.enrol_url
            case SignUpWay.INVITATION:
                return self._mails.portal_url

    async def pdf(
        self,
        facts: AnnouncementMail,
        written_on: datetime.date,
        recipients: Sequence[LetterRecipient] = (),
        language: str = "",
    ) -> bytes:
        """Return the letter as PDF, a page for each recipient; the same facts give the same page.

        Raises Invalid for more than ``LETTERS_MAX`` recipients, and Misconfigured where a
        dealer's own template cannot be rendered.
        """
        if len(recipients) > LETTERS_MAX:
            raise Invalid(f"one PDF holds at most {LETTERS_MAX} letters; print them in parts")
        return await asyncio.to_thread(self._typeset, facts, written_on, recipients, language)

    def _typeset(
        self,
        facts: AnnouncementMail,
        written_on: datetime.date,
        recipients: Sequence[LetterRecipient],
        language: str,
    ) -> bytes:
        code = language_code(language)
        dealer = self._dealer
        readers: list[LetterRecipient | None] = [*recipients] or [None]
        pages = [self.page(facts, each, code) for each in readers]
        url = self.scanned_url(facts)
        data = {
            "language": code,
            "logo": self._logo,
            "brand": dealer.brand_color,
            # A yellow brand is no colour to print words in.
            "accent": palette(dealer.brand_color).link,
            "dealer": {
                "name": dealer.name,
                "contact": [
                    line for line in (dealer.address, dealer.phone, dealer.reply_to) if line
                ],
            },
            "date": written_date(written_on, code),
            "heading": pages[0].heading,
            "beside": _BESIDE,
            "qr": {
                "svg": _qr_code(url),
                "url": url,
                "caption": (
                    "Escanee para abrir el portal" if code == SPANISH else "Scan to open the portal"
                ),
            },
            "letters": pages,
        }
        # A mail merge goes to the printer; for a page that is sent, a screen reader needs the tags.
        return _compile(
            msgspec.json.encode(data).decode(), written_on, tagged=len(pages) <= TAGGED_MAX
        )


def _addressed(facts: AnnouncementMail, recipient: LetterRecipient) -> AnnouncementMail:
    return msgspec.structs.replace(
        facts,
        account_name=recipient.account_name,
        account_no=recipient.account_no,
        enrolment_code=recipient.enrolment_code if facts.how is SignUpWay.CODE else "",
    )


def _codes(page: AnnouncementMail, *, spanish: bool) -> tuple[Code, ...]:
    if not page.enrolment_code:
        return ()
    number, code = (
        ("Número de cuenta", "Código de inscripción")
        if spanish
        else ("Account number", "Enrollment code")
    )
    return (
        Code(label=number, value=page.account_no),
        Code(label=code, value=page.enrolment_code),
    )


def _paragraphs(text: str, portal_url: str) -> tuple[Paragraph, ...]:
    """Blank lines part paragraphs; one that begins with ``1. `` is a list of steps."""
    paragraphs = []
    for block in re.split(r"\n\s*\n", text.strip()):
        steps: list[str] = []
        for line in block.splitlines():
            if step := _STEP.fullmatch(line):
                steps.append(step[1])
            elif steps:
                steps[-1] += f" {line}"
        numbered = _STEP.match(block) is not None
        lines = steps if numbered else [" ".join(block.split())]
        paragraphs.append(
            Paragraph(
                lines=tuple(_with_links(line, portal_url) for line in lines), numbered=numbered
            )
        )
    return tuple(paragraphs)


def _with_links(line: str, portal_url: str) -> tuple[Piece, ...]:
    """Addresses of the portal can be clicked; one out of a customer's name stays text."""
    pieces: list[Piece] = []
    end = 0
    for match in _ADDRESS.finditer(line):
        if match[0] == portal_url or match[0].startswith(f"{portal_url}/"):
            pieces += [Piece(text=line[end : match.start()]), Piece(text=match[0], url=match[0])]
            end = match.end()
    return tuple(piece for piece in (*pieces, Piece(text=line[end:])) if piece.text)


def _qr_code(url: str) -> str:
    picture = io.BytesIO()
    segno.make(url, error="m", micro=False).save(
        picture, kind="svg", border=0, xmldecl=False, svgns=True, dark="#17202a"
    )
    return picture.getvalue().decode()


def _compile(data: str, written_on: datetime.date, *, tagged: bool) -> bytes:
    pdf = typst.compile(
        str(FOLDER / "announcement.typ"),
        root=str(FOLDER),
        font_paths=[str(FOLDER / "fonts")],
        ignore_system_fonts=True,
        sys_inputs={"data": data},
        pdf_tags=tagged,
        # Else the clock would be in the file, and the same letter another file each second.
        timestamp=calendar.timegm(written_on.timetuple()),
    )
    assert isinstance(pdf, bytes)
    return pdf
