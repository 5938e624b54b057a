"""`dueport demo` as a person runs it: a process that starts, answers, stops, and starts again."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyotp
import pytest

from dueport_apps.demo.config import LOGO
from tests.demo.running import Running, asked, command, free_port, refused, started
from tests.patience import PATIENCE_S, until_blocking


def servers_over(folder: Path) -> list[str]:
    """Return the processes that work inside the folder's database."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink().is_relative_to(folder):
                found.append((entry / "cmdline").read_text().replace("\0", " "))
    return found


class Demonstration:
    """One folder and its ports, where the demonstration runs or has been stopped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._running: Running | None = None

    def running(self) -> Running:
        """Start it unless it runs."""
        if self._running is None:
            self._running = started(self.folder, self.port)
        return self._running

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Stop it; return its exit code and what it said on the way."""
        running, self._running = self.running(), None
        return running.stop(number)

    def is_stopped(self) -> None:
        """Stop it unless it is stopped already; it has been started once at least."""
        if self._running is not None or not self.folder.exists():
            self.stop()

    def kill(self) -> None:
        """Leave nothing behind."""
        if self._running is not None and self._running.process.poll() is None:
            self._running.process.kill()
            self._running.process.wait()


@pytest.fixture(scope="module")
def demonstration() -> Iterator[Demonstration]:
    """In a folder that the database's account may pass through, unlike pytest's own."""
    root = Path(tempfile.mkdtemp(prefix="dueport-demo-"))
    root.chmod(0o711)
    demonstration = Demonstration(root / "demo")
    yield demonstration
    demonstration.kill()
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def folder(demonstration: Demonstration) -> Path:
    return demonstration.folder


@pytest.fixture
def running(demonstration: Demonstration) -> Running:
    return demonstration.running()


@pytest.fixture
def stopped(demonstration: Demonstration) -> Demonstration:
    demonstration.is_stopped()
    return demonstration


def test_both_portals_and_everything_around_them_answer(running: Running) -> None:
    shown = running.shown
    for url in (
        running.operator["url"],
        running.customer["url"],
        shown["home"],
        shown["mailbox"],
        shown["erp"],
        shown["authenticator"],
    ):
        answer = asked(url)
        assert answer.status_code == 200, url
        assert "text/html" in answer.headers["content-type"]
    assert 'name="password"' in asked(running.operator["url"]).text
    assert 'name="password"' in asked(running.customer["url"]).text


def test_the_landing_page_names_every_address_and_login(running: Running) -> None:
    page = asked(running.shown["home"]).text

    for login in running.shown["logins"]:
        assert login["url"] in page
        assert login["login"] in page
        assert login["password"] in page
    for name in ("mailbox", "erp", "authenticator"):
        assert running.shown[name] in page


def test_the_authenticator_shows_the_code_of_the_secret_that_was_printed(
    running: Running,
) -> None:
    totp = pyotp.parse_uri(running.shown["otpauth"])
    shown = asked(f"{running.shown['authenticator']}.json").json()

    assert isinstance(totp, pyotp.TOTP)
    assert totp.verify(shown["code"], valid_window=1)
    assert f"{shown['code'][:3]}&thinsp;" in asked(running.shown["authenticator"]).text


def test_the_invitation_of_the_registered_customer_lies_in_the_mailbox(running: Running) -> None:
    messages = asked(f"{running.shown['mailbox']}/messages.json").json()

    assert [one["to"] for one in messages] == [[running.customer["login"]]]


def test_the_dealer_has_a_logo_on_its_pages_and_in_its_mails(running: Running) -> None:
    portal = httpx.URL(running.customer["url"])
    (address,) = re.findall(r'<img src="(/brand/[^"]+)"', asked(str(portal.join("/sign-in"))).text)
    picture = asked(str(portal.join(address)))
    assert picture.headers["content-type"] == "image/png"
    assert picture.content == LOGO.read_bytes()
    mailbox = running.shown["mailbox"]
    (mail, *_) = asked(f"{mailbox}/messages.json").json()
    shown = asked(f"{mailbox}/messages/{mail['id']}/html")
    assert f'src="{portal.join(address)}"' in shown.text
    assert f"http://{portal.host}:*" in shown.headers["content-security-policy"]


def test_the_buttons_move_the_banks_clock_and_not_ours(running: Running) -> None:
    control = f"{running.shown['home']}_control/clock"
    before = asked(control).json()["now"]

    answer = asked(f"{running.shown['home']}clock", {"step": "day"})
    unknown = asked(f"{running.shown['home']}clock", {"step": "century"})

    assert answer.status_code == 303
    assert unknown.status_code == 400
    assert asked(control).json()["now"][:10] > before[:10]
    assert " ahead of now" in asked(running.shown["home"]).text


def test_background_work_is_done_in_the_same_process(running: Running, folder: Path) -> None:
    log = folder / "demo.log"
    until_blocking(lambda: "ended with status: Success" in log.read_text(), "a job has been done")

    assert "worker lost the database" not in log.read_text()


def test_secrets_are_files_that_nobody_else_can_read(running: Running, folder: Path) -> None:
    secrets = folder / "secrets"

    assert secrets.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {0o600}
    config = (folder / "dealer.toml").read_text()
    for path in secrets.iterdir():
        if "publishable" not in path.name:
            assert path.read_text().strip() not in config


def test_a_second_one_in_the_same_folder_is_refused(running: Running, folder: Path) -> None:
    result = refused(folder, free_port())

    assert result.returncode == 5
    assert "already" in result.stderr
    assert "--folder" in result.stderr


@pytest.mark.parametrize("offset", [0, 20, 25])
def test_a_port_that_is_taken_is_named_with_the_option_that_changes_it(
    running: Running, folder: Path, offset: int
) -> None:
    elsewhere = folder.with_name(f"other-{offset}")
    # Of the three ports only this one is somebody else's.
    wanted = free_port()
    with socket.create_server(("127.0.0.1", wanted + offset)):
        result = refused(elsewhere, wanted)

    assert result.returncode == 3
    assert f"port {wanted + offset}" in result.stderr
    assert "--port" in result.stderr
    assert "Traceback" not in result.stderr


def test_control_c_ends_it_cleanly_and_leaves_no_database_behind(
    demonstration: Demonstration, running: Running, folder: Path
) -> None:
    assert servers_over(folder)

    code, said = demonstration.stop()

    assert code == 0
    assert "Traceback" not in said
    assert "Stopped" in said
    assert servers_over(folder) == []


def test_another_seed_does_not_touch_what_is_there(stopped: Demonstration) -> None:
    result = refused(stopped.folder, free_port(), "--seed", "8")

    assert result.returncode == 5
    assert "seed 7" in result.stderr


def test_it_starts_again_on_the_same_data_and_sigterm_ends_it_as_well(
    demonstration: Demonstration, running: Running, folder: Path
) -> None:
    asked(f"{running.shown['home']}clock", {"step": "day"})
    ahead = asked(f"{running.shown['home']}_control/clock").json()["now"]
    demonstration.stop()
    books = (folder / "erp" / "books" / "documents.csv").stat().st_mtime_ns

    again = demonstration.running()
    try:
        clock = asked(f"{again.shown['home']}_control/clock").json()["now"]
        messages = asked(f"{again.shown['mailbox']}/messages.json").json()
        page = asked(again.customer["url"])
    finally:
        code, said = demonstration.stop(signal.SIGTERM)

    assert again.shown == running.shown
    assert page.status_code == 200
    assert len(messages) == 1
    # The days by which the banks' clock was moved are still there.
    assert clock >= ahead
    assert (folder / "erp" / "books" / "documents.csv").stat().st_mtime_ns == books
    assert (code, "Traceback" in said) == (0, False)
    assert servers_over(folder) == []


def test_the_same_deployment_serves_without_the_demonstration_and_stops_on_sigterm(
    stopped: Demonstration,
) -> None:
    config = stopped.folder / "dealer.toml"
    dueport = [sys.executable, "-m", "dueport_apps.cli", "--config", str(config)]
    process = subprocess.Popen([*dueport, "serve", "--worker"], stdout=subprocess.PIPE, text=True)

    def is_ready() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return asked(f"http://127.0.0.1:{stopped.port}/readyz").status_code == 200
        return False

    try:
        until_blocking(is_ready, "the portals answer")
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0
    assert "Traceback" not in said
    assert servers_over(stopped.folder) == []


def test_control_c_while_it_starts_ends_it_as_cleanly(folder: Path) -> None:
    early = folder.with_name("early")
    process = subprocess.Popen(command(early, free_port()), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "PostgreSQL" not in process.stderr.readline():
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert servers_over(early) == []
