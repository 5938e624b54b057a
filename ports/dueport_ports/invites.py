"""How a customer gets in: credential generation and invitation delivery.

One call serves the rehearsal and the sending, so what was shown is what happens. A delivery
returns the values of a mail template, not a mail: the platform renders it (the dealer may
override the template), queues it and keeps the only copy of nothing secret.
"""

import abc
import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from dueport_core.accounts import Account
from dueport_core.credentials import Issued, Skipped, UsernameSource, check_value, field_problem


class CredentialRequest(msgspec.Struct, frozen=True, kw_only=True):
    account: Account
    email: str
    username_source: UsernameSource
    username: str = ""
    """The user name that was promised when the invitation was recorded; it is kept."""
    taken_usernames: frozenset[str] = frozenset()


class CredentialGenerator(abc.ABC):
    @abc.abstractmethod
    def issue(self, request: CredentialRequest) -> Issued | Skipped:
        """Make a username and one-time password, or name the field that is missing."""


class InviteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One invitation about to be delivered. In a rehearsal the addresses lead nowhere."""

    account: Account
    email: str
    register_url: str
    decline_url: str
    sign_in_url: str
    expires_at: datetime.datetime
    """When what the mail holds stops working. Print it with the filter ``deadline``: a mail may be
    read days after it was sent."""
    username_source: UsernameSource = UsernameSource.EMAIL
    username: str = ""
    """The user name that was promised when the invitation was recorded, empty before that. A
    delivery that mails user names keeps it, so that what was rehearsed is what is mailed."""
    taken_usernames: frozenset[str] = frozenset()
    language: str = "en"
    """What the texts that the delivery makes are written in: ``en`` or ``es``."""
    reminder: bool = False
    """A friendly reminder of an invitation that was sent before; it says so."""
    second_check: UsernameSource | None = None
    """What the customer will be asked for beside the link, so that the mail can say it; one of
    ``SECOND_CHECKS``, which are never in the mail itself."""


class InviteContent(msgspec.Struct, frozen=True, kw_only=True):
    """What the mail says: a template of the plugin's folder and the values for it.

    The template's name is the same in every language; the platform takes
    ``<template>.es.txt.j2`` for Spanish where the folder has it, else the plain file.
    """

    template: str
    """``<template>.txt.j2`` (first line ``Subject: ...``) and ``<template>.html.j2``."""
    values: Mapping[str, str | datetime.datetime]
    credential: Issued | None = None


_FIELD_WORDS: Final[dict[str, dict[UsernameSource, str]]] = {
    "en": {
        UsernameSource.EMAIL: "e-mail address",
        UsernameSource.PHONE: "phone number",
        UsernameSource.ACCOUNT_NO: "account number",
        UsernameSource.FIRST_NAME: "first name",
        UsernameSource.LAST_NAME: "last name",
        UsernameSource.SHIP_TO_ZIP: "ship-to ZIP code",
        UsernameSource.RANDOM: "username",
    },
    "es": {
        UsernameSource.EMAIL: "correo electrónico",
        UsernameSource.PHONE: "número de teléfono",
        UsernameSource.ACCOUNT_NO: "número de cuenta",
        UsernameSource.FIRST_NAME: "nombre",
        UsernameSource.LAST_NAME: "apellido",
        UsernameSource.SHIP_TO_ZIP: "código postal de entrega",
        UsernameSource.RANDOM: "nombre de usuario",
    },
}


def field_words(source: UsernameSource, language: str = "en") -> str:
    """Return what a field is called in a mail, such as ``ship-to ZIP code``.

    English for a language that there are no words for.
    """
    return _FIELD_WORDS.get(language[:2].lower(), _FIELD_WORDS["en"])[source]


def missing_second_check(request: InviteRequest) -> Skipped | None:
    """Return why this customer could never answer the second check, or None.

    Whoever is invited is asked for their own entry in the record, where it has one. Nobody can be
    asked for what the record does not hold, nor for what was made up by chance.
    """
    source = request.second_check
    if source is None:
        return None
    if source is UsernameSource.RANDOM:
        reason = "a random username cannot be asked for as a second check; choose a field"
        return Skipped(reason=reason, field=source.value)
    if check_value(request.account, source, request.email):
        return None
    words = field_words(source)
    problem = field_problem(request.account, source, words) or f"the {words} on file is not whole"
    advice = "choose another field" if problem.endswith("typed") else "mend it in the ERP"
    if problem.startswith("no "):
        advice = "add it in the ERP"
    return Skipped(reason=f"{problem}; {advice}", field=source.value)


class InviteDelivery(abc.ABC):
    @abc.abstractmethod
    def prepare(self, request: InviteRequest) -> InviteContent | Skipped:
        """Say what this customer would receive, or why nothing. Pure: stores and sends nothing.

        An account that lacks the field of ``request.second_check`` is skipped.
        """

    @abc.abstractmethod
    def templates_folder(self) -> Path:
        """Where this delivery's mail templates are."""
