"""Text from an ERP cannot execute, forge a header, forge a line or leave the template's sandbox."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from dueport_apps.mail import renderer as renderer_module
from dueport_apps.usecases.mails import SignUpWay
from dueport_core.errors import Invalid, Misconfigured
from dueport_email_smtp.mime import message_bytes
from dueport_email_smtp.refusals import refusal_reason
from dueport_ports.testing.email import parse_received, sample_email
from tests.mail.samples import MESSAGES, renderer
from tests.mail.test_rendering import Outline
from tests.plugins.email_smtp.smtp_server import FixedClock

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "' onmouseover='alert(1)",
    '" style="background:url(https://evil.example.test/x)',
    "</td></tr></table><h1>Pay here</h1>",
    "<a href=https://evil.example.test>Pay here</a>",
    "<!--",
    "-->",
    "]]>",
    "</style><style>*{display:none}",
    "</title><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "{{ 7*191 }}",
    "{% include 'layout.html.j2' %}",
    "{{ ''.__class__.__mro__ }}",
    "{# comment #}",
    "${7*191}",
    "#{7*191}",
    "%(total)s {0.__class__}",
    "Subject: forged",
    "first\r\nBcc: thief@example.test",
    "first\nBcc: thief@example.test",
    "first\rBcc: thief@example.test",
    "first\r\n\r\nAn entirely different body",
    "first\u2028second\u2029third",
    "\x00\x1b[31mred\x07",
    "safe\u202etxt.exe\u202c",
    "\u2066hidden\u2069",
    "\r\n.\r\nMAIL FROM:<thief@example.test>",
    "=?utf-8?q?forged?=",
    '=HYPERLINK("https://evil.example.test")',
]


def poisoned(value: Any, payload: str) -> Any:
    """The same message with the payload in every text but links, which the platform makes."""
    if isinstance(value, SignUpWay):
        return value
    if isinstance(value, str):
        return value if value.startswith("https://") else f"a {payload} b"
    if isinstance(value, tuple):
        return tuple(poisoned(each, payload) for each in value)
    if isinstance(value, msgspec.Struct):
        fields = value.__struct_fields__
        return type(value)(**{name: poisoned(getattr(value, name), payload) for name in fields})
    return value


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("name", MESSAGES)
def test_a_value_changes_neither_the_structure_of_the_html_nor_the_lines_of_the_text(
    name: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Wrapping breaks a line that a long value makes long, and would hide one that was forged.
    monkeypatch.setattr(renderer_module, "wrapped", lambda text: text)
    mails, message = renderer(), MESSAGES[name]
    harmless = mails.render_message(poisoned(message, "harmless"), language)
    expected = Outline(harmless.html)
    for payload in PAYLOADS:
        mail = mails.render_message(poisoned(message, payload), language)
        outline = Outline(mail.html)
        assert outline.tags == expected.tags, payload
        assert outline.attributes == expected.attributes, payload
        assert len(mail.text.splitlines()) == len(harmless.text.splitlines()), payload
        assert "1337" not in mail.subject + mail.text + mail.html, payload
        for mark in "\0\x1b\u2028\u2029\u202e\u2066":
            assert mark not in mail.subject + mail.text + mail.html, payload


@pytest.mark.parametrize("name", MESSAGES)
def test_a_value_forges_no_header_of_the_message_that_leaves(name: str) -> None:
    mails, now = renderer(), FixedClock().now()
    plain = parse_received([], message_bytes(sample_email(1), now))
    for payload in PAYLOADS:
        mail = mails.render_message(poisoned(MESSAGES[name], payload))
        message = sample_email(1, subject=mail.subject, text=mail.text, html=mail.html)
        assert refusal_reason(message) is None, payload
        received = parse_received([], message_bytes(message, now))
        assert received.header_names == plain.header_names, payload
        assert received.envelope_to == plain.envelope_to, payload
        assert received.to_address == plain.to_address, payload
        assert received.subject == mail.subject, payload
        assert received.text == mail.text, payload
        assert received.html == mail.html, payload


def test_what_looks_like_a_template_is_shown_as_it_was_written() -> None:
    mail = renderer().render_message(poisoned(MESSAGES["receipt_card"], "{{ 7*191 }}"))
    assert "{{ 7*191 }}" in mail.text
    assert "{{ 7*191 }}" in Outline(mail.html).words


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ name.__class__.__mro__ }}",
    "{{ name.upper() }}",
    "{{ name.format(1) }}",
    "{{ '{0.__class__}'.format(name) }}",
    "{{ dealer.__class__ }}",
    "{{ dealer.clear() }}",
    "{{ dealer.pop('name') }}",
    "{{ dealer.update({'name': 'x'}) }}",
    "{{ day.__class__ }}",
    "{{ day.strftime('%Y') }}",
    "{{ dealer.name.__class__ }}",
    "{{ dealer.name.upper() }}",
    "{{ 'x'|said|attr('__class__') }}",
    "{{ portal_url.format(1) }}",
    "{{ theme.brand.__len__ }}",
    "{% set dealer = name %}{{ name }}",
    "{% for theme in [name] %}{{ theme }}{% endfor %}",
    "{% macro portal_url() %}x{% endmacro %}{{ name }}",
    "{{ lipsum.__globals__ }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ self.__init__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ amount_row.__globals__ }}",
    "{{ ''|attr('__class__') }}",
    "{{ name|map(attribute='__class__')|join }}",
    "{{ [name]|map(attribute='__class__')|first }}",
    "{{ [name]|sum(attribute='__class__') }}",
    "{{ ()['__class__'] }}",
    "{% include '../../../../../../etc/passwd' %}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% for i in range(100000000) %}{% endfor %}",
]


@pytest.mark.parametrize("escape", ESCAPES)
def test_a_dealers_template_cannot_leave_its_sandbox(tmp_path: Path, escape: str) -> None:
    (tmp_path / "odd.txt.j2").write_text("Subject: odd\n" + escape)
    (tmp_path / "odd.html.j2").write_text("<p>body</p>")
    with pytest.raises(Misconfigured):
        renderer(tmp_path).render("odd", {"name": "x"})


@pytest.mark.parametrize(
    "taking_in",
    [
        "{% include 'raw.txt.j2' %}",
        "{% from 'raw.txt.j2' import shown %}{{ shown(name) }}",
        "{% import 'raw.txt.j2' as raw %}{{ raw.shown(name) }}",
        "{% extends 'raw.txt.j2' %}",
        "{% include ['absent.html.j2', 'raw.txt.j2'] %}",
        "{% set file = 'raw.txt.j2' %}{% include file %}",
        "{% include name %}",
    ],
)
def test_an_html_part_takes_in_no_text_file_whose_values_are_not_escaped(
    tmp_path: Path, taking_in: str
) -> None:
    (tmp_path / "raw.txt.j2").write_text("{% macro shown(v) %}{{ v }}{% endmacro %}{{ name }}")
    (tmp_path / "odd.txt.j2").write_text("Subject: odd\nbody")
    (tmp_path / "odd.html.j2").write_text(taking_in)
    with pytest.raises(Misconfigured, match=r"odd\.html\.j2, line 1.*\.html\.j2 files"):
        renderer(tmp_path).render("odd", {"name": "raw.txt.j2"})


@pytest.mark.parametrize("part", ["txt", "html"])
@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ absent }}", "absent"),
        ("{{ name.absent }}", "absent"),
        ("{{ dealer.absent }}", "absent"),
        ("{% if absent %}x{% endif %}", "absent"),
        ("{{ heading(absent) }}", "absent"),
        ("{{ name|no_such_filter }}", "no_such_filter"),
        ("{% if %}", "Expected an expression"),
    ],
)
def test_a_missing_value_is_named_with_its_file_and_line(
    tmp_path: Path, part: str, template: str, words: str
) -> None:
    imported = '{% from "parts.html.j2" import heading %}'
    good = {"txt": f"Subject: odd\n{imported}\n\nbody", "html": f"{imported}\n\n\n<p>"}
    for kind, text in good.items():
        (tmp_path / f"odd.{kind}.j2").write_text(text)
    with (tmp_path / f"odd.{part}.j2").open("a") as file:
        file.write(template)
    with pytest.raises(Misconfigured, match=rf"odd\.{part}\.j2, line 4[ ,].*{words}"):
        renderer(tmp_path).render("odd", {"name": "x"})


def test_a_template_reads_values_by_name_even_where_a_dictionary_has_a_method_of_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "odd.txt.j2").write_text("Subject: odd\n{{ row.items }}\n")
    (tmp_path / "odd.html.j2").write_text("<p>{{ row.items }}</p>")

    class Row(msgspec.Struct):
        items: str

    class Values(msgspec.Struct):
        row: Row

    assert renderer(tmp_path).render("odd", Values(Row("three nails"))).text == "three nails\n"


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "data:text/html,x", "//evil.example.test", "https://", "/relative"],
)
def test_a_button_leads_to_a_web_page_or_nowhere(link: str) -> None:
    message = msgspec.structs.replace(MESSAGES["reset_password"], reset_url=link)
    with pytest.raises(Invalid, match="link"):
        renderer().render_message(message)
