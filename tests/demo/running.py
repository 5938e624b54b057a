"""A demonstration as a process, for every test that needs one."""

import contextlib
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from dueport_apps.demo.config import Ports

START_S = 60


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
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said


def free_port() -> int:
    """Return a port whose two companions are free as well."""
    for _ in range(100):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port: int = listener.getsockname()[1]
        if port > 60_000:
            continue
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
        _, said = process.communicate(timeout=10)
        raise AssertionError(f"the demonstration ended with {process.returncode}:\n{said}")
    return Running(process, msgspec.json.decode(line))


def refused(folder: Path, port: int, *more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(folder, port, *more), capture_output=True, text=True, timeout=START_S, check=False
    )
