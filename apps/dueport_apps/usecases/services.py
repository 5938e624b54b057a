"""The small services that use cases share: identity, secrets, mail, and which processor takes what.

Protocols, because only the platform implements them; the container wires the real ones and
tests wire deterministic ones.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from dueport_apps.usecases.mail_records import MailDelivery
from dueport_apps.usecases.mails import MailMessage
from dueport_apps.usecases.records import Language
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_ports import (
    Attachment,
    ErpConnector,
    InviteContent,
    InviteDelivery,
    OutgoingEmail,
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


class WrittenMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail as its recipient would read it."""

    subject: str
    text: str
    html: str


class Mailroom(Protocol):
    """Writes mails: now, to be kept sealed until they are sent, or when a worker sends them."""

    async def queue(
        self,
        uow: UnitOfWork,
        *,
        kind: str,
        subject_ref: str,
        to_address: str,
        to_name: str,
        message: MailMessage | InviteContent,
        language: Language = "en",
        test: bool = False,
        reply_to: str = "",
        invitation_id: str = "",
        attachments: Sequence[Attachment] = (),
    ) -> bool:
        """Write one mail, seal it, queue it in the caller's transaction and ask for it to be sent;
        False when this (kind, subject_ref, to_address) was queued before, so a repeat mails nobody
        twice. A test says so itself; answers go to ``reply_to``, else to the dealer."""
        ...

    def write(
        self,
        message: MailMessage | InviteContent,
        language: Language = "en",
        *,
        test: bool = False,
    ) -> WrittenMail:
        """Return what the recipient would read; stores nothing."""
        ...

    def compose(
        self,
        delivery: MailDelivery,
        *,
        to_name: str,
        content: InviteContent,
        language: Language,
        unsubscribe_url: str,
    ) -> OutgoingEmail:
        """Write a queued invitation's mail at the moment of sending. Raises Misconfigured for a
        template that cannot be rendered."""
        ...

    def unseal(self, delivery: MailDelivery) -> OutgoingEmail:
        """Return a mail that was written when it was queued."""
        ...


class Presence(Protocol):
    """This process as other workers see it."""

    async def number(self) -> int:
        """Return the number that this process holds an advisory lock on while it lives."""
        ...

    async def close(self) -> None:
        """Give the number back, as if the process had ended: what it still claims is anybody's.
        The next call of `number` takes another one."""
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
