"""A demonstration as a process, for every test that needs one."""

import contextlib
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import msgspec

from dueport_apps.demo.config import Ports
from tests.patience import PATIENCE_S

LOWEST_PORT, HIGHEST_PORT = 20_000, 32_000
"""Below those that the system gives to whoever asks for any: nobody takes one in between."""


class Running(msgspec.Struct, frozen=True):
    """A demonstration that has said that it is open."""

    process: "subprocess.Popen[str]"
    shown: dict[str, Any]

    @property
    def operator(self) -> dict[str, str]:
        found: dict[str, str] = self.shown["logins"][0]
        return found

    @property
    def customer(self) -> dict[str, str]:
        found: dict[str, str] = self.shown["logins"][1]
        return found

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Ask it to stop; return its exit code and what it said on the way."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, said


def asked(url: str, data: dict[str, str] | None = None) -> httpx.Response:
    """Open an address, or send it a form; an answer is waited for as long as it takes."""
    with httpx.Client(timeout=PATIENCE_S) as client:
        if data is not None:
            return client.post(url, data=data)
        return client.get(url, follow_redirects=True)


def free_port() -> int:
    """Return a port whose two companions are free as well."""
    for _ in range(100):
        port = LOWEST_PORT + secrets.randbelow(HIGHEST_PORT - LOWEST_PORT)
        ports = Ports(port)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for number in (ports.portal, ports.sandbox, ports.mail):
                stack.enter_context(socket.create_server(("127.0.0.1", number)))
            return port
    raise AssertionError("no three free ports were found")


def command(folder: Path, port: int, *more: str) -> list[str]:
    where = ["--folder", str(folder), "--port", str(port)]
    return [sys.executable, "-m", "dueport_apps.cli", "demo", *where, *more]


def started(folder: Path, port: int) -> Running:
    process = subprocess.Popen(
        command(folder, port, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _, said = process.communicate(timeout=PATIENCE_S)
        raise AssertionError(f"the demonstration ended with {process.returncode}:\n{said}")
    return Running(process, msgspec.json.decode(line))


def refused(folder: Path, port: int, *more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(folder, port, *more),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
