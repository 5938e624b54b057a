"""How a customer gets in: credential generation and invitation delivery.

One call serves the rehearsal and the sending, so what was shown is what happens. A delivery
returns the values of a mail template, not a mail: the platform renders it (the dealer may
override the template), queues it and keeps the only copy of nothing secret.
"""

import abc
from pathlib import Path

import msgspec

from dueport_core.accounts import Account
from dueport_core.credentials import Issued, Skipped, UsernameSource


class CredentialRequest(msgspec.Struct, frozen=True, kw_only=True):
    account: Account
    email: str
    username_source: UsernameSource
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
    expires_in_days: int
    username_source: UsernameSource = UsernameSource.EMAIL
    taken_usernames: frozenset[str] = frozenset()


class InviteContent(msgspec.Struct, frozen=True, kw_only=True):
    """What the mail says: a template of the plugin's folder and the values for it."""

    template: str
    """``<template>.txt.j2`` (first line ``Subject: ...``) and ``<template>.html.j2``."""
    values: dict[str, str]
    credential: Issued | None = None


class InviteDelivery(abc.ABC):
    @abc.abstractmethod
    def prepare(self, request: InviteRequest) -> InviteContent | Skipped:
        """Say what this customer would receive, or why nothing. Pure: stores and sends nothing."""

    @abc.abstractmethod
    def templates_folder(self) -> Path:
        """Where this delivery's mail templates are."""
