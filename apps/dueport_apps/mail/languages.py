"""The languages of mails: which file is read, and how days and clocks are written.

A template's file for a language stands beside the plain one: ``receipt.es.txt.j2`` beside
``receipt.txt.j2``. Plain files are English.
"""

import datetime
import re
from collections.abc import Callable
from typing import Final

from jinja2 import Environment, FileSystemLoader, TemplateNotFound

from dueport_apps.mail.spanish import in_spanish

ENGLISH: Final = "en"
SPANISH: Final = "es"

_CODE = re.compile(r"([a-z]{2})(?:[-_].*)?", re.DOTALL)
_KINDS: Final = (".txt.j2", ".html.j2")
_MONTHS_ES: Final = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
]
_WEEKDAYS_ES: Final = ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"]


def language_code(language: str) -> str:
    """``es`` for ``es``, ``es-MX`` and ``ES_us``; English for nothing and for what is no code."""
    match = _CODE.fullmatch(language.strip().lower())
    return match[1] if match else ENGLISH


class LanguageLoader(FileSystemLoader):
    """Prefers the file of one language in any folder to the plain file in an earlier one.

    So a dealer who rewords the English mail alone does not turn the Spanish one into English.
    """

    def __init__(self, folders: list[str], language: str) -> None:
        super().__init__(folders)
        self._language = language

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        # Most shared parts hold no words, and one file serves all languages.
        if self.is_translated(environment, template):
            return super().get_source(environment, self._translated(template))
        return super().get_source(environment, template)

    def is_translated(self, environment: Environment, template: str) -> bool:
        """Whether there is a file of this loader's language."""
        translated = self._translated(template)
        if not translated:
            return False
        try:
            super().get_source(environment, translated)
        except TemplateNotFound:
            return False
        return True

    def _translated(self, template: str) -> str:
        for kind in _KINDS:
            if self._language != ENGLISH and template.endswith(kind):
                return f"{template.removesuffix(kind)}.{self._language}{kind}"
        return ""


def written_day(day: datetime.date, language: str = ENGLISH) -> str:
    """``Jul 4, 2026``; in Spanish ``4 de julio de 2026``."""
    if language == SPANISH:
        return f"{day.day} de {_MONTHS_ES[day.month - 1]} de {day.year}"
    return f"{day:%b} {day.day}, {day.year}"


def written_date(day: datetime.date, language: str = ENGLISH) -> str:
    """A day as the head of a letter has it: ``July 4, 2026``."""
    return written_day(day, language) if language == SPANISH else f"{day:%B} {day.day}, {day.year}"


def written_moment(local: datetime.datetime, language: str = ENGLISH) -> str:
    """``Jul 4, 2026, 3:05 PM CDT``; in Spanish ``4 de julio de 2026, 3:05 p. m. CDT``."""
    return f"{written_day(local.date(), language)}, {_written_clock(local, language)}"


def written_deadline(local: datetime.datetime, language: str = ENGLISH) -> str:
    """An instant that something ends at, which may be read days later: ``Sunday, December 6, 2026,
    3:00 PM CST``; in Spanish ``domingo 6 de diciembre de 2026, 3:00 p. m. CST``."""
    weekday = f"{_WEEKDAYS_ES[local.weekday()]} " if language == SPANISH else f"{local:%A}, "
    return f"{weekday}{written_date(local.date(), language)}, {_written_clock(local, language)}"


def _written_clock(local: datetime.datetime, language: str) -> str:
    forenoon, afternoon = ("a. m.", "p. m.") if language == SPANISH else ("AM", "PM")
    half = forenoon if local.hour < 12 else afternoon
    return f"{local.hour % 12 or 12}:{local:%M} {half} {local:%Z}"


def said(phrase: str, language: str = ENGLISH) -> str:
    """A phrase of the platform's in the mail's language."""
    return in_spanish(phrase) if language == SPANISH else phrase
