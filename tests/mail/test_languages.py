"""Mails in Spanish: complete, correct in numbers and dates, and overridable one by one."""

import datetime
import re
from pathlib import Path

import msgspec
import pytest

from dueport_apps.mail.languages import language_code, said, written_date, written_day
from dueport_apps.mail.renderer import BUILT_IN
from dueport_apps.mail.spanish import RETURNS, in_spanish
from dueport_apps.usecases.mails import (
    PaymentFailedMail,
    PaymentReturnedMail,
    ReceiptMail,
)
from dueport_apps.usecases.payment_mails import DECLINE_WORDS, KIND_WORDS, failure_sentence
from dueport_apps.wording import ANY_BROWSER
from dueport_core.ach import RETURN_CODES
from dueport_invite_credentials.delivery import CredentialDelivery, CredentialSettings
from dueport_invite_link.delivery import LinkDelivery, LinkSettings
from dueport_ports import InviteDelivery, UsernameSource
from tests.mail.samples import (
    BANK_PAYMENT,
    DEALER,
    DEALERS_OWN,
    MESSAGES,
    SPANISH,
    render_invite,
    renderer,
)
from tests.mail.test_rendering import Outline

ENGLISH_WORDS = re.compile(
    r"\b(the|your|you|and|with|here|sign|payment|invoice|account|password|link|if|was|at|"
    r"total|pending|reminder|number|paid|ending|credit|discount)\b",
    re.IGNORECASE,
)
DELIVERIES: list[InviteDelivery] = [
    LinkDelivery(LinkSettings()),
    CredentialDelivery(CredentialSettings()),
]


PORTAL_IS_ENGLISH = re.compile(r'<p class="soft"[^>]*>El portal está en inglés\.</p>')


def in_plain_words(text: str) -> str:
    """Without the values, which nobody translates, and without addresses."""
    text = re.sub(r"https?://\S+|\S+@\S+", " ", text)
    for value in (
        "First Platypus Bank",
        "The bank says the account does not hold enough money (R01).",
        "The account did not hold enough money.",
        "Firefox on Windows",
        "Bluebonnet Custom Homes",
        "Total",  # Spanish has the same word.
    ):
        text = text.replace(value, " ")
    return text


@pytest.mark.parametrize("name", SPANISH)
def test_every_customer_mail_exists_in_spanish_from_subject_to_footer(name: str) -> None:
    mails = renderer()
    mail = mails.render_message(MESSAGES[name], "es")
    assert mail != mails.render_message(MESSAGES[name])
    outline = Outline(mail.html)
    assert ("lang", "es") in outline.attributes
    for part in (mail.subject, mail.text, outline.words):
        found = ENGLISH_WORDS.search(in_plain_words(part))
        assert found is None, found
        assert not re.search(r"\b(tú|tu|tus|te)\b", part), "customers are addressed as usted"


@pytest.mark.parametrize("name", SPANISH)
def test_a_translation_leads_to_the_same_pages(name: str) -> None:
    mails = renderer()
    english, spanish = (mails.render_message(MESSAGES[name], each) for each in ("en", "es"))
    assert Outline(spanish.html).links == Outline(english.html).links
    assert Outline(PORTAL_IS_ENGLISH.sub("", spanish.html)).tags == Outline(english.html).tags
    assert re.findall(r"https://\S+", spanish.text) == re.findall(r"https://\S+", english.text)


@pytest.mark.parametrize("name", sorted(DEALERS_OWN))
def test_mails_to_the_dealers_own_people_stay_english_throughout(name: str) -> None:
    mails = renderer()
    assert mails.render_message(MESSAGES[name], "es") == mails.render_message(MESSAGES[name])


def test_every_translated_template_has_both_parts() -> None:
    texts = {path.name.removesuffix(".es.txt.j2") for path in BUILT_IN.glob("*.es.txt.j2")}
    pages = {path.name.removesuffix(".es.html.j2") for path in BUILT_IN.glob("*.es.html.j2")}
    # The letter is printed and has no page.
    assert texts - pages == {"announcement_letter"}
    assert pages <= texts


@pytest.mark.parametrize("reminder", [False, True])
@pytest.mark.parametrize("delivery", DELIVERIES, ids=["link", "credentials"])
def test_an_invitation_speaks_one_language(delivery: InviteDelivery, reminder: bool) -> None:
    mail = render_invite(
        delivery, language="es", reminder=reminder, second_check=UsernameSource.SHIP_TO_ZIP
    )
    words = Outline(mail.html).words
    for part in (mail.subject, mail.text, words):
        assert ENGLISH_WORDS.search(in_plain_words(part)) is None
    for part in (mail.text, words):
        assert "código postal de entrega" in part
        assert re.search(r"Recha(ce|zar)", part)
        assert ("Le recordamos" in part) == reminder
    assert mail.subject.startswith("Recordatorio: ") == reminder


def test_days_and_clocks_are_written_as_in_spanish() -> None:
    mails = renderer()
    receipt = mails.render_message(MESSAGES["receipt_bank"], "es")
    assert "20 de julio de 2026" in " ".join(receipt.text.split())
    notice = mails.render_message(MESSAGES["sign_in_notice"], "es")
    assert "14 de julio de 2026, 3:05 p. m. CDT" in notice.text
    assert written_day(datetime.date(2026, 11, 22), "es") == "22 de noviembre de 2026"
    assert written_date(datetime.date(2026, 11, 22), "es") == "22 de noviembre de 2026"
    assert written_date(datetime.date(2026, 11, 2)) == "November 2, 2026"


def test_a_pending_payment_is_never_called_paid_in_spanish_either() -> None:
    mail = renderer().render_message(MESSAGES["receipt_bank"], "es")
    for part in (mail.subject, mail.text, mail.html):
        assert "pendiente" in part.lower()
        assert not re.search(r"\b(pagad[oa]s?|recibido|recibo)\b", part, re.IGNORECASE)
    cleared = renderer().render_message(MESSAGES["payment_settled"], "es")
    assert "están pagados" in cleared.text


def test_kinds_of_documents_are_named_in_spanish() -> None:
    mail = renderer().render_message(MESSAGES["receipt_card"], "es")
    for part in (mail.text, Outline(mail.html).words):
        for words in ("Factura INV-20311", "Ajuste de débito DM-8812", "Crédito CM-5519"):
            assert words in part
        assert "Recargo por tarjeta" in part
        assert "Visa terminada en 4242" in part


@pytest.mark.parametrize(
    "phrase",
    [*KIND_WORDS.values(), *DECLINE_WORDS.values(), failure_sentence(None)],
)
def test_every_phrase_of_the_platforms_own_is_known(phrase: str) -> None:
    assert in_spanish(phrase) != phrase
    assert said(phrase, "en") == phrase
    assert said(phrase, "es") == in_spanish(phrase)


def test_every_code_of_a_returned_debit_is_told_in_both_languages() -> None:
    assert RETURNS.keys() == RETURN_CODES
    assert len(set(RETURNS.values())) == len(RETURNS)
    for code in (*sorted(RETURN_CODES), "R99"):
        english = failure_sentence(code)
        spanish = in_spanish(english)
        assert code in spanish
        assert spanish.startswith("El banco devolvió el débito")
        assert ENGLISH_WORDS.search(spanish) is None, spanish
        assert ENGLISH_WORDS.search(english), english


def test_a_reason_is_told_in_spanish() -> None:
    mails = renderer()
    failed = PaymentFailedMail(
        payment=BANK_PAYMENT,
        reason=failure_sentence("insufficient_funds"),
        pay_url="https://x.test",
    )
    assert "La cuenta no tenía fondos suficientes." in mails.render_message(failed, "es").text
    returned = PaymentReturnedMail(
        payment=BANK_PAYMENT,
        returned_on=datetime.date(2026, 7, 23),
        return_code="R02",
        reason=failure_sentence("R02"),
        pay_url="https://x.test",
    )
    mail = mails.render_message(returned, "es")
    for part in (mail.text, mail.html):
        assert "El banco devolvió el débito (R02): cuenta cerrada." in part
    unlisted = msgspec.structs.replace(failed, reason="Processor says: gremlins.")
    assert "Processor says: gremlins." in mails.render_message(unlisted, "es").text


def test_a_fee_named_by_the_dealer_is_not_translated() -> None:
    payment = msgspec.structs.replace(
        BANK_PAYMENT, fee_name="Convenience fee", fee_cents=100, total_cents=1_167_764
    )
    mail = renderer().render_message(ReceiptMail(payment=payment, is_pending=True), "es")
    assert "Convenience fee" in mail.text


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("", "en"),
        ("en", "en"),
        ("en-US", "en"),
        ("es", "es"),
        ("ES", "es"),
        ("es-MX", "es"),
        ("es_US.UTF-8", "es"),
        (" es ", "es"),
        ("Spanish", "en"),
        ("../../etc", "en"),
        ("e", "en"),
        ("fr", "fr"),
    ],
)
def test_a_language_is_read_from_its_code(language: str, code: str) -> None:
    assert language_code(language) == code


@pytest.mark.parametrize("language", ["", "fr", "x/../y", "\0", "e\n"])
def test_a_language_without_templates_gets_the_plain_mail(language: str) -> None:
    mails, message = renderer(), MESSAGES["reset_password"]
    assert mails.render_message(message, language) == mails.render_message(message)


def test_a_dealer_rewords_one_language_and_keeps_the_other(tmp_path: Path) -> None:
    message = MESSAGES["reset_password"]
    (tmp_path / "reset_password.txt.j2").write_text("Subject: Howdy\n{{ reset_url }}\n")
    mails = renderer(tmp_path)
    assert mails.render_message(message).subject == "Howdy"
    assert mails.render_message(message, "es") == renderer().render_message(message, "es")
    (tmp_path / "reset_password.es.html.j2").write_text("<p>{{ login }}: listo</p>")
    spanish = renderer(tmp_path).render_message(message, "es")
    assert spanish.html == "<p>maria@bluebonnet.example.test: listo</p>"
    assert spanish.text == renderer().render_message(message, "es").text
    assert "listo" not in renderer(tmp_path).render_message(message).html


def test_a_dealer_may_add_a_language(tmp_path: Path) -> None:
    (tmp_path / "reset_password.pl.txt.j2").write_text("Subject: Hasło\n{{ reset_url }}\n")
    mail = renderer(tmp_path).render_message(MESSAGES["reset_password"], "pl")
    assert mail.subject == "Hasło"
    # The part that nobody translated is English throughout, and says so to screen readers.
    assert mail.html == renderer().render_message(MESSAGES["reset_password"]).html


def test_shared_parts_can_be_translated_too(tmp_path: Path) -> None:
    (tmp_path / "footer.es.txt.j2").write_text("\nSaludos\n")
    mails = renderer(tmp_path)
    assert "Saludos" in mails.render_message(MESSAGES["reset_password"], "es").text
    assert "Saludos" not in mails.render_message(MESSAGES["reset_password"]).text


@pytest.mark.parametrize("name", SPANISH)
def test_a_spanish_mail_says_that_the_portal_is_english(name: str) -> None:
    mail = renderer().render_message(MESSAGES[name], "es")
    leads_there = name != "enrolment_code"
    for part in (mail.text, Outline(mail.html).words):
        assert part.count("El portal está en inglés.") == leads_there
    assert "inglés" not in renderer().render_message(MESSAGES[name]).text


def test_the_end_of_a_link_is_a_day_and_an_hour_that_mean_the_same_whenever_they_are_read() -> None:
    message, mails = MESSAGES["sign_up"], renderer()
    english, spanish = (mails.render_message(message, each) for each in ("en", "es"))
    for part in (english.text, Outline(english.html).words):
        assert "Sunday, July 19, 2026, 3:00 PM CDT" in " ".join(part.split())
    for part in (spanish.text, Outline(spanish.html).words):
        assert "el domingo 19 de julio de 2026, 3:00 p. m. CDT" in " ".join(part.split())
    east = renderer(dealer=msgspec.structs.replace(DEALER, time_zone="Pacific/Auckland"))
    text = " ".join(east.render_message(message).text.split())
    assert "Monday, July 20, 2026, 8:00 AM NZST." in text


def test_where_a_password_was_changed_from_is_told_in_spanish() -> None:
    notice, mails = MESSAGES["sign_in_notice"], renderer()
    for device, words in (
        ("Firefox on Windows", "Firefox en Windows, 203.0.113.7"),
        ("Samsung Internet on Android", "Samsung Internet en Android, 203.0.113.7"),
        (ANY_BROWSER, "un navegador, 203.0.113.7"),
        ("", "203.0.113.7"),
    ):
        mail = mails.render_message(msgspec.structs.replace(notice, device=device), "es")
        for part in (mail.text, Outline(mail.html).words):
            assert words in part
            assert " on " not in part
