"""The dealer's logo at the top of every mail, and the mail where pictures are blocked."""

import re

import msgspec
import pytest

from dueport_apps.mail.colors import contrast
from dueport_apps.mail.renderer import LOGO_BOX, RenderedMail
from dueport_core.errors import Invalid
from dueport_invite_credentials.delivery import CredentialDelivery, CredentialSettings
from dueport_invite_link.delivery import LinkDelivery, LinkSettings
from dueport_ports import DealerFacts, DealerLogo
from tests.mail.samples import DEALER, MESSAGES, PORTAL, render_invite, renderer
from tests.mail.test_rendering import Outline

URL = f"{PORTAL}/brand/logo-0123456789abcdef.png"


def with_logo(width: int = 800, height: int = 200, **changes: str) -> DealerFacts:
    logo = DealerLogo(url=URL, width=width, height=height)
    return msgspec.structs.replace(DEALER, logo=logo, **changes)


def every_mail(dealer: DealerFacts) -> dict[str, RenderedMail]:
    mails = renderer(dealer=dealer)
    found = {
        f"{name}.{language}": mails.render_message(message, language)
        for name, message in MESSAGES.items()
        for language in ("en", "es")
    }
    for language in ("en", "es"):
        for delivery in (LinkDelivery(LinkSettings()), CredentialDelivery(CredentialSettings())):
            invite = render_invite(delivery, dealer, language=language)
            found[f"{type(delivery).__name__}.{language}"] = invite
    return found


def image(mail: RenderedMail) -> dict[str, str]:
    (tag,) = re.findall(r"<img\b([^>]*)>", mail.html)
    return dict(re.findall(r'([a-z]+)="([^"]*)"', tag))


def test_every_mail_carries_the_logo_and_loads_nothing_else() -> None:
    for name, mail in every_mail(with_logo()).items():
        shown = image(mail)
        assert shown["src"] == URL, name
        assert (shown["width"], shown["height"]) == ("208", "52"), name
        assert shown["alt"] == DEALER.name, name
        assert "data:" not in mail.html, name
        loaded = re.findall(
            r"\bsrc=|url\(|@import|<(?:link|script|iframe|object|video)\b", mail.html
        )
        assert loaded == ["src="], name
        assert Outline(mail.html).tags.count("img") == 1, name


def test_the_plain_text_and_the_subject_know_no_logo() -> None:
    plain = every_mail(DEALER)
    for name, mail in every_mail(with_logo()).items():
        assert mail.subject == plain[name].subject
        # A one-time password is another one each time.
        if not name.startswith(CredentialDelivery.__name__):
            assert mail.text == plain[name].text


def test_without_a_logo_the_name_stands_on_the_brand_colour() -> None:
    for mail in every_mail(DEALER).values():
        assert "<img" not in mail.html
        assert DEALER.name in Outline(mail.html).words


def test_the_logo_weighs_nothing_in_the_mail() -> None:
    plain = every_mail(DEALER)
    for name, mail in every_mail(with_logo()).items():
        assert len(mail.html) - len(plain[name].html) < 900
        assert max(map(len, mail.html.splitlines())) < 900


@pytest.mark.parametrize("size", [(2000, 100), (16, 2000), (40, 40), (2000, 2000), (280, 52)])
def test_any_logo_fits_into_the_head_of_a_mail(size: tuple[int, int]) -> None:
    shown = image(renderer(dealer=with_logo(*size)).render_message(MESSAGES["sign_up"]))
    width, height = int(shown["width"]), int(shown["height"])
    assert 1 <= width <= LOGO_BOX[0]
    assert 1 <= height <= LOGO_BOX[1]
    # Mail programs that know style sheets go by these.
    assert f"max-width:{LOGO_BOX[0]}px" in shown["style"]
    assert f"max-height:{LOGO_BOX[1]}px" in shown["style"]


@pytest.mark.parametrize("color", ["#ffd400", "#0f5257", "#ffffff", "#000000"])
def test_where_pictures_are_blocked_the_name_reads_on_the_plate(color: str) -> None:
    dealer = with_logo(brand_color=color)
    shown = image(renderer(dealer=dealer).render_message(MESSAGES["sign_up"]))
    (ink,) = re.findall(r"(?<!-)color:(#[0-9a-f]{6})", shown["style"])
    assert contrast(ink, "#ffffff") >= 4.5


def test_dark_mode_leaves_the_plate_white() -> None:
    html = renderer(dealer=with_logo()).render_message(MESSAGES["sign_up"]).html
    (cell,) = re.findall(r"<td([^>]*)>\s*<img", html)
    (names,) = re.findall(r'class="([^"]*)"', cell)
    dark = html[html.index("prefers-color-scheme: dark") : html.index("</style>")]
    assert "background-color:#ffffff" in cell
    assert not set(re.findall(r"\.([a-z]+) \{", dark)) & set(names.split())


def test_a_name_with_quotes_stays_within_the_tag() -> None:
    dealer = with_logo(name='Smith "&" Sons\' <b>')
    html = renderer(dealer=dealer).render_message(MESSAGES["sign_up"]).html
    attributes = dict(Outline(html).attributes)
    assert attributes["alt"] == 'Smith "&" Sons\' <b>'


def test_an_address_that_is_no_web_address_is_never_mailed() -> None:
    logo = DealerLogo(url="javascript:alert(1)", width=40, height=40)
    dealer = msgspec.structs.replace(DEALER, logo=logo)
    with pytest.raises(Invalid):
        renderer(dealer=dealer).render_message(MESSAGES["sign_up"])
