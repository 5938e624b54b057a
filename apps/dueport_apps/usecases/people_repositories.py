"""How use cases reach who may sign in, and what admits them."""

import datetime
from collections.abc import Sequence
from typing import Protocol

from dueport_apps.usecases.invite_records import Login
from dueport_apps.usecases.records import AccountLink, ApiKey, OneTimeToken, Operator, PortalUser


class SessionRepository(Protocol):
    async def end(self, portal: str, user_id: str, *, but: bytes = b"") -> int:
        """End the person's sessions, except the one with this token hash; return how many."""
        ...


class UserRepository(Protocol):
    async def add(self, user: PortalUser) -> None:
        """Insert; raises Conflict if e-mail or username is taken (case-insensitive)."""
        ...

    async def get(self, user_id: str) -> PortalUser: ...

    async def by_login(self, login: str) -> PortalUser | None:
        """Find by e-mail or username, case-insensitively."""
        ...

    async def save(self, user: PortalUser) -> None: ...

    async def link(self, link: AccountLink) -> None:
        """Link user and account; linking again is harmless, and switches a disabled link on."""
        ...

    async def links(self, user_id: str) -> list[AccountLink]:
        """Return the links that are switched on."""
        ...

    async def logins(self, account_no: str) -> list[Login]:
        """Return everybody who was ever linked to the account, disabled links included."""
        ...

    async def set_disabled(
        self, user_id: str, account_no: str, at: datetime.datetime | None
    ) -> bool:
        """Switch a link off, or on again with None; False where nothing changed."""
        ...

    async def of_account(self, account_no: str) -> list[PortalUser]:
        """Return who can sign in for the account now."""
        ...

    async def taken_usernames(self, candidates: Sequence[str]) -> frozenset[str]: ...


class OperatorRepository(Protocol):
    async def add(self, operator: Operator) -> None: ...

    async def get(self, operator_id: str) -> Operator: ...

    async def by_email(self, email: str) -> Operator | None: ...

    async def save(self, operator: Operator) -> None: ...

    async def use_totp_step(self, operator_id: str, step: int) -> bool:
        """Record the step if it is newer than the last; False means the code was used already."""
        ...

    async def all(self) -> list[Operator]: ...

    async def add_recovery_codes(self, operator_id: str, hashes: Sequence[bytes]) -> None:
        """Replace the operator's recovery codes."""
        ...

    async def use_recovery_code(self, operator_id: str, code_hash: bytes) -> bool: ...


class TokenRepository(Protocol):
    async def add(self, token: OneTimeToken) -> None: ...

    async def find(self, token_hash: bytes, purpose: str) -> OneTimeToken | None: ...

    async def use(self, token_hash: bytes, purpose: str, now: datetime.datetime) -> OneTimeToken:
        """Consume; raises NotFound if unknown, used, expired or of another purpose."""
        ...

    async def void(self, purpose: str, subject_id: str, now: datetime.datetime) -> None: ...


class ThrottleRepository(Protocol):
    """Counts failures per key (account or address); the caller decides what follows."""

    async def failures(
        self, key: str, since: datetime.datetime
    ) -> tuple[int, datetime.datetime | None]:
        """Return how many failures since then and when the last one was."""
        ...

    async def record(self, key: str, at: datetime.datetime) -> None: ...

    async def clear(self, key: str) -> None: ...


class ApiKeyRepository(Protocol):
    async def add(self, key: ApiKey) -> None: ...

    async def by_hash(self, token_hash: bytes) -> ApiKey | None:
        """Return the key unless it is revoked."""
        ...

    async def all(self) -> list[ApiKey]: ...

    async def revoke(self, key_id: str, at: datetime.datetime) -> None: ...
