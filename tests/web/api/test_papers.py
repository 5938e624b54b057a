"""Enrolment codes and the announcement by the API."""

from pathlib import Path

from dueport_apps.usecases.records import Permission
from tests.databases import TestDatabases
from tests.web.api.programs import Program, issue
from tests.web.portal import portal
from tests.world import World, account, open_world


async def test_codes_are_listed_for_those_who_cannot_sign_in_and_renewed(
    program: Program, world: World
) -> None:
    await world.customer("1002", "pay@mueller.example")
    first = (await program.get("enrolment-codes?limit=1")).json()
    rest = (await program.get(f"enrolment-codes?limit=1&after={first['next']}")).json()
    listed = first["items"] + rest["items"]
    renewed = (await program.post("enrolment-codes/1001/renew")).json()
    again = (await program.get("enrolment-codes")).json()["items"]

    assert [one["account_no"] for one in listed] == ["1001", "1003"]
    assert renewed["code"] not in {one["code"] for one in listed}
    assert again[0]["code"] == renewed["code"]


async def test_the_audit_log_says_who_took_how_many_codes(program: Program, world: World) -> None:
    await program.get("enrolment-codes?limit=2")
    await program.get("enrolment-codes?limit=2&after=1002")
    async with world.container.uow()() as uow:
        newest, oldest = (stored.entry for stored in await uow.audit.page(None, 2))

    for entry, codes in ((oldest, "2"), (newest, "1")):
        assert (entry.action, entry.subject) == ("enrolment.exported", "accounts")
        assert entry.detail == {"codes": codes}
        assert entry.actor_kind == "api_key"
        assert entry.actor_name


async def test_the_announcement_is_a_letter_a_text_and_a_page(program: Program) -> None:
    pdf = await program.get("announcement")
    text = await program.get("announcement?format=text")
    html = await program.get("announcement?format=html&language=es")
    nobody = await program.get("announcement?account_no=4711")
    wrong = await program.get("announcement?format=docx")

    assert pdf.content.startswith(b"%PDF")
    assert "http://127.0.0.1:8400" in text.text
    assert "<<" not in text.text
    assert html.headers["content-type"].startswith("text/html")
    assert nobody.status_code == 404
    assert wrong.status_code == 400


async def test_where_codes_are_used_the_letter_to_a_customer_holds_theirs(
    test_databases: TestDatabases, tmp_path: Path
) -> None:
    policies = {"signup": {"enrolment_codes": True}}
    async with open_world(test_databases, tmp_path, policies=policies) as world:
        world.erp.put(account("1001", "Harbor Builders, LLC", "ap@harbor.example"))
        await world.sync()
        program = Program(portal(world), await issue(world, *Permission))
        (listed,) = (await program.get("enrolment-codes")).json()["items"]
        mine = await program.get("announcement?format=text&account_no=1001")
        everybodys = await program.get("announcement?format=text")
        await program.client.aclose()

    assert listed["code"] in mine.text
    assert listed["code"] not in everybodys.text
