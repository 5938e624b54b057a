"""What each mail says, and that every mail program can show it."""

import datetime
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dueport_apps.mail.colors import contrast, palette
from dueport_apps.mail.languages import written_day
from dueport_apps.mail.renderer import TEXT_WIDTH, MailRenderer, amount_row
from dueport_apps.usecases.mails import PaidLine, ReceiptMail, UsedCredit
from dueport_apps.usecases.records import Language
from dueport_core.errors import Misconfigured
from dueport_ports import DealerFacts
from tests.mail.samples import BANK_PAYMENT, CARD_PAYMENT, DEALER, MESSAGES, renderer

_VOID = {"meta", "br", "hr", "img"}


class Outline(HTMLParser):
    """The sequence of tags, the addresses and the visible text of a mail."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], f"these tags are never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in _VOID:
            self._open.append(tag)
        for name, value in attrs:
            self.attributes.append((name, value or ""))
            if name == "href":
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> is out of order"

    def handle_data(self, data: str) -> None:
        if "style" not in self._open and "title" not in self._open:
            self.words += data


@pytest.mark.parametrize("name", MESSAGES)
def test_every_mail_has_a_subject_a_text_and_wellformed_html(name: str) -> None:
    mail = renderer().render_message(MESSAGES[name])
    outline = Outline(mail.html)
    assert 10 <= len(mail.subject) <= 120
    for part in (mail.subject, mail.text, outline.words):
        assert "{{" not in part
        assert "{%" not in part
        assert "None" not in part
    assert DEALER.name in mail.text
    assert DEALER.name in outline.words
    assert DEALER.reply_to in outline.words
    assert "\n\n\n" not in mail.text


@pytest.mark.parametrize("name", MESSAGES)
def test_no_mail_loads_anything_from_the_net(name: str) -> None:
    html = renderer().render_message(MESSAGES[name]).html
    assert not re.search(r"<(img|link|script|iframe|object|video)\b|@import|url\(|\bsrc=", html)
    for link in Outline(html).links:
        assert link.startswith(("https://pay.hillcountry.example.test", "mailto:"))


@pytest.mark.parametrize("name", MESSAGES)
def test_lines_are_short_enough_to_travel_without_being_encoded(name: str) -> None:
    mail = renderer().render_message(MESSAGES[name])
    assert max(len(line) for line in (*mail.html.splitlines(), *mail.text.splitlines())) < 900


@pytest.mark.parametrize("name", MESSAGES)
def test_text_and_html_lead_to_the_same_pages(name: str) -> None:
    mail = renderer().render_message(MESSAGES[name])
    in_text = set(re.findall(r"https://\S+", mail.text))
    in_html = {link for link in Outline(mail.html).links if link.startswith("https:")}
    assert in_text == in_html
    # A code is typed into the page that waits for it, so its mail leads nowhere.
    assert (in_html == set()) == (name == "enrolment_code")


def test_a_card_receipt_says_everything_about_the_payment() -> None:
    mail = renderer().render_message(MESSAGES["receipt_card"])
    assert mail.subject == "Receipt: $12,026.93 paid to Hill Country Supply"
    words = Outline(mail.html).words
    for expected in (
        "Payment received",
        "Jul 14, 2026",
        "Visa ending in 4242",
        "PAY-7F3K-92QX-4M",
        "Bluebonnet Custom Homes (10425)",
        "Invoice INV-20311",
        "104 Oak Street Remodel",
        "$1,250.50",
        "Debit adjustment DM-8812",
        "$11,751.65",
        "Credit CM-5519",
        "-$50.00",
        "-$25.01",
        "Card surcharge",
        "$350.29",
        "$12,026.93",
    ):
        assert expected in words
        assert expected in mail.text


def test_the_sample_adds_up() -> None:
    for payment in (CARD_PAYMENT, BANK_PAYMENT):
        charged = (
            sum(line.amount_cents for line in payment.lines)
            - sum(credit.amount_cents for credit in payment.credits)
            - payment.discount_cents
            + payment.fee_cents
        )
        assert charged == payment.total_cents


def test_a_pending_bank_payment_is_never_called_paid() -> None:
    mail = renderer().render_message(MESSAGES["receipt_bank"])
    for part in (mail.subject, mail.text, mail.html):
        assert "pending" in part.lower()
        assert not re.search(r"\bpaid\b|\breceived\b|\breceipt\b", part, re.IGNORECASE)
    assert "PAY-7F3K-92QX-4M" in mail.text
    assert "Jul 20, 2026" in mail.text


def test_after_settlement_the_same_payment_is_called_paid() -> None:
    mail = renderer().render_message(MESSAGES["payment_settled"])
    assert "are paid" in mail.text
    assert "Jul 20, 2026" in mail.text
    assert "cleared" in mail.subject


@pytest.mark.parametrize("name", ["payment_failed", "payment_returned"])
def test_a_failure_says_why_that_the_items_are_owed_again_and_where_to_pay(name: str) -> None:
    mail = renderer().render_message(MESSAGES[name])
    for part in (mail.text, Outline(mail.html).words):
        assert "enough money" in part
        assert "R01" in part
        assert "open again" in part
        assert not re.search(r"\bpaid\b", part)
    assert "https://pay.hillcountry.example.test/outstanding" in mail.text


def test_credits_that_cover_everything_are_not_called_a_payment() -> None:
    payment = msgspec.structs.replace(
        CARD_PAYMENT,
        method="Account credit",
        method_last_four="",
        lines=(PaidLine(document_ref="INV-1", kind="Invoice", amount_cents=5_000),),
        credits=(UsedCredit(document_ref="CM-1", amount_cents=5_000),),
        discount_cents=0,
        fee_cents=0,
        total_cents=0,
    )
    mail = renderer().render_message(ReceiptMail(payment=payment, is_pending=False))
    assert mail.subject == "Credits applied at Hill Country Supply"
    assert "nothing was charged" in mail.text
    assert "$0.00" in mail.text


def test_a_plain_payment_shows_no_empty_rows() -> None:
    payment = msgspec.structs.replace(
        CARD_PAYMENT,
        lines=(PaidLine(document_ref="INV-1", kind="Invoice", amount_cents=5_000),),
        credits=(),
        discount_cents=0,
        fee_cents=0,
        total_cents=5_000,
    )
    mail = renderer().render_message(ReceiptMail(payment=payment, is_pending=False))
    for part in (mail.text, Outline(mail.html).words):
        for absent in ("Subtotal", "Discount", "surcharge", "Credit", "Submitted by"):
            assert absent not in part


def test_a_payment_of_two_thousand_invoices_is_not_clipped_and_still_adds_up() -> None:
    lines = tuple(
        PaidLine(document_ref=f"INV-{number}", kind="Invoice", job="A job", amount_cents=1_00)
        for number in range(2_000)
    )
    payment = msgspec.structs.replace(
        CARD_PAYMENT, lines=lines, credits=(), discount_cents=0, fee_cents=0, total_cents=2_000_00
    )
    mail = renderer().render_message(ReceiptMail(payment=payment, is_pending=False))
    assert len(mail.html.encode()) < 102_000, "Gmail cuts a message off at 102 kB"
    assert "1900 more items" in mail.text
    assert "$1,900.00" in mail.text
    assert "$2,000.00" in mail.text


def test_an_instant_is_written_on_the_dealers_clock() -> None:
    notice = MESSAGES["sign_in_notice"]
    assert "Jul 14, 2026, 3:05 PM CDT" in renderer().render_message(notice).text
    east = msgspec.structs.replace(DEALER, time_zone="America/New_York")
    assert "4:05 PM EDT" in renderer(dealer=east).render_message(notice).text


@pytest.mark.parametrize(
    ("hour", "written"), [(5, "12:30 AM CDT"), (17, "12:30 PM CDT"), (4, "11:30 PM CDT")]
)
def test_noon_and_midnight_are_told_apart(hour: int, written: str) -> None:
    at = datetime.datetime(2026, 7, 14, hour, 30, tzinfo=datetime.UTC)
    notice = msgspec.structs.replace(MESSAGES["sign_in_notice"], happened_at=at)
    assert written in renderer().render_message(notice).text


def test_a_dealer_without_phone_and_address_gets_no_blank_lines() -> None:
    bare = DealerFacts(name="Bare", reply_to="ar@bare.example.test")
    mail = renderer(dealer=bare).render_message(MESSAGES["sign_in_notice"])
    assert mail.text.endswith("-- \nBare\nar@bare.example.test\n")
    assert "at ." not in mail.text


def test_text_rows_have_one_width_whatever_they_hold() -> None:
    assert len(amount_row("Invoice 1", 5)) == TEXT_WIDTH
    assert len(amount_row("Invoice " + "x" * 200, 123_456_789)) == TEXT_WIDTH
    assert amount_row("Credit", -1_250_00).endswith("-$1,250.00")


def test_days_are_written_without_leading_zero() -> None:
    assert written_day(datetime.date(2026, 3, 4)) == "Mar 4, 2026"


@settings(deadline=None)
@given(st.integers(0, 0xFFFFFF))
def test_any_brand_colour_gives_readable_text(color: int) -> None:
    colors = palette(f"#{color:06x}")
    assert contrast(colors.on_brand, colors.brand) >= 4.5
    assert contrast(colors.link, "#ffffff") >= 4.5
    assert contrast(colors.link, "#eef1f3") >= 4.5
    for ground in ("#11151a", "#1c2127", "#242b33"):
        assert contrast(colors.link_dark, ground) >= 7


INK, SOFT = "#17202a", "#566370"
INK_DARK, SOFT_DARK = "#eef1f4", "#b3bdc7"


@pytest.mark.parametrize(
    ("text", "grounds"),
    [
        (INK, ["#ffffff", "#f4f6f8"]),
        (SOFT, ["#ffffff", "#f4f6f8", "#eef1f3"]),
        (INK_DARK, ["#1c2127", "#242b33", "#11151a"]),
        (SOFT_DARK, ["#1c2127", "#242b33", "#11151a"]),
        ("#11603b", ["#dcf5e7"]),
        ("#6b4d00", ["#fdf0c8"]),
        ("#94211a", ["#fde3e1"]),
        ("#a6e9c5", ["#123b2a"]),
        ("#fbdf8d", ["#45360d"]),
        ("#ffc9c4", ["#4d1d1d"]),
    ],
)
def test_the_fixed_colours_are_readable_and_used(text: str, grounds: list[str]) -> None:
    mail = "".join(
        renderer().render_message(MESSAGES[name]).html
        for name in ("receipt_card", "receipt_bank", "payment_failed")
    )
    for ground in grounds:
        assert contrast(text, ground) >= 4.5
        assert f"color:{text}" in mail.replace(" ", "")
        assert f"background-color:{ground}" in mail.replace(" ", "")


@pytest.mark.parametrize("name", MESSAGES)
def test_every_mail_fits_a_phone_and_a_dark_screen(name: str) -> None:
    html = renderer().render_message(MESSAGES[name]).html
    assert '<meta name="viewport" content="width=device-width' in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert "max-width:600px" in html
    assert len(html.encode()) < 102_000


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "sign_up",
            ["choose a password", "works once", "Sunday, July 19, 2026", "ignore", "/decline/"],
        ),
        ("already_registered", ["already has a login", "maria@", "/sign-in", "/forgot"]),
        ("link_asked", ["Bluebonnet Custom Homes", "10425", "maria@", "Jul 14, 2026, 3:05 PM"]),
        ("enrolment_code", ["Your code is 042 917. It works for 15 minutes.", "mistyped"]),
        ("enrolment_notice", ["enrollment code", "tom@", "10425", "at once", "(512) 555-0100"]),
        ("access_linked", ["Lakeside Duplex LLC", "10571", "did not expect this"]),
        ("reset_password", ["works once", "60 minutes", "ignore it", "stays as it is"]),
        ("sign_in_notice", ["Your password was changed", "set a new password", "Jul 14, 2026"]),
        ("announcement_sign_up", ["e-mail address that we have on file", "/sign-up"]),
        ("announcement_code", ["K7QW-3MPX-92TD", "10425", "/enrol"]),
        ("announcement_invitation", ["invitation by e-mail", "/sign-in"]),
    ],
)
def test_a_mail_says_what_its_reader_needs(name: str, expected: list[str]) -> None:
    mail = renderer().render_message(MESSAGES[name])
    outline = Outline(mail.html)
    shown = (outline.words + " " + " ".join(outline.links)).lower()
    for words in expected:
        assert words.lower() in " ".join(mail.text.split()).lower()
        assert words.lower() in " ".join(shown.split())


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_code_stays_out_of_the_subject_which_is_stored(language: Language) -> None:
    mail = renderer().render_message(MESSAGES["enrolment_code"], language)
    assert "042" not in mail.subject
    for part in (mail.text, Outline(mail.html).words):
        assert "042 917" in part
        assert "Bluebonnet" not in part, "the address may be a stranger's"


def test_contrast_is_measured_as_wcag_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#abcdef", "#abcdef") == 1


@pytest.mark.parametrize("color", ["red", "#fff", "#12345g", "#123456;background:url(x)", ""])
def test_a_brand_colour_that_is_not_one_is_refused(color: str) -> None:
    dealer = msgspec.structs.replace(DEALER, brand_color=color)
    with pytest.raises(Misconfigured, match="brand_color"):
        MailRenderer([], dealer, "https://pay.example.test")


def test_the_dealers_folder_wins_over_the_plugins_and_the_built_in_one(tmp_path: Path) -> None:
    own, plugin = tmp_path / "own", tmp_path / "plugin"
    for folder, words in ((own, "ours"), (plugin, "the plugin's")):
        folder.mkdir()
        (folder / "reset_password.txt.j2").write_text(f"Subject: {words}\n{{{{ login }}}}\n")
    message = MESSAGES["reset_password"]
    assert renderer(own, plugin).render_message(message).subject == "ours"
    assert renderer(plugin).render_message(message).subject == "the plugin's"
    assert renderer().render_message(message).subject.startswith("Set a new password")
    assert "Choose a new password" in renderer(own).render_message(message).html


def test_a_missing_template_is_named() -> None:
    with pytest.raises(Misconfigured, match="no_such_mail"):
        renderer().render("no_such_mail", {})


@pytest.mark.parametrize("first", ["Hello", "subject: x", "Subject:", "Subject:   ", ""])
def test_a_text_template_without_a_subject_is_refused(tmp_path: Path, first: str) -> None:
    (tmp_path / "odd.txt.j2").write_text(f"{first}\nbody\n")
    (tmp_path / "odd.html.j2").write_text("<p>body</p>")
    with pytest.raises(Misconfigured, match="Subject"):
        renderer(tmp_path).render("odd", {})


@pytest.mark.parametrize("template", ["{{ absent }}", "{{ name.absent }}", "{% if %}", "{{ 1/0 }}"])
def test_a_wrong_template_is_reported_and_not_sent_half(tmp_path: Path, template: str) -> None:
    (tmp_path / "odd.txt.j2").write_text("Subject: odd\n" + template)
    (tmp_path / "odd.html.j2").write_text("<p>body</p>")
    with pytest.raises(Misconfigured, match="odd"):
        renderer(tmp_path).render("odd", {"name": "x"})


@pytest.mark.parametrize(
    ("language", "mark", "sentences"),
    [
        (
            "en",
            "[Test] ",
            ["This is a test.", "The links and passwords in it do not work."],
        ),
        (
            "es",
            "[Prueba] ",
            ["Este mensaje es una prueba.", "contraseñas que contiene no funcionan."],
        ),
    ],
)
@pytest.mark.parametrize("name", ["reset_password", "sign_up"])
def test_a_test_says_so_before_anything_else(
    name: str, language: Language, mark: str, sentences: list[str]
) -> None:
    mails = renderer()
    mail = mails.render_message(MESSAGES[name], language)
    test = mails.as_test(mail, language)
    assert test.subject == mark + mail.subject
    assert test.text.endswith("\n" + mail.text)
    for part in (test.text, Outline(test.html).words):
        words = " ".join(part.split())
        assert words.index(sentences[0]) < 20
        assert sentences[1] in words
    assert Outline(test.html).links == Outline(mail.html).links
    for sentence in sentences:
        assert sentence not in mail.text + mail.html


def test_a_dealers_own_page_is_marked_as_a_test_too(tmp_path: Path) -> None:
    (tmp_path / "odd.txt.j2").write_text("Subject: odd\nHello")
    (tmp_path / "odd.html.j2").write_text("<p>Hello {{ name }}</p>")
    mails = renderer(tmp_path)
    test = mails.as_test(mails.render("odd", {"name": "x"}))
    assert test.html.index("This is a test.") < test.html.index("Hello x")
    (tmp_path / "test_notice.txt.j2").write_text("Subject: Trial: {{ subject }}\nA trial.")
    assert renderer(tmp_path).as_test(mails.render("odd", {"name": "x"})).subject == "Trial: odd"


@pytest.mark.parametrize("name", MESSAGES)
def test_outlook_for_windows_gets_a_table_of_600_pixels_around_the_card(name: str) -> None:
    html = renderer().render_message(MESSAGES[name]).html
    opening, card, closing = (
        html.index(part)
        for part in (
            '<!--[if mso]><table role="presentation" align="center" width="600"',
            'class="card"',
            "<!--[if mso]></td></tr></table><![endif]-->",
        )
    )
    assert opening < card < closing
    if 'class="button"' in html:
        cell = html[: html.index('class="button"')].rpartition("<td")[2]
        assert "mso-padding-alt:14px 29px" in cell
        assert "mso-padding-alt:0" in html


def test_a_notice_says_where_a_change_came_from_if_that_is_known() -> None:
    notice = MESSAGES["sign_in_notice"]
    assert "Firefox on Windows, 203.0.113.7" in renderer().render_message(notice).text
    nowhere = msgspec.structs.replace(notice, device="", client_ip="")
    for part in (mail := renderer().render_message(nowhere)).text, mail.html:
        assert "From" not in part
