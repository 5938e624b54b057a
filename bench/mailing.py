"""Sending 1,000 queued mails, against aiosmtplib sending the same bytes.

The whole way: claim in batches, unseal, write the message, hand it over on held connections, record
each outcome. The limit holds as many connections and sends messages that are ready. The server is
aiosmtpd in a process of its own, and not charged.
"""

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiosmtplib

from bench.database import Databases
from bench.deployment import open_world
from bench.measuring import Figure, median, own_cpu_s
from bench.server import free_port
from dueport_apps.usecases.mails import SignInNotice
from dueport_apps.usecases.send_mail import SendMail
from dueport_email_smtp.mime import message_bytes
from dueport_email_smtp.plugin import build
from dueport_email_smtp.settings import Encryption, SmtpSettings
from dueport_ports import OutgoingEmail
from dueport_ports.testing.context import plugin_context
from tests.world import World

MAILS = 1_000
CONNECTIONS = 4


async def bench(databases: Databases, repetitions: int) -> list[Figure]:
    """Queue, send, and send the same messages bare, in turns."""
    sent: list[float] = []
    bare: list[float] = []
    port = free_port()
    with tempfile.TemporaryDirectory() as name, databases.fresh() as url, _sink(port):
        world = open_world(url, Path(name))
        settings = SmtpSettings(
            host="127.0.0.1", port=port, encryption=Encryption.NONE, connections=CONNECTIONS
        )
        sender = build(settings, plugin_context(Path(name), world.clock))
        outgoing: list[OutgoingEmail] = []
        mailroom = world.container.mailroom()

        def unseal(delivery: Any) -> OutgoingEmail:
            outgoing.append(mailroom.unseal(delivery))
            return outgoing[-1]

        send_mail = SendMail(
            world.container.uow(),
            world.container.reads(),
            sender,
            unseal,
            world.container.compose_invitations(),
            world.container.presence(),
            world.clock,
        )
        for round_number in range(repetitions):
            await _queue(world, round_number)
            outgoing.clear()
            began = own_cpu_s()
            result = await send_mail()
            sent.append((own_cpu_s() - began) / MAILS * 1000)
            if result.sent != MAILS:
                raise RuntimeError(f"not every mail was sent: {result}")
            bare.append(await _bare_ms(port, outgoing, world))
        await sender.close()
        await world.container.presence().close()
        await world.close()
    value, limit = median(sent), median(bare)
    return [
        Figure(
            name="sending a queued mail",
            value=value,
            unit="ms CPU",
            limit=limit,
            limit_name="aiosmtplib, prebuilt bytes",
            ratio=value / limit,
        )
    ]


async def _queue(world: World, round_number: int) -> None:
    async with world.container.uow()() as uow:
        for number in range(MAILS):
            await world.container.mailroom().queue(
                uow,
                kind="sign_in_notice",
                subject_ref=f"bench:{round_number}:{number}",
                to_address=f"ap{number}@customer.example",
                to_name="Müller & Sons",
                message=SignInNotice(
                    happened_at=world.clock.now(),
                    login="ana@customer.example",
                    device="Firefox on Windows, 192.0.2.7",
                    reset_url="http://127.0.0.1/reset",
                ),
            )
        await uow.commit()


async def _bare_ms(port: int, messages: list[OutgoingEmail], world: World) -> float:
    ready = [
        (mail.from_address, mail.to_address, message_bytes(mail, world.clock.now()))
        for mail in messages
    ]
    waiting = iter(ready)

    async def work() -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
        await client.connect()
        for sender, recipient, content in waiting:
            await client.sendmail(sender, [recipient], content)
        await client.quit()

    began = own_cpu_s()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return (own_cpu_s() - began) / len(ready) * 1000


def _wait_until_it_listens(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the mail server of the bench did not start")


@contextmanager
def _sink(port: int) -> Iterator[None]:
    """Run a mail server that takes everything and keeps nothing."""
    command = [sys.executable, "-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Sink"]
    process = subprocess.Popen([*command, "-l", f"127.0.0.1:{port}"])
    try:
        _wait_until_it_listens(port)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)
