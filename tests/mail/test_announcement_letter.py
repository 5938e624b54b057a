"""The announcement: on paper with every address filled in, and as a mail."""

import datetime
import io
import re
from pathlib import Path

import msgspec
import pytest
from pypdf import PdfReader

from dueport_apps.documents.announcements import (
    LETTERS_MAX,
    AnnouncementLetter,
    LetterPage,
    LetterRecipient,
)
from dueport_apps.usecases.mails import SignUpWay
from dueport_core.errors import Invalid, Misconfigured
from dueport_ports import DealerFacts
from tests.mail.samples import DEALER, PORTAL, announcement, renderer
from tests.mail.test_rendering import Outline

TODAY = datetime.date(2026, 11, 22)
MARIA = LetterRecipient(
    account_name="Bluebonnet Custom Homes",
    account_no="10425",
    address_lines=("Attn: Maria Delgado", "4410 Live Oak Street, Suite 12", "Austin, TX 78741"),
    enrolment_code="K7QW-3MPX-92TD",
)
LAKESIDE = LetterRecipient(
    account_name="Lakeside Duplex LLC", account_no="10571", enrolment_code="Q2ZN-8KRT-55VB"
)
ODD = LetterRecipient(
    account_name="{{ 7*191 }} #strong[x] $x$ <b> https://evil.example.test/pay",
    account_no="#10",
    address_lines=("*a* _b_ `c`", "1. one", ""),
    enrolment_code="=1+1",
)


def letter(*folders: Path, dealer: DealerFacts = DEALER) -> AnnouncementLetter:
    return AnnouncementLetter(dealer, renderer(*folders, dealer=dealer))


def words_of(page: LetterPage) -> str:
    lines = ["".join(p.text for p in line) for par in page.paragraphs for line in par.lines]
    codes = [f"{code.label}: {code.value}" for code in page.codes]
    return "\n".join([page.heading, *page.address, *lines, *codes])


def links_of(page: LetterPage) -> set[str]:
    return {
        piece.url for par in page.paragraphs for line in par.lines for piece in line if piece.url
    }


def printed(pdf: bytes) -> list[str]:
    """The text of each page."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("recipient", [None, MARIA], ids=["everybody", "one"])
@pytest.mark.parametrize("how", list(SignUpWay))
def test_nothing_is_left_to_fill_in(
    how: SignUpWay, recipient: LetterRecipient | None, language: str
) -> None:
    page = letter().page(announcement(how), recipient, language)
    mail = letter().mail(announcement(how), language)
    for words in (words_of(page), mail.subject, mail.text, Outline(mail.html).words):
        assert not re.search(r"<<|>>|\{\{|\}\}|\{%|None|\[.*\]|_{3,}", words)
        assert DEALER.name in words or words == page.heading
    assert DEALER.phone in words_of(page)
    assert f"{PORTAL}/sign-in" in links_of(page)
    assert PORTAL in links_of(page)


@pytest.mark.parametrize(
    ("how", "url", "scanned"),
    [
        (SignUpWay.INVITATION, None, PORTAL),
        (SignUpWay.SIGN_UP, f"{PORTAL}/sign-up", f"{PORTAL}/sign-up"),
        (SignUpWay.CODE, f"{PORTAL}/enrol", f"{PORTAL}/enrol"),
    ],
)
@pytest.mark.parametrize("language", ["en", "es"])
def test_each_way_in_has_its_own_address(
    how: SignUpWay, url: str | None, scanned: str, language: str
) -> None:
    page = letter().page(announcement(how), MARIA, language)
    assert links_of(page) - {PORTAL, f"{PORTAL}/sign-in"} == ({url} if url else set())
    assert letter().scanned_url(announcement(how)) == scanned
    mail = letter().mail(announcement(how), language)
    in_html = {link for link in Outline(mail.html).links if link.startswith("https:")}
    assert in_html == {PORTAL, f"{PORTAL}/sign-in", *([url] if url else [])}


def test_an_enrolment_code_is_printed_only_where_it_opens_something() -> None:
    with_code = letter().page(announcement(SignUpWay.CODE), MARIA)
    assert [code.value for code in with_code.codes] == ["10425", "K7QW-3MPX-92TD"]
    for how in (SignUpWay.INVITATION, SignUpWay.SIGN_UP):
        page = letter().page(announcement(how), MARIA)
        assert page.codes == ()
        assert "K7QW" not in words_of(page)
    for everybody in (None, msgspec.structs.replace(MARIA, enrolment_code="")):
        page = letter().page(announcement(SignUpWay.CODE), everybody)
        assert page.codes == ()
        assert "printed on your statement" in words_of(page)


def test_steps_are_a_numbered_list() -> None:
    page = letter().page(announcement(SignUpWay.SIGN_UP))
    (steps,) = [each for each in page.paragraphs if each.numbered]
    assert len(steps.lines) == 3
    assert "".join(piece.text for piece in steps.lines[2]) == "Open the link and choose a password."


async def test_each_customer_gets_a_page() -> None:
    pdf = await letter().pdf(announcement(SignUpWay.CODE), TODAY, [MARIA, LAKESIDE])
    assert pdf.startswith(b"%PDF-")
    first, second = printed(pdf)
    for own, other, text in ((MARIA, LAKESIDE, first), (LAKESIDE, MARIA, second)):
        for value in (own.account_name, own.account_no, own.enrolment_code, *own.address_lines):
            assert value in text
        assert other.enrolment_code not in text
        assert DEALER.name in text
        assert DEALER.address in text
        assert f"{PORTAL}/enrol" in text
        assert "November 22, 2026" in text


async def test_the_letter_to_everybody_is_one_page_in_either_language() -> None:
    for language, words in (("en", "Dear customer"), ("es", "Estimado cliente")):
        for how in SignUpWay:
            pdf = await letter().pdf(announcement(how), TODAY, language=language)
            (page,) = printed(pdf)
            assert words in page


async def test_text_from_the_erp_is_printed_as_it_is() -> None:
    page = letter().page(announcement(SignUpWay.CODE), ODD)
    assert not any("evil" in link for link in links_of(page))
    (text,) = printed(await letter().pdf(announcement(SignUpWay.CODE), TODAY, [ODD]))
    for value in ("{{ 7*191 }} #strong[x] $x$ <b>", "*a* _b_ `c`", "1. one", "#10", "=1+1"):
        assert value in text


async def test_a_dealer_of_few_words_and_a_pale_colour_gets_a_letter() -> None:
    dealer = DealerFacts(name="Bare", reply_to="ar@bare.example.test", brand_color="#ffffff")
    pdf = await letter(dealer=dealer).pdf(announcement(SignUpWay.INVITATION), TODAY)
    (text,) = printed(pdf)
    assert "Write to ar@bare.example.test." in text


async def test_a_dealer_words_the_letter_anew_in_the_same_sandbox(tmp_path: Path) -> None:
    own = tmp_path / "announcement_letter.txt.j2"
    own.write_text("Subject: Good news\nPay at {{ portal_url }}.\n\n{{ account_name }}\n")
    facts = announcement(SignUpWay.INVITATION)
    page = letter(tmp_path).page(facts, MARIA)
    assert words_of(page).splitlines()[0] == "Good news"
    assert links_of(page) == {PORTAL}
    spanish = letter(tmp_path).page(facts, MARIA, "es")
    assert spanish == letter().page(facts, MARIA, "es")
    for hostile in ("{{ portal_url.__class__ }}", "{{ absent }}", "{% include '/etc/passwd' %}"):
        own.write_text(f"Subject: x\n{hostile}")
        with pytest.raises(Misconfigured, match=r"announcement_letter|passwd"):
            await letter(tmp_path).pdf(facts, TODAY)


async def test_a_pdf_of_too_many_letters_is_refused() -> None:
    with pytest.raises(Invalid, match="in parts"):
        await letter().pdf(announcement(SignUpWay.CODE), TODAY, [MARIA] * (LETTERS_MAX + 1))


async def test_the_same_facts_give_the_same_bytes_whenever_it_is_printed() -> None:
    facts = announcement(SignUpWay.CODE)
    first = await letter().pdf(facts, TODAY, [MARIA])
    assert b"CreationDate(D:20261122000000Z)" in first
    assert await letter().pdf(facts, TODAY, [MARIA]) == first
