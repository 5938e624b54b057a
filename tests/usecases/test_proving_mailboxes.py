"""The code that proves a mailbox: what it is bound to, how it ends, and where it is never written."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from dueport_apps.adapters.mailed_codes import KeyedMailedCodes
from dueport_apps.usecases.enrol import EnrolCommand, HasLogin
from dueport_apps.usecases.prove_mailbox import MailboxClaim
from dueport_apps.usecases.records import PortalUser
from dueport_core.errors import Conflict, Forbidden, Invalid, TooManyTries
from dueport_ports import Secret
from tests.databases import TestDatabases
from tests.inviting import mailed_code_in, policies
from tests.usecases.conftest import fill
from tests.world import PASSWORD, World, open_world

BOB = "bob@harbor.example"
CLAIM = MailboxClaim(claim_id="C1", account_no="1001", generation=1, email=BOB)


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    """A dealer who prints codes on statements."""
    changes = policies(signup={"enrolment_codes": True})
    async with open_world(test_databases, tmp_path, **changes) as world:
        await fill(world)
        yield world


async def ask(
    world: World, email: str = BOB, account_no: str = "1001", client_ip: str = "10.0.0.1"
) -> tuple[MailboxClaim, str]:
    """Have a code mailed; return the claim and the code in the mail."""
    claim = await world.container.mail_enrolment_code()(account_no, 1, email, client_ip)
    await world.run_jobs()
    return claim, mailed_code_in(world.mail.sent[-1].text)


async def register(world: World, claim: MailboxClaim, code: str) -> PortalUser | HasLogin:
    return await world.container.enrol().register(
        EnrolCommand(
            claim=claim,
            mailed_code=code,
            password=PASSWORD,
            password_again=PASSWORD,
            accept_terms=True,
            link_account=True,
            client_ip="10.0.0.1",
        )
    )


def wrong_for(code: str) -> str:
    return "000000" if code != "000 000" else "111111"


@pytest.mark.parametrize(
    "changed",
    [{"claim_id": "C2"}, {"account_no": "1002"}, {"generation": 2}, {"email": "eve@x.example"}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_digest_is_of_one_claim_and_one_deployment(changed: dict[str, str | int]) -> None:
    codes = KeyedMailedCodes(Secret("the key of one deployment"))
    digest = codes.digest(CLAIM, "123456")
    assert codes.digest(msgspec.structs.replace(CLAIM, email=BOB.upper()), "123456") == digest
    assert codes.digest(msgspec.structs.replace(CLAIM, **changed), "123456") != digest
    assert codes.digest(CLAIM, "123457") != digest
    other = KeyedMailedCodes(Secret("the key of another one"))
    assert other.digest(CLAIM, "123456") != digest


def test_codes_are_six_digits_of_all_kinds() -> None:
    codes = KeyedMailedCodes(Secret("the key of one deployment"))
    drawn = [codes.new() for _ in range(5_000)]
    assert all(len(code) == 6 and code.isascii() and code.isdigit() for code in drawn)
    assert len(set(drawn)) > 4_900
    assert {code[0] for code in drawn} == set("0123456789"), "zero comes first as often as others"


async def test_the_login_gets_the_address_that_was_proved(world: World) -> None:
    claim, code = await ask(world, "Bob@Harbor.example")
    user = await register(world, claim, code)
    assert isinstance(user, PortalUser)
    assert user.email == "Bob@Harbor.example"
    with pytest.raises(Conflict, match="used or replaced"):
        await register(world, claim, code)


async def test_an_address_that_got_a_login_meanwhile_is_told_after_the_proof_alone(
    world: World,
) -> None:
    claim, code = await ask(world)
    await world.customer("1002", BOB)
    with pytest.raises(Invalid) as wrong:
        await register(world, claim, wrong_for(code))
    assert set(wrong.value.fields) == {"code"}
    for _ in range(2):
        assert await register(world, claim, code) == HasLogin(BOB), "and the code stays as it is"


async def test_only_the_accounts_newest_code_is_good(world: World) -> None:
    first, first_code = await ask(world)
    second, second_code = await ask(world, "sue@harbor.example", client_ip="10.0.0.2")
    with pytest.raises(Invalid) as refused:
        await register(world, first, first_code)
    assert "replaced by a newer one" in refused.value.fields["code"]
    assert isinstance(await register(world, second, second_code), PortalUser)


async def test_codes_of_two_accounts_do_not_meet(world: World) -> None:
    first, first_code = await ask(world)
    second, second_code = await ask(world, account_no="1002")
    for _ in range(5):
        with pytest.raises(Invalid):
            await register(world, second, wrong_for(second_code))
    assert isinstance(await register(world, first, first_code), PortalUser)


async def test_a_new_code_of_the_dealers_voids_the_mailed_one(world: World) -> None:
    claim, code = await ask(world)
    await world.container.enrolment_codes().renew("1001", world.staff)
    with pytest.raises(Conflict, match="used or replaced"):
        await register(world, claim, code)
    with pytest.raises(Conflict, match="used or replaced"):
        await ask(world)
    assert len(world.mail.sent) == 1


async def test_access_that_was_switched_off_gets_no_mail(world: World) -> None:
    await world.customer("1001")
    await world.container.disable_access()("1001", world.staff)
    with pytest.raises(Forbidden, match="switched off"):
        await ask(world)
    await world.run_jobs()
    assert world.mail.sent == []


async def test_one_address_is_not_flooded_by_way_of_many_accounts(world: World) -> None:
    for number in range(5):
        await ask(world, account_no=("1001", "1002")[number % 2], client_ip=f"10.0.0.{number}")
    with pytest.raises(TooManyTries) as refused:
        await ask(world, BOB.upper(), account_no="1003", client_ip="10.0.0.9")
    assert 0 < refused.value.retry_after_s <= 31
    await world.run_jobs()
    assert len(world.mail.sent) == 5


async def test_one_client_does_not_mail_to_all_the_world(world: World) -> None:
    async with world.container.uow()() as uow:
        for _ in range(30):
            await uow.throttle.record("requests:10.0.0.7", world.clock.now())
        await uow.commit()
    with pytest.raises(TooManyTries):
        await ask(world, client_ip="10.0.0.7")
    await ask(world, client_ip="10.0.0.8")
    assert len(world.mail.sent) == 1


async def test_of_many_who_ask_at_once_five_are_mailed(world: World) -> None:
    mail = world.container.mail_enrolment_code()
    answers = await asyncio.gather(
        *(mail("1001", 1, f"n{number}@harbor.example", "10.0.0.1") for number in range(20)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, MailboxClaim) for answer in answers) == 5
    assert sum(isinstance(answer, TooManyTries) for answer in answers) == 15
    await world.run_jobs()
    assert len(world.mail.sent) == 5


async def test_the_steps_are_audited_without_the_code(world: World) -> None:
    claim, code = await ask(world)
    with pytest.raises(Invalid):
        await register(world, claim, wrong_for(code))
    await register(world, claim, code)
    async with world.container.uow()() as uow:
        entries = [one.entry for one in await uow.audit.page(None, 10)]
    told = {entry.action: entry for entry in entries}
    assert told["enrolment.code_mailed"].subject == "account:1001"
    assert told["enrolment.code_mailed"].detail == {"email": BOB}
    assert told["enrolment.code_mailed"].client_ip == "10.0.0.1"
    assert told["enrolment.code_refused"].detail == {"email": BOB, "failures": "1"}
    assert told["invitation.accepted"].actor_name == "Harbor Builders, LLC"


async def test_the_code_is_in_no_table(world: World) -> None:
    claim = await world.container.mail_enrolment_code()("1001", 1, BOB, "10.0.0.1")
    before = await dump(world)
    await world.run_jobs()
    code = mailed_code_in(world.mail.sent[-1].text)
    sent = await dump(world)
    with pytest.raises(Invalid):
        await register(world, claim, wrong_for(code))
    await register(world, claim, code)
    for content in (before, sent, await dump(world)):
        assert BOB in content
        assert code not in content
        assert f'"{code.replace(" ", "")}"' not in content


async def dump(world: World) -> str:
    """Return every row of every table as text."""
    rows: list[str] = []
    async with world.container.database().statements.connect() as connection:
        tables = await connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        )
        for table in tables.all():
            rows += (
                await connection.scalars(text(f'SELECT to_json(t)::text FROM "{table}" t'))
            ).all()
    return "\n".join(rows)
