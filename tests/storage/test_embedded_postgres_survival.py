"""What happens to the embedded database when the application dies without a word.

Each test starts a small application in a process of its own and kills it, once as the user who
runs the tests and, where that is root, once more as an ordinary user.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dueport_apps.storage.embedded_postgres import EmbeddedPostgres
from tests.patience import until_blocking
from tests.storage.servers import connect, data_folder_for_tests, postmaster_id

ROOT = Path(__file__).resolve().parents[2]
ROOT = Path(__file__).resolve().parents[2]
SOURCES = [str(ROOT / name) for name in ("core", "ports", "apps")]
"""An interpreter outside the environment knows nothing of an editable installation."""
ORDINARY_USER_ID = 65534

APPLICATION = """
import sys, threading, time
from pathlib import Path
from dueport_apps.storage.embedded_postgres import EmbeddedPostgres

server = EmbeddedPostgres(Path(sys.argv[1]))
if "from-a-passing-thread" in sys.argv:
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
else:
    server.start()
print(server.url(), flush=True)
time.sleep(600)
"""

StartApplication = Callable[..., tuple[subprocess.Popen[str], str]]


def _interpreter_for(user_id: int | None) -> str | None:
    """Find a Python of this version that the user can run; ours may lie in a closed home."""
    same_version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, shutil.which(same_version, path="/usr/bin:/usr/local/bin")):
        if candidate is None:
            continue
        try:
            subprocess.run([candidate, "-c", "pass"], user=user_id, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    return None


@pytest.fixture(params=["the present user", "an ordinary user"])
def user_id(request: pytest.FixtureRequest) -> int | None:
    if request.param == "the present user":
        return None
    if os.geteuid() != 0:
        pytest.skip("only root can become another user, and the present one is ordinary already")
    return ORDINARY_USER_ID


@pytest.fixture
def data_folder(user_id: int | None) -> Iterator[Path]:
    with data_folder_for_tests() as folder:
        if user_id is not None:
            folder.mkdir()
            os.chown(folder, user_id, user_id)
        yield folder


@pytest.fixture
def start_application(user_id: int | None, data_folder: Path) -> Iterator[StartApplication]:
    interpreter = _interpreter_for(user_id)
    if interpreter is None:
        pytest.skip("no Python of this version lies where an ordinary user can run it")
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str, wait: bool = True) -> tuple[subprocess.Popen[str], str]:
        application = subprocess.Popen(
            [interpreter, "-c", APPLICATION, str(data_folder), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            user=user_id,
            group=user_id,
            extra_groups=None if user_id is None else [],
            cwd="/",
            env=os.environ | {"PYTHONPATH": os.pathsep.join([*SOURCES, *filter(None, sys.path)])},
        )
        running.append(application)
        assert application.stdout is not None
        if not wait:
            return application, ""
        url = application.stdout.readline().strip()
        assert url, "the application ended before its database was up"
        return application, url

    yield start
    for application in running:
        application.kill()
        application.wait()
        if application.stdout is not None:
            application.stdout.close()


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_killing_the_application_shuts_the_database_down_in_order(
    start_application: StartApplication, data_folder: Path
) -> None:
    application, url = start_application()
    with connect(url) as database:
        database.execute("CREATE TABLE word (text TEXT)")
        database.execute("INSERT INTO word VALUES ('committed')")
    process_id = postmaster_id(data_folder)

    application.kill()

    until_blocking(lambda: not is_alive(process_id), "the server ends")
    assert "database system is shut down" in (data_folder / "server.log").read_text()
    _, url = start_application()
    with connect(url) as database:
        assert database.execute("SELECT text FROM word").fetchall() == [("committed",)]


def test_a_kill_during_the_very_first_start_leaves_nothing_that_hinders_the_next(
    start_application: StartApplication, data_folder: Path
) -> None:
    application, _ = start_application(wait=False)
    until_blocking(
        lambda: any(data_folder.glob("cluster.unfinished-*/PG_VERSION")),
        "the first start has begun",
    )
    application.kill()
    assert not (data_folder / "cluster").exists()
    _, url = start_application()
    with connect(url) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)


def test_a_start_right_after_the_kill_waits_for_the_old_server_and_takes_over(
    start_application: StartApplication, data_folder: Path
) -> None:
    application, url = start_application()
    before = postmaster_id(data_folder)
    # A session that stays open is what makes closing take a moment.
    with connect(url):
        application.kill()
        _, url = start_application()
    assert postmaster_id(data_folder) != before
    with connect(url) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)


def test_a_server_started_from_a_thread_outlives_that_thread(
    start_application: StartApplication, data_folder: Path
) -> None:
    application, url = start_application("from-a-passing-thread")
    time.sleep(0.5)
    with connect(url) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)
    process_id = postmaster_id(data_folder)
    application.kill()
    until_blocking(lambda: not is_alive(process_id), "the server ends")


def test_an_end_without_stop_takes_the_database_along(
    start_application: StartApplication, data_folder: Path
) -> None:
    application, _ = start_application()
    process_id = postmaster_id(data_folder)
    assert is_alive(process_id)
    application.send_signal(signal.SIGTERM)
    until_blocking(lambda: not is_alive(process_id), "the server ends")


def test_two_applications_share_the_server_until_its_owner_is_killed(
    start_application: StartApplication, data_folder: Path
) -> None:
    owner, url = start_application()
    _, same_url = start_application()
    assert same_url == url
    process_id = postmaster_id(data_folder)
    owner.kill()
    until_blocking(lambda: not is_alive(process_id), "the server ends")
    _, url = start_application()
    with connect(url) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start what another user began")
@pytest.mark.parametrize("user_id", [ORDINARY_USER_ID], ids=["an ordinary user"])
def test_root_may_continue_with_an_ordinary_users_data(
    start_application: StartApplication, data_folder: Path
) -> None:
    application, url = start_application()
    with connect(url) as database:
        database.execute("CREATE TABLE word (text TEXT)")
    application.kill()
    with EmbeddedPostgres(data_folder) as server, connect(server.url()) as database:
        assert database.execute("SELECT count(*) FROM word").fetchone() == (0,)
