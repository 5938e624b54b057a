"""Issue and revoke the keys with which machines use the operator API.

A key is shown once; its hash is stored. Its permissions are chosen one by one, and never exceed
those of whoever issues it.
"""

import msgspec

from dueport_apps.usecases.records import ApiKey, Permission, Principal, audit
from dueport_apps.usecases.services import Ids, Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.errors import Forbidden, Invalid
from dueport_ports import Clock

PREFIX = "dueport_"
"""Lets secret scanners recognize a key that was pasted somewhere."""


class IssueApiKeyCommand(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    permissions: frozenset[Permission]
    by: Principal


class IssuedApiKey(msgspec.Struct, frozen=True, kw_only=True):
    key: ApiKey
    text: str
    """The key itself: shown now and never again."""


class IssueApiKey:
    def __init__(self, uow: UnitOfWorkFactory, tokens: Tokens, ids: Ids, clock: Clock) -> None:
        self._uow = uow
        self._tokens = tokens
        self._ids = ids
        self._clock = clock

    async def __call__(self, command: IssueApiKeyCommand) -> IssuedApiKey:
        """Issue one; raises as ``check`` does."""
        self.check(command)
        text = PREFIX + self._tokens.new()
        now = self._clock.now()
        key = ApiKey(
            key_id=self._ids.new(),
            name=command.name.strip(),
            token_hash=self._tokens.hash(text),
            permissions=command.permissions,
            created_by=command.by.principal_id,
            created_at=now,
        )
        async with self._uow() as uow:
            await uow.api_keys.add(key)
            await uow.audit.append(
                audit(
                    command.by,
                    now,
                    "api_key.issued",
                    f"api_key:{key.key_id}",
                    name=key.name,
                    permissions=", ".join(sorted(key.permissions)),
                )
            )
            await uow.commit()
        return IssuedApiKey(key=key, text=text)

    @staticmethod
    def check(command: IssueApiKeyCommand) -> None:
        """Raise Invalid without name or permission, Forbidden for more than one has."""
        if not command.name.strip():
            raise Invalid("Name the key after what will use it.", {"name": "Fill in this field."})
        if not command.permissions:
            raise Invalid(
                "A key needs at least one permission.", {"permissions": "Choose at least one."}
            )
        missing = command.permissions - command.by.permissions
        if missing:
            raise Forbidden(f"You cannot grant {', '.join(sorted(missing))}: you do not have it.")


class RevokeApiKey:
    def __init__(self, uow: UnitOfWorkFactory, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def __call__(self, key_id: str, by: Principal) -> None:
        """Revoke for good, from the next request on; raises NotFound for an unknown id."""
        now = self._clock.now()
        async with self._uow() as uow:
            await uow.api_keys.revoke(key_id, now)
            await uow.audit.append(audit(by, now, "api_key.revoked", f"api_key:{key_id}"))
            await uow.commit()
