"""Receipts and letters carry the dealer's logo, and look as they did where there is none."""

import datetime
import io
from collections.abc import Iterator

import pytest
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from dueport_apps.documents.announcements import AnnouncementLetter
from dueport_apps.documents.receipts import TypstReceipts
from dueport_apps.logo import Logo, logo_from
from dueport_apps.usecases.mails import SignUpWay
from dueport_apps.usecases.receipts import ReceiptDocument
from tests.mail.samples import CARD_PAYMENT, DEALER, announcement, renderer
from tests.mail.test_announcement_letter import LAKESIDE, MARIA, printed
from tests.pictures import JPEG, png

RECEIPT = ReceiptDocument(
    facts=CARD_PAYMENT,
    paid_at=datetime.datetime(2026, 7, 14, 20, 5, tzinfo=datetime.UTC),
    settled=True,
    status="Paid",
)
LOGO = logo_from(png(800, 200))
WRITTEN_ON = datetime.date(2026, 11, 22)


async def receipt(logo: Logo | None) -> bytes:
    return await TypstReceipts(DEALER, logo).render(RECEIPT)


async def letters(logo: Logo | None) -> bytes:
    letter = AnnouncementLetter(DEALER, renderer(), logo)
    return await letter.pdf(announcement(SignUpWay.CODE), WRITTEN_ON, (MARIA, LAKESIDE))


def pictures(pdf: bytes) -> list[tuple[int, int, int]]:
    """Page, width and height of every picture that is not a mask of another."""
    return [
        (number, picture["/Width"], picture["/Height"])
        for number, page in enumerate(PdfReader(io.BytesIO(pdf)).pages, 1)
        for picture in drawn_in(page)
    ]


def drawn_in(part: DictionaryObject) -> Iterator[DictionaryObject]:
    """The pictures of a page, within groups of drawings too."""
    for reference in part.get("/Resources", {}).get("/XObject", {}).values():
        drawn = reference.get_object()
        if drawn["/Subtype"] == "/Image":
            yield drawn
        else:
            yield from drawn_in(drawn)


@pytest.mark.parametrize(
    ("logo", "size"), [(LOGO, (800, 200)), (logo_from(JPEG), (48, 24))], ids=["png", "jpeg"]
)
async def test_a_receipt_and_every_letter_carry_the_logo(logo: Logo, size: tuple[int, int]) -> None:
    assert pictures(await receipt(logo)) == [(1, *size)]
    assert pictures(await letters(logo)) == [(1, *size), (2, *size)]


async def test_without_a_logo_papers_hold_no_picture() -> None:
    assert pictures(await receipt(None)) == []
    assert pictures(await letters(None)) == []


async def test_the_dealers_name_is_on_paper_in_words_as_well() -> None:
    (page,) = printed(await receipt(LOGO))
    assert page.index(DEALER.name) < page.index("Transaction ID")
    for page in printed(await letters(LOGO)):
        assert page.index(DEALER.name) < page.index("November 22, 2026")


async def test_the_address_stays_where_the_window_of_an_envelope_is() -> None:
    heights = [_height_of(MARIA.account_name, await letters(logo)) for logo in (None, LOGO)]
    assert heights[0] == pytest.approx(heights[1], abs=4)


async def test_one_logo_is_in_a_file_once_however_many_letters_there_are() -> None:
    letter = AnnouncementLetter(DEALER, renderer(), LOGO)
    plain = AnnouncementLetter(DEALER, renderer())
    facts = announcement(SignUpWay.CODE)
    heavier = len(await letter.pdf(facts, WRITTEN_ON, (MARIA,) * 30)) - len(
        await plain.pdf(facts, WRITTEN_ON, (MARIA,) * 30)
    )
    alone = len(await letter.pdf(facts, WRITTEN_ON)) - len(await plain.pdf(facts, WRITTEN_ON))
    assert heavier < alone + 30 * 500


async def test_the_same_receipt_with_a_logo_gives_the_same_page() -> None:
    renderer_of_receipts = TypstReceipts(DEALER, LOGO)
    one = await renderer_of_receipts.render(RECEIPT)
    assert len(one) == len(await renderer_of_receipts.render(RECEIPT))


def _height_of(words: str, pdf: bytes) -> float:
    """How far above the page's foot these words begin first."""
    heights: list[float] = []

    def look(text: str, drawing: list[float], line: list[float], *_: object) -> None:
        if words in text:
            heights.append(drawing[5] + line[5])

    PdfReader(io.BytesIO(pdf)).pages[0].extract_text(visitor_text=look)
    return max(heights)
