"""What is worked out once is what would have been worked out for every mail."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from dueport_apps.mail import sandbox
from dueport_apps.mail.renderer import MailRenderer, Values
from dueport_invite_credentials.delivery import CredentialDelivery, CredentialSettings
from dueport_invite_link.delivery import LinkDelivery, LinkSettings
from dueport_ports import DealerFacts, DealerLogo, InviteContent, InviteDelivery
from dueport_ports.testing.invites import sample_invite
from tests.counting import calls_of
from tests.mail.samples import DEALER, MESSAGES, PORTAL, renderer

DEALERS = [
    DEALER,
    DealerFacts(name="Bare", reply_to="ar@bare.example.test"),
    msgspec.structs.replace(
        DEALER, logo=DealerLogo(url=f"{PORTAL}/brand/logo-1.png", width=400, height=100)
    ),
    DealerFacts(
        name="<b>Smith & Sons'</b>\u202e {{ 7*191 }}",
        reply_to="a@x.test",
        phone='"',
        address="a\nb",
    ),
]


def all_mails(mails: MailRenderer) -> dict[str, Any]:
    return {
        f"{name}.{language}": mails.render_message(message, language)
        for name, message in MESSAGES.items()
        for language in ("en", "es")
    }


@pytest.mark.parametrize("dealer", DEALERS, ids=["full", "bare", "with a logo", "odd"])
def test_folding_changes_no_mail(dealer: DealerFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    folded = all_mails(renderer(dealer=dealer))
    monkeypatch.setattr(sandbox, "fold", lambda tree, *_: tree)
    assert all_mails(renderer(dealer=dealer)) == folded


@pytest.mark.parametrize(
    "delivery", [LinkDelivery(LinkSettings()), CredentialDelivery(CredentialSettings())]
)
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("reminder", [False, True])
def test_folding_changes_no_invitation(
    delivery: InviteDelivery, language: str, reminder: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = delivery.prepare(sample_invite(language=language, reminder=reminder))
    assert isinstance(content, InviteContent)
    folder = delivery.templates_folder()
    folded = renderer(folder).render(content.template, content.values, language)
    monkeypatch.setattr(sandbox, "fold", lambda tree, *_: tree)
    assert renderer(folder).render(content.template, content.values, language) == folded


TEMPLATES = {
    "a condition on a value": '{% if name == "x" %}yes{% else %}no{% endif %}',
    "a chain of conditions": (
        '{% if not dealer.phone %}a{% elif name == "x" %}{{ dealer.phone }}'
        "{% elif dealer.name %}c{% else %}d{% endif %}"
    ),
    "a value of the same name within a loop": (
        "{% for name in [name, dealer.name] %}{{ name }}{% endfor %}{{ name }}"
    ),
    "a macro with a default, a keyword and a branch": (
        '{% from "part.html.j2" import shown %}{{ shown(name) }}{{ shown(name, mark="!") }}'
        "{{ shown(mark=name, value=dealer.name) }}"
    ),
    "a macro that reads what the caller cannot give": (
        '{% from "part.html.j2" import of_module %}{{ of_module(name) }}'
    ),
    "a macro under another name": (
        '{% from "part.html.j2" import shown as put %}{{ put("<i>") }}{{ put(name)|upper }}'
    ),
    "a name that is a macro first and a value later": (
        '{% from "part.html.j2" import shown %}{{ shown(name) }}'
        "{% for shown in [name] %}{{ shown }}{% endfor %}{{ shown(name) }}"
    ),
    "two macros of one name": (
        '{% from "part.html.j2" import shown %}{{ shown(name) }}'
        '{% from "part.html.j2" import around as shown %}'
        "{% call shown() %}{{ name }}{% endcall %}"
    ),
    "an import that happens only sometimes": (
        '{% if name == "x" %}{% from "part.html.j2" import shown %}{{ shown(name) }}{% endif %}'
    ),
    "a macro of one's own": "{% macro own(v) %}<{{ v }}>{% endmacro %}{{ own(name) }}",
    "a macro with a caller": (
        '{% from "part.html.j2" import around %}{% call around() %}{{ name }}{% endcall %}'
    ),
    "an include that needs a local name": '{% set local = name %}{% include "local.html.j2" %}',
    "an include that loops": '{% include "loop.html.j2" %}',
    "a part that includes itself": '{% include "circle.html.j2" %}',
    "an include that is not there": '{% include "absent.html.j2" ignore missing %}x',
    "blocks": '{% extends "frame.html.j2" %}{% block inner %}{{ name }}{{ super() }}{% endblock %}',
}


@pytest.mark.parametrize("value", ["x", "<b>&'\"", ""])
@pytest.mark.parametrize("kind", TEMPLATES)
def test_folding_keeps_what_a_dealers_template_means(
    tmp_path: Path, kind: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "odd.txt.j2": "Subject: odd\n" + TEMPLATES[kind].replace(".html.j2", ".txt.j2"),
        "odd.html.j2": TEMPLATES[kind],
        "part.html.j2": (
            '{% macro shown(value, mark="?") %}{% if mark == "?" %}<p>{{ value }}</p>'
            "{% else %}{{ value }}{{ mark }}{% endif %}{% endmacro %}"
            '{% set inner = "m" %}{% macro of_module(v) %}{{ v }}{{ inner }}{% endmacro %}'
            "{% macro around() %}[{{ caller() }}]{% endmacro %}"
        ),
        "local.html.j2": "({{ local }}{{ dealer.name }})",
        "loop.html.j2": "{% for each in [1, 2] %}{{ loop.index }}{{ name }}{% endfor %}",
        "circle.html.j2": '{% if name == "stop" %}{% include "circle.html.j2" %}{% endif %}o',
        "frame.html.j2": "<{% if dealer.phone %}{% block inner %}{{ dealer.name }}{% endblock %}{% endif %}>",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        if name.endswith(".html.j2") and not name.startswith("odd"):
            (tmp_path / name.replace(".html.", ".txt.")).write_text(
                text.replace(".html.j2", ".txt.j2")
            )
    folded = renderer(tmp_path).render("odd", {"name": value})
    monkeypatch.setattr(sandbox, "fold", lambda tree, *_: tree)
    assert renderer(tmp_path).render("odd", {"name": value}) == folded


def invitations(number: int) -> tuple[Path, list[Values]]:
    delivery = LinkDelivery(LinkSettings(message="From August on."))
    contents = [
        delivery.prepare(
            sample_invite(
                register_url=f"{PORTAL}/register/{each:040d}",
                decline_url=f"{PORTAL}/decline/{each:040d}",
            )
        )
        for each in range(number)
    ]
    values = [each.values for each in contents if isinstance(each, InviteContent)]
    return delivery.templates_folder(), [
        {**each, "account_name": f"Company {index}"} for index, each in enumerate(values)
    ]


def calls_for_another(mails: MailRenderer, values: list[Values]) -> int:
    """Count the calls for a mail of a template that is known already."""
    first, another = values
    mails.render("invite_link", first)
    return calls_of(lambda: mails.render("invite_link", another))


def test_a_mail_of_a_campaign_takes_less_than_half_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, values = invitations(2)
    folded = calls_for_another(renderer(folder), values)
    monkeypatch.setattr(sandbox, "fold", lambda tree, *_: tree)
    assert calls_for_another(renderer(folder), values) > 2 * folded


def test_each_of_a_campaigns_mails_is_its_own() -> None:
    folder, values = invitations(50)
    mails = [renderer(folder).render("invite_link", each) for each in values]
    for index, mail in enumerate(mails):
        for part in (mail.text, mail.html):
            assert f"Company {index}" in part
            assert f"{index:040d}" in part
            assert f"{index + 1:040d}" not in part


def test_a_dealers_facts_may_change_between_renderers() -> None:
    other = msgspec.structs.replace(DEALER, name="Valley Lumber")
    first, second = renderer(), renderer(dealer=other)
    assert DEALER.name in first.render_message(MESSAGES["reset_password"]).html
    assert DEALER.name not in second.render_message(MESSAGES["reset_password"]).html
