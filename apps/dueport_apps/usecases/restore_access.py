"""Switch portal access on again, for one person of an account or for all who had it."""

from dueport_apps.usecases.records import Principal
from dueport_apps.usecases.steer_invitation import DisableAccess
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_ports import Conflict, NotFound


class RestoreAccess:
    def __init__(self, uow: UnitOfWorkFactory, access: DisableAccess) -> None:
        self._uow = uow
        self._access = access

    async def __call__(self, account_no: str, by: Principal, *, user_id: str = "") -> int:
        """Restore one person's access, or everybody's that is switched off; return how many.
        Raises NotFound for an unknown account or person, Conflict when nothing is switched off."""
        if user_id:
            await self._access.restore(account_no, user_id, by)
            return 1
        async with self._uow() as uow:
            await uow.accounts.get(account_no)
            logins = await uow.users.logins(account_no)
        disabled = [one.user.user_id for one in logins if one.link.disabled_at is not None]
        if not disabled:
            raise Conflict("Nobody's access to this account is switched off.")
        for one in disabled:
            await self._access.restore(account_no, one, by)
        return len(disabled)

    async def person(self, account_no: str, email: str) -> str:
        """Return the id of the person with this e-mail address or user name on the account."""
        async with self._uow() as uow:
            await uow.accounts.get(account_no)
            logins = await uow.users.logins(account_no)
        wanted = email.strip().lower()
        for login in logins:
            if wanted in (login.user.email.lower(), login.user.username.lower()):
                return login.user.user_id
        raise NotFound(f"Nobody with the login {email} belongs to account {account_no}.")
