"""The folder that the mail server fills: every file is read, none is lost, none counts twice."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.records import SYSTEM
from tests.databases import TestDatabases
from tests.web.api.programs import everything
from tests.web.api.reports import last_mail, message_id, report
from tests.world import World, account, open_world

LETTER = b"From: ana@harbor.example\r\nSubject: Re: Pay online\r\n\r\nThank you!\r\n"


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(test_databases, tmp_path, mail={"bounces_folder": "bounces"}) as world:
        world.erp.put(
            account("1001", "Harbor Builders, LLC", "ap@harbor.example"),
            account("1002", "Müller & Sons", "pay@mueller.example"),
        )
        await world.sync()
        await world.start_campaign("1001", "1002")
        await world.run_jobs()
        yield world


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bounces").mkdir()
    return tmp_path / "bounces"


@pytest.fixture
def maildir(folder: Path) -> Path:
    for shelf in ("new", "cur", "tmp"):
        (folder / shelf).mkdir()
    return folder


async def report_of(world: World, account_no: str) -> bytes:
    mail = await last_mail(world, account_no)
    return report(message_id(mail), mail.to_address)


def drop(path: Path, content: bytes, *, age_s: float = 60) -> None:
    """Put a file there that was written some time ago."""
    path.write_bytes(content)
    then = path.stat().st_mtime - age_s
    os.utime(path, (then, then))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


async def bounced(world: World) -> set[str]:
    async with world.container.uow()() as uow:
        return set(await uow.bounces.of(["ap@harbor.example", "pay@mueller.example"]))


async def test_a_maildir_is_emptied_into_done_and_unread(world: World, maildir: Path) -> None:
    drop(maildir / "new" / "1.host", await report_of(world, "1001"))
    drop(maildir / "cur" / "2.host:2,S", await report_of(world, "1002"))
    drop(maildir / "new" / "3.host", LETTER)
    drop(maildir / "tmp" / "4.host", await report_of(world, "1001"))

    done = await world.container.read_bounces()()
    idle = await world.container.read_bounces()()

    assert (done.files, done.marked, done.unread) == (3, 2, 1)
    assert idle.files == 0
    assert await bounced(world) == {"ap@harbor.example", "pay@mueller.example"}
    assert (names(maildir / "new"), names(maildir / "cur")) == ([], [])
    assert len(names(maildir / "done")) == 2
    (kept,) = (maildir / "unread").iterdir()
    assert kept.read_bytes() == LETTER
    assert names(maildir / "tmp") == ["4.host"]


async def test_of_a_plain_folder_only_finished_mail_files_are_read(
    world: World, folder: Path
) -> None:
    drop(folder / "a.eml", await report_of(world, "1001"))
    drop(folder / "half.eml", b"Content-Type: multi", age_s=0)
    drop(folder / "notes.txt", b"not for you")
    drop(folder / ".hidden.eml", await report_of(world, "1002"))
    (folder / "link.eml").symlink_to(folder / "notes.txt")

    done = await world.container.read_bounces()()

    assert (done.files, done.marked) == (1, 1)
    assert names(folder) == [".hidden.eml", "done", "half.eml", "link.eml", "notes.txt"]


async def test_files_of_one_name_and_different_content_are_both_kept(
    world: World, folder: Path
) -> None:
    for account_no in ("1001", "1002"):
        drop(folder / "bounce.eml", await report_of(world, account_no))
        await world.container.read_bounces()()
    assert len(names(folder / "done")) == 2


async def test_two_workers_at_once_mark_once_and_lose_nothing(world: World, maildir: Path) -> None:
    for number in range(20):
        account_no = "1001" if number % 2 else "1002"
        drop(maildir / "new" / f"{number}.host", await report_of(world, account_no))

    await asyncio.gather(world.container.read_bounces()(), world.container.read_bounces()())

    assert names(maildir / "new") == []
    assert len(names(maildir / "done")) == 20
    async with world.container.uow()() as uow:
        for account_no in ("1001", "1002"):
            kinds = [event.kind for event in await uow.invitations.events(account_no)]
            assert kinds.count("bounced") == 1


async def test_a_crash_before_the_move_reads_the_file_again_and_changes_nothing(
    world: World, maildir: Path
) -> None:
    raw = await report_of(world, "1001")
    drop(maildir / "new" / "1.host", raw)
    await world.container.read_bounces()()
    before = await everything(world)
    drop(maildir / "new" / "1.host", raw)

    again = await world.container.read_bounces()()

    assert (again.files, again.marked) == (1, 0)
    assert await everything(world) == before


async def test_a_huge_file_is_kept_unread(world: World, maildir: Path) -> None:
    drop(maildir / "new" / "1.host", b"x" * 1_500_000)
    done = await world.container.read_bounces()()
    assert done.unread == 1
    (kept,) = (maildir / "unread").iterdir()
    assert kept.stat().st_size == 1_500_000


async def test_a_folder_that_is_not_there_yet_is_no_error(world: World) -> None:
    assert (await world.container.read_bounces()()).files == 0


async def test_a_deployment_without_a_folder_has_nothing_to_read(
    test_databases: TestDatabases, tmp_path: Path
) -> None:
    async with open_world(test_databases, tmp_path) as plain:
        assert not plain.container.read_bounces().configured
        assert (await plain.container.read_bounces()()).files == 0


@pytest.mark.parametrize(
    ("diagnostic", "status", "code", "reason"),
    [
        ("smtp; 550 5.1.1 User unknown", "5.1.1", 550, "5.1.1 User unknown"),
        ("smtp; 550-5.1.1 No mailbox. 550 Bye", "5.1.1", 550, "5.1.1 No mailbox. 550 Bye"),
        ("smtp; 550 Mailbox closed", "5.0.0", 550, "5.0.0 Mailbox closed"),
        ("smtp; 554 rejected (5.7.1) by policy", "5.0.0", 554, "rejected (5.7.1) by policy"),
        ("x-unix; user unknown", "5.1.1", 0, "5.1.1 user unknown"),
        ("", "5.4.4", 0, "5.4.4"),
    ],
)
async def test_the_words_of_a_returned_mail_are_those_of_the_server_that_refused_it(
    world: World, diagnostic: str, status: str, code: int, reason: str
) -> None:
    mail = await last_mail(world, "1001")
    assert mail.code == 250
    said = f"Diagnostic-Code: {diagnostic}"
    whole = report(message_id(mail), mail.to_address, status=status).decode()
    raw = re.sub(r"Diagnostic-Code: .*", lambda _: said, whole).encode()

    result = await world.container.receive_bounce()(raw, SYSTEM)

    returned = await last_mail(world, "1001")
    assert result.marked == 1
    assert (returned.state, returned.code, returned.reason) == (MailState.BOUNCED, code, reason)
    async with world.container.uow()() as uow:
        (mark,) = (await uow.bounces.of([mail.to_address])).values()
    assert mark.permanent is True
