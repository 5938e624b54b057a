"""Invite, register, sign in: one link, one login, no second chances for strangers."""

import asyncio
import datetime
from pathlib import Path

import pytest

from dueport_apps.usecases.accept_invitation import AcceptInvitationCommand
from dueport_apps.usecases.invite_records import StoredInvitation
from dueport_apps.usecases.records import PortalUser
from dueport_apps.usecases.sign_in import MustRegister, PasswordExpired, SignInCommand
from dueport_core.errors import Conflict, Forbidden, Invalid, NotFound, TooManyTries
from dueport_core.invitations import InvitationState
from tests.databases import TestDatabases
from tests.inviting import invitation_row, secret_in, timeline
from tests.world import PASSWORD, World, account, open_world, token_in


async def test_an_invitation_mails_one_link_that_registers(world: World) -> None:
    token = await world.invite("1001")

    user = await world.register(token)

    assert len(world.mail.to("ap@harbor.example")) == 1
    signed_in = await world.container.sign_in_customer()(
        SignInCommand(login="AP@harbor.example", password=PASSWORD, client_ip="10.0.0.1")
    )
    assert isinstance(signed_in, PortalUser)
    assert signed_in.user_id == user.user_id
    async with world.container.uow()() as uow:
        links = await uow.users.links(user.user_id)
    assert [link.account_no for link in links] == ["1001"]


async def test_the_mail_is_from_the_dealer_and_answers_go_to_the_dealer(world: World) -> None:
    await world.invite("1001")

    mail = world.mail.sent[-1]
    assert mail.from_name == "Cedar Yard Supply"
    assert mail.reply_to == "ar@cedaryard.example"
    assert "/register/" in mail.html
    assert "/register/" in mail.text


async def test_somebody_already_invited_is_not_invited_again(world: World) -> None:
    await world.invite("1001")

    with pytest.raises(Conflict, match="pending"):
        await world.start_campaign("1001")

    await world.run_jobs()
    assert len(world.mail.sent) == 1


@pytest.mark.parametrize("email", ["", "not an address", "a@x.example, b@y.example"])
async def test_without_a_usable_address_the_refusal_says_where_to_fix_it(
    world: World, email: str
) -> None:
    world.erp.put(account("1003", "No Mail Contracting", email))
    await world.sync()

    with pytest.raises(Invalid, match="fix it in the ERP"):
        await world.start_campaign("1003")


async def test_of_fifty_people_with_one_link_exactly_one_registers(world: World) -> None:
    token = await world.invite("1001")

    results = await asyncio.gather(
        *(world.register(token) for _ in range(50)), return_exceptions=True
    )

    assert sum(not isinstance(result, BaseException) for result in results) == 1
    refusals = {type(result) for result in results if isinstance(result, BaseException)}
    assert refusals <= {Conflict, NotFound}


async def test_a_link_ends_with_its_last_second(world: World) -> None:
    token = await world.invite("1001")
    world.clock.advance(datetime.timedelta(days=7))

    with pytest.raises(Conflict, match="expired"):
        await world.register(token)
    await world.container.expire_invitations()()

    assert (await invitation_row(world)).invitation.state is InvitationState.EXPIRED
    assert await timeline(world) == ["invited", "expired"]


async def test_more_invitations_than_one_batch_expire_in_one_run(world: World) -> None:
    async with world.container.uow()() as uow:
        await uow.invitations.put([late_invitation(number, world) for number in range(600)])
        await uow.commit()

    assert await world.container.expire_invitations()() == 600
    assert await world.container.expire_invitations()() == 0


def late_invitation(number: int, world: World) -> StoredInvitation:
    return StoredInvitation(
        invitation_id=f"late-{number}",
        account_no="1001",
        email=f"n{number}@harbor.example",
        delivery="invite_link",
        state=InvitationState.PENDING,
        created_at=world.clock.now(),
        invited_at=world.clock.now(),
        expires_at=world.clock.now(),
        created_by="operator-1",
    )


async def test_a_declined_invitation_can_no_longer_register(world: World) -> None:
    token = await world.invite("1001")
    await world.container.decline_invitation()(token)

    with pytest.raises(NotFound):
        await world.register(token)
    with pytest.raises(NotFound):
        await world.container.decline_invitation()(token)


async def test_every_wrong_field_of_the_registration_is_named_at_once(world: World) -> None:
    token = await world.invite("1001")

    with pytest.raises(Invalid) as refusal:
        await world.container.accept_invitation()(
            AcceptInvitationCommand(
                token=token,
                password="short",
                password_again="other",
                accept_terms=False,
                link_account=False,
            )
        )

    assert set(refusal.value.fields) == {
        "password",
        "password_again",
        "accept_terms",
        "link_account",
    }


@pytest.mark.parametrize("password", ["harborbuildersllc1", "CedarYardSupply99", "1q2w3e4r5t6y"])
async def test_a_password_built_around_a_name_or_known_from_breaches_is_refused(
    world: World, password: str
) -> None:
    token = await world.invite("1001")

    with pytest.raises(Invalid):
        await world.register(token, password)


async def test_the_database_holds_no_usable_link(world: World) -> None:
    token = await world.invite("1001")

    async with world.container.database().statements.connect() as connection:
        from sqlalchemy import text

        tables = await connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        )
        for (table,) in tables.all():
            rows = await connection.execute(text(f'SELECT t::text FROM "{table}" t'))
            assert not any(token in row[0] for row in rows), table


async def test_an_unknown_link_says_so(world: World) -> None:
    with pytest.raises(NotFound):
        await world.register("nonsense")


async def test_wrong_passwords_are_slowed_down_and_answered_alike(world: World) -> None:
    await world.register(await world.invite("1001"))
    answers = set()
    for login in ("ap@harbor.example", "nobody@nowhere.example"):
        for _ in range(10):
            with pytest.raises(Forbidden) as refusal:
                await world.container.sign_in_customer()(
                    SignInCommand(login=login, password="wrong", client_ip="10.0.0.1")
                )
            answers.add(str(refusal.value))
        with pytest.raises(TooManyTries):
            await world.container.sign_in_customer()(
                SignInCommand(login=login, password=PASSWORD, client_ip="10.0.0.1")
            )

    assert len(answers) == 1


async def test_a_totp_code_works_once(world: World) -> None:
    operator, authenticator = await world.operator()
    code = authenticator.at(world.clock.now())

    await world.container.confirm_second_factor()(operator.operator_id, code, "10.0.0.1")
    with pytest.raises(Forbidden):
        await world.container.confirm_second_factor()(operator.operator_id, code, "10.0.0.1")


async def test_the_mail_server_being_down_loses_no_invitation(world: World) -> None:
    world.mail.is_down = True
    await world.start_campaign("1001")
    await world.run_jobs()
    assert world.mail.sent == []
    world.mail.is_down = False

    world.clock.advance(datetime.timedelta(minutes=1))
    await world.run_jobs()

    assert len(world.mail.sent) == 1
    assert token_in(world.mail.sent[0].text)


async def test_a_mailed_credential_opens_the_registration_and_nothing_else(
    test_databases: TestDatabases, tmp_path: Path
) -> None:
    policies = {"invite": {"delivery": "credentials"}}
    async with open_world(test_databases, tmp_path, policies=policies) as world:
        world.erp.put(account("1001", "Harbor Builders, LLC", "ap@harbor.example"))
        await world.sync()
        await world.start_campaign("1001", delivery="credentials")
        await world.run_jobs()
        secret = secret_in(world.mail.sent[-1].text)
        sign_in = SignInCommand(login="ap@harbor.example", password=secret, client_ip="10.0.0.1")

        way = await world.container.sign_in_customer()(sign_in)
        assert isinstance(way, MustRegister)
        async with world.container.uow()() as uow:
            assert await uow.users.of_account("1001") == []
        user = await world.register(way.token)

        assert user.username == "ap@harbor.example"
        with pytest.raises(Forbidden):
            await world.container.sign_in_customer()(sign_in)


async def test_a_mailed_credential_ends_after_three_days(
    test_databases: TestDatabases, tmp_path: Path
) -> None:
    policies = {"invite": {"delivery": "credentials"}}
    async with open_world(test_databases, tmp_path, policies=policies) as world:
        world.erp.put(account("1001", "Harbor Builders, LLC", "ap@harbor.example"))
        await world.sync()
        await world.start_campaign("1001", delivery="credentials")
        await world.run_jobs()
        secret = secret_in(world.mail.sent[-1].text)
        world.clock.advance(datetime.timedelta(hours=72))

        answer = await world.container.sign_in_customer()(
            SignInCommand(login="ap@harbor.example", password=secret, client_ip="10.0.0.1")
        )
        assert isinstance(answer, PasswordExpired)
