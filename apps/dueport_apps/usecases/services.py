"""The small services that use cases share: identity, secrets, mail, and which processor takes what.

Protocols, because only the platform implements them; the container wires the real ones and
tests wire deterministic ones.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from dueport_apps.usecases.mails import MailMessage
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_ports import (
    Attachment,
    ErpConnector,
    InviteContent,
    InviteDelivery,
    PaymentMethodKind,
    PaymentProcessor,
)


class Ids(Protocol):
    """Makes our identifiers: 26 characters, sortable by creation."""

    def new(self) -> str: ...


class Tokens(Protocol):
    """Makes and hashes the secrets that are mailed. Only the hash is ever stored."""

    def new(self) -> str:
        """Return 256 random bits as URL-safe text."""
        ...

    def hash(self, token: str) -> bytes:
        """Return the SHA-256 of the text."""
        ...

    def random_bytes(self, count: int) -> bytes: ...


class PasswordHasher(Protocol):
    """Argon2id off the event loop, with bounded concurrency."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, password_hash: str, password: str) -> bool:
        """Check; an empty hash costs the same time and is never right."""
        ...


class SecondFactor(Protocol):
    """TOTP: secrets are sealed, a code is good for one time step."""

    def new_secret(self) -> str: ...

    def seal(self, secret: str) -> str: ...

    def matching_step(self, secret_sealed: str, code: str) -> int | None:
        """Return the time step that the code belongs to, or None."""
        ...

    def provisioning_uri(self, secret: str, email: str) -> str: ...


class Mailroom(Protocol):
    """Renders a mail, seals it and queues it in the caller's transaction."""

    async def queue(
        self,
        uow: UnitOfWork,
        *,
        kind: str,
        subject_ref: str,
        to_address: str,
        to_name: str,
        message: MailMessage | InviteContent,
        attachments: Sequence[Attachment] = (),
    ) -> bool:
        """Queue one mail and ask for it to be sent; False when this (kind, subject_ref,
        to_address) was queued before, so a repeat mails nobody twice."""
        ...


class Processors(Protocol):
    """The configured processors, by name and by the method that each takes."""

    def for_method(self, method: PaymentMethodKind) -> tuple[str, PaymentProcessor] | None: ...

    def named(self, name: str) -> PaymentProcessor:
        """Return the processor; raises NotFound for a name that is not configured."""
        ...

    def all(self) -> Mapping[str, PaymentProcessor]: ...


class Erp(Protocol):
    """The configured ERP connector and its name."""

    @property
    def name(self) -> str: ...

    @property
    def connector(self) -> ErpConnector: ...


class Deliveries(Protocol):
    """The configured way to deliver invitations, and all that old links may still need."""

    @property
    def current(self) -> str: ...

    def named(self, name: str) -> InviteDelivery: ...
