"""Signed-in customers correct their own name, which colleagues and the dealer see at payments."""

import msgspec

from dueport_apps.usecases.accept_invitation import FORM_INCOMPLETE
from dueport_apps.usecases.records import Principal, audit
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.errors import Invalid
from dueport_ports import Clock

NAME_MAX = 120


class ChangeName:
    """Choose one's own name. Payments and events of before keep the name that they had."""

    def __init__(self, uow: UnitOfWorkFactory, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def __call__(self, user_id: str, name: str, client_ip: str = "") -> None:
        """Store the name; blanks at the ends and in rows are dropped, and the name that is there
        already changes nothing. Raises Invalid for what holds no letter or is too long."""
        plain = " ".join(name.split())
        if not plain.isprintable() or not any(letter.isalpha() for letter in plain):
            raise Invalid(FORM_INCOMPLETE, {"name": "Type your name."})
        if len(plain) > NAME_MAX:
            raise Invalid(FORM_INCOMPLETE, {"name": f"Use at most {NAME_MAX} characters."})
        async with self._uow() as uow:
            user = await uow.users.get(user_id)
            if user.name == plain:
                return
            await uow.users.save(msgspec.structs.replace(user, name=plain))
            who = Principal(
                kind="customer", principal_id=user_id, name=user.name, client_ip=client_ip
            )
            await uow.audit.append(
                audit(who, self._clock.now(), "name.changed", f"user:{user_id}", name=plain)
            )
            await uow.commit()
