"""Sign-in sessions: a table row found by a hashed token, changed by explicit calls only.

Why not the framework's sessions: those take over an identifier that the client made up (fixation),
write the data back after every request (so a slow page undoes a sign-out), store identifiers in
clear and create a row for every anonymous visit. Here

- a token is 256 random bits and only its SHA-256 is stored; an unknown token is ignored;
- looking at pages creates nothing; `start` is called by a successful sign-in;
- the token changes at sign-in, second factor, step-up and every other change of rights;
- `touch` and `save` change an existing row and never insert one, so an ended session stays ended;
- 30 minutes without a request or 12 hours since sign-in end it.

Forms that come before sign-in (sign in, register, ask for a new link) still need protection against
cross-site posts. They are bound to a random value in a `__Host-` cookie which is set only when a
page actually asks for a token; the token is an HMAC over that value with the deployment's secret, so
a cookie planted by a sibling host is useless. No row is written for it.

Flash messages travel in a signed cookie for the same reasons: they outlive a sign-out, work before
sign-in and cost no write when a page shows them.
"""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec
from litestar.datastructures import Cookie

from dueport_apps.web.http.cookies import dropped, kept
from dueport_apps.web.http.settings import HttpSettings, Portal
from dueport_apps.web.http.tokens import derive, hash_token, masked, new_token, signed, unsigned
from dueport_core.errors import Conflict

MAX_FLASHES = 5
GO_ON = "Sign in and go on."


class AuthLevel(StrEnum):
    """How far a sign-in has come; only `FULL` opens the portal."""

    PASSWORD = "password"  # noqa: S105 (a level, not a password)
    CHANGE_PASSWORD = "change_password"  # noqa: S105 - a level, not a password.
    FULL = "full"


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the session table."""

    token_hash: bytes
    portal: Portal
    user_id: str
    auth_level: AuthLevel
    csrf_secret: bytes
    created_at: datetime
    last_seen_at: datetime
    step_up_at: datetime | None = None
    data: dict[str, Any] = {}


class SessionStore(Protocol):
    """Where session rows live; every call is one short statement of its own."""

    async def find(self, token_hash: bytes) -> SessionRecord | None:
        """Return the row of a hashed token, or None."""

    async def create(self, record: SessionRecord) -> None:
        """Insert a row."""

    async def touch(self, token_hash: bytes, last_seen_at: datetime) -> None:
        """Note the last request of an existing row; never insert one."""

    async def save(self, token_hash: bytes, data: Mapping[str, Any]) -> None:
        """Replace the data of an existing row; never insert one."""

    async def rotate(self, token_hash: bytes, record: SessionRecord) -> bool:
        """Replace an existing row by `record` in one transaction; False where it was gone."""

    async def delete(self, token_hash: bytes) -> None:
        """Delete a row; an unknown one is no error."""

    async def delete_for_user(self, portal: Portal, user_id: str, keep: bytes | None = None) -> int:
        """Delete a user's rows but the one with the hash `keep`; return how many."""


class AccountChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One account that a customer may open."""

    account_no: str
    name: str


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asking: loaded anew for every request, so that lost rights are lost at once."""

    portal: Portal
    user_id: str
    name: str
    email: str
    permissions: frozenset[str] = frozenset()
    accounts: int = 1
    """How many accounts a customer may choose between."""
    choices: tuple[AccountChoice, ...] = ()
    """These accounts by name, where there are several and few enough for a menu."""


class PrincipalFinder(Protocol):
    """Finds the person behind a session, or None where the login was disabled or removed."""

    async def find(self, record: SessionRecord) -> Principal | None:
        """Return the person with the rights of this moment."""


class ApiKeyFinder(Protocol):
    """Finds who an API key stands for."""

    async def find_key(self, portal: Portal, key_hash: bytes) -> Principal | None:
        """Return the key's principal with its scopes as permissions, or None."""


class Flash(msgspec.Struct, frozen=True):
    """A message for the next page: a sentence and its kind (success, info, warning, danger)."""

    message: str
    kind: str = "success"


class Session:
    """One request's view of its session; handlers reach it as `request.auth`."""

    def __init__(
        self,
        *,
        portal: Portal,
        settings: HttpSettings,
        store: SessionStore,
        now: Callable[[], datetime],
        cookies: Mapping[str, str],
    ) -> None:
        self.portal = portal
        self.record: SessionRecord | None = None
        self.principal: Principal | None = None
        self.by_key = False
        self.lapsed = False
        """The browser still holds a session that has ended."""
        self._farewell = f"You are signed out by now. {GO_ON}"
        self._settings = settings
        self._store = store
        self._now = now
        self._cookies = cookies
        self._outgoing: dict[str, Cookie] = {}
        self._flashes: list[Flash] | None = None

    @property
    def signed_in(self) -> bool:
        """Whether the sign-in is complete."""
        return self.principal is not None and self.level is AuthLevel.FULL

    @property
    def level(self) -> AuthLevel | None:
        """How far the sign-in has come; an API key has all that it can have."""
        if self.by_key:
            return AuthLevel.FULL
        return self.record.auth_level if self.record is not None else None

    @property
    def data(self) -> Mapping[str, Any]:
        """What was saved with the session."""
        return self.record.data if self.record is not None else {}

    async def open(self, finder: PrincipalFinder) -> None:
        """Find the session of the request's cookie; a dead or unknown one is dropped."""
        token = self._cookies.get(self._name())
        if not token:
            return
        record = await self._store.find(hash_token(token))
        if record is not None and record.portal is self.portal:
            over = self._over(record)
            principal = None if over else await finder.find(record)
            if principal is not None:
                self.record, self.principal = record, principal
                await self._touch()
                return
            await self._store.delete(record.token_hash)
            self._farewell = over or self._farewell
        self.lapsed = True
        self._drop("")

    def use_key(self, principal: Principal) -> None:
        """Let an API key stand for its principal; there is no cookie and no row."""
        self.principal, self.by_key = principal, True

    async def start(
        self,
        user_id: str,
        level: AuthLevel = AuthLevel.FULL,
        *,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Sign a user in under a fresh token; whatever session the browser had before ends."""
        if self.record is not None:
            await self._store.delete(self.record.token_hash)
        now = self._now()
        token = new_token()
        self.record = SessionRecord(
            token_hash=hash_token(token),
            portal=self.portal,
            user_id=user_id,
            auth_level=level,
            csrf_secret=secrets.token_bytes(32),
            created_at=now,
            last_seen_at=now,
            data=dict(data or {}),
        )
        await self._store.create(self.record)
        self._keep("", token)
        self._drop("form")

    async def rotate(self, *, level: AuthLevel | None = None, stepped_up: bool = False) -> None:
        """Give the session a new token, as every change of rights must.

        `level` is the new authentication level; `stepped_up` notes that the person has just proved
        again who they are. The time of sign-in stays, so the absolute limit is never extended.
        Raises `Conflict` where the session was ended meanwhile.
        """
        if self.record is None:
            raise Conflict("Your session has ended; sign in again.")
        now = self._now()
        token = new_token()
        renewed = msgspec.structs.replace(
            self.record,
            token_hash=hash_token(token),
            csrf_secret=secrets.token_bytes(32),
            auth_level=level or self.record.auth_level,
            last_seen_at=now,
            step_up_at=now if stepped_up else self.record.step_up_at,
        )
        if not await self._store.rotate(self.record.token_hash, renewed):
            self.record = self.principal = None
            self._drop("")
            raise Conflict("Your session has ended; sign in again.")
        self.record = renewed
        self._keep("", token)

    async def save(self, data: Mapping[str, Any]) -> None:
        """Replace the data kept with the session."""
        if self.record is None:
            raise Conflict("Your session has ended; sign in again.")
        self.record = msgspec.structs.replace(self.record, data=dict(data))
        await self._store.save(self.record.token_hash, data)

    async def end(self) -> None:
        """Sign out: the row is deleted, so the token is worthless wherever it was copied to."""
        if self.record is not None:
            await self._store.delete(self.record.token_hash)
        self.record = self.principal = None
        self._drop("")

    async def end_others(self) -> int:
        """End the user's other sessions, as a new password or second factor must."""
        if self.record is None:
            return 0
        return await self._store.delete_for_user(
            self.portal, self.record.user_id, keep=self.record.token_hash
        )

    def stepped_up(self) -> bool:
        """Whether the person proved who they are within the last minutes.

        An API key cannot be asked again; an operator grants it sensitive permissions one by one.
        """
        if self.by_key:
            return True
        at = self.record.step_up_at if self.record is not None else None
        return at is not None and (self._now() - at).total_seconds() <= self._settings.step_up_s

    def csrf_token(self) -> str:
        """Return a token for a form of this page; before sign-in this sets the form cookie."""
        if self.record is None and not self._cookies.get(self._name("form")):
            value = new_token()
            self._cookies = {**self._cookies, self._name("form"): value}
            self._keep("form", value)
        key = self.csrf_key()
        assert key is not None
        return masked(key)

    def csrf_key(self) -> bytes | None:
        """Return the key that a posted token must prove, or None where no form was ever shown."""
        if self.record is not None:
            return derive(self.record.csrf_secret, "csrf", self.portal)
        value = self._cookies.get(self._name("form"))
        return derive(self._settings.secret, f"form:{self.portal}", value) if value else None

    def flash(self, message: str, kind: str = "success") -> None:
        """Show a message on the next page."""
        added = Flash(message, kind)
        others = (one for one in self._pending() if one != added)
        self._flashes = [*others, added][-MAX_FLASHES:]
        content = msgspec.json.encode(self._flashes)
        self._keep("flash", signed(self._flash_key(), content))

    def say_farewell(self) -> None:
        """Tell somebody who believed to be signed in why they are not; once, whatever follows."""
        if not any(waiting.message.endswith(GO_ON) for waiting in self._pending()):
            self.flash(self._farewell, "info")

    def pop_flashes(self) -> list[Flash]:
        """Return the waiting messages and forget them."""
        waiting = self._pending()
        self._flashes = []
        if waiting:
            self._outgoing.pop(self._name("flash"), None)
        if self._name("flash") in self._cookies:
            self._drop("flash")
        return waiting

    def outgoing_cookies(self) -> list[Cookie]:
        """Return the cookies that the response must carry."""
        return list(self._outgoing.values())

    def _pending(self) -> list[Flash]:
        if self._flashes is None:
            text = self._cookies.get(self._name("flash"), "")
            content = unsigned(self._flash_key(), text) if text else None
            self._flashes = msgspec.json.decode(content, type=list[Flash]) if content else []
        return self._flashes

    def _flash_key(self) -> bytes:
        return derive(self._settings.secret, f"flash:{self.portal}")

    def _over(self, record: SessionRecord) -> str:
        """Say why a session has ended by itself; nothing where it has not."""
        now = self._now()
        if (now - record.created_at).total_seconds() > self._settings.absolute_s:
            hours = self._settings.absolute_s // 3600
            return f"You were signed out after {hours} hours. {GO_ON}"
        if (now - record.last_seen_at).total_seconds() > self._settings.idle_s:
            minutes = self._settings.idle_s // 60
            return f"You were signed out after {minutes} minutes without activity. {GO_ON}"
        return ""

    async def _touch(self) -> None:
        assert self.record is not None
        now = self._now()
        if (now - self.record.last_seen_at).total_seconds() >= self._settings.touch_every_s:
            self.record = msgspec.structs.replace(self.record, last_seen_at=now)
            await self._store.touch(self.record.token_hash, now)

    def _name(self, purpose: str = "") -> str:
        return self._settings.cookie_name(self.portal, purpose)

    def _keep(self, purpose: str, value: str) -> None:
        name = self._name(purpose)
        self._outgoing[name] = kept(name, value, secure=self._settings.secure)

    def _drop(self, purpose: str) -> None:
        name = self._name(purpose)
        if name in self._cookies or name in self._outgoing:
            self._outgoing[name] = dropped(name, secure=self._settings.secure)
