"""Bounces of the mail servers that customers really have, and what only looks like one."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dueport_apps.mail.bounces import (
    ACTIONS,
    BOUNCE_BYTES_MAX,
    RECIPIENTS_MAX,
    TEXT_MAX,
    Bounce,
    BouncedRecipient,
    read_bounce,
)
from dueport_core.errors import Invalid
from tests.counting import calls_of

FOLDER = Path(__file__).parent / "bounces"
BOUNCES = {
    "postfix": Bounce(
        original_message_id="<01kb3s6m8e@hillcountry.example.test>",
        recipients=(
            BouncedRecipient(
                address="maria@bluebonnet.example.test",
                action="failed",
                status="5.1.1",
                diagnostic="550 5.1.1 <maria@bluebonnet.example.test>: there is no mailbox of this name here",
            ),
        ),
    ),
    "postfix_delayed": Bounce(
        original_message_id="<01kb3s6m9f@hillcountry.example.test>",
        recipients=(
            BouncedRecipient(
                address="ap@lakeside.example.test",
                action="delayed",
                status="4.4.1",
                diagnostic="connect to mx.lakeside.example.test[192.0.2.25]:25: no answer in time",
            ),
        ),
    ),
    "exchange": Bounce(
        original_message_id="<01kb3s6mag@hillcountry.example.test>",
        recipients=(
            BouncedRecipient(
                address="Tom.Reyes@oakstreet.example.test",
                action="failed",
                status="5.1.10",
                diagnostic="550 5.1.10 RESOLVER.ADR.RecipientNotFound; the recipient was not found by an SMTP address lookup",
            ),
        ),
    ),
    "gmail": Bounce(
        original_message_id="<01kb3s6mbh@hillcountry.example.test>",
        recipients=(
            BouncedRecipient(
                address="builder@gmail.example.test",
                action="failed",
                status="4.2.2",
                diagnostic="452-4.2.2 The mailbox is out of space; its owner has to make room before it can take more. For the details, see 452 4.2.2 https://support.google.example.test/mail - gsmtp",
            ),
        ),
    ),
    "exim": Bounce(
        original_message_id="<01kb3s6mci@hillcountry.example.test>",
        recipients=(
            BouncedRecipient(
                address="office@cedarpark.example.test",
                action="failed",
                status="5.0.0",
                diagnostic="550 Mailbox closed",
            ),
            BouncedRecipient(
                address="owner@cedarpark.example.test",
                action="failed",
                status="5.0.0",
                diagnostic="554 Refused for policy reasons",
            ),
        ),
    ),
    "global": Bounce(
        original_message_id="<01kb3s6mdj@hillcountry.example.test>",
        recipients=(
            BouncedRecipient(
                address="josé@ferretería.example.test",
                action="failed",
                status="5.1.1",
                diagnostic="550 5.1.1 el buzón josé no existe",
            ),
            BouncedRecipient(
                address="ana@correo.example.test", action="delivered", status="2.0.0", diagnostic=""
            ),
        ),
    ),
    "without_original": Bounce(
        original_message_id="<01kb3s6mek@hillcountry.example.test>",
        recipients=(
            BouncedRecipient(
                address="shop@oldmail.example.test", action="failed", status="5.1.1", diagnostic=""
            ),
        ),
    ),
    "forwarded": Bounce(
        original_message_id="<01kb3s6mfl@hillcountry.example.test>",
        recipients=(
            BouncedRecipient(
                address="info@duplex.example.test",
                action="failed",
                status="5.7.1",
                diagnostic="550 5.7.1 not wanted here",
                final_address="duplex@forward.example.test",
            ),
        ),
    ),
}


def received(name: str, line_end: bytes = b"\r\n") -> bytes:
    return (FOLDER / f"{name}.eml").read_bytes().replace(b"\n", line_end)


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"], ids=["crlf", "lf"])
@pytest.mark.parametrize("name", BOUNCES)
def test_the_bounces_of_common_mail_servers_are_read(name: str, line_end: bytes) -> None:
    assert read_bounce(received(name, line_end)) == BOUNCES[name]


def test_every_sample_is_tested() -> None:
    assert {path.stem for path in FOLDER.glob("*.eml")} == BOUNCES.keys() | NO_BOUNCES.keys()


def test_only_a_failure_for_good_is_permanent() -> None:
    permanent = {
        name: [each.permanent for each in bounce.recipients] for name, bounce in BOUNCES.items()
    }
    assert permanent["postfix"] == permanent["exchange"] == permanent["forwarded"] == [True]
    assert permanent["exim"] == [True, True]
    assert permanent["global"] == [True, False]
    # A full mailbox has room tomorrow, although this server has given up on the one mail.
    assert permanent["gmail"] == [False]
    assert permanent["postfix_delayed"] == [False]


NO_BOUNCES = {
    "out_of_office": "automatic reply",
    "read_receipt": "another kind .disposition-notification.",
    "old_exim": "no delivery status notification",
}


@pytest.mark.parametrize("name", NO_BOUNCES)
def test_what_is_no_bounce_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(Invalid, match=NO_BOUNCES[name]):
        read_bounce(received(name))


def test_a_report_that_names_nobody_is_refused() -> None:
    with pytest.raises(Invalid, match="names no recipient"):
        read_bounce(received("postfix").replace(b"Action: failed", b"Action: gone"))
    with pytest.raises(Invalid, match="no delivery status part"):
        read_bounce(received("postfix").replace(b"message/delivery-status", b"text/plain"))


def test_a_message_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(Invalid, match="larger than"):
        read_bounce(received("postfix") + b"x" * BOUNCE_BYTES_MAX)


def test_a_bounce_that_was_cut_off_still_says_who() -> None:
    raw = received("postfix")
    bounce = read_bounce(raw[: raw.index(b"Content-Description: Undelivered Message")])
    assert bounce.recipients == BOUNCES["postfix"].recipients
    assert bounce.original_message_id == ""


def test_a_bounce_of_very_many_recipients_or_words_is_kept_short() -> None:
    group = b"Final-Recipient: rfc822; a%d@x.test\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    group += b"Diagnostic-Code: smtp; " + b"x" * 900 + b"\r\n\r\n"
    groups = b"".join(group % number for number in range(RECIPIENTS_MAX * 2))
    marker = b"Final-Recipient: rfc822; maria"
    raw = received("postfix")
    bounce = read_bounce(raw.replace(marker, groups + marker, 1))
    assert len(bounce.recipients) == RECIPIENTS_MAX
    assert {len(each.diagnostic) for each in bounce.recipients} == {TEXT_MAX}


def test_a_diagnosis_is_one_line_of_visible_text() -> None:
    raw = received("postfix").replace(b"there is no", b"\x1b[31m\x00\xff\xe2\x80\xae there is no")
    (recipient,) = read_bounce(raw).recipients
    assert recipient.diagnostic.isprintable()
    assert "there is no mailbox" in recipient.diagnostic


SAMPLES = [path.read_bytes() for path in sorted(FOLDER.glob("*.eml"))]


def assert_reads_or_refuses(raw: bytes) -> None:
    try:
        bounce = read_bounce(raw)
    except Invalid:
        return
    assert re.fullmatch(r"(<\S+>)?", bounce.original_message_id)
    assert 0 < len(bounce.recipients) <= RECIPIENTS_MAX
    for each in bounce.recipients:
        assert each.action in ACTIONS
        assert "@" in each.address
        assert (each.address + each.diagnostic).isprintable()
        assert len(each.diagnostic) <= TEXT_MAX
        assert each.permanent == (each.action == "failed" and each.status[:1] == "5")


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=2_000))
@example(b"")
@example(b"Content-Type: multipart/report; boundary=\xff\r\n\r\n--\xff\r\n")
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    assert_reads_or_refuses(raw)


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from(SAMPLES),
    st.lists(
        st.tuples(st.integers(0, 4_000), st.integers(0, 200), st.binary(max_size=12)), max_size=8
    ),
)
def test_a_damaged_bounce_is_read_or_refused(
    raw: bytes, damages: list[tuple[int, int, bytes]]
) -> None:
    for at, removed, put in damages:
        raw = raw[:at] + put + raw[at + removed :]
    assert_reads_or_refuses(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\n" * 190_000,
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" * 20_000,
        b"Content-Type: message/rfc822\r\n\r\n" * 30_000,
        b'Content-Type: multipart/report; boundary="' + b"\\" * 900_000,
        b"x: " + b"\r\n y" * 240_000,
        b"Content-Type: multipart/report; boundary=a\r\n\r\n--a\r\n"
        b"Content-Type: message/delivery-status\r\n\r\n" + b"a:b\r\n\r\n" * 140_000,
        b"\r" * 900_000,
        b"\\x{" * 300_000,
    ],
    ids=range(8),
)
def test_no_message_keeps_the_reader_busy(raw: bytes) -> None:
    def read() -> None:
        with pytest.raises(Invalid):
            read_bounce(raw)

    # A handful for a line, and lines are as short as they can be here.
    assert calls_of(read) < 2 * len(raw)
