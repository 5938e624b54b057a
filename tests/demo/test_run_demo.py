"""`dueport demo` as a person runs it: a process that starts, answers, stops, and starts again."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyotp
import pytest

from tests.demo.running import START_S, Running, command, free_port, refused, started


def servers_over(folder: Path) -> list[str]:
    """Return the processes that work inside the folder's database."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink().is_relative_to(folder):
                found.append((entry / "cmdline").read_text().replace("\0", " "))
    return found


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the database's account may pass through, unlike pytest's own."""
    root = Path(tempfile.mkdtemp(prefix="dueport-demo-"))
    root.chmod(0o711)
    yield root / "demo"
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def running(folder: Path, port: int) -> Iterator[Running]:
    """The first start; the last test stops it."""
    demo = started(folder, port)
    yield demo
    if demo.process.poll() is None:
        demo.process.kill()
        demo.process.wait()


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
        answer = httpx.get(url, follow_redirects=True)
        assert answer.status_code == 200, url
        assert "text/html" in answer.headers["content-type"]
    assert 'name="password"' in httpx.get(running.operator["url"], follow_redirects=True).text
    assert 'name="password"' in httpx.get(running.customer["url"], follow_redirects=True).text


def test_the_landing_page_names_every_address_and_login(running: Running) -> None:
    page = httpx.get(running.shown["home"]).text

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
    shown = httpx.get(f"{running.shown['authenticator']}.json").json()

    assert isinstance(totp, pyotp.TOTP)
    assert totp.verify(shown["code"], valid_window=1)
    assert f"{shown['code'][:3]}&thinsp;" in httpx.get(running.shown["authenticator"]).text


def test_the_invitation_of_the_registered_customer_lies_in_the_mailbox(running: Running) -> None:
    messages = httpx.get(f"{running.shown['mailbox']}/messages.json").json()

    assert [one["to"] for one in messages] == [[running.customer["login"]]]


def test_the_buttons_move_the_banks_clock_and_not_ours(running: Running) -> None:
    control = f"{running.shown['home']}_control/clock"
    before = httpx.get(control).json()["now"]

    answer = httpx.post(f"{running.shown['home']}clock", data={"step": "day"})
    unknown = httpx.post(f"{running.shown['home']}clock", data={"step": "century"})

    assert answer.status_code == 303
    assert unknown.status_code == 400
    assert httpx.get(control).json()["now"][:10] > before[:10]
    assert "1 day ahead of now" in httpx.get(running.shown["home"]).text


def test_background_work_is_done_in_the_same_process(running: Running, folder: Path) -> None:
    deadline = time.monotonic() + 20
    log = folder / "demo.log"
    while "ended with status: Success" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.2)

    assert "ended with status: Success" in log.read_text()
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
    running: Running, folder: Path, port: int, offset: int
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
    running: Running, folder: Path
) -> None:
    assert servers_over(folder)

    code, said = running.stop()

    assert code == 0
    assert "Traceback" not in said
    assert "Stopped" in said
    assert servers_over(folder) == []


def test_another_seed_does_not_touch_what_is_there(running: Running, folder: Path) -> None:
    result = refused(folder, free_port(), "--seed", "8")

    assert result.returncode == 5
    assert "seed 7" in result.stderr


def test_it_starts_again_on_the_same_data_and_sigterm_ends_it_as_well(
    running: Running, folder: Path, port: int
) -> None:
    books = (folder / "erp" / "books" / "documents.csv").stat().st_mtime_ns
    ahead = time.time() + 12 * 3600

    again = started(folder, port)
    try:
        clock = httpx.get(f"{again.shown['home']}_control/clock").json()["now"]
        messages = httpx.get(f"{again.shown['mailbox']}/messages.json").json()
        page = httpx.get(again.customer["url"], follow_redirects=True)
    finally:
        code, said = again.stop(signal.SIGTERM)

    assert again.shown == running.shown
    assert page.status_code == 200
    assert len(messages) == 1
    # The day by which the banks' clock was moved is still there.
    assert clock > time.strftime("%Y-%m-%dT%H", time.gmtime(ahead))
    assert (folder / "erp" / "books" / "documents.csv").stat().st_mtime_ns == books
    assert (code, "Traceback" in said) == (0, False)
    assert servers_over(folder) == []


def test_the_same_deployment_serves_without_the_demonstration_and_stops_on_sigterm(
    running: Running, folder: Path, port: int
) -> None:
    dueport = [sys.executable, "-m", "dueport_apps.cli", "--config", str(folder / "dealer.toml")]
    process = subprocess.Popen([*dueport, "serve", "--worker"], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + START_S
    status = 0
    while status != 200 and time.monotonic() < deadline:
        time.sleep(0.2)
        with contextlib.suppress(httpx.HTTPError):
            status = httpx.get(f"http://127.0.0.1:{port}/readyz").status_code
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)

    assert status == 200
    assert process.returncode == 0
    assert "Traceback" not in said
    assert servers_over(folder) == []


def test_control_c_while_it_starts_ends_it_as_cleanly(folder: Path) -> None:
    process = subprocess.Popen(
        command(folder.with_name("early"), free_port()), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while "PostgreSQL" not in process.stderr.readline():
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=START_S)

    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert servers_over(folder.with_name("early")) == []
