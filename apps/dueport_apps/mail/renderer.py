"""Renders a mail: a subject, a text part and an HTML part from one pair of templates.

``<name>.txt.j2`` begins with a line ``Subject: ...``; ``<name>.html.j2`` usually extends
``layout.html.j2``. The first folder that has a file wins, so a dealer may replace any template,
and a plugin brings its own; the built-in folder is always the last.
"""

import datetime
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import Template, TemplateError, TemplateNotFound

from dueport_apps.mail.colors import palette
from dueport_apps.mail.sandbox import mail_environment, one_line, web_link
from dueport_apps.usecases.mails import MailMessage
from dueport_core.errors import Misconfigured
from dueport_core.money import dollars
from dueport_ports import DealerFacts

BUILT_IN = Path(__file__).parent / "templates"
MAX_SUBJECT = 200
TEXT_WIDTH = 64
_SUBJECT = "Subject:"
# What a wrong template can run into: names that are missing, and sums over what is no number.
_TEMPLATE_FAULTS = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError)


class RenderedMail(msgspec.Struct, frozen=True, kw_only=True):
    subject: str
    text: str
    html: str


class MailRenderer:
    """One per process; templates are compiled once and kept."""

    def __init__(self, folders: Sequence[Path], dealer: DealerFacts, base_url: str) -> None:
        """``folders`` are searched in order: the dealer's own first, then the plugins'.

        Raises Misconfigured for a brand colour that is not ``#rrggbb``.
        """
        self._time_zone = ZoneInfo(dealer.time_zone)
        self._environment = mail_environment([*map(str, folders), str(BUILT_IN)])
        self._environment.filters |= {
            "dollars": dollars,
            "day": written_day,
            "moment": self._moment,
            "web_link": web_link,
        }
        self._environment.globals.update(
            dealer=msgspec.to_builtins(dealer),
            portal_url=base_url.rstrip("/"),
            theme=msgspec.to_builtins(palette(dealer.brand_color)),
            amount_row=amount_row,
        )
        self._pair = functools.cache(self._load_pair)

    def render_message(self, message: MailMessage) -> RenderedMail:
        """Render a built-in mail from its facts."""
        return self.render(message.TEMPLATE, message)

    def render(self, template: str, values: msgspec.Struct | Mapping[str, str]) -> RenderedMail:
        """Render ``<template>.txt.j2`` and ``<template>.html.j2``.

        Raises Misconfigured when a template is missing, malformed, asks for a value that is not
        there or tries to leave its sandbox; the message names the template and the line.
        """
        plain = msgspec.to_builtins(values, builtin_types=(datetime.date, datetime.datetime))
        try:
            subject, text, html = (each.render(plain) for each in self._pair(template))
        except _TEMPLATE_FAULTS as error:
            raise _complaint(template, error) from error
        return RenderedMail(
            subject=_written_subject(subject),
            text=text.strip("\n") + "\n",
            html=html,
        )

    def _load_pair(self, template: str) -> tuple[Template, Template, Template]:
        loader = self._environment.loader
        assert loader is not None
        name = f"{template}.txt.j2"
        source, path, _ = loader.get_source(self._environment, name)
        first, _, body = source.partition("\n")
        if not first.startswith(_SUBJECT) or not first.removeprefix(_SUBJECT).strip():
            raise Misconfigured(f"{path or name} must begin with a line “Subject: ...”")
        # The subject is rendered by itself: a value in it can then never reach the body.
        return (
            self._environment.from_string(first.removeprefix(_SUBJECT)),
            self._environment.from_string("\n" + body),
            self._environment.get_template(f"{template}.html.j2"),
        )

    def _moment(self, instant: datetime.datetime) -> str:
        local = instant.astimezone(self._time_zone)
        clock = f"{local.hour % 12 or 12}:{local:%M} {'AM' if local.hour < 12 else 'PM'}"
        return f"{written_day(local.date())}, {clock} {local:%Z}"


def written_day(day: datetime.date) -> str:
    """``Jul 4, 2026``."""
    return f"{day:%b} {day.day}, {day.year}"


def amount_row(label: str, amount_cents: int) -> str:
    """One line of a text part: the label on the left, the amount flush right."""
    amount = dollars(amount_cents)
    room = TEXT_WIDTH - len(amount) - 2
    shown = one_line(label)
    shown = shown if len(shown) <= room else f"{shown[: room - 1]}…"
    return f"{shown.ljust(room)}  {amount}"


def _written_subject(rendered: str) -> str:
    subject = " ".join(one_line(rendered).split())
    return subject if len(subject) <= MAX_SUBJECT else f"{subject[: MAX_SUBJECT - 1]}…"


def _complaint(template: str, error: Exception) -> Misconfigured:
    if isinstance(error, TemplateNotFound):
        return Misconfigured(f"the mail template {error.name} is not in any template folder")
    line = getattr(error, "lineno", None)
    place = f"{template}, line {line}" if line else template
    return Misconfigured(f"the mail template {place} cannot be rendered: {error}")
