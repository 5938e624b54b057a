"""A real SMTP server on loopback that keeps every message and refuses some addresses on purpose.

It runs in a thread of its own, so that a sender in any event loop, or in none, can talk to it.
The part of a recipient's address before `@` (or before `+`) scripts what happens:

- `bounce@`: refused for good, 550, when the recipient is named;
- `defer@`: refused for now, 451, every time;
- `greylist@`: refused for now, 451, the first time each address is tried, then accepted;
- `spam@`: refused for good, 554, after the message was read;
- `cut@`: the message is kept, but the connection ends before the answer, so that the sender
  cannot know.
"""

import asyncio
import logging
import socket
import threading
import time
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from dueport_apps.sandbox.mailbox.message import Message

REFUSED_RECIPIENTS: Final = {
    "bounce": "550 5.1.1 There is no such mailbox here",
    "defer": "451 4.7.1 Please try again later",
}
GREYLISTED: Final = "451 4.7.1 Greylisted, please try again later"
SPAM: Final = "554 5.7.1 Message refused as spam"
POLL_S: Final = 0.02


class Mailbox:
    """The server and what it has received.

    `folder` keeps messages as .eml files across starts; without it they live in memory.
    Port 0 takes a free one; `port` is the taken one after `start`.
    """

    def __init__(
        self, folder: Path | None = None, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.host = host
        self.port = port
        self._folder = folder
        self._messages: list[Message] = []
        self._arrived = threading.Condition()
        self._greylist_seen: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._last_id = 0
        if folder is not None:
            self._read_folder(folder)

    def start(self) -> None:
        """Begin to listen; returns when connections are accepted."""
        if self._thread is not None:
            raise RuntimeError("the mailbox is already running; stop it first")
        # aiosmtpd logs every line of every conversation, addresses included.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        listener = socket.create_server((self.host, self.port))
        self.port = listener.getsockname()[1]
        ready: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(
            target=self._serve, args=(listener, ready), name="mailbox", daemon=True
        )
        self._thread.start()
        self._loop = ready.result(timeout=10)

    def stop(self) -> None:
        """Stop listening and close every connection; the messages stay. Harmless when stopped."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop = self._thread = None

    def __enter__(self) -> "Mailbox":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def messages(self) -> list[Message]:
        """Every message so far, oldest first."""
        with self._arrived:
            return list(self._messages)

    def messages_to(self, recipient: str) -> list[Message]:
        """Return the messages to one address, oldest first; case does not matter."""
        wanted = recipient.casefold()
        return [one for one in self.messages if wanted in {to.casefold() for to in one.recipients}]

    def find(self, message_id: str) -> Message | None:
        """Return one message, or None."""
        return next((one for one in self.messages if one.id == message_id), None)

    async def wait_for(
        self, recipient: str, timeout_s: float = 10.0, *, subject: str = "", at_least: int = 1
    ) -> Message:
        """Wait until `at_least` messages to an address are there and return the newest.

        Messages that came before the call count. `subject` is a piece of the subject line.
        """
        deadline = time.monotonic() + timeout_s
        while (found := self._newest(recipient, subject, at_least)) is None:
            if time.monotonic() >= deadline:
                raise self._nothing(recipient, subject, timeout_s)
            await asyncio.sleep(POLL_S)
        return found

    def wait_for_blocking(
        self, recipient: str, timeout_s: float = 10.0, *, subject: str = "", at_least: int = 1
    ) -> Message:
        """Wait like `wait_for`, where no event loop runs."""
        deadline = time.monotonic() + timeout_s
        while (found := self._newest(recipient, subject, at_least)) is None:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise self._nothing(recipient, subject, timeout_s)
            with self._arrived:
                self._arrived.wait(min(left_s, 0.2))
        return found

    def clear(self) -> None:
        """Throw every message away, and what is remembered about greylisted addresses."""
        with self._arrived:
            self._messages.clear()
            self._greylist_seen.clear()
        for file in self._files():
            file.unlink(missing_ok=True)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a recipient, or refuse it as its address asks."""
        script = _script(address)
        if script in REFUSED_RECIPIENTS:
            return REFUSED_RECIPIENTS[script]
        if script == "greylist" and address.casefold() not in self._greylist_seen:
            self._greylist_seen.add(address.casefold())
            return GREYLISTED
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient accepted"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a message, unless one of its recipients asks for something else."""
        scripts = {_script(address) for address in envelope.rcpt_tos}
        if "spam" in scripts:
            return SPAM
        content = envelope.original_content or b""
        kept = self._keep(envelope.mail_from or "", tuple(envelope.rcpt_tos), content)
        if "cut" in scripts and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return f"250 2.0.0 Kept as {kept.id}"

    def _keep(self, sender: str, recipients: tuple[str, ...], raw: bytes) -> Message:
        with self._arrived:
            self._last_id += 1
            message = Message(
                id=f"{self._last_id:06d}",
                received_at=datetime.now(UTC),
                sender=sender,
                recipients=recipients,
                raw=raw,
            )
            if self._folder is not None:
                (self._folder / f"{message.id}.eml").write_bytes(message.as_file())
            self._messages.append(message)
            self._arrived.notify_all()
        return message

    def _read_folder(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for file in self._files():
            self._messages.append(Message.from_file(file.stem, file.read_bytes()))
        if self._messages:
            self._last_id = int(self._messages[-1].id)

    def _files(self) -> list[Path]:
        """Return the .eml files that the mailbox itself has written, oldest first."""
        if self._folder is None:
            return []
        return sorted(file for file in self._folder.glob("*.eml") if file.stem.isdecimal())

    def _newest(self, recipient: str, subject: str, at_least: int) -> Message | None:
        found = [one for one in self.messages_to(recipient) if subject in one.subject]
        return found[-1] if len(found) >= at_least else None

    def _nothing(self, recipient: str, subject: str, timeout_s: float) -> TimeoutError:
        came = [f"{', '.join(one.recipients)}: {one.subject}" for one in self.messages]
        about = f" about {subject!r}" if subject else ""
        return TimeoutError(
            f"no message to {recipient}{about} within {timeout_s} s; "
            f"there are {len(came)}: {'; '.join(came[-10:]) or 'none'}"
        )

    def _serve(self, listener: socket.socket, ready: "Future[asyncio.AbstractEventLoop]") -> None:
        """Run the server's own event loop until `stop`."""
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        transports: set[asyncio.Transport] = set()
        server = loop.run_until_complete(
            loop.create_server(lambda: _Connection(self, loop, transports), sock=listener)
        )
        loop.call_soon(ready.set_result, loop)
        try:
            loop.run_forever()
        finally:
            server.close()
            for transport in list(transports):
                transport.abort()
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.close()


class _Connection(SMTP):
    """One SMTP connection, known to the server so that it can be closed with it."""

    def __init__(
        self,
        mailbox: Mailbox,
        loop: asyncio.AbstractEventLoop,
        transports: set[asyncio.Transport],
    ) -> None:
        super().__init__(
            mailbox,
            hostname="mailbox.localhost",
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            authenticator=_anyone,
            loop=loop,
        )
        self._transports = transports

    def connection_made(self, transport: Any) -> None:
        self._transports.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._transports.discard(self.transport)
        super().connection_lost(error)


def _anyone(*_: Any) -> AuthResult:
    """Let every login pass: the mailbox only pretends to be a mail provider."""
    return AuthResult(success=True)


def _script(address: str) -> str:
    """Return the scripted part of an address."""
    return address.partition("@")[0].partition("+")[0].casefold()
