"""Pages: how money, days and colours are shown."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from dueport_apps.web.assets import STATIC_FOLDER
from dueport_apps.web.templating import (
    Brand,
    Templates,
    clock_text,
    date_text,
    datetime_text,
    relative_text,
    stretches,
)
from dueport_core.errors import Misconfigured
from tests.web.http.memory import NOON, built_in_assets

CHICAGO = ZoneInfo("America/Chicago")


def render(source: str, **context: object) -> str:
    templates = Templates(
        brand=Brand(name="Cedar & Stone Supply", email="ar@cedarstone.example"),
        time_zone=CHICAGO,
        assets=built_in_assets(),
        now=lambda: NOON,
    )
    return templates.environment.from_string(source).render(context)


def test_an_instant_is_shown_on_the_dealers_calendar() -> None:
    late = datetime(2026, 12, 1, 5, 30, tzinfo=UTC)
    assert date_text(late, CHICAGO) == "Nov 30, 2026"
    assert clock_text(late, CHICAGO) == "11:30 PM"
    assert datetime_text(late, CHICAGO) == "Nov 30, 2026, 11:30 PM"
    assert clock_text(datetime(2026, 7, 1, 5, 5, tzinfo=UTC), CHICAGO) == "12:05 AM"
    assert date_text(date(2026, 1, 2), CHICAGO) == "Jan 2, 2026"


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (timedelta(), "just now"),
        (timedelta(minutes=-5), "5 minutes ago"),
        (timedelta(minutes=-1), "1 minute ago"),
        (timedelta(minutes=3), "in 3 minutes"),
        (timedelta(hours=-2), "2 hours ago"),
        (timedelta(hours=-20), "yesterday"),
        (timedelta(days=-3), "3 days ago"),
        (timedelta(days=1), "tomorrow"),
        (timedelta(days=1200), "in 1,200 days"),
    ],
)
def test_a_moment_is_told_as_a_person_would(offset: timedelta, words: str) -> None:
    assert relative_text(NOON + offset, NOON, CHICAGO) == words


def test_a_due_date_counts_in_whole_days_of_the_dealer() -> None:
    just_before_midnight = datetime(2026, 12, 1, 5, 59, tzinfo=UTC)
    assert relative_text(date(2026, 11, 30), just_before_midnight, CHICAGO) == "today"
    assert relative_text(date(2026, 12, 1), just_before_midnight, CHICAGO) == "tomorrow"


def test_money_is_set_in_figures_of_one_width_and_zero_is_set_back() -> None:
    money = '{% from "macros/ui.html" import money %}{{ money(cents, tone) }}'
    assert render(money, cents=123456, tone="") == '<span class="dp-money">$1,234.56</span>'
    assert "dp-money-credit" in render(money, cents=-1200, tone="credit")
    assert "-$12.00" in render(money, cents=-1200, tone="credit")
    assert "dp-money-nil" in render(money, cents=0, tone="late")


@pytest.mark.parametrize(
    "state",
    ["pending", "settled", "posted", "frozen", "terminated", "returned", "disputed", "refunded"],
)
def test_every_payment_state_has_its_badge(state: str) -> None:
    shown = render(
        '{% from "macros/ui.html" import payment_badge %}{{ payment_badge(s) }}', s=state
    )
    assert f">{state.capitalize()}</span>" in shown


def test_an_account_that_was_never_invited_has_no_badge() -> None:
    macro = '{% from "macros/ui.html" import invitation_badge %}{{ invitation_badge(s) }}'
    assert render(macro, s=None) == ""
    for state in ("pending", "accepted", "declined", "expired"):
        assert state.capitalize() in render(macro, s=state)


def test_what_comes_from_the_erp_is_escaped_everywhere() -> None:
    hostile = "\"><script>alert('x')</script>"
    for source in (
        "{{ text }}",
        '{% from "macros/ui.html" import badge %}{{ badge(text) }}',
        '{% from "macros/forms.html" import field %}{{ field("a", text, text, hint=text) }}',
        '{% from "macros/tables.html" import tick %}{{ tick("a", text, text) }}',
        '{% from "macros/ui.html" import notice %}{% call notice("info") %}{{ text }}{% endcall %}',
    ):
        shown = render(source, text=hostile)
        assert "<script" not in shown, source
        assert "&lt;script" in shown, source


def test_a_misspelt_name_in_a_template_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("{{ balanse }}")
    with pytest.raises(Misconfigured, match="no-such-icon"):
        render("{{ icon('no-such-icon') }}")


def test_the_ageing_bar_says_in_words_what_it_draws() -> None:
    shown = render(
        '{% from "macros/charts.html" import ageing %}{{ ageing("a", labels, amounts) }}',
        labels=("Current", "1–30"),
        amounts=(10_000, 5_000),
    )
    assert "Current: $100.00, 1–30: $50.00</desc>" in shown
    assert 'aria-labelledby="a-title a-desc"' in shown


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=6))
def test_the_stretches_of_a_bar_fill_it_without_gaps(amounts: list[int]) -> None:
    drawn = stretches(amounts)
    assert len(drawn) == len(amounts)
    assert sum(width for _, width in drawn) == (1000 if any(amounts) else 0)
    for (start, width), amount in zip(drawn, amounts, strict=True):
        assert (width >= 8) == (amount > 0)
        assert start >= 0


@pytest.mark.parametrize("colour", ["#ffcc00", "blue", "#12345", "red; } body { display: none"])
def test_a_brand_colour_that_cannot_be_read_is_refused(colour: str) -> None:
    with pytest.raises(Misconfigured, match="brand colour"):
        Brand(name="A", email="a@b.example", accent=colour)


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_every_text_colour_can_be_read_in_light_and_dark() -> None:
    css = (STATIC_FOLDER / "dueport.css").read_text(encoding="utf-8")
    found = re.findall(r"--dp-([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", css)
    colours = {name: (light, dark) for name, light, dark in found}
    tinted = ("green", "amber", "red", "blue", "cyan", "pink", "violet", "grey")
    pairs = [(name, f"{name}-tint") for name in tinted]
    pairs += [
        (ink, paper)
        for ink in ("ink", "ink-strong", "ink-soft", "green", "red")
        for paper in ("paper", "surface", "sunken", "hover")
    ]
    pairs.append(("ink", "grey-tint"))
    for ink, paper in pairs:
        for theme in (0, 1):
            ratio = _contrast(colours[ink][theme], colours[paper][theme])
            assert ratio >= 4.5, (ink, paper, theme, ratio)
