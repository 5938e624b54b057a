"""Logins, operators, tokens and keys: one of each, once, and never a usable secret at rest."""

import asyncio
import datetime
import hashlib
from typing import Any

import msgspec
import pytest

from dueport_apps.storage.engine import Database
from dueport_apps.storage.people_reader import PeopleReader
from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from dueport_apps.usecases.invite_records import Login
from dueport_apps.usecases.records import AccountLink, ApiKey, OneTimeToken, Permission
from dueport_core.errors import Conflict, NotFound
from dueport_core.invitations import InvitationState
from tests.storage.samples import NOW, account, invitation, later, operator, store, user

Units = SqlUnitOfWorkFactory


# Portal users.


async def test_a_user_is_found_by_email_and_username_in_any_case(units: Units) -> None:
    ann = user(1, email="Ann@Acme.example", username="Érik")
    async with units() as uow:
        await uow.users.add(ann)
        assert await uow.users.get("user-1") == ann
        for login in ("ann@acme.EXAMPLE", " ANN@acme.example ", "ÉRIK", "érik"):
            assert await uow.users.by_login(login) == ann
        assert await uow.users.by_login("erik") is None
        assert await uow.users.by_login("") is None
        with pytest.raises(NotFound):
            await uow.users.get("user-2")


@pytest.mark.parametrize(
    "taken",
    [
        {"email": "USER1@acme.example"},
        {"username": "User1@Acme.example"},
        {"username": "nick"},
        {"email": "nick"},
    ],
)
async def test_nobody_gets_a_login_name_that_is_somebodys(
    units: Units, taken: dict[str, str]
) -> None:
    async with units() as uow:
        await uow.users.add(user(1, username="Nick"))
        await uow.commit()
    async with units() as uow:
        with pytest.raises(Conflict, match="signs in with this"):
            await uow.users.add(user(2, **taken))
    async with units() as uow:
        await uow.users.add(user(2))
        with pytest.raises(Conflict):
            await uow.users.save(user(2, **taken))


async def test_of_many_who_register_one_address_at_once_one_succeeds(units: Units) -> None:
    async def register(number: int) -> bool:
        async with units() as uow:
            try:
                await uow.users.add(user(number, email="same@x.example", username=f"n{number}"))
            except Conflict:
                return False
            await uow.commit()
            return True

    assert sorted(await asyncio.gather(*(register(n) for n in range(6)))) == [False] * 5 + [True]


async def test_a_changed_address_frees_the_old_one(units: Units) -> None:
    async with units() as uow:
        await uow.users.add(user(1))
        changed = user(1, email="new@acme.example", username="new@acme.example", active=False)
        await uow.users.save(changed)
        assert await uow.users.by_login("new@acme.example") == changed
        assert await uow.users.by_login("user1@acme.example") is None
        await uow.users.add(user(2, email="user1@acme.example", username="two"))
        with pytest.raises(NotFound):
            await uow.users.save(user(3))


async def test_links_are_made_once_and_listed_from_both_sides(units: Units) -> None:
    await store(units, accounts=[account("1000"), account("1001")])
    first = AccountLink(user_id="user-1", account_no="1001", role="see", linked_at=NOW)
    second = AccountLink(user_id="user-1", account_no="1000", terms_version="2", linked_at=NOW)
    async with units() as uow:
        await uow.users.add(user(1))
        await uow.users.link(first)
        await uow.users.link(second)
        await uow.users.link(msgspec.structs.replace(first, role="admin"))
        assert await uow.users.links("user-1") == [second, first]
        assert await uow.users.of_account("1001") == [user(1)]
        assert await uow.users.of_account("77") == []


async def test_a_link_that_is_switched_off_lets_nobody_in_and_stays_known(
    units: Units, database: Database
) -> None:
    await store(units, accounts=[account("1000"), account("1001")])
    link = AccountLink(user_id="user-1", account_no="1000", terms_version="2", linked_at=NOW)
    other = AccountLink(user_id="user-1", account_no="1001", linked_at=later(days=1))
    second = AccountLink(user_id="user-2", account_no="1000", linked_at=later(days=1))
    people = PeopleReader(database)
    async with units() as uow:
        await uow.users.add(user(1, language="es"))
        await uow.users.add(user(2, active=False))
        for one in (link, other, second):
            await uow.users.link(one)
        await uow.commit()
        assert await uow.users.of_account("1000") == [user(1, language="es")]
        assert await uow.users.set_disabled("user-1", "1000", later(days=2))
        assert not await uow.users.set_disabled("user-1", "1000", later(days=3))
        assert not await uow.users.set_disabled("user-9", "1000", NOW)
        await uow.commit()
        off = msgspec.structs.replace(link, disabled_at=later(days=2))
        assert await uow.users.links("user-1") == [other]
        assert await uow.users.of_account("1000") == []
        assert await uow.users.logins("1000") == [
            Login(user=user(1, language="es"), link=off),
            Login(user=user(2, active=False), link=second),
        ]
        found = await people.portal_user("user-1", "1000")
        assert found is not None
        assert (found.link, found.accounts) == (None, 1)
        # Registering again, or an operator, switches it on.
        await uow.users.link(msgspec.structs.replace(link, role="see"))
        assert await uow.users.links("user-1") == [link, other]
        assert await uow.users.set_disabled("user-1", "1000", NOW)
        assert await uow.users.set_disabled("user-1", "1000", None)
        assert not await uow.users.set_disabled("user-1", "1000", None)
        await uow.commit()
        found = await people.portal_user("user-1", "1000")
        assert found is not None
        assert (found.link, found.accounts) == (link, 2)


async def test_usernames_of_logins_and_of_pending_invitations_are_taken(units: Units) -> None:
    await store(units, accounts=[account("1000"), account("1001")])
    async with units() as uow:
        await uow.users.add(user(1, username="Nick"))
        await uow.invitations.put(
            [
                invitation(1, "1000", username="Promised"),
                invitation(2, "1001", username="old", state=InvitationState.EXPIRED),
            ]
        )
        taken = await uow.users.taken_usernames(["NICK", "nick", "promised", "old", "free", ""])
        assert taken == {"NICK", "nick", "promised"}
        assert await uow.users.taken_usernames([]) == frozenset()


# Operators.


async def test_an_operator_comes_back_by_id_and_by_email_in_any_case(units: Units) -> None:
    first = operator(1, totp_secret_sealed="sealed")
    async with units() as uow:
        await uow.operators.add(first)
        await uow.operators.add(operator(2, name="A first one"))
        assert await uow.operators.get("operator-1") == first
        assert await uow.operators.by_email(" OPERATOR1@dealer.example") == first
        assert await uow.operators.by_email("other@dealer.example") is None
        assert [one.operator_id for one in await uow.operators.all()] == [
            "operator-2",
            "operator-1",
        ]
        with pytest.raises(Conflict, match="is an operator already"):
            await uow.operators.add(operator(3, email="operator1@DEALER.example"))
        for ask in (uow.operators.get("operator-9"), uow.operators.save(operator(9))):
            with pytest.raises(NotFound):
                await ask


async def test_a_code_of_the_second_factor_works_once_even_when_saved_over(units: Units) -> None:
    async with units() as uow:
        await uow.operators.add(operator(1))
        await uow.commit()
        assert await uow.operators.use_totp_step("operator-1", 100)
        assert not await uow.operators.use_totp_step("operator-1", 100)
        assert not await uow.operators.use_totp_step("operator-1", 99)
        # Somebody who loaded the operator before the code was used saves another change.
        await uow.operators.save(operator(1, name="Renamed"))
        saved = await uow.operators.get("operator-1")
        assert (saved.name, saved.totp_last_step) == ("Renamed", 100)
        assert not await uow.operators.use_totp_step("operator-9", 1)


async def test_a_recovery_code_works_once_and_new_ones_replace_old_ones(units: Units) -> None:
    codes = [hashlib.sha256(str(number).encode()).digest() for number in range(3)]
    async with units() as uow:
        await uow.operators.add(operator(1))
        await uow.operators.add_recovery_codes("operator-1", codes[:2])
        assert await uow.operators.use_recovery_code("operator-1", codes[0])
        assert not await uow.operators.use_recovery_code("operator-1", codes[0])
        await uow.operators.add_recovery_codes("operator-1", [codes[2], codes[2]])
        assert not await uow.operators.use_recovery_code("operator-1", codes[1])
        assert not await uow.operators.use_recovery_code("operator-2", codes[2])
        assert await uow.operators.use_recovery_code("operator-1", codes[2])
        await uow.operators.add_recovery_codes("operator-1", [])


# Tokens, throttle, keys.


def token(number: int = 1, **changes: Any) -> OneTimeToken:
    values: dict[str, Any] = {
        "purpose": "password_reset",
        "subject_id": "user-1",
        "expires_at": later(hours=1),
    }
    return OneTimeToken(
        token_hash=hashlib.sha256(str(number).encode()).digest(),
        **(values | changes),
    )


async def test_a_token_works_once_for_its_purpose_and_until_it_expires(units: Units) -> None:
    async with units() as uow:
        for number in (1, 2, 3):
            await uow.tokens.add(token(number))
        await uow.commit()
        first = token(1).token_hash
        for wrong in (
            uow.tokens.use(first, "operator_setup", NOW),
            uow.tokens.use(bytes(32), "password_reset", NOW),
            uow.tokens.use(first, "password_reset", later(hours=1)),
        ):
            with pytest.raises(NotFound, match="ask for a new one"):
                await wrong
        used = await uow.tokens.use(first, "password_reset", NOW)
        assert used == token(1, used_at=NOW)
        with pytest.raises(NotFound):
            await uow.tokens.use(first, "password_reset", NOW)
        assert await uow.tokens.find(first, "password_reset") == used
        assert await uow.tokens.find(first, "first_sign_in") is None
        await uow.tokens.void("password_reset", "user-1", NOW)
        with pytest.raises(NotFound):
            await uow.tokens.use(token(2).token_hash, "password_reset", NOW)


async def test_of_many_who_use_one_token_at_once_one_succeeds(units: Units) -> None:
    async with units() as uow:
        await uow.tokens.add(token(1))
        await uow.commit()

    async def use() -> bool:
        async with units() as uow:
            try:
                await uow.tokens.use(token(1).token_hash, "password_reset", NOW)
            except NotFound:
                return False
            await uow.commit()
            return True

    assert sorted(await asyncio.gather(*(use() for _ in range(8)))) == [False] * 7 + [True]


async def test_failures_are_counted_in_a_window_and_can_be_forgiven(units: Units) -> None:
    async with units() as uow:
        assert await uow.throttle.failures("login:ann", NOW) == (0, None)
        for minutes in (-2000, -90, -30, -10):
            await uow.throttle.record("login:ann", later(minutes=minutes))
        await uow.throttle.record("login:bob", NOW)
        since = later(minutes=-60)
        assert await uow.throttle.failures("login:ann", since) == (2, later(minutes=-10))
        assert await uow.throttle.failures("login:ann", later(days=-9)) == (3, later(minutes=-10))
        await uow.throttle.clear("login:ann")
        assert await uow.throttle.failures("login:ann", since) == (0, None)
        assert (await uow.throttle.failures("login:bob", since))[0] == 1


async def test_a_revoked_key_opens_nothing_and_stays_listed(units: Units) -> None:
    key = ApiKey(
        key_id="key-1",
        name="Accounting",
        token_hash=bytes(32),
        permissions=frozenset({Permission.VIEW, Permission.POST}),
        created_by="operator-1",
        created_at=NOW,
    )
    async with units() as uow:
        await uow.api_keys.add(key)
        assert await uow.api_keys.by_hash(bytes(32)) == key
        assert await uow.api_keys.by_hash(b"other") is None
        await uow.api_keys.revoke("key-1", later(hours=1))
        await uow.api_keys.revoke("key-1", later(hours=2))
        assert await uow.api_keys.by_hash(bytes(32)) is None
        (listed,) = await uow.api_keys.all()
        assert listed.revoked_at == NOW + datetime.timedelta(hours=1)
        with pytest.raises(NotFound):
            await uow.api_keys.revoke("key-2", NOW)
        with pytest.raises(Conflict):
            await uow.api_keys.add(key)
