"""Renders a mail: a subject, a text part and an HTML part from one pair of templates.

``<name>.txt.j2`` begins with a line ``Subject: ...``; ``<name>.html.j2`` usually extends
``layout.html.j2``. The first folder that has a file wins, so a dealer may replace any template,
and a plugin brings its own; the built-in folder is always the last. ``<name>.es.txt.j2`` is the
same mail in Spanish; a language that has no file of its own gets the plain one.
"""

import datetime
import functools
import re
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import Template, TemplateError, TemplateNotFound, TemplateSyntaxError

from dueport_apps.logo import fitted
from dueport_apps.mail.colors import palette
from dueport_apps.mail.languages import (
    ENGLISH,
    LanguageLoader,
    language_code,
    said,
    written_day,
    written_deadline,
    written_moment,
)
from dueport_apps.mail.sandbox import MailEnvironment, mail_environment, one_line, web_link
from dueport_apps.mail.wrapping import wrapped
from dueport_apps.usecases.mails import MailMessage
from dueport_apps.wording import ended
from dueport_core.errors import Misconfigured
from dueport_core.money import dollars
from dueport_ports import DealerFacts, DealerLogo

BUILT_IN = Path(__file__).parent / "templates"
MAX_SUBJECT = 200
TEXT_WIDTH = 64
LOGO_BOX = (280, 52)
"""Pixels: what the logo at the top of a mail takes up at most; `layout.html.j2` says so again."""
TEST_NOTICE = "test_notice"
"""The template of what stands above a mail that is sent as a test."""
_SUBJECT = "Subject:"
_DEADLINES = 64
_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_FILE_END = ".j2"
# What a wrong template can run into: names that are missing, and sums over what is no number.
_TEMPLATE_FAULTS = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError)

Values = msgspec.Struct | Mapping[str, str | datetime.datetime]


class RenderedText(msgspec.Struct, frozen=True, kw_only=True):
    subject: str
    text: str


class RenderedMail(msgspec.Struct, frozen=True, kw_only=True):
    subject: str
    text: str
    html: str


class MailRenderer:
    """One per process; templates are compiled once for each language and kept."""

    def __init__(self, folders: Sequence[Path], dealer: DealerFacts, base_url: str) -> None:
        """``folders`` are searched in order: the dealer's own first, then the plugins'.

        Raises Misconfigured for a brand colour that is not ``#rrggbb``.
        """
        self.portal_url = base_url.rstrip("/")
        self._folders = [*map(str, folders), str(BUILT_IN)]
        self._time_zone = ZoneInfo(dealer.time_zone)
        self._constants = {
            "dealer": {**msgspec.to_builtins(dealer), "logo": _shown(dealer.logo)},
            "portal_url": self.portal_url,
            "theme": msgspec.to_builtins(palette(dealer.brand_color)),
        }
        self._environment = functools.cache(self._make_environment)
        self._texts = functools.cache(self._load_text)
        self._html = functools.cache(self._load_html)

    def render_message(self, message: MailMessage, language: str = "") -> RenderedMail:
        """Render a built-in mail from its facts."""
        return self.render(message.TEMPLATE, message, language)

    def render(self, template: str, values: Values, language: str = "") -> RenderedMail:
        """Render ``<template>.txt.j2`` and ``<template>.html.j2``.

        ``language`` is a code such as ``es`` or ``es-MX``; without one, or without a file for
        it, the plain templates are taken. Raises Misconfigured when a template is missing,
        malformed, asks for a value that is not there or tries to leave its sandbox; the message
        names the file and the line.
        """
        plain = _plain(values)
        code = language_code(language)
        try:
            subject, text = (each.render(plain) for each in self._texts(template, code))
            html = self._html(template, code).render(plain)
        except _TEMPLATE_FAULTS as error:
            raise _complaint(template, error) from error
        return RenderedMail(
            subject=_written_subject(subject), text=wrapped(_written_text(text)), html=html
        )

    def as_test(self, mail: RenderedMail, language: str = "") -> RenderedMail:
        """Return the mail with a notice above it, in subject, text and HTML: this is a test, and
        what it holds opens nothing."""
        notice = self.render(TEST_NOTICE, {"subject": mail.subject}, language)
        body = _BODY.search(mail.html)
        top = body.end() if body else 0
        return RenderedMail(
            subject=notice.subject,
            text=f"{notice.text}\n{mail.text}",
            html=f"{mail.html[:top]}\n{notice.html}{mail.html[top:]}",
        )

    def render_text(self, template: str, values: Values, language: str = "") -> RenderedText:
        """Render ``<template>.txt.j2`` alone, for what is printed rather than mailed."""
        plain = _plain(values)
        try:
            subject, text = (
                each.render(plain) for each in self._texts(template, language_code(language))
            )
        except _TEMPLATE_FAULTS as error:
            raise _complaint(template, error) from error
        return RenderedText(subject=_written_subject(subject), text=_written_text(text))

    def _load_text(self, template: str, language: str) -> tuple[Template, Template]:
        name = f"{template}.txt.j2"
        environment = self._environment_of(name, language)
        assert environment.loader is not None
        source, path, _ = environment.loader.get_source(environment, name)
        first, _, body = source.partition("\n")
        if not first.startswith(_SUBJECT) or not first.removeprefix(_SUBJECT).strip():
            raise Misconfigured(f"{path} must begin with a line “Subject: ...”")
        # The subject is rendered by itself: a value in it can then never reach the body.
        subject, text = (
            Template.from_code(
                environment,
                environment.compile(part, name, path),
                environment.make_globals(None),
            )
            for part in (first.removeprefix(_SUBJECT), "\n" + body)
        )
        return subject, text

    def _load_html(self, template: str, language: str) -> Template:
        name = f"{template}.html.j2"
        return self._environment_of(name, language).get_template(name)

    def _environment_of(self, name: str, language: str) -> MailEnvironment:
        """The environment of the language that a part is written in: all of it, or none."""
        if language != ENGLISH:
            environment = self._environment(language)
            assert isinstance(environment.loader, LanguageLoader)
            if environment.loader.is_translated(environment, name):
                return environment
        return self._environment(ENGLISH)

    def _make_environment(self, language: str) -> MailEnvironment:
        loader = LanguageLoader(self._folders, language)
        environment = mail_environment(loader, {**self._constants, "language": language})

        # All mails of a campaign end at a few instants, and each mail says it twice.
        @functools.lru_cache(_DEADLINES)
        def deadline(instant: datetime.datetime) -> str:
            return written_deadline(instant.astimezone(self._time_zone), language)

        environment.filters |= {
            "dollars": dollars,
            "day": functools.partial(written_day, language=language),
            "moment": lambda instant: written_moment(instant.astimezone(self._time_zone), language),
            "deadline": deadline,
            "said": functools.partial(said, language=language),
            "ended": ended,
            "web_link": web_link,
        }
        environment.globals["amount_row"] = amount_row
        return environment


def _shown(logo: DealerLogo | None) -> dict[str, object] | None:
    """The logo as templates see it: with the size that it has in a mail."""
    if logo is None:
        return None
    width, height = fitted(logo.width, logo.height, *LOGO_BOX)
    return {"url": logo.url, "width": width, "height": height}


def amount_row(label: str, amount_cents: int) -> str:
    """One line of a text part: the label on the left, the amount flush right."""
    amount = dollars(amount_cents)
    room = TEXT_WIDTH - len(amount) - 2
    shown = one_line(label)
    shown = shown if len(shown) <= room else f"{shown[: room - 1]}…"
    return f"{shown.ljust(room)}  {amount}"


def _plain(values: Values) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(
        values, builtin_types=(datetime.date, datetime.datetime)
    )
    return plain


def _written_subject(rendered: str) -> str:
    subject = " ".join(one_line(rendered).split())
    return subject if len(subject) <= MAX_SUBJECT else f"{subject[: MAX_SUBJECT - 1]}…"


def _written_text(rendered: str) -> str:
    return rendered.strip("\n") + "\n"


def _complaint(template: str, error: Exception) -> Misconfigured:
    if isinstance(error, TemplateNotFound):
        return Misconfigured(f"the mail template {error.name} is not in any template folder")
    place = _place(error) or template
    return Misconfigured(f"the mail template {place} cannot be rendered: {error}")


def _place(error: Exception) -> str:
    """Where an error came from: the file and line, and those that took this file in."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or error.name}, line {error.lineno}"
    lines: dict[str, int] = {}
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename.endswith(_FILE_END):
            lines[frame.f_code.co_filename] = line
    return " in ".join(f"{name}, line {line}," for name, line in reversed(lines.items())).rstrip(
        ","
    )
