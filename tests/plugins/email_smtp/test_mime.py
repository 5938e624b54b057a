"""What the hand-written MIME says is what the standard library reads."""

import datetime
import email
import email.policy
from email.header import decode_header, make_header
from email.utils import parseaddr

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dueport_email_smtp.mime import message_bytes
from dueport_email_smtp.refusals import refusal_reason
from dueport_ports import Attachment, OutgoingEmail
from dueport_ports.testing.email import parse_received, sample_email
from tests.counting import calls_of

SENT_AT = datetime.datetime(
    2026, 7, 14, 10, 4, 5, tzinfo=datetime.timezone(-datetime.timedelta(hours=5))
)


def written(message: OutgoingEmail) -> bytes:
    assert refusal_reason(message) is None
    return message_bytes(message, SENT_AT)


def header(content: bytes, name: str) -> str:
    return str(email.message_from_bytes(content, policy=email.policy.default)[name])


def display_name(content: bytes, header_name: str) -> str:
    """Read by the older parser; the newer one puts a blank between two encoded words of a name."""
    raw = str(email.message_from_bytes(content)[header_name])
    return str(make_header(decode_header(parseaddr(raw)[0])))


def assert_fit_for_any_server(content: bytes) -> None:
    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert b"\0" not in content
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.endswith(b"\r\n")


def test_the_standard_headers_are_there_and_once() -> None:
    content = written(sample_email(7))
    names = parse_received([], content).header_names
    for name in ("from", "to", "subject", "date", "message-id", "mime-version", "reply-to"):
        assert names.count(name) == 1
    assert header(content, "Date") == "Tue, 14 Jul 2026 15:04:05 +0000"
    assert header(content, "Message-ID") == "<delivery-7@mail.example.test>"
    assert header(content, "MIME-Version") == "1.0"
    assert header(content, "Auto-Submitted") == "auto-generated"
    assert_fit_for_any_server(content)


def test_text_and_html_are_alternatives_with_the_text_first() -> None:
    message = email.message_from_bytes(written(sample_email(1)), policy=email.policy.default)
    assert message.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds == ["text/plain", "text/html"]


def test_a_text_alone_is_one_part() -> None:
    message = email.message_from_bytes(written(sample_email(1, html="")))
    assert message.get_content_type() == "text/plain"


def test_attachments_wrap_the_alternatives_in_a_mixed_message() -> None:
    files = (
        Attachment(
            name="receipt.pdf", media_type="application/pdf", content=bytes(range(256)) * 40
        ),
        Attachment(
            name='Straße "Nord" ' + "ö" * 120 + ".csv", media_type="text/csv", content=b"a,b\n"
        ),
        Attachment(name="empty.bin", media_type="application/octet-stream", content=b""),
    )
    content = written(sample_email(1, attachments=files))
    assert_fit_for_any_server(content)
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert message.get_content_type() == "multipart/mixed"
    received = parse_received([], content)
    assert received.attachments == files
    assert received.text.strip() == "Text of message 1."
    assert received.html.strip() == "<p>Text of message 1.</p>"


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "ümlaut " * 40,
        "株式会社ドゥポート" * 30,
        "😀" * 100,
        "tab\there",
        "trailing blank \n",
        "=3D =20",
    ],
)
def test_bodies_of_any_script_survive(text: str) -> None:
    content = written(sample_email(1, text=text, html=f"<p>{text}</p>"))
    assert_fit_for_any_server(content)
    received = parse_received([], content)
    assert received.text.splitlines() == text.splitlines()
    assert received.html.strip() == f"<p>{text}</p>".strip()


def test_a_mostly_foreign_text_is_base64_and_a_mostly_english_one_stays_readable() -> None:
    assert b"Content-Transfer-Encoding: base64" in written(
        sample_email(1, text="株式" * 50, html="")
    )
    english = written(sample_email(1, text="Payment received – thank you", html=""))
    assert b"Payment received =E2=80=93 thank you" in english


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Dear customer,\n.\n\tthank you\n", b"7bit"),
        ("x" * 900 + "\n", b"7bit"),
        ("x" * 901 + "\n", b"quoted-printable"),
        ("a blank at the end \nof a line\n", b"quoted-printable"),
        ("a tab at the end\t\nof a line\n", b"quoted-printable"),
        ("a bell\a\n", b"quoted-printable"),
        ("Señora Peña, thank you for your order\n", b"quoted-printable"),
    ],
)
def test_a_text_is_encoded_only_where_a_server_might_change_it(text: str, encoding: bytes) -> None:
    content = written(sample_email(1, text=text, html=""))
    assert b"Content-Transfer-Encoding: " + encoding + b"\r\n" in content
    assert parse_received([], content).text == text


def test_line_ends_of_any_system_become_those_of_mail() -> None:
    content = written(sample_email(1, text="one\r\ntwo\nthree\rfour", html=""))
    assert content.endswith(b"one\r\ntwo\r\nthree\r\nfour\r\n")


def test_header_lines_are_folded_below_79_characters() -> None:
    subject = "Your statement of the eleventh of July is ready to be looked at and paid " * 4
    content = written(sample_email(1, subject=subject.strip(), to_name="Ü" * 100))
    head = content.partition(b"\r\n\r\n")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 78
    assert header(content, "Subject") == subject.strip()


def test_a_long_link_in_a_header_is_not_broken() -> None:
    link = "<https://portal.example.test/" + "x" * 300 + ">"
    content = written(sample_email(1, headers=(("List-Unsubscribe", link),)))
    assert f"List-Unsubscribe: {link}\r\n".encode() in content


def test_the_same_message_gives_the_same_bytes() -> None:
    assert written(sample_email(1)) == written(sample_email(1))
    assert written(sample_email(1)) != written(sample_email(2))


_LINE = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\x85"),
    max_size=120,
)


@settings(deadline=None)
@given(subject=_LINE, name=_LINE, lines=st.lists(_LINE, max_size=8))
def test_whatever_an_erp_holds_arrives_unchanged_and_adds_no_header(
    subject: str, name: str, lines: list[str]
) -> None:
    message = sample_email(1, subject=subject, to_name=name, from_name=name, text="\n".join(lines))
    content = written(message)
    assert_fit_for_any_server(content)
    plain = parse_received([], written(sample_email(1)))
    received = parse_received([], content)
    assert received.header_names == plain.header_names
    assert received.to_address == plain.to_address
    # A reader may trim the blanks around a header, and change nothing else.
    assert received.subject.strip() == subject.strip()
    assert display_name(content, "To").strip() == name.strip()
    assert display_name(content, "From").strip() == name.strip()
    assert received.text.rstrip("\n").split("\n") == "\n".join(lines).rstrip("\n").split("\n")


def test_building_a_message_takes_the_same_few_steps_however_many_lines_it_has() -> None:
    def steps(times: int) -> int:
        message = sample_email(
            1,
            text="Invoice INV-1001 for Oak Street\n" * 40 * times,
            html="<tr><td>Invoice INV-1001 – Oak Street</td></tr>\r\n" * 120 * times,
            to_name="Peña",
        )
        message_bytes(message, SENT_AT)  # The date and the sender are remembered from now on.
        return calls_of(lambda: message_bytes(message, SENT_AT))

    # The standard library's EmailMessage makes some seven thousand calls for the shorter one.
    assert steps(1) == steps(100) < 150


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"to_address": "a@x.test, b@x.test"}, "to_address"),
        ({"from_address": "Hill Country <a@x.test>"}, "from_address"),
        ({"reply_to": "a@x.test\nBcc: b@x.test"}, "reply_to"),
        ({"subject": "one\rtwo"}, "subject"),
        ({"subject": "x" * 901}, "subject is longer"),
        ({"to_name": "nul\0"}, "to_name"),
        ({"message_id": "no-brackets@x.test"}, "message_id"),
        ({"message_id": "<two@at@x.test>"}, "message_id"),
        ({"message_id": "<" + "x" * 260 + "@x.test>"}, "message_id"),
        ({"headers": (("Content-Type", "text/html"),)}, "Content-Type"),
        ({"headers": (("Resent-To", "b@x.test"),)}, "Resent-To"),
        ({"headers": (("Bad Name", "x"),)}, "header's name"),
        ({"headers": (("X-Note", "a\r\nb"),)}, "X-Note"),
        ({"attachments": (Attachment("a\nb.pdf", "application/pdf", b""),)}, "attachment's name"),
        ({"attachments": (Attachment("a.pdf", "application/pdf\r\nX: y", b""),)}, "media type"),
        ({"attachments": (Attachment("a.eml", "message/rfc822", b""),)}, "composite"),
    ],
)
def test_what_could_forge_a_message_is_refused_and_named(
    changes: dict[str, object], words: str
) -> None:
    reason = refusal_reason(msgspec.structs.replace(sample_email(1), **changes))
    assert reason is not None
    assert words in reason
