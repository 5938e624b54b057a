"""Templates: one Jinja environment for both portals, and the page around every template.

Undefined names are errors, everything is escaped, templates come from files alone. Views hand over
structs with what is to be shown; amounts are cents, and only the filters here turn them into text.
The engine of the framework is not used because it reports every template error as "not found".
"""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from litestar import Request
from litestar.enums import MediaType
from litestar.response import Response
from markupsafe import Markup, escape

from dueport_apps.logo import Logo
from dueport_apps.web.assets import Assets
from dueport_apps.web.audit_words import action_words
from dueport_apps.web.http.headers import csp_nonce
from dueport_apps.web.http.navigation import HOME, NAVIGATION, SIGN_OUT, NavItem
from dueport_apps.web.http.request_log import request_id
from dueport_apps.web.http.sessions import Flash, Principal, Session
from dueport_apps.web.http.settings import Portal
from dueport_apps.web.http.tokens import new_token
from dueport_apps.wording import ended
from dueport_core.errors import Misconfigured
from dueport_core.money import dollars, largest_remainder

TEMPLATES_FOLDER = Path(__file__).resolve().parent / "templates"
ICONS = "vendor/icons.svg"

_HEX_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_ICON_NAME = re.compile(r'<symbol id="([a-z0-9-]+)"')


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """How the dealer appears on every page.

    `accent` is a hex colour for buttons and links; white text on it must be readable (4.5:1), which
    is checked here so that a dealer learns it at start-up and not from a customer.
    """

    name: str
    email: str
    phone: str = ""
    contact_url: str = "/contact"
    logo: Logo | None = None
    accent: str = "#1f5fbf"

    def __post_init__(self) -> None:
        """Refuse an accent colour that is malformed or too light."""
        if not _HEX_COLOUR.fullmatch(self.accent):
            raise Misconfigured(f"The brand colour {self.accent!r} must look like #1f5fbf.")
        if contrast_with_white(self.accent) < 4.5:
            raise Misconfigured(
                f"White text on the brand colour {self.accent} would be hard to read; "
                "choose a darker one (contrast of at least 4.5 to 1)."
            )


class Freshness(msgspec.Struct, frozen=True):
    """When the balances shown were read from the ERP, and whether that is too long ago."""

    as_of: datetime
    stale: bool = False


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What the layouts need around the content: who looks, what is current, what was just done."""

    portal: Portal
    brand: Brand
    nonce: str
    request_id: str
    path: str
    theme: str | None
    principal: Principal | None
    flashes: Sequence[Flash]
    freshness: Freshness | None
    account_label: str


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a table: its heading, alignment and, where it can be sorted by, the link."""

    label: str
    numeric: bool = False
    tick: bool = False
    hidden: bool = False
    sort_url: str = ""
    sorted: str = ""

    @property
    def css_class(self) -> str:
        """The class of the column's cells."""
        return "dp-numeric" if self.numeric else "dp-tick" if self.tick else ""


class Templates:
    """Renders templates to responses in the dealer's brand and time zone."""

    def __init__(
        self,
        *,
        brand: Brand,
        time_zone: ZoneInfo,
        assets: Assets,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        folders: Sequence[Path] = (TEMPLATES_FOLDER,),
        menus: Mapping[Portal, Sequence[NavItem]] | None = None,
        reload: bool = False,
    ) -> None:
        self.brand = brand
        self._menus = menus or {}
        self.environment = _environment(assets, time_zone, now, folders, reload)

    def page(
        self,
        request: Request[Any, Any, Any],
        template: str,
        *,
        portal: Portal,
        status: int = 200,
        freshness: Freshness | None = None,
        account_label: str = "",
        **context: object,
    ) -> Response[str]:
        """Render a whole page with its layout; shows and forgets the waiting flash messages."""
        session = request.scope.get("auth")
        known = session if isinstance(session, Session) else None
        page = Page(
            portal=portal,
            brand=self.brand,
            nonce=csp_nonce(request.scope),
            request_id=request_id(request.scope),
            path=request.url.path,
            theme=_theme(request),
            principal=known.principal if known is not None and known.signed_in else None,
            flashes=known.pop_flashes() if known is not None else (),
            freshness=freshness,
            account_label=account_label,
        )
        around = {
            "page": page,
            "csrf": _csrf(known),
            "navigation": NAVIGATION[portal],
            "menu": self._menus.get(portal, ()),
            "home": HOME[portal],
            "sign_out": SIGN_OUT[portal],
        }
        return self._response(template, status, {**context, **around})

    def fragment(
        self,
        request: Request[Any, Any, Any],
        template: str,
        *,
        status: int = 200,
        **context: object,
    ) -> Response[str]:
        """Render a part of a page for htmx: no layout, and flash messages stay for later."""
        session = request.scope.get("auth")
        known = session if isinstance(session, Session) else None
        return self._response(template, status, {**context, "csrf": _csrf(known)})

    def error_page(
        self,
        request: Request[Any, Any, Any],
        *,
        portal: Portal,
        status: int,
        title: str,
        detail: str,
        fragment: bool,
    ) -> Response[str]:
        """Render an error; never fails itself, because nothing would be left to report it.

        Whoever is signed in keeps the portal around it, with its menu.
        """
        facts = {
            "status": status,
            "title": title,
            "detail": detail,
            "brand": self.brand,
            "home": HOME[portal],
            "nonce": csp_nonce(request.scope),
            "request_id": request_id(request.scope),
        }
        session = request.scope.get("auth")
        known = session if isinstance(session, Session) and session.signed_in else None
        try:
            if known is not None and known.portal is portal and not fragment:
                return self.page(
                    request,
                    "errors/in_portal.html",
                    portal=portal,
                    status=status,
                    account_label=str(known.data.get("account_name", "")),
                    open_account=str(known.data.get("account_no", "")),
                    layout=f"layouts/{portal}.html",
                    title=title,
                    detail=detail,
                )
            template = "errors/fragment.html" if fragment else "errors/page.html"
            return self._response(template, status, facts)
        except TemplateError:
            structlog.get_logger("dueport.errors").exception("the error page failed")
            return Response(f"{status} {title}", status_code=status, media_type="text/plain")

    def text(self, template: str, context: Mapping[str, object]) -> str:
        """Render a template to text."""
        return self.environment.get_template(template).render(context)

    def _response(self, template: str, status: int, context: Mapping[str, object]) -> Response[str]:
        return Response(
            self.text(template, context),
            status_code=status,
            media_type=MediaType.HTML,
            # The same address answers a page or a fragment; a history entry must not mix them up.
            headers={"vary": "HX-Request"},
        )


def _theme(request: Request[Any, Any, Any]) -> str | None:
    """Return the person's own choice of light or dark; without one the system's applies."""
    chosen = request.cookies.get("dueport-theme")
    return chosen if chosen in ("light", "dark") else None


def _csrf(session: Session | None) -> Callable[[], str]:
    def csrf() -> str:
        if session is None:
            raise Misconfigured("A form needs the session middleware on its route.")
        return session.csrf_token()

    return csrf


def _environment(
    assets: Assets,
    time_zone: ZoneInfo,
    now: Callable[[], datetime],
    folders: Sequence[Path],
    reload: bool,
) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=reload,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        {
            "dollars": dollars,
            "ended": ended,
            "date": lambda value: date_text(value, time_zone),
            "datetime": lambda value: datetime_text(value, time_zone),
            "clock": lambda value: clock_text(value, time_zone),
            "iso": lambda value: value.isoformat(),
            "relative": lambda value: relative_text(value, now(), time_zone),
            "count": lambda value: f"{value:,}",
            "action": action_words,
        }
    )
    environment.globals.update(
        {
            "static_url": assets.url,
            "icon": _icons(assets),
            # The parts that stand in every cell of a table are functions: a macro takes many
            # times as long.
            "draw_money": _money,
            "draw_day": _days(time_zone),
            "draw_badge": _badge,
            "draw_tick": _tick,
            "column": Column,
            "stretches": stretches,
            "new_key": new_token,
        }
    )
    return environment


def _icons(assets: Assets) -> Callable[..., Markup]:
    url = assets.url(ICONS)
    digest = url.split("/")[2]
    known = frozenset(_ICON_NAME.findall(assets.find(digest, ICONS).content.decode()))

    @functools.cache
    def icon(name: str, css_class: str = "") -> Markup:
        """Draw an icon of the sprite; it is decoration, so the words beside it must say it all."""
        if name not in known:
            raise Misconfigured(f"There is no icon {name!r} in the sprite.")
        return Markup(
            '<svg class="icon {}" width="20" height="20" aria-hidden="true" focusable="false">'
            '<use href="{}#{}"></use></svg>'
        ).format(css_class, url, name)

    return icon


def _money(cents: int, tone: str = "") -> Markup:
    """Draw an amount; nothing is greyed, and a tone says what kind of amount it is."""
    css_class = " dp-money-nil" if cents == 0 else f" dp-money-{escape(tone)}" if tone else ""
    return Markup(f'<span class="dp-money{css_class}">{escape(dollars(cents))}</span>')  # noqa: S704 - Both parts are escaped.


def _days(time_zone: ZoneInfo) -> Callable[[date], Markup]:
    @functools.lru_cache(maxsize=4096)
    def day(value: date) -> Markup:
        """Draw a date for people and for machines; an instant is shown as the dealer's day."""
        written = escape(date_text(value, time_zone))
        return Markup(f'<time class="dp-date" datetime="{value.isoformat()}">{written}</time>')  # noqa: S704 - A date and a text that is escaped.

    return day


def _badge(label: str, colour: str = "grey") -> Markup:
    """Draw a word on a coloured ground."""
    return Markup(f'<span class="dp-badge dp-badge-{escape(colour)}">{escape(label)}</span>')  # noqa: S704 - Both parts are escaped.


def _tick(
    name: str,
    value: str,
    label: str,
    cents: int = 0,
    group: str = "",
    checked: bool = False,
    disabled: bool = False,
) -> Markup:
    """Draw the cell with the box that selects a row; its label is for those who cannot see it."""
    state = f"{' checked' if checked else ''}{' disabled' if disabled else ''}"
    return Markup(  # noqa: S704 - Every text is escaped.
        '<td class="dp-tick"><input class="form-check-input" type="checkbox" '
        f'name="{escape(name)}" value="{escape(value)}" aria-label="{escape(label)}" '
        f'data-select-item="{escape(group)}" data-cents="{cents:d}"{state}></td>'
    )


def stretches(amounts_cents: Sequence[int], whole: int = 1000) -> list[tuple[int, int]]:
    """Return start and width of every amount's share of a bar; an amount above zero stays visible."""
    if not any(amount > 0 for amount in amounts_cents):
        return [(0, 0) for _ in amounts_cents]
    least = [8 if amount > 0 else 0 for amount in amounts_cents]
    weights = [max(amount, 0) for amount in amounts_cents]
    widths = [
        low + share
        for low, share in zip(least, largest_remainder(whole - sum(least), weights), strict=True)
    ]
    return [(sum(widths[:place]), width) for place, width in enumerate(widths)]


def date_text(value: date, time_zone: ZoneInfo) -> str:
    """Write a date as `Nov 22, 2026`; an instant is shown as the dealer's calendar day."""
    day = value.astimezone(time_zone) if isinstance(value, datetime) else value
    return f"{day:%b} {day.day}, {day.year}"


def clock_text(value: datetime, time_zone: ZoneInfo) -> str:
    """Write the time of day as `1:05 PM` in the dealer's time zone."""
    local = value.astimezone(time_zone)
    return f"{local.hour % 12 or 12}:{local:%M} {'AM' if local.hour < 12 else 'PM'}"


def datetime_text(value: datetime, time_zone: ZoneInfo) -> str:
    """Write an instant as `Nov 22, 2026, 1:05 PM` in the dealer's time zone."""
    return f"{date_text(value, time_zone)}, {clock_text(value, time_zone)}"


def relative_text(value: date, now: datetime, time_zone: ZoneInfo) -> str:
    """Say how far away a day or an instant is: `in 3 days`, `yesterday`, `5 minutes ago`."""
    if not isinstance(value, datetime):
        return _days_text((value - now.astimezone(time_zone).date()).days)
    seconds = (value - now).total_seconds()
    days = (value.astimezone(time_zone).date() - now.astimezone(time_zone).date()).days
    if abs(seconds) >= 86_400 or (days and abs(seconds) >= 12 * 3600):
        return _days_text(days)
    minutes = round(abs(seconds) / 60)
    if minutes < 1:
        return "just now"
    amount = _plural(minutes, "minute") if minutes < 60 else _plural(round(minutes / 60), "hour")
    return f"in {amount}" if seconds > 0 else f"{amount} ago"


def contrast_with_white(colour: str) -> float:
    """Return the WCAG contrast ratio of white against a hex colour."""
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 1.05 / (luminance + 0.05)


def _days_text(days: int) -> str:
    words = {0: "today", 1: "tomorrow", -1: "yesterday"}
    if days in words:
        return words[days]
    amount = _plural(abs(days), "day")
    return f"in {amount}" if days > 0 else f"{amount} ago"


def _plural(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
